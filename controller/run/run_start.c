/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The start of all flows at one instant: as soon as may be, or (--start-at) at a time of the wall
 * clock. Then the flows are prepared at once, so that what is wrong with them is said at once; the
 * daemons are told the start shortly before it, by when the drift of their clocks is known. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "hoststats.h"
#include "run/run_state.h"

enum { STEP_MS = 100, CALL_TIMEOUT_MS = 5000, START_TIMEOUT_MS = 10000 };

#define START_LEAD (100 * NS_PER_MS) /* besides the round trips */

/* A round trip that is longer has as much to spare by itself: half of it is enough for the call. */
#define SPARE_TRIP (200 * NS_PER_MS)

/* What is added for calls that have waited: ten times that, up to this. */
#define SPARE_MAX (2 * NS_PER_SEC)

/* So long before the start the daemons are told of it, besides what the calls take. */
#define TOLD_BEFORE NS_PER_SEC

/* The wanted start in the local monotonic clock, as the wall clock is right now: it may be set, or
 * slewed, while one waits. */
static int64_t wanted_start(const struct run *run)
{
    int64_t wall = clock_wall();
    return clock_now() + (run->options->start_at - wall);
}

static void say_when(const struct run *run)
{
    char text[64];
    time_t seconds = run->options->start_at / NS_PER_SEC;
    struct tm local;
    if (run->options->output.quiet)
        return;
    localtime_r(&seconds, &local);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %z", &local);
    fprintf(stderr, "flowctl: ready, waiting for the start at %s\n", text);
}

static void on_answer(void *owner, const struct fleet_result *result)
{
    if (result->outcome != FLEET_ANSWERED)
        run_fail_call(owner, result);
}

static void renew_sessions(struct run *run, int64_t now)
{
    for (size_t i = 0; i < run->plan->daemon_count; i++) {
        struct session_call call = {0};
        struct run_daemon *daemon = &run->daemons[i];
        int64_t lease = run->described[i].limits.lease_s * NS_PER_SEC;
        if (!daemon_contact_needs_renewal(&daemon->contact, lease, now))
            continue;
        daemon->contact.last = now;
        memcpy(call.session, daemon->session, sizeof call.session);
        fleet_call(run->fleet, i, LANE_REPORTS, METHOD_RENEW, &call, CALL_TIMEOUT_MS, on_answer);
    }
}

/* Waits until shortly before the wanted start, at least `lead` ns, and sets the run's start to it.
 * Meanwhile the sessions stay alive and the clocks are watched. */
static bool await_start(struct run *run, int64_t lead)
{
    int64_t told = wanted_start(run) - TOLD_BEFORE - lead;
    if (clock_now() < told)
        say_when(run);
    run->later_clocks = true;
    for (int64_t now = clock_now(); now < told && !run->failed && !interrupt_asked();
         now = clock_now()) {
        int64_t left = (told - now) / NS_PER_MS + 1;
        renew_sessions(run, now);
        run_keep_clocks(run);
        fleet_step(run->fleet, left < STEP_MS ? left : STEP_MS);
        told = wanted_start(run) - TOLD_BEFORE - lead;
    }
    run->later_clocks = false;
    if (!run_wait(run))
        return false;
    run->start = wanted_start(run);
    if (run->start >= clock_now() + lead)
        return true;
    run_fail(run, EXIT_PARTIAL,
             "option --start-at: the flows were ready %.3f s too late: allow more time",
             (double)(clock_now() + lead - run->start) / NS_PER_SEC);
    return false;
}

/* ---- the start ---- */

/* Late enough for the call to reach every daemon and every daemon's flows, which takes half a round
 * trip: two of them, but of long ones the second one in part only or not at all, and more where
 * hosts are so busy, or the path so lossy, that some call has waited. */
static int64_t start_lead(int64_t round_trip, int64_t slowest, size_t flows)
{
    int64_t waited = slowest > round_trip ? slowest - round_trip : 0;
    int64_t spare = waited > SPARE_MAX / 10 ? SPARE_MAX + waited : 10 * waited;
    int64_t second = round_trip < SPARE_TRIP / 2 ? round_trip : SPARE_TRIP - round_trip;
    return START_LEAD + round_trip + (second > 0 ? second : 0) + spare +
           (int64_t)flows * 20 * NS_PER_US;
}

/* All flows have the same interval; the daemons do not sample their hosts more often than this. */
static int64_t host_interval(const struct run *run)
{
    int64_t interval = run->plan->flows[0].settings.interval;
    if (!run->options->output.host_stats)
        return 0;
    return interval > HOSTSTAT_INTERVAL_MIN ? interval : HOSTSTAT_INTERVAL_MIN;
}

bool run_start(struct run *run)
{
    if (run->early_clocks < run->plan->daemon_count && !run_read_clocks(run, CLOCKSYNC_ROUNDS))
        return false;
    run_check_synchronised(run);
    run_find_peers(run);
    run_remember(run);
    int64_t lead = start_lead(clocksync_round_trip(run->clocks), run->slowest, run->plan->count);
    run->start = clock_now() + lead;
    if (run->options->start_at && !await_start(run, lead))
        return false;
    run->file.wall_start = clock_wall() + (run->start - clock_now());
    run->file.bound = clocksync_bound(run->clocks, run->start);
    run_remember_start(run);
    for (size_t i = 0; i < run->plan->daemon_count; i++) {
        struct start_call call = {
            .at = clocksync_remote(run->clocks, i, run->start),
            .in_ms = -1,
            .clocks = run_peer_clocks(run, i),
            .host_stats = host_interval(run),
        };
        run->daemons[i].start_at = call.at;
        memcpy(call.session, run->daemons[i].session, sizeof call.session);
        snprintf(call.key, sizeof call.key, "start");
        run->daemons[i].contact.last = clock_now();
        fleet_call(run->fleet, i, LANE_COMMAND, METHOD_START, &call, START_TIMEOUT_MS, on_answer);
    }
    return run_wait(run);
}
