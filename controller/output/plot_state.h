/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A plot while its script is written; only the plot_*.c files use it. */
#ifndef FLOWRIG_PLOT_STATE_H
#define FLOWRIG_PLOT_STATE_H

#include "output/plot.h"
#include "output/plot_axis.h"

/* One end of a flow. All its curves look the same in all panels, and those of both ends stand side
 * by side in the plot. */
struct plot_curve {
    const struct plot_log *log;
    const struct plot_series *series;
    size_t style;      /* colour and dashes: of the flow */
    bool dimmed;       /* the other end of the flow is drawn as well: this one is dotted */
    bool titled;       /* the legend has it */
    const char *label; /* of the flow: what it differs in from the others */
};

struct plot {
    struct buffer *script;
    const struct plot_request *request;
    struct plot_log *const *logs;
    size_t log_count, metric_count;
    struct plot_curve *curves;
    size_t curve_count;
    char **labels; /* by style */
    size_t style_count;
    double from, to; /* the time axis */
    size_t panel, panels, blocks;
    bool any; /* a panel has values */
};

/* Above this number of curves a panel shows how they are distributed instead. */
enum { PLOT_LINES_MAX = 12 };

/* The largest finite value of a metric in all curves that show it, 0 where there is none. */
double plot_largest(const struct plot *plot, size_t metric);
/* Whether a panel of the metric shows the curve. */
bool plot_shows(const struct plot_curve *curve, size_t metric);
/* The curve of the other end of the same flow, or NULL. */
struct plot_curve *plot_other_end(const struct plot *plot, const struct plot_curve *curve);
/* How many curves a panel of the metric has. */
size_t plot_count(const struct plot *plot, size_t metric);

/* The begin of a multiplot of this many panels. `shared_x`: all have the same axis in time, and
 * only the lowest has its numbers. */
void plot_begin(struct plot *plot, size_t panels, bool shared_x);
/* The begin of a panel: its axes' words; NULL leaves one out. Numbers stand at the x axis only
 * where `x` is given. */
void plot_panel(struct plot *plot, const char *x, const char *y);
/* The range of the axis 'x' or 'y' of values whose largest is this: from 0, and not empty. */
void plot_range(struct plot *plot, char axis, double largest);
/* "$d7 << END"; the number of the block. plot_block_end() ends it. */
size_t plot_block(struct plot *plot);
void plot_block_end(struct plot *plot);
/* A number of the data; absent ones are gaps. */
void plot_number(struct plot *plot, double value, const char *after);
/* Text in double quotes, without what gnuplot would read as more than text. */
void plot_quoted(struct buffer *script, const char *text);
/* "lw 1.6 lc rgb ... dt ...": how a curve looks. */
void plot_style(struct buffer *script, size_t style, bool dimmed);
/* "plot " before the first of a panel's items, ", " before the others. */
void plot_item(struct buffer *items, bool *first);
/* title "..." where the legend does not have it yet, else notitle. */
void plot_title(struct plot *plot, struct buffer *items, struct plot_curve *curve);
/* Ends a panel that draws these items; where there are none it says so in the empty frame. */
void plot_finish(struct plot *plot, struct buffer *items, bool empty);

/* The value below which `part` (0 to 1) of the sorted values lie, between neighbours in proportion.
 */
double plot_quantile(const double *sorted, size_t count, double part);
/* For qsort(): numbers in ascending order. */
int plot_compare(const void *a, const void *b);
/* The values of a curve, finite ones only, times `factor`, in new memory, sorted. */
double *plot_sorted(const struct plot_curve *curve, size_t metric, double factor, size_t *count);

/* Values of curves over a common grid in time. */
struct plot_grid {
    double from, step;
    size_t bins, rows;
    double *values;             /* rows x bins; NAN: no value */
    struct plot_curve **curves; /* by row */
};

/* The means of a metric's values in each bin, by curve; a row counts in each bin that it overlaps,
 * by how long. plot_grid_free() it. */
struct plot_grid plot_grid_of(const struct plot *plot, size_t metric, double factor,
                              size_t bins_max);
void plot_grid_free(struct plot_grid *grid);

/* The types, in files of their own. */
void plot_draw_time(struct plot *plot);
void plot_draw_share(struct plot *plot);
void plot_draw_heat(struct plot *plot);
void plot_draw_cdf(struct plot *plot);
void plot_draw_histogram(struct plot *plot);
void plot_draw_box(struct plot *plot);
void plot_draw_scatter(struct plot *plot);
void plot_draw_ellipse(struct plot *plot);

#endif
