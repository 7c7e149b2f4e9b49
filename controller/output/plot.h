/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Flow logs as pictures: the script that gnuplot draws. */
#ifndef FLOWRIG_PLOT_H
#define FLOWRIG_PLOT_H

#include "mem.h"
#include "output/gnuplot.h"
#include "output/plot_data.h"

struct plot;

/* A kind of plot: one row in the table below. */
struct plot_type {
    const char *name, *help;
    size_t least_metrics; /* how many it needs at least */
    void (*draw)(struct plot *plot);
};

extern const struct plot_type plot_types[];
extern const size_t plot_types_count;
/* The type of that name, or NULL. */
const struct plot_type *plot_type_find(const char *name);

struct plot_request {
    const struct plot_type *type;
    const char *title;    /* NULL: that of the run, else the logs' names and its date */
    double width, height; /* in pixels of 1/96 inch; 0: chosen by the number of panels */
    bool log_scale;       /* of the values' axis */
    bool all_lines;       /* a line for each flow, however many there are */
    double from, to;      /* the time axis; NAN: where the rows begin and end */
};

/* The whole script, in the buffer. All logs have the same metrics. Returns false and a sentence
 * where there is nothing to draw. */
bool plot_script(struct buffer *script, struct plot_log *const *logs, size_t log_count,
                 const struct plot_request *request, const struct picture_format *format,
                 struct fail *fail);

#endif
