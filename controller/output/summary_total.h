/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is said of all flows at the end of a run. */
#ifndef FLOWRIG_SUMMARY_TOTAL_H
#define FLOWRIG_SUMMARY_TOTAL_H

#include "mem.h"
#include "results/summary.h"

/* Appends the line over all flows, with rates in Mbit/s, or in MiB/s where `megabytes`. */
void summary_total(const struct summary *summary, bool megabytes, struct buffer *line);

/* Appends which goodputs are unknown and what their rows have: nothing where all are known. */
void summary_unknown(const struct results_total *total, struct buffer *line);

#endif
