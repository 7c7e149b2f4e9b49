/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The summary of a run for people: a table with a row for each direction of each flow, and what
 * holds of all flows. */
#ifndef FLOWRIG_SUMMARY_TABLE_H
#define FLOWRIG_SUMMARY_TABLE_H

#include "output/output_options.h"
#include "output/terminal.h"
#include "output/text.h"
#include "results/summary.h"

/* Hands the lines to `put`; none is wider than the terminal. With SUMMARY_TOTAL there is no table,
 * but failures are listed all the same. */
void summary_table(const struct summary *summary, const struct terminal *terminal,
                   const struct output_options *options, text_line *put, void *context);

#endif
