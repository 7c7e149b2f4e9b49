/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Histograms and notes in words, as the log and flowgrind's screen show them. */
#ifndef FLOWRIG_HISTOGRAMS_H
#define FLOWRIG_HISTOGRAMS_H

#include "output/sink.h"
#include "output/text.h"

/* A line for each bucket: "histogram S|D id series lower upper count share", with edges in ms
 * (lower <= value < upper) and the share of all values up to the upper edge; "- -" instead of
 * endpoint and flow for all together. The first one has a head. */
void histogram_text(const struct histogram_about *about, const struct histogram *histogram,
                    text_line *put, void *context);

/* What a note says. */
void note_text(const struct note *note, text_line *put, void *context);

#endif
