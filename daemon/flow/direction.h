/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One direction of a flow, as one of its endpoints sees it: when it may carry what, and what it has
 * carried. Knows neither sockets nor clocks: the time is an argument. */
#ifndef FLOWRIG_DIRECTION_H
#define FLOWRIG_DIRECTION_H

#include <stdbool.h>
#include <stdint.h>

/* One direction as this endpoint sees it. Instants are those of struct flow_schedule, absolute.
 * What its sender sends of its own accord is counted while that may send, responses while the peer
 * may ask for them; where the sender has no duration, both times are the peer's. */
struct direction {
    bool active; /* its sender has a duration */
    int64_t from, start, stop, to;
    bool opened, started, stopped, closed;                /* from, start, stop, to are reached */
    int64_t opened_at, started_at, stopped_at, closed_at; /* when they really were */
    int64_t bytes, requests, responses;
    int64_t refused; /* requests that were due and found the socket full */
    int64_t tail_bytes, tail_requests, tail_responses; /* what came after the time */
    int64_t reported;                                  /* bytes up to the last interval's report */
    int64_t request_bytes; /* of complete requests that were read; only with headers */
    int64_t omit;          /* when the final report's figures begin; CLOCK_NEVER: they have begun */
    int64_t omitted_at;    /* when they really began, 0: with the direction */
};

/* Marks what `now` has reached. */
void direction_tick(struct direction *direction, int64_t now);
/* When direction_tick() has something to mark, or --omit to leave something out: CLOCK_NEVER where
 * nothing is left. */
int64_t direction_next(const struct direction *direction);

/* What its sender sends of its own accord ends at `now`, if it has not ended before. Where it
 * carries `responses` as well, these may travel for as long as was planned. */
void direction_stop(struct direction *direction, int64_t now, bool responses);
/* Both end at `now`: nothing is marked before direction_tick(). */
void direction_cut(struct direction *direction, int64_t now);

/* Whether its sender sends nothing of its own accord any more. */
static inline bool direction_has_stopped(const struct direction *direction)
{
    return !direction->active || direction->stopped;
}

/* Whether what moves in it no longer counts, but is its tail. */
static inline bool direction_is_over(const struct direction *direction)
{
    return direction->active ? direction->stopped : direction->closed;
}

/* Bytes that have moved since the last interval was reported. */
static inline int64_t direction_fresh_bytes(const struct direction *direction)
{
    return direction->bytes - direction->reported;
}

/* Count what has moved, within the time or after it. */
static inline void direction_add_bytes(struct direction *direction, int64_t bytes)
{
    *(direction_is_over(direction) ? &direction->tail_bytes : &direction->bytes) += bytes;
}

static inline void direction_add_block(struct direction *direction, bool response)
{
    if (response)
        ++*(direction->closed ? &direction->tail_responses : &direction->responses);
    else
        ++*(direction_is_over(direction) ? &direction->tail_requests : &direction->requests);
}

#endif
