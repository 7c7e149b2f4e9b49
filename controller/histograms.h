/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What --histogram shows: how the values of each series are distributed, a line for each bucket. */
#ifndef FLOWRIG_HISTOGRAMS_H
#define FLOWRIG_HISTOGRAMS_H

#include "sink.h"

/* First those of each endpoint, then those of all together. Lines are "histogram S|D id series
 * lower upper count share", with edges in ms (lower <= value < upper) and the share of all values
 * up to the upper edge; "- -" instead of endpoint and flow for all together. */
void histograms_write(struct sinks *sinks, const struct results *results);

#endif
