/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What limited a flow, judged by windows of at least 100 ms from the rows of its sender: the
 * kernel's clocks count in jiffies, and say nothing of shorter ones. Pure: no clock. */
#ifndef FLOWRIG_LIMITS_H
#define FLOWRIG_LIMITS_H

#include <stdbool.h>

#include "report.h"

enum limit {
#define LIMIT(name, ...) LIMIT_##name,
#include "results/limits.def"
#undef LIMIT
    LIMITS
};

struct limit_info {
    const char *name, *words;
};

extern const struct limit_info limits_list[LIMITS];

/* What has made a congestion window smaller. */
enum limit_reduction { REDUCED_BY_NOTHING, REDUCED_BY_LOSS, REDUCED_BY_MARKS };

/* What came before a window counts as well: a window after a loss is as small without a further
 * one, and a sender with a small buffer fills it in bursts. */
struct limit_history {
    enum limit_reduction reduced_by; /* by the last one */
    int64_t retransmitted, sent;     /* segments so far */
    double starved; /* share of the last windows at whose end all was sent, but nothing could be
                       added */
};

/* One window of a sender. Counters are differences; METRIC_ABSENT where the kernel does not say. */
struct limit_window {
    int64_t elapsed, blocked, idle;       /* ns */
    int64_t rwnd_limited, sndbuf_limited; /* us */
    int64_t acked, retransmitted, sent;   /* B, segments, segments */
    int64_t marked;                       /* segments that the peer reported as marked CE */
    struct limit_history history;         /* up to its end */
    /* At its end: segments, bytes, us, byte/s. */
    int64_t cwnd, unacked, ssthresh, mss, notsent, snd_wnd, send_buffer, srtt, min_rtt,
        max_pacing_rate;
    bool model_based; /* its congestion control paces by a model of the path (bbr) */
};

/* The first cause that holds. LIMIT_receive_window may be LIMIT_receiving_application: only the
 * receiver knows that. */
enum limit limits_judge(const struct limit_window *window);

struct limit_spans;

/* What the rows of one end have said so far: as a sender, and as a receiver. */
struct limits {
    struct limit_window window;         /* as a sender, on its way */
    struct limit_history history;       /* up to the last one */
    double share[LIMITS];               /* ns by cause, as a sender; without the receiver's part */
    struct limit_spans *window_full;    /* when LIMIT_receive_window or LIMIT_receiver was it */
    struct limit_spans *unread;         /* as a receiver: when data waited to be read */
    int64_t unread_elapsed, unread_for; /* of a window on its way, ns */
    int64_t snd_wnd, srtt;              /* of the largest one of LIMIT_receive_window */
};

/* What the rows do not say. */
struct limit_about {
    bool model_based; /* as in struct limit_window */
    int64_t from;     /* windows of the sender that begin before are history only (--omit), ns */
};

/* Takes an interval; counters are differences. */
void limits_take(struct limits *limits, const struct report *report, const int64_t delta[METRICS],
                 const struct limit_about *about);
void limits_free(struct limits *limits);

/* The result for one direction. */
struct limit_shares {
    double judged;         /* ns of its time that are judged, 0: none */
    double share[LIMITS];  /* of that, 0 to 1 */
    enum limit most;       /* the largest share */
    int64_t snd_wnd, srtt; /* where the receive window was a cause: B and us, else METRIC_ABSENT */
};

/* `sender` and `receiver` are the rows of the two ends; a window on its way is judged if it is
 * half as long as it should be. */
void limits_sum_up(const struct limits *sender, const struct limits *receiver,
                   struct limit_shares *shares);

#endif
