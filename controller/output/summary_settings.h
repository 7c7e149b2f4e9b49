/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an endpoint was asked for, and what came of it: a part of its line in the summary. */
#ifndef FLOWRIG_SUMMARY_SETTINGS_H
#define FLOWRIG_SUMMARY_SETTINGS_H

#include "mem.h"
#include "results/summary.h"

/* Appends it; nothing where all is as it is by default. */
void summary_settings(const struct summary_endpoint *endpoint, struct buffer *line);

#endif
