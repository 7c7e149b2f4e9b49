/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From the start to the last report. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "mem.h"
#include "run_state.h"
#include "sock.h"

enum {
    CALL_TIMEOUT_MS = 10000,
    POLL_WAIT_MS = 2000,
    POLL_LEAST_MS = 200,
    CLOCK_WAIT_MS = 500,
    STEP_MS = 200,
};

#define RETRY_PAUSE  (200 * NS_PER_MS)
#define REFUSED_TIME NS_PER_SEC        /* a host that refuses so long has no daemon any more */
#define START_LEAD   (100 * NS_PER_MS) /* besides the round trips */
#define LATEST_END   (30 * NS_PER_SEC) /* after the last flow should have drained */

/* ---- clocks and the start ---- */

/* Late enough for the call to reach every daemon and every daemon's flows, also where hosts are so
 * busy that some call has waited. */
static int64_t choose_start(const struct run *run)
{
    return clock_now() + START_LEAD + 5 * clocksync_round_trip(run->clocks) + 10 * run->slowest +
           (int64_t)run->plan->count * 20 * NS_PER_US;
}

bool run_start(struct run *run)
{
    if (!run_read_clocks(run, CLOCKSYNC_ROUNDS))
        return false;
    run_check_synchronised(run);
    run_find_peers(run);
    run_remember(run);
    run->start = choose_start(run);
    if (run->options->start_at && !run_await_start(run, run->start - clock_now()))
        return false;
    run->file.wall_start = clock_wall() + (run->start - clock_now());
    run->file.bound = clocksync_bound(run->clocks, run->start);
    run_remember_start(run);
    for (size_t i = 0; i < run->plan->daemon_count; i++) {
        struct start_call call = {
            .at = clocksync_remote(run->clocks, i, run->start),
            .in_ms = -1,
            .clocks = run_peer_clocks(run, i),
        };
        run->daemons[i].start_at = call.at;
        memcpy(call.session, run->daemons[i].session, sizeof call.session);
        snprintf(call.key, sizeof call.key, "start");
        run->daemons[i].last_contact = clock_now();
        fleet_call(run->fleet, i, LANE_COMMAND, METHOD_START, &call, CALL_TIMEOUT_MS, NULL);
    }
    return run_wait(run);
}

/* ---- reports ---- */

static int64_t lease_of(const struct run *run, size_t index)
{
    return run->described[index].limits.lease_s * NS_PER_SEC;
}

/* No call outlasts the lease: then the daemon has ended its flows, and is given up. */
static int64_t poll_timeout_ms(const struct run *run, size_t index)
{
    int64_t left = run->daemons[index].last_contact + lease_of(run, index) - clock_now();
    left = left / NS_PER_MS + 1;
    if (left < POLL_LEAST_MS)
        return POLL_LEAST_MS;
    return left < POLL_WAIT_MS + CALL_TIMEOUT_MS ? left : POLL_WAIT_MS + CALL_TIMEOUT_MS;
}

/* What a daemon gives up has to be in the log first: it is there for whoever comes after us. */
static void note_written(const struct run *run, struct run_daemon *daemon)
{
    if (!daemon->marked && daemon->after > daemon->acknowledged) {
        daemon->marked = daemon->after;
        sinks_mark(&run->sinks, &daemon->mark);
    }
    if (daemon->marked && sinks_reached(&run->sinks, &daemon->mark)) {
        daemon->acknowledged = daemon->marked;
        daemon->marked = 0;
    }
}

static void poll_reports(struct run *run, size_t index)
{
    struct run_daemon *daemon = &run->daemons[index];
    int64_t timeout = poll_timeout_ms(run, index);
    note_written(run, daemon);
    struct reports_call call = {
        .after = daemon->after,
        .wait_ms = timeout / 2 < POLL_WAIT_MS ? timeout / 2 : POLL_WAIT_MS,
        .max_bytes = 4 << 20,
        .acknowledge = daemon->acknowledged,
        .clocks = run_peer_clocks(run, index),
    };
    /* What is learned of the clocks goes with the next call. */
    if (daemon->clocks.count && call.wait_ms > CLOCK_WAIT_MS)
        call.wait_ms = CLOCK_WAIT_MS;
    memcpy(call.session, daemon->session, sizeof call.session);
    daemon->polling = true;
    fleet_call(run->fleet, index, LANE_REPORTS, METHOD_REPORTS, &call, timeout, NULL);
}

