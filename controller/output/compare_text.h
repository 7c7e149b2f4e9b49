/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Groups of runs compared figure by figure, as a table or as JSON. */
#ifndef FLOWRIG_COMPARE_TEXT_H
#define FLOWRIG_COMPARE_TEXT_H

#include <stdbool.h>
#include <stdio.h>

#include "output/run_figures.h"
#include "results/compare.h"

struct comparison {
    bool of_flows; /* one run each: the samples are the directions of its flows */
    size_t runs[2];
    struct compare_result results[RUN_FIGURES];
};

/* Compares the runs; one sample is a run, or, where each group has one run only, a flow. */
void compare_lists(const struct run_list *a, const struct run_list *b,
                   struct comparison *comparison);

/* Print it; `a` and `b` are what the groups are called. */
void compare_table(const struct comparison *comparison, const char *a, const char *b, FILE *out);
void compare_json(const struct comparison *comparison, const char *a, const char *b, FILE *out);

#endif
