/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The clocks of all daemons, as the controller sees them: estimated from exchanges, or trusted to
 * be synchronised. Clocks of two daemons are compared through the controller's own. */
#ifndef FLOWRIG_CLOCKSYNC_H
#define FLOWRIG_CLOCKSYNC_H

#include <stddef.h>

#include "clock.h"
#include "results/clockfit.h"
#include "protocol.h"

enum { CLOCKSYNC_ROUNDS = 8 };

/* How clocks of two daemons are compared, by the names of --clock. */
#define CLOCK_MODES "estimate|sync|none"
enum clock_mode {
    CLOCK_MODE_ESTIMATE, /* by exchanges */
    CLOCK_MODE_SYNC,     /* their wall clocks are taken to show the same time */
    CLOCK_MODE_NONE,     /* not at all */
};

struct clocksync {
    enum clock_mode mode;
    struct clocksync_daemon {
        struct clockfit fit;
        struct clock_reply last;        /* the newest reply */
        bool known;                     /* there is one */
        struct clock_estimate estimate; /* the last that was made, if `estimated` */
        bool estimated;
    } * daemons;
    size_t count;
};

/* Clocks of which nothing is known yet; the caller owns it. */
struct clocksync *clocksync_new(size_t daemons, enum clock_mode mode);
void clocksync_free(struct clocksync *clocks);

/* Takes an exchange: sent and received by the local CLOCK_MONOTONIC. */
void clocksync_add(struct clocksync *clocks, size_t daemon, int64_t sent, int64_t received,
                   const struct clock_reply *reply);

/* A local instant in the daemon's clock, with the drift until then. */
int64_t clocksync_remote(const struct clocksync *clocks, size_t daemon, int64_t local);

/* An instant of the daemon's clock, near local time `near`, in the local clock; `bound` gets how
 * far that may be off, CLOCK_NEVER where nothing is known. */
int64_t clocksync_local(const struct clocksync *clocks, size_t daemon, int64_t remote, int64_t near,
                        int64_t *bound);

/* How the clock of daemon `own` sees that of `peer`, from local time `at` on. Returns false where
 * nothing is known of one of them, or the mode is CLOCK_MODE_NONE. */
bool clocksync_map(const struct clocksync *clocks, size_t own, size_t peer, int64_t at,
                   struct clock_map *map);

/* The longest of the shortest round trips to all daemons, ns. */
int64_t clocksync_round_trip(const struct clocksync *clocks);

/* The largest error between the clocks of any two daemons of the run at local time `at`, ns. */
int64_t clocksync_bound(const struct clocksync *clocks, int64_t at);

#endif
