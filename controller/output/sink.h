/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where results go. A sink is one ops table in one file; formats.c and sinks.c list them. It takes
 * figures, and words them itself. A sink that fails says so once and is silent from then on: the
 * run goes on. */
#ifndef FLOWRIG_SINK_H
#define FLOWRIG_SINK_H

#include "hoststats.h"
#include "protocol.h"
#include "results/results.h"
#include "results/summary.h"

struct output_options;

/* What a sink may want to know of a run. */
struct sink_run {
    const struct output_options *options;
    const struct plan *plan;
    const struct describe_reply *daemons; /* as many as the plan has */
    const char *run_id, *controller;
    int argc; /* the command line */
    char *const *argv;
    int64_t start;       /* the common instant, local CLOCK_MONOTONIC */
    int64_t wall_start;  /* of the common instant, ns since 1970 by the controller's clock */
    int64_t start_bound; /* how well the clocks are known then, ns; CLOCK_NEVER: not at all */
};

enum note_kind {
    NOTE_FAILED,         /* an endpoint failed, which its final row did not tell: sentence */
    NOTE_ERROR,          /* something failed that concerns more than one flow: sentence */
    NOTE_NO_HISTOGRAMS,  /* no block was seen one by one */
    NOTE_HISTOGRAM_LOST, /* of all endpoints together: `count` of them are not there */
};

/* Something that happened, or that lacks. */
struct note {
    enum note_kind kind;
    int64_t flow; /* of NOTE_FAILED */
    enum endpoint end;
    enum series_id series; /* of NOTE_HISTOGRAM_LOST */
    size_t count;
    const char *sentence;
};

/* Figures of a host over an interval. */
struct host_row {
    size_t host;                /* its place among the daemons */
    int64_t number, begin, end; /* ns after the common instant */
    struct hoststat_row stats;
};

/* Whose values a histogram holds. */
struct histogram_about {
    bool first; /* of those that are handed over */
    bool all;   /* of all endpoints together */
    size_t flow;
    enum endpoint end;
    enum series_id series;
};

struct sink;

/* Every function is set, but where it says that it may be NULL. */
struct sink_ops {
    const char *name;
    /* A new sink, or NULL where the options do not ask for it; with a sentence if it can't be.
     * `target` is that of --output; NULL for its default, and for screen and log. */
    struct sink *(*open)(const struct output_options *options, const char *target,
                         struct fail *fail);
    /* The run is about to begin; `run` stays until the summary. */
    void (*start)(struct sink *sink, const struct sink_run *run);
    /* An interval; counters are differences. */
    void (*interval)(struct sink *sink, const struct report *report, const int64_t delta[METRICS]);
    /* A start row or a final row; NULL for a sink that has rows of intervals only, like the next
     * four. */
    void (*event)(struct sink *sink, const struct report *report,
                  const struct endpoint_result *result);
    void (*note)(struct sink *sink, const struct note *note);
    /* A row about a host; only where --host-stats asks for them. */
    void (*host)(struct sink *sink, const struct host_row *row);
    /* A histogram with at least one value; only where --histogram asks for them. */
    void (*histogram)(struct sink *sink, const struct histogram_about *about,
                      const struct histogram *histogram);
    /* The run is over: the last call before close. */
    void (*summary)(struct sink *sink, const struct summary *summary);
    /* Time goes by, whether anything comes or not: several times a second until the summary; NULL
     * where nobody waits for that. `now` is of CLOCK_MONOTONIC. */
    void (*tick)(struct sink *sink, int64_t now);
    /* A batch is complete. */
    void (*flush)(struct sink *sink);
    /* Bytes that it took so far, and how many of them outlive this process; NULL where none does.
     */
    void (*progress)(struct sink *sink, uint64_t *put, uint64_t *written);
    /* Frees it. `used` is false if the run never began. Returns false if something that it took is
     * lost although somebody wanted it. */
    bool (*close)(struct sink *sink, bool used);
};

struct sink {
    const struct sink_ops *ops;
    bool broken;   /* it takes nothing any more */
    bool deserted; /* and whoever read it is gone */
    bool fleeting; /* a pipe or a device: what it took can't be continued by another process */
};

extern const struct sink_ops sink_screen, sink_table, sink_live, sink_flowlog, sink_json,
    sink_jsonl, sink_csv, sink_host_csv, sink_influx, sink_openmetrics, sink_postgresql,
    sink_sqlite;

/* The name of a log that the options do not name, in new memory. */
char *flowlog_default_path(const char *run_id);

#endif
