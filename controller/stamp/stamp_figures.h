/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a sender of STAMP learns of a path from requests and replies. No sockets; time is passed in.
 */
#ifndef FLOWRIG_STAMP_FIGURES_H
#define FLOWRIG_STAMP_FIGURES_H

#include "metrics.h"
#include "stamp_tlv.h"

enum { STAMP_MARKS = 64 };

/* Replies that come later than this after their request are late: what they answer is lost. */
#define STAMP_LATE INT64_C(2000000000)

/* A reply that has come, with what the kernel says of it. */
struct stamp_arrived {
    struct stamp_reply reply;
    struct stamp_class class;
    uint64_t at;  /* NTP time */
    int tos, ttl; /* -1: unknown */
};

/* A request, by its sequence number. */
struct stamp_probe {
    uint64_t sent;
    bool answered;
};

/* Times of one kind, in ns. */
struct stamp_times {
    int64_t *values;
    size_t count;
    int64_t last, jitter; /* RFC 3550, 6.4.1, of the order of arrival; jitter in 1/16 ns */
};

struct stamp_figures {
    struct stamp_probe *probes;
    size_t size, sent, not_sent; /* room for requests; sent, and those that the kernel refused */
    size_t received, duplicates, late, wrong; /* wrong: no request of ours, or impossible times */
    struct stamp_times rtt, there, back;
    /* By the numbers of the reflector: of requests up to `highest`, it has had `had`. */
    int64_t highest, had;
    bool counts;       /* its numbers are not copies of ours */
    bool own_numbers;  /* and they are those of this session alone */
    bool synchronised; /* so were both clocks, in all replies */
    int64_t error;     /* ns, the largest that the two clocks may have together */
    size_t dscp_there[STAMP_MARKS], dscp_back[STAMP_MARKS]; /* replies, by what was seen */
    size_t ecn_there[4], ecn_back[4];
    size_t refused;          /* replies that did not have the DSCP that was asked for */
    int ttl_there, ttl_back; /* of the last reply; -1: unknown */
};

/* Room for `count` requests. */
void stamp_figures_init(struct stamp_figures *figures, size_t count);
void stamp_figures_free(struct stamp_figures *figures);
/* The next request leaves at an NTP time; its number is figures->sent. */
void stamp_figures_send(struct stamp_figures *figures, uint64_t sent);
/* Takes a reply; `own` is the Error Estimate of the own clock. */
void stamp_figures_take(struct stamp_figures *figures, const struct stamp_arrived *arrived,
                        uint16_t own);
/* Takes the reply to a request that was sent after all others, with a number that leaves one out:
 * who copies numbers leaves it out as well. */
void stamp_figures_close(struct stamp_figures *figures, const struct stamp_reply *reply);

/* Requests that were lost on the way there, replies that were lost on the way back, and those of
 * which the direction is not known; METRIC_ABSENT where the reflector's numbers do not tell. */
struct stamp_lost {
    int64_t all, there, back, unknown;
};
struct stamp_lost stamp_figures_lost(const struct stamp_figures *figures);

/* Sorts the times; the share is from 0 to 1. METRIC_ABSENT where there are none. */
int64_t stamp_times_at(struct stamp_times *times, double share);
int64_t stamp_times_mean(const struct stamp_times *times);
/* METRIC_ABSENT before the second one. */
int64_t stamp_times_jitter(const struct stamp_times *times);

#endif
