/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where results go. A sink is one ops table in one file; sinks.c lists them. A sink that fails says
 * so once and is silent from then on: the run goes on. */
#ifndef FLOWRIG_SINK_H
#define FLOWRIG_SINK_H

#include "options.h"
#include "results.h"

/* What a sink may want to know of a run. */
struct sink_run {
    const struct run_options *options;
    const struct describe_reply *daemons; /* as many as the plan has */
    const char *run_id, *controller;
    int64_t start;       /* the common instant, local CLOCK_MONOTONIC */
    int64_t wall_start;  /* of the common instant, ns since 1970 by the controller's clock */
    int64_t start_bound; /* how well the clocks are known then, ns; CLOCK_NEVER: not at all */
};

struct sink;

struct sink_ops {
    const char *name;
    /* A new sink, or NULL where the options do not ask for it; with a sentence if it can't be. */
    struct sink *(*open)(const struct run_options *options, struct fail *fail);
    /* The run is about to begin. */
    void (*start)(struct sink *sink, const struct sink_run *run);
    /* An interval; counters are differences. */
    void (*interval)(struct sink *sink, const struct report *report, const int64_t delta[METRICS]);
    /* A start row or a final row. */
    void (*event)(struct sink *sink, const struct report *report,
                  const struct endpoint_result *result);
    /* A line of the summary, or about something that happened. */
    void (*line)(struct sink *sink, const char *text);
    /* A batch is complete. */
    void (*flush)(struct sink *sink);
    /* Bytes that it took so far, and how many of them outlive this process; NULL where none does.
     */
    void (*progress)(struct sink *sink, uint64_t *put, uint64_t *written);
    /* Frees it. `used` is false if the run never began. Gives false if something that it took is
     * lost although somebody wanted it. */
    bool (*close)(struct sink *sink, bool used);
};

struct sink {
    const struct sink_ops *ops;
    bool broken;   /* it takes nothing any more */
    bool deserted; /* and whoever read it is gone */
};

extern const struct sink_ops sink_screen, sink_flowlog;

/* The name of a log that the options do not name, in new memory. */
char *flowlog_default_path(void);

enum { SINKS_MAX = 8 };

struct sinks {
    struct sink *list[SINKS_MAX];
    size_t count;
    bool incomplete; /* after sinks_close(): what should outlive this process lacks something */
};

/* Opens those that the options ask for; gives false with a sentence if one can't be. */
bool sinks_open(struct sinks *sinks, const struct run_options *options, struct fail *fail);
void sinks_start(struct sinks *sinks, const struct sink_run *run);
void sinks_interval(struct sinks *sinks, const struct report *report, const int64_t delta[METRICS]);
void sinks_event(struct sinks *sinks, const struct report *report,
                 const struct endpoint_result *result);
void sinks_line(struct sinks *sinks, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sinks_flush(struct sinks *sinks);
/* Gives false if something is lost that one of them took. */
bool sinks_close(struct sinks *sinks, bool used);
/* What the sinks have taken, to be asked about later. */
struct sinks_mark {
    uint64_t put[SINKS_MAX];
};
void sinks_mark(const struct sinks *sinks, struct sinks_mark *mark);
/* Whether all that was taken until then is written, where there is something that outlives this
 * process; once that is broken it never is. */
bool sinks_reached(const struct sinks *sinks, const struct sinks_mark *mark);
/* Whether nobody takes the results any more: all are broken, and the reader of one is gone. */
bool sinks_deserted(const struct sinks *sinks);

#endif
