/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a sender's time goes to: it waits for room in the socket, or has nothing due, or runs (and
 * waits for its turn). Pure: no clock. */
#ifndef FLOWRIG_SENDER_TIME_H
#define FLOWRIG_SENDER_TIME_H

#include <stdint.h>

enum sender_state {
    SENDER_OFF,     /* before its time, or after it: nothing is counted */
    SENDER_RUNS,    /* something is due, and the socket has room */
    SENDER_BLOCKED, /* something is due, and the socket is full */
    SENDER_IDLE,    /* nothing is due: by its rate, its gaps, or responses that it waits for */
};

struct sender_time {
    enum sender_state state;
    int64_t since;         /* when the state began, ns */
    int64_t blocked, idle; /* of the states before, ns */
};

/* The state from `now` on. Instants never go back. */
void sender_time_enter(struct sender_time *time, enum sender_state state, int64_t now);
/* How long it was blocked, or idle, until `now`, in ns. */
int64_t sender_time_blocked(const struct sender_time *time, int64_t now);
int64_t sender_time_idle(const struct sender_time *time, int64_t now);

#endif
