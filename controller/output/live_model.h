/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a live view of a run knows: the newest figures of each direction of each flow, their recent
 * past, and what limits it. Pure: no clock, no output. */
#ifndef FLOWRIG_LIVE_MODEL_H
#define FLOWRIG_LIVE_MODEL_H

#include "output/windows.h"
#include "results/results.h"

enum { LIVE_HISTORY = 64, LIVE_UNKNOWN = -1 };

/* The last values, one a window; NAN where there was none. */
struct live_history {
    double value[LIVE_HISTORY]; /* of window w at w % LIVE_HISTORY */
};

enum live_state { LIVE_WAITING, LIVE_RUNNING, LIVE_ENDED, LIVE_STOPPED, LIVE_FAILED };

/* One direction of a flow. */
struct live_row {
    size_t flow;
    enum endpoint sender;
    bool two_way, stream;
    size_t hosts[ENDPOINTS]; /* from, to: numbers of the model's hosts */
    double goodput;          /* bit/s in the newest window; NAN: unknown, like the next ones */
    double rtt;              /* ms: srtt of a stream, jitter of datagrams */
    double min_rtt;          /* ms */
    int64_t cwnd, unacked;   /* METRIC_ABSENT: unknown, like the next two */
    int64_t again;           /* segments retransmitted, or datagrams lost, so far */
    int64_t received;        /* bytes so far */
    struct live_history goodputs, rtts;
    int limit; /* enum limit of the last second, or LIVE_UNKNOWN */
    enum live_state state;
};

struct live_model {
    const struct plan *plan;
    struct live_row *rows; /* in the order of the flows, the source's direction first */
    size_t count;
    char **hosts; /* fit for a terminal */
    size_t host_count;
    size_t *row_of; /* of each end as a sender; SIZE_MAX: it does not send */
    struct windows *windows;
    struct limits *limits; /* of each end, of this second */
    bool *model_based;     /* each end's congestion control, as struct limit_about has it */
    int64_t window;        /* windows so far */
    int64_t end;           /* of the newest one, ns after the start */
    int64_t judged;        /* the second that limits were last summed up in */
};

/* `step` is the length of a window, ns; the plan has to outlive the model, which the caller frees.
 */
struct live_model *live_model_new(const struct plan *plan, int64_t step);
void live_model_free(struct live_model *model);
/* Takes the row of an interval; counters are differences. */
void live_model_take(struct live_model *model, const struct report *report,
                     const int64_t delta[METRICS]);
/* Takes a start row or a final row. */
void live_model_event(struct live_model *model, const struct report *report,
                      const struct endpoint_result *result);
/* Takes what is complete into the rows; returns whether there was anything. */
bool live_model_update(struct live_model *model);

/* How full the places of a sparkline are, 1 to 8, over its own largest value; 0: no value there.
 * The newest of `width` values is the last one, after `windows` of them. */
void live_levels(const struct live_history *history, int64_t windows, int width, int *levels);
/* Adds the values of one history to those of another; what is unknown adds nothing. */
void live_history_add(struct live_history *sum, const struct live_history *other);
void live_history_clear(struct live_history *history);

#endif
