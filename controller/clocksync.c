/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "clocksync.h"

#include <stdlib.h>

#include "mem.h"

struct clocksync *clocksync_new(size_t daemons)
{
    struct clocksync *clocks = mem_new(1, sizeof *clocks);
    clocks->estimates = mem_new(daemons, sizeof *clocks->estimates);
    clocks->count = daemons;
    for (size_t i = 0; i < daemons; i++)
        clocks->estimates[i] = CLOCK_ESTIMATE_NONE;
    return clocks;
}

void clocksync_free(struct clocksync *clocks)
{
    if (!clocks)
        return;
    free(clocks->estimates);
    free(clocks);
}

void clocksync_add(struct clocksync *clocks, size_t daemon, int64_t sent, int64_t received,
                   const struct clock_reply *reply)
{
    clock_estimate_add(&clocks->estimates[daemon], &(struct clock_exchange){
                                                       .sent = sent,
                                                       .remote_received = reply->received,
                                                       .remote_sent = reply->sent,
                                                       .received = received,
                                                   });
}

int64_t clocksync_remote(const struct clocksync *clocks, size_t daemon, int64_t local)
{
    return local + clocks->estimates[daemon].offset;
}

int64_t clocksync_bound(const struct clocksync *clocks)
{
    int64_t largest = 0, second = 0;
    for (size_t i = 0; i < clocks->count; i++) {
        int64_t bound = clocks->estimates[i].bound;
        if (bound > largest) {
            second = largest;
            largest = bound;
        } else if (bound > second) {
            second = bound;
        }
    }
    if (largest == CLOCK_NEVER)
        return CLOCK_NEVER;
    return clocks->count > 1 ? largest + second : 0;
}
