/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The data of a page (flowctl report): runs, what is known of them, and their rows. */
#ifndef FLOWRIG_REPORT_DATA_H
#define FLOWRIG_REPORT_DATA_H

#include <jansson.h>

#include "output/plot_data.h"

/* Above this number of flows a page shows how they are distributed, and some of them. */
enum { REPORT_FEW = 12 };

struct report_run {
    struct plot_log *log;
    json_t *about; /* run_about.h */
};

/* Reads the file of a run with the metrics that the choice names; NULL: those that a page has.
 * Returns false and a sentence where it can't be read. report_run_free() it. */
bool report_run_read(const char *path, const struct plot_choice *choice, struct report_run *run,
                     struct fail *fail);
void report_run_free(struct report_run *run);

/* The data as the page's script reads it, as JSON text in new memory without any character that
 * means something in HTML. All runs have the same metrics. A series with more than `rows_most` rows
 * is reduced to those that hold its extremes; 0: none is. */
char *report_data(const struct report_run *runs, size_t count, size_t rows_most);

#endif
