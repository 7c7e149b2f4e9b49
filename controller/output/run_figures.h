/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The figures of runs in a database, by which they are listed and compared. */
#ifndef FLOWRIG_RUN_FIGURES_H
#define FLOWRIG_RUN_FIGURES_H

#include <sqlite3.h>
#include <stddef.h>

#include "fail.h"
#include "output/figure.h"

enum run_figure {
    RUN_GOODPUT,
    RUN_RETRANSMITTED,
    RUN_RTT,
    RUN_MIN_RTT,
    RUN_LOST,
    RUN_JITTER,
    RUN_FAIRNESS,
    RUN_FIGURES
};

/* What a figure is called, and the unit of its value: bit/s, s, or 1. */
struct run_figure_info {
    const char *name, *unit, *help;
};

extern const struct run_figure_info run_figures_list[RUN_FIGURES];

/* The figure of that name, or -1. */
int run_figure_find(const char *name, size_t length);

/* Figures of a whole run or of one direction of a flow; NAN: it has none. */
struct run_figures {
    double value[RUN_FIGURES];
};

/* One run. */
struct run_entry {
    int64_t id, flows, status; /* status -1: the run did not end */
    char *uuid, *start, *title;
    struct run_figures whole;
    struct run_figures *directions;
    size_t direction_count;
};

struct run_list {
    struct run_entry *entries;
    size_t count;
};

/* Reads the runs that `which` names: numbers and ranges of numbers (3,5-9), identifiers or their
 * prefixes, separated by commas; or title=TEXT, all runs with that title; NULL: all. With `rows`
 * also what takes the rows of the runs: the smoothed RTT. run_list_free() it. */
bool run_list_read(sqlite3 *database, const char *which, bool rows, struct run_list *list,
                   struct fail *fail);
void run_list_free(struct run_list *list);

/* Writes a figure with its unit as people read it: "93.21 Mbit/s", "12.5 ms", "0.213 %"; a rate in
 * the unit that suits `largest`, so that figures beside each other have the same. */
void run_figure_text(enum run_figure figure, double value, double largest,
                     char text[2 * FIGURE_MAX]);

#endif
