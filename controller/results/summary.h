/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The figures of a run when it is over, computed once for every sink: of each endpoint, of each
 * direction of each flow, and of all flows. Nothing here is worded. Rates are in bit/s and NAN
 * where there is none; times are in ns and METRIC_ABSENT where there is none. */
#ifndef FLOWRIG_SUMMARY_H
#define FLOWRIG_SUMMARY_H

#include "protocol.h"
#include "results/clocksync.h"
#include "results/results.h"

struct summary_endpoint {
    enum endpoint end;
    const struct plan_flow *flow;
    const struct plan_daemon *daemon;
    const struct describe_reply *host;
    const struct endpoint_result *result; /* whether it finished, its final report, its error */
    double tx_rate, rx_rate;              /* socket payload over the time of its direction */
    double transactions;                  /* responses read per second of the sending time */
    int64_t requests_out, requests_in;    /* blocks, with those of the tail */
    int64_t responses_out, responses_in;
    bool start_known;       /* result->start_late and start_bound hold */
    bool clock_known;       /* the two ends lie on different daemons, whose clocks were compared */
    struct clock_map clock; /* of a destination: against the source's clock */
    bool drift_known;       /* the rate of that map was estimated */
};

/* One direction of a flow. */
struct summary_direction {
    bool exists;           /* the sender has a duration */
    double goodput;        /* what the receiver read within the sending time, over that time */
    int64_t bytes, time;   /* that it was computed from; METRIC_ABSENT without a final report */
    int64_t volume_time;   /* until its fixed volume was read; METRIC_ABSENT: it has none, or it was
                              not */
    int64_t retransmitted; /* bytes, by the sender's kernel */
    int64_t sent;          /* bytes with retransmissions, by the sender's kernel */
    int64_t srtt, min_rtt; /* of the sender's kernel at the end */
    /* UDP; METRIC_ABSENT for TCP, and where it is not known. */
    int64_t datagrams_sent, datagrams_lost; /* lost: not received, or too late */
    int64_t datagrams_dropped;              /* of these by the receiver's socket */
    int64_t jitter;                         /* RFC 3550, in the mean over all datagrams, ns */
    bool limits_known;                      /* rows tell what limited nine tenths of its time */
    struct limit_shares limits;
};

struct summary_flow {
    struct summary_endpoint ends[ENDPOINTS];
    struct summary_direction directions[ENDPOINTS]; /* by the sender */
};

/* What a daemon's kernel said of its clock, where the run has trusted it (--clock=sync). */
struct summary_clock {
    const struct plan_daemon *daemon;
    const struct clock_reply *last;
};

struct summary {
    const struct plan *plan;
    struct summary_flow *flows; /* as many as the plan has */
    size_t count;
    struct results_series series[SERIES]; /* of all endpoints together */
    struct summary_clock *clocks;
    size_t clock_count;
    struct results_total total;
    int64_t datagrams_sent,
        datagrams_lost;  /* of the directions that know both; METRIC_ABSENT: none */
    int64_t start_bound; /* how well the clocks are known, ns; CLOCK_NEVER: not at all */
    int status; /* the exit status so far, set by the run; a sink that fails may still change it */
};

/* What a summary is made of; it has to outlive the summary. */
struct summary_source {
    const struct plan *plan;
    const struct describe_reply *hosts; /* as many as the plan has daemons */
    const struct results *results;
    const struct clocksync *clocks;
    int64_t start_bound;
    int64_t now; /* the instant at which clocks are compared, local CLOCK_MONOTONIC */
};

/* The summary belongs to the caller: summary_free(). */
struct summary *summary_new(const struct summary_source *source);
void summary_free(struct summary *summary);

/* The figures of one direction from the final reports of its ends; nothing is known of limits. */
void summary_of_direction(const struct endpoint_result *from, const struct endpoint_result *to,
                          struct summary_direction *direction);

#endif
