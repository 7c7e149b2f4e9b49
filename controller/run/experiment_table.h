/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the runs of each cell of a plan have in common: a table of figures with their intervals. */
#ifndef FLOWRIG_EXPERIMENT_TABLE_H
#define FLOWRIG_EXPERIMENT_TABLE_H

#include "output/run_figures.h"
#include "plan/planfile.h"
#include "results/summary.h"

/* The samples of one cell: one for each run that succeeded and has the figure. */
struct cell_samples {
    double *values[RUN_FIGURES];
    size_t counts[RUN_FIGURES];
    size_t runs, failed;
};

/* The figures of a run, as `flowctl compare` defines them; NAN where there is none. */
void experiment_figures(const struct summary *summary, struct run_figures *figures);
void experiment_add(struct cell_samples *cell, const struct run_figures *figures);
void experiment_free(struct cell_samples *cells, size_t count);
/* Prints a row for each cell. */
void experiment_print(const struct planfile *plan, const struct cell_samples *cells, FILE *out);

#endif
