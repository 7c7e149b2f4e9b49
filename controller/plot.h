/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Flow logs as pictures, drawn by gnuplot. */
#ifndef FLOWRIG_PLOT_H
#define FLOWRIG_PLOT_H

#include "logreader.h"

enum { PLOT_METRICS_MAX = 16 };

struct plot_request {
    const char *title;
    int metrics[PLOT_METRICS_MAX]; /* columns of the log, one panel each */
    size_t metric_count;
    bool *flows; /* by number: whether it is drawn; NULL: all */
    size_t flow_count;
};

/* Writes the picture as SVG to `path`. */
bool plot_draw(const struct logreader *log, const struct plot_request *request, const char *path,
               struct fail *fail);

#endif
