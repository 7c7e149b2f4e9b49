/* SPDX-License-Identifier: GPL-3.0-or-later */
/* --start-at: a run that starts at a time of the wall clock. The flows are prepared at once, so
 * that what is wrong with them is said at once; the daemons are told the start shortly before it,
 * by when the drift of their clocks is known. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "run_state.h"

enum { STEP_MS = 100, CALL_TIMEOUT_MS = 5000 };

/* So long before the start the daemons are told of it, besides what the calls take. */
#define TOLD_BEFORE NS_PER_SEC
/* A session's life is renewed three times as often as it has to be. */
#define RENEWALS 3

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
    if (run->options->quiet)
        return;
    localtime_r(&seconds, &local);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %z", &local);
    fprintf(stderr, "flowctl: ready, waiting for the start at %s\n", text);
}

static void renew_sessions(struct run *run, int64_t now)
{
    for (size_t i = 0; i < run->plan->daemon_count; i++) {
        struct session_call call = {0};
        struct run_daemon *daemon = &run->daemons[i];
        int64_t lease = run->described[i].limits.lease_s * NS_PER_SEC;
        if (now - daemon->last_contact < lease / RENEWALS)
            continue;
        daemon->last_contact = now;
        memcpy(call.session, daemon->session, sizeof call.session);
        fleet_call(run->fleet, i, LANE_REPORTS, METHOD_RENEW, &call, CALL_TIMEOUT_MS, NULL);
    }
}

bool run_await_start(struct run *run, int64_t lead)
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
             "option --start-at: the flows were ready too late for it, by %.3f s: give them more "
             "time",
             (double)(clock_now() + lead - run->start) / NS_PER_SEC);
    return false;
}
