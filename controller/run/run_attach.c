/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A run that outlived its controller: how another one goes on with it. */
#include <string.h>

#include "run/run_state.h"

/* What a daemon answers when it is found again: without an answer it is lost. */
static bool check_found(struct run *run, const struct fleet_result *result)
{
    struct run_daemon *daemon = &run->daemons[result->daemon];
    if (result->outcome == FLEET_ANSWERED) {
        daemon_contact_heard(&daemon->contact, result->received);
        return true;
    }
    daemon->gone |= result->outcome == FLEET_FAULT && result->fail.code == FAULT_GONE;
    run_lose_daemon(run, result->daemon, result->fail.text);
    return false;
}

static void on_renewed(void *owner, const struct fleet_result *result)
{
    check_found(owner, result);
}

static void on_described(void *owner, const struct fleet_result *result)
{
    if (check_found(owner, result))
        run_take_description(owner, result);
}

static void on_schema(void *owner, const struct fleet_result *result)
{
    if (check_found(owner, result))
        run_take_schema(owner, result);
}

/* The renewal is the first call: what comes later may take its time. */
static void match_sessions(struct run *run)
{
    run_name_sessions(run);
    for (size_t i = 0; i < run->plan->daemon_count; i++) {
        struct session_call renew = {0};
        struct empty_message nothing = {0};
        struct schema_call names = {.names_only = true};
        memcpy(renew.session, run->daemons[i].session, sizeof renew.session);
        daemon_contact_heard(&run->daemons[i].contact, clock_now());
        fleet_call(run->fleet, i, LANE_COMMAND, METHOD_RENEW, &renew, RUN_CALL_TIMEOUT_MS,
                   on_renewed);
        fleet_call(run->fleet, i, LANE_COMMAND, METHOD_DESCRIBE, &nothing, RUN_CALL_TIMEOUT_MS,
                   on_described);
        fleet_call(run->fleet, i, LANE_REPORTS, METHOD_SCHEMA, &names, RUN_CALL_TIMEOUT_MS,
                   on_schema);
    }
    while (fleet_pending(run->fleet) && !interrupt_asked())
        fleet_step(run->fleet, RUN_CALL_TIMEOUT_MS);
}

static bool any_left(const struct run *run)
{
    for (size_t i = 0; i < run->plan->daemon_count; i++)
        if (!run->daemons[i].lost)
            return true;
    return false;
}

static bool any_reached(const struct run *run)
{
    for (size_t i = 0; i < run->plan->daemon_count; i++)
        if (run->daemons[i].described || run->daemons[i].gone)
            return true;
    return false;
}

bool run_rejoin(struct run *run)
{
    match_sessions(run);
    if (run->failed || interrupt_asked())
        return false;
    if (!run->file.wall_start) {
        run_fail(run, EXIT_PARTIAL, "run %.8s was not started: there is nothing to collect",
                 run->id);
        return false;
    }
    /* The wall clock may have been set: then only the time for giving up is another one. */
    int64_t since = clock_wall() - run->file.wall_start;
    run->start = clock_now() - (since > 0 ? since : 0);
    if (any_left(run)) {
        run_find_peers(run); /* the clocks are compared anew, while the flows run */
        return true;
    }
    run->failed = true;
    run->status = any_reached(run) ? EXIT_PARTIAL : EXIT_NOT_REACHED;
    return false;
}
