/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What pictures are drawn from: of each log only the columns that are drawn, by flow and end. */
#ifndef FLOWRIG_PLOT_DATA_H
#define FLOWRIG_PLOT_DATA_H

#include "output/run_reader.h"

enum { PLOT_METRICS_MAX = 16 };

/* The rows of one end of a flow, in their order in the log. */
struct plot_series {
    int64_t flow;
    enum endpoint endpoint;
    bool sends, receives; /* as planned, or, where the log has no plan, as the rows show */
    size_t count, capacity;
    double *begin, *end;             /* of each row, in s after the run's start */
    float *values[PLOT_METRICS_MAX]; /* by metric; NAN: absent */
};

/* What the head of the log says of a flow; a text is NULL where it says nothing. */
struct plot_flow {
    bool known; /* the log has settings of it */
    bool udp;
    double duration[2], delay[2];
    char *host[2], *dscp[2], *congestion_control[2];
};

/* One run. */
struct plot_log {
    const char *path;
    size_t metric_count;
    char *names[PLOT_METRICS_MAX], *units[PLOT_METRICS_MAX];
    struct plot_series *series; /* ordered by flow, the source before the destination */
    size_t count;
    struct plot_flow *flows; /* by number */
    size_t flow_count;
    char *title; /* of the run, NULL where it has none */
    char *date;  /* when the run started, NULL where the log does not say */
};

/* What to keep of a log. */
struct plot_choice {
    const char *metrics; /* columns, or groups of columns as -c names them, with commas; NULL: those
                            that flows of this kind have most to tell with */
    const bool *flows;   /* by number; NULL: all */
    size_t flow_count;
    double from, to;   /* rows that lie outside are dropped; to may be INFINITY */
    bool skip_missing; /* metrics that the log does not have are left out */
    /* Hears of comments and records as well; NULL: nobody does. Its other functions are not used.
     */
    const struct run_visitor *listener;
};

/* Reads a flow log or another file of a run (run_reader.h); NULL and a sentence where it can't be
 * read or has no such column. plot_log_free() it; `path` has to live as long. */
struct plot_log *plot_log_read(const char *path, const struct plot_choice *choice,
                               struct fail *fail);
void plot_log_free(struct plot_log *log);

/* Whether the metric is what the kernel said at the end of a row. */
bool plot_is_read_at_end(const struct plot_log *log, size_t metric);
/* Where in time a value of the metric stands: at the end of its row if it is what the kernel said
 * then, else in the middle of the interval that it was counted over. */
double plot_time(const struct plot_log *log, const struct plot_series *series, size_t row,
                 size_t metric);
/* Whether this end has the metric to show: it sends or receives, as the metric's side in
 * metrics.def wants. */
bool plot_is_drawn(const struct plot_log *log, const struct plot_series *series, size_t metric);

#endif
