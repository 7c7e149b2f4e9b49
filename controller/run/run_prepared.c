/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Waits until all endpoints are ready, and finds the cause where one is not. */
#include <stdio.h>
#include <string.h>

#include "failure.h"
#include "run/run_state.h"

enum {
    PREPARED_WAIT_MS = 5000,
    CAUSE_TIME_MS = 1000, /* waited for the other end's failure, besides the round trips */
    CAUSE_STEP_MS = 50,
};

static void on_prepared(void *owner, const struct fleet_result *result);

static void ask_prepared(struct run *run, size_t daemon)
{
    struct prepared_call call = {.wait_ms = PREPARED_WAIT_MS};
    memcpy(call.session, run->daemons[daemon].session, sizeof call.session);
    fleet_call(run->fleet, daemon, LANE_COMMAND, METHOD_PREPARED, &call,
               PREPARED_WAIT_MS + RUN_CALL_TIMEOUT_MS, on_prepared);
}

static void fail_endpoint(struct run *run, size_t daemon, const struct failure *failure)
{
    if (!run_fail_flow(run, daemon, failure))
        run_fail(run, EXIT_PARTIAL, "flowd at %s: an endpoint that is not its own failed: %s",
                 run_daemon_name(run, daemon), failure->sentence);
}

/* An end that fails closes the connection, which makes the other end fail, too: often the second
 * failure is heard of first. */
static void hold_consequence(struct run *run, size_t daemon, const struct failure *failure)
{
    struct run_consequence *held = &run->consequence;
    if (held->held)
        return;
    held->held = true;
    held->daemon = daemon;
    held->failure = *failure;
    snprintf(held->sentence, sizeof held->sentence, "%s", failure->sentence);
    held->failure.sentence = held->sentence;
    held->until = clock_now() + CAUSE_TIME_MS * NS_PER_MS + 2 * run->round_trip;
}

/* The first failure of the list that is not a consequence, else the first one. */
static const struct prepared_failure *first_cause(const struct schema_list *failures)
{
    const struct prepared_failure *list = failures->items;
    for (size_t i = 0; i < failures->count; i++)
        if (list[i].code != FAULT_PEER)
            return &list[i];
    return list;
}

static void take_failures(struct run *run, size_t daemon, const struct schema_list *failures)
{
    const struct prepared_failure *first = first_cause(failures);
    const struct failure failure = {.flow = first->flow,
                                    .endpoint = (enum endpoint)first->endpoint,
                                    .code = (int)first->code,
                                    .sentence = first->reason};
    if (first->code == FAULT_PEER)
        hold_consequence(run, daemon, &failure);
    else
        fail_endpoint(run, daemon, &failure);
}

static void on_prepared(void *owner, const struct fleet_result *result)
{
    struct run *run = owner;
    const struct prepared_reply *reply = result->reply;
    if (result->outcome != FLEET_ANSWERED) {
        run_fail_contact(run, result);
    } else if (reply->failed && reply->failures.count) {
        take_failures(run, result->daemon, &reply->failures);
    } else if (reply->ready == reply->total) {
        run->daemons[result->daemon].prepared = true;
    } else {
        ask_prepared(run, result->daemon);
    }
}

/* Its daemon may be the one that told of the consequence, and then has answered already. */
static void ask_other_end(struct run *run, int64_t now)
{
    struct run_consequence *held = &run->consequence;
    const struct failure *failure = &held->failure;
    held->asked = now;
    if (failure->flow < 0 || (size_t)failure->flow >= run->plan->count)
        return;
    const struct plan_flow *flow = &run->plan->flows[failure->flow];
    size_t daemon = flow->at[endpoint_other(failure->endpoint)].daemon;
    if (daemon == held->daemon)
        ask_prepared(run, daemon);
}

bool run_await_prepared(struct run *run)
{
    struct run_consequence *held = &run->consequence;
    while (!run->failed && !interrupt_asked() && (held->held || fleet_pending(run->fleet))) {
        int64_t now = clock_now();
        if (held->held && now >= held->until) {
            fail_endpoint(run, held->daemon, &held->failure);
            break;
        }
        if (held->held && now >= held->asked + CAUSE_STEP_MS * NS_PER_MS)
            ask_other_end(run, now);
        fleet_step(run->fleet, held->held ? CAUSE_STEP_MS : RUN_STEP_MS);
    }
    return !run->failed && !interrupt_asked();
}

void run_ask_prepared(struct run *run)
{
    for (size_t i = 0; i < run->plan->daemon_count; i++)
        ask_prepared(run, i);
}