static void say_event(const struct report *report, const struct endpoint_result *result)
{
    char local[ADDRESS_TEXT_MAX], peer[ADDRESS_TEXT_MAX];
    enum endpoint end = (enum endpoint)report->key[REPORT_ENDPOINT];
    const char *name = endpoint_name(end);
    double at = (double)report->key[REPORT_END] / NS_PER_SEC;
    if (report->key[REPORT_KIND] == REPORT_FINAL) {
        log_info("flow %" PRId64 " %s: %s at %.6f s%s%s", report->key[REPORT_FLOW], name,
                 result->error ? "failed" : "finished", at, result->error ? ": " : "",
                 result->error ? result->error : "");
        return;
    }
    results_info(result, "local", local, sizeof local);
    results_info(result, "peer", peer, sizeof peer);
    log_info("flow %" PRId64 " %s: connected from %s to %s, started at %.6f s",
             report->key[REPORT_FLOW], name, end == SOURCE ? local : peer,
             end == SOURCE ? peer : local, at);
}

static void take_event(struct run *run, const struct report_row *row,
                       struct endpoint_result *result)
{
    if (log_enabled(LOG_LEVEL_INFO))
        say_event(&row->report, result);
    sinks_event(&run->sinks, &row->report, result);
}

static void take_row(struct run *run, const struct report_row *row)
{
    int64_t delta[METRICS];
    struct fail fail;
    const struct endpoint_result *failed;
    if (run->attached && results_know(run->results, row, &failed)) {
        if (failed)
            sinks_line(&run->sinks, "failed %c %" PRId64 " %s",
                       row->report.key[REPORT_ENDPOINT] == SOURCE ? 'S' : 'D',
                       row->report.key[REPORT_FLOW], failed->error);
        return;
    }
    struct endpoint_result *result = results_take(run->results, row, delta, &fail);
    if (!result)
        log_warning("%s", fail.text);
    else if (row->report.key[REPORT_KIND] == REPORT_INTERVAL)
        sinks_interval(&run->sinks, &row->report, delta);
    else
        take_event(run, row, result);
}

static void take_rows(struct run *run, size_t index, const struct reports_reply *reply)
{
    struct run_daemon *daemon = &run->daemons[index];
    struct report_row row;
    struct fail fail;
    size_t at = 0, used;
    while (at < reply->rows.length) {
        if (!report_unpack((const char *)reply->rows.data + at, reply->rows.length - at,
                           &daemon->layout, &row, &used, &fail)) {
            log_warning("reports of flowd at %s can't be read: %s", run_daemon_name(run, index),
                        fail.text);
            break;
        }
        take_row(run, &row);
        at += used;
    }
    if (reply->count > 0)
        daemon->after = reply->first + reply->count - 1;
    sinks_flush(&run->sinks);
}

static void note_lost_rows(struct run *run, size_t index, const struct reports_reply *reply)
{
    struct run_daemon *daemon = &run->daemons[index];
    if (reply->lost && (!daemon->rows_lost || reply->finished)) {
        log_warning("flowd at %s: %s", run_daemon_name(run, index), reply->failure);
        if (reply->finished)
            sinks_line(&run->sinks, "error: flowd at %s: %s", run_daemon_name(run, index),
                       reply->failure);
    }
    daemon->rows_lost = reply->lost;
}

/* ---- daemons that are gone ---- */

static void stop_flows(struct run *run, size_t daemon, struct schema_list flows, const char *key)
{
    struct stop_call call = {.flows = flows};
    memcpy(call.session, run->daemons[daemon].session, sizeof call.session);
    snprintf(call.key, sizeof call.key, "%s", key);
    fleet_call(run->fleet, daemon, LANE_COMMAND, METHOD_STOP, &call, CALL_TIMEOUT_MS, NULL);
}

/* The other ends of its flows have nobody to talk to. */
static void stop_peers(struct run *run, size_t lost)
{
    int64_t *flows = mem_new(run->plan->count, sizeof *flows);
    for (size_t other = 0; other < run->plan->daemon_count; other++) {
        size_t count = 0;
        if (other == lost || run->daemons[other].lost || run->daemons[other].finished)
            continue;
        for (size_t i = 0; i < run->plan->count; i++) {
            const struct plan_place *at = run->plan->flows[i].at;
            if ((at[SOURCE].daemon == lost && at[DESTINATION].daemon == other) ||
                (at[DESTINATION].daemon == lost && at[SOURCE].daemon == other))
                flows[count++] = (int64_t)i;
        }
        char key[32];
        snprintf(key, sizeof key, "lost%zu", lost);
        if (count)
            stop_flows(run, other, (struct schema_list){flows, count}, key);
    }
    free(flows);
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
    sinks_line(&run->sinks, "error: %s", text);
    for (size_t i = 0; i < run->plan->count; i++)
        for (int end = 0; end < ENDPOINTS; end++)
            if (run->plan->flows[i].at[end].daemon == index &&
                !run->results->flows[i].ends[end].finished)
                results_set_error(&run->results->flows[i].ends[end], text);
    stop_peers(run, index);
}

