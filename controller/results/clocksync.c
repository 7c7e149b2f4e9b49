/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "results/clocksync.h"

#include <stdlib.h>

#include "mem.h"

/* What the kernel lets its maximum error grow by in a second without synchronisation: 500 ppm
 * (MAXFREQ in kernel/time/ntp.c). */
#define SYNC_GROWTH_PPB INT64_C(500000)

struct clocksync *clocksync_new(size_t daemons, enum clock_mode mode)
{
    struct clocksync *clocks = mem_new(1, sizeof *clocks);
    clocks->daemons = mem_new(daemons, sizeof *clocks->daemons);
    clocks->count = daemons;
    clocks->mode = mode;
    return clocks;
}

void clocksync_free(struct clocksync *clocks)
{
    if (!clocks)
        return;
    free(clocks->daemons);
    free(clocks);
}

void clocksync_add(struct clocksync *clocks, size_t daemon, int64_t sent, int64_t received,
                   const struct clock_reply *reply)
{
    struct clocksync_daemon *known = &clocks->daemons[daemon];
    if (!clockfit_add(&known->fit, &(struct clock_exchange){
                                       .sent = sent,
                                       .remote_received = reply->received,
                                       .remote_sent = reply->sent,
                                       .received = received,
                                   }))
        return;
    known->last = *reply;
    known->known = true;
    known->estimated = false;
}

/* An estimate is some work, and many flows ask for the same. */
static bool estimate_at(const struct clocksync *clocks, size_t daemon, int64_t at,
                        struct clock_estimate *estimate)
{
    struct clocksync_daemon *known = &clocks->daemons[daemon];
    if (!known->estimated || known->estimate.at != at)
        known->estimated = clockfit_estimate(&known->fit, at, &known->estimate);
    *estimate = known->estimate;
    return known->estimated;
}

/* Times of a daemon come from the network: sums with them may wrap, but are defined. */
static int64_t add(int64_t one, int64_t other)
{
    return (int64_t)((uint64_t)one + (uint64_t)other);
}

static int64_t subtract(int64_t one, int64_t other)
{
    return (int64_t)((uint64_t)one - (uint64_t)other);
}

int64_t clocksync_remote(const struct clocksync *clocks, size_t daemon, int64_t local)
{
    struct clock_estimate estimate;
    if (!estimate_at(clocks, daemon, local, &estimate))
        return local;
    return add(local, estimate.offset);
}

int64_t clocksync_local(const struct clocksync *clocks, size_t daemon, int64_t remote, int64_t near,
                        int64_t *bound)
{
    struct clock_estimate estimate;
    *bound = CLOCK_NEVER;
    if (!estimate_at(clocks, daemon, near, &estimate))
        return near;
    *bound = estimate.bound;
    return subtract(remote, estimate.offset);
}

static bool estimated_map(const struct clocksync *clocks, size_t own, size_t peer, int64_t at,
                          struct clock_map *map)
{
    struct clock_estimate ours, theirs;
    if (!estimate_at(clocks, own, at, &ours) || !estimate_at(clocks, peer, at, &theirs))
        return false;
    map->reference = add(at, theirs.offset);
    map->offset = subtract(ours.offset, theirs.offset);
    /* (1 + ours) / (1 + theirs) - 1 */
    map->rate_ppb =
        (ours.drift_ppb - theirs.drift_ppb) * NS_PER_SEC / (NS_PER_SEC + theirs.drift_ppb);
    /* The last terms are what drifts of some 100 ppm, and rounding, make of the others. */
    map->bound = ours.bound + theirs.bound + theirs.bound / 1000 + 2;
    map->bound_ppb = ours.drift_bound_ppb + theirs.drift_bound_ppb +
                     (ours.drift_bound_ppb + theirs.drift_bound_ppb) / 1000 + 2;
    return true;
}

/* Both wall clocks show true time, as well as their kernels believe; each is read beside the
 * monotonic one. */
static bool trusted_map(const struct clocksync *clocks, size_t own, size_t peer,
                        struct clock_map *map)
{
    const struct clocksync_daemon *ours = &clocks->daemons[own], *theirs = &clocks->daemons[peer];
    if (!ours->known || !theirs->known)
        return false;
    map->reference = theirs->last.sent;
    map->offset = subtract(subtract(theirs->last.wall, theirs->last.sent),
                           subtract(ours->last.wall, ours->last.sent));
    map->rate_ppb = 0;
    map->bound = (ours->last.max_error_us + theirs->last.max_error_us) * NS_PER_US +
                 ours->last.wall_error + theirs->last.wall_error;
    map->bound_ppb = 2 * SYNC_GROWTH_PPB;
    return true;
}

bool clocksync_map(const struct clocksync *clocks, size_t own, size_t peer, int64_t at,
                   struct clock_map *map)
{
    *map = (struct clock_map){0};
    switch (clocks->mode) {
    case CLOCK_MODE_ESTIMATE:
        return own == peer || estimated_map(clocks, own, peer, at, map);
    case CLOCK_MODE_SYNC:
        return own == peer || trusted_map(clocks, own, peer, map);
    case CLOCK_MODE_NONE:
        break;
    }
    return false;
}

int64_t clocksync_round_trip(const struct clocksync *clocks)
{
    int64_t longest = 0;
    for (size_t i = 0; i < clocks->count; i++) {
        int64_t round_trip = clockfit_round_trip(&clocks->daemons[i].fit);
        longest = round_trip > longest ? round_trip : longest;
    }
    return longest;
}

int64_t clocksync_bound(const struct clocksync *clocks, int64_t at)
{
    int64_t largest = 0, second = 0;
    for (size_t i = 0; i < clocks->count; i++) {
        struct clock_estimate estimate;
        if (!estimate_at(clocks, i, at, &estimate))
            return CLOCK_NEVER;
        if (estimate.bound > largest) {
            second = largest;
            largest = estimate.bound;
        } else if (estimate.bound > second) {
            second = estimate.bound;
        }
    }
    return clocks->count > 1 ? largest + second : 0;
}
