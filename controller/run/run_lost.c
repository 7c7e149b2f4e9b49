/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Daemons that are given up during a run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "mem.h"
#include "run/run_state.h"

void run_stop_flows(struct run *run, size_t daemon, struct schema_list flows, const char *key)
{
    struct stop_call call = {.flows = flows};
    memcpy(call.session, run->daemons[daemon].session, sizeof call.session);
    snprintf(call.key, sizeof call.key, "%s", key);
    fleet_call(run->fleet, daemon, LANE_COMMAND, METHOD_STOP, &call, RUN_CALL_TIMEOUT_MS,
               NULL /* the reports say how it went */);
}

void run_end_flow(struct run *run, size_t flow, enum endpoint ended, const char *why)
{
    enum endpoint other = endpoint_other(ended);
    struct endpoint_result *result = &run->results->flows[flow].ends[other];
    size_t daemon = run->plan->flows[flow].at[other].daemon;
    if (result->finished || run->daemons[daemon].lost)
        return;
    char *text = mem_printf("stopped because the %s ended (%s)", endpoint_name(ended), why);
    results_set_stopped(result, text);
    free(text);
    *(size_t *)fifo_add(&run->daemons[daemon].to_stop, sizeof(size_t)) = flow;
}

void run_end_flows_of(struct run *run, size_t daemon, const char *why)
{
    if (run->daemons[daemon].stop_told)
        return;
    run->daemons[daemon].stop_told = true;
    for (size_t i = 0; i < ENDPOINTS * run->plan->count; i++) {
        size_t flow = i / ENDPOINTS;
        enum endpoint end = (enum endpoint)(i % ENDPOINTS);
        if (run->plan->flows[flow].at[end].daemon == daemon &&
            !run->results->flows[flow].ends[end].finished)
            run_end_flow(run, flow, end, why);
    }
}

void run_stop_other_ends(struct run *run)
{
    for (size_t i = 0; i < run->plan->daemon_count; i++) {
        struct run_daemon *daemon = &run->daemons[i];
        size_t count = 0;
        char key[32];
        if (!daemon->to_stop.count)
            continue;
        int64_t *flows = mem_new(daemon->to_stop.count, sizeof *flows);
        for (; daemon->to_stop.count; fifo_drop(&daemon->to_stop))
            flows[count++] = (int64_t) * (size_t *)fifo_at(&daemon->to_stop, 0, sizeof(size_t));
        snprintf(key, sizeof key, "end%u", daemon->stop_calls++);
        if (!daemon->lost)
            run_stop_flows(run, i, (struct schema_list){flows, count}, key);
        free(flows);
    }
}

void run_lose_daemon(struct run *run, size_t index, const char *why)
{
    struct run_daemon *daemon = &run->daemons[index];
    char text[2 * FAIL_TEXT_MAX];
    if (daemon->lost)
        return;
    daemon->lost = true;
    fleet_cancel(run->fleet, index);
    snprintf(text, sizeof text, "flowd at %s is lost: %s", run_daemon_name(run, index), why);
    log_error("%s; its flows end here", text);
    sinks_note(&run->sinks, &(struct note){.kind = NOTE_ERROR, .sentence = text});
    for (size_t i = 0; i < ENDPOINTS * run->plan->count; i++) {
        size_t flow = i / ENDPOINTS;
        enum endpoint end = (enum endpoint)(i % ENDPOINTS);
        struct endpoint_result *result = &run->results->flows[flow].ends[end];
        if (run->plan->flows[flow].at[end].daemon != index || result->finished)
            continue;
        results_set_error(result, text);
        run_end_flow(run, flow, end, text);
    }
    run_stop_other_ends(run);
}
