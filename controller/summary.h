/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The summary of a run: two lines for each flow, and one over all. */
#ifndef FLOWRIG_SUMMARY_H
#define FLOWRIG_SUMMARY_H

#include "sink.h"

void summary_write(struct sinks *sinks, const struct sink_run *run, const struct results *results,
                   const struct clocksync *clocks);

#endif