static void take_trouble(struct run *run, const struct fleet_result *result)
{
    struct run_daemon *daemon = &run->daemons[result->daemon];
    int64_t now = clock_now();
    if (result->outcome == FLEET_FAULT) {
        daemon->gone = result->fail.code == FAULT_GONE;
        run_lose_daemon(run, result->daemon, result->fail.text);
        return;
    }
    /* A network that is cut off answers nothing, and may come back. */
    if (!result->refused)
        daemon->refused_since = 0;
    else if (!daemon->refused_since)
        daemon->refused_since = now;
    bool refused = daemon->refused_since && now - daemon->refused_since >= REFUSED_TIME;
    daemon->gone = refused; /* what ended has kept nothing */
    if (refused || now - daemon->last_contact >= lease_of(run, result->daemon))
        run_lose_daemon(run, result->daemon, result->fail.text);
    else
        daemon->retry_at = now + RETRY_PAUSE;
}

static void take_reports(struct run *run, const struct fleet_result *result)
{
    struct run_daemon *daemon = &run->daemons[result->daemon];
    const struct reports_reply *reply = result->reply;
    daemon->polling = false;
    if (result->outcome != FLEET_ANSWERED) {
        take_trouble(run, result);
        return;
    }
    daemon->last_contact = result->received;
    daemon->refused_since = 0;
    take_rows(run, result->daemon, reply);
    note_lost_rows(run, result->daemon, reply);
    daemon->finished = reply->finished;
    if (run->attached && !strcmp(reply->state, "preparing"))
        run_lose_daemon(run, result->daemon, "its flows were not started");
}

/* ---- the loop ---- */

static bool poll_all(struct run *run)
{
    bool any = false;
    int64_t now = clock_now();
    for (size_t i = 0; i < run->plan->daemon_count; i++) {
        struct run_daemon *daemon = &run->daemons[i];
        if (daemon->finished || daemon->lost)
            continue;
        any = true;
        if (!daemon->polling && now >= daemon->retry_at)
            poll_reports(run, i);
    }
    return any;
}

static void stop_all(struct run *run, const char *why)
{
    if (run->stopping)
        return;
    run->stopping = true;
    log_warning("%s", why);
    for (size_t i = 0; i < run->plan->daemon_count; i++)
        if (!run->daemons[i].finished && !run->daemons[i].lost)
            stop_flows(run, i, (struct schema_list){0}, "stop");
}

/* When the last flow should have ended and drained. */
static int64_t expected_end(const struct run *run)
{
    int64_t drain = 0;
    for (size_t i = 0; i < run->plan->count; i++)
        if (run->plan->flows[i].settings.drain > drain)
            drain = run->plan->flows[i].settings.drain;
    return run->start + plan_end(run->plan) + drain;
}

static void give_up(struct run *run)
{
    for (size_t i = 0; i < run->plan->daemon_count; i++)
        if (!run->daemons[i].finished && !run->daemons[i].lost)
            run_lose_daemon(run, i, "it did not finish its flows in time");
}

void run_gather(struct run *run)
{
    int64_t latest = expected_end(run) + LATEST_END;
    run->later_clocks = true;
    for (;;) {
        run_keep_clocks(run);
        if (!poll_all(run))
            break;
        fleet_step(run->fleet, STEP_MS);
        if (interrupt_asked())
            stop_all(run, "interrupted: stopping the flows; once more ends at once");
        else if (sinks_deserted(&run->sinks))
            stop_all(run, "nobody takes the results any more: stopping the flows");
        if (clock_now() >= latest)
            give_up(run);
    }
}

bool run_gather_result(struct run *run, const struct fleet_result *result)
{
    switch (result->method) {
    case METHOD_CLOCK:
        run_take_clock(run, result);
        if (run->later_clocks)
            return true;
        break;
    case METHOD_START:
    case METHOD_RENEW:
        break;
    case METHOD_REPORTS:
        take_reports(run, result);
        return true;
    case METHOD_CLOSE:
        run->daemons[result->daemon].gone |=
            result->outcome == FLEET_ANSWERED || result->outcome == FLEET_FAULT;
        return true;
    case METHOD_STOP:
        return true; /* the reports say how it went */
    default:
        return false;
    }
    if (result->outcome != FLEET_ANSWERED)
        run_fail(run, EXIT_PARTIAL, "flowd at %s: %s", run_daemon_name(run, result->daemon),
                 result->fail.text);
    return true;
}
