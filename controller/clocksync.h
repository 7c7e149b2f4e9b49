/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The clocks of all daemons, as the controller sees them. */
#ifndef FLOWRIG_CLOCKSYNC_H
#define FLOWRIG_CLOCKSYNC_H

#include <stddef.h>

#include "clock.h"
#include "protocol.h"

enum { CLOCKSYNC_ROUNDS = 8 };

struct clocksync {
    struct clock_estimate *estimates; /* one per daemon */
    size_t count;
};

struct clocksync *clocksync_new(size_t daemons);
void clocksync_free(struct clocksync *clocks);

/* Takes an exchange: sent and received by the local CLOCK_MONOTONIC. */
void clocksync_add(struct clocksync *clocks, size_t daemon, int64_t sent, int64_t received,
                   const struct clock_reply *reply);

/* A local instant in the daemon's clock. */
int64_t clocksync_remote(const struct clocksync *clocks, size_t daemon, int64_t local);

/* The largest error between the clocks of any two daemons of the run, ns. */
int64_t clocksync_bound(const struct clocksync *clocks);

#endif
