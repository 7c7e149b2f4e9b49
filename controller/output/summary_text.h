/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The summary of a run in words, as flowgrind has it: two lines for each flow, and one over all. */
#ifndef FLOWRIG_SUMMARY_TEXT_H
#define FLOWRIG_SUMMARY_TEXT_H

#include "output/text.h"
#include "results/summary.h"

/* Hands the lines to `put`, with rates in Mbit/s, or in MiB/s where `megabytes`. */
void summary_text(const struct summary *summary, bool megabytes, text_line *put, void *context);

#endif
