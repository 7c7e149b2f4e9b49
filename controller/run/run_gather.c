/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From the start to the last report. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "log.h"
#include "mem.h"
#include "output/status.h"
#include "run/run_state.h"

enum {
    POLL_WAIT_LONG_MS = 3000,
    CLOCK_WAIT_MS = 500,
    LIVE_STEP_MS = 50, /* keys are answered at once */
};

#define SILENT_TIME (4 * NS_PER_SEC)  /* longer than a poll takes */
#define LATEST_END  (30 * NS_PER_SEC) /* after the last flow should have drained */

/* ---- reports ---- */

static int64_t lease_of(const struct run *run, size_t index)
{
    return run->described[index].limits.lease_s * NS_PER_SEC;
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

/* Says once that a source has no such address as it was to have. A destination may be reached by an
 * address that is another host's, which translates it. */
static void check_address(struct run *run, const struct report *report,
                          const struct endpoint_result *result)
{
    size_t index = (size_t)report->key[REPORT_FLOW];
    const char *asked = run->plan->flows[index].at[SOURCE].host;
    char local[ADDRESS_TEXT_MAX], text[ADDRESS_TEXT_MAX], host[ADDRESS_TEXT_MAX];
    uint16_t port;
    struct address wanted, real;
    if (report->key[REPORT_ENDPOINT] != SOURCE || report->key[REPORT_KIND] != REPORT_START ||
        run->address_said || !address_parse(asked, 0, &wanted))
        return;
    results_info(result, "local", local, sizeof local);
    if (!address_split_host_port(local, host, sizeof host, &port, NULL) ||
        !address_parse(host, 0, &real) || address_same_host(&wanted, &real))
        return;
    run->address_said = true;
    address_format(&real, text);
    log_warning("%s is not an address of the source's host: flow %zu comes from %s", asked, index,
                text);
}

static void take_event(struct run *run, const struct report_row *row,
                       struct endpoint_result *result)
{
    const int64_t *key = row->report.key;
    if (key[REPORT_KIND] == REPORT_FINAL)
        run_note_stopped(run, &row->report, result);
    if (log_enabled(LOG_LEVEL_INFO))
        say_event(&row->report, result);
    check_address(run, &row->report, result);
    sinks_event(&run->sinks, &row->report, result);
    if (key[REPORT_KIND] == REPORT_FINAL && (result->error || result->stopped))
        run_end_flow(run, (size_t)key[REPORT_FLOW], (enum endpoint)key[REPORT_ENDPOINT],
                     result->error ? result->error : result->stopped);
}

/* Each daemon speaks for its own endpoints. A number that no flow has is results_take()'s to
 * refuse. */
static bool is_of_daemon(const struct run *run, const struct report *report, size_t daemon)
{
    int64_t flow = report->key[REPORT_FLOW], end = report->key[REPORT_ENDPOINT];
    return flow < 0 || flow >= (int64_t)run->plan->count || end < 0 || end >= ENDPOINTS ||
           run->plan->flows[flow].at[end].daemon == daemon;
}

/* One warning of each daemon is enough: it may send as many such rows as it likes. */
static void leave_out(struct run *run, size_t daemon, const char *why)
{
    enum log_level level = run->daemons[daemon].left_out ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING;
    run->daemons[daemon].left_out = true;
    log_at(level, "flowd at %s: %s; such reports are ignored", run_daemon_name(run, daemon), why);
}

static void leave_out_foreign(struct run *run, size_t daemon, const struct report *report)
{
    struct fail fail;
    fail_set(&fail, 0, "it sent a report of flow %" PRId64 ", %s, which belongs to another daemon",
             report->key[REPORT_FLOW], endpoint_name((enum endpoint)report->key[REPORT_ENDPOINT]));
    leave_out(run, daemon, fail.text);
}

/* bbr and its like keep no slow start threshold, and pace by what they think of the path. That is
 * looked up once: rows are many. */
static bool is_model_based(struct endpoint_result *result)
{
    char algorithm[SETTINGS_NAME_MAX];
    if (!result->algorithm_known && result->info) {
        results_info(result, "congestion_control", algorithm, sizeof algorithm);
        result->algorithm_known = true;
        result->model_based = !strncmp(algorithm, "bbr", 3);
    }
    return result->model_based;
}

/* What limits a sender is judged by its rows. */
static void take_limits(struct run *run, const struct report *report,
                        struct endpoint_result *result, const int64_t delta[METRICS])
{
    enum endpoint end = (enum endpoint)report->key[REPORT_ENDPOINT];
    const struct plan_flow *planned = &run->plan->flows[report->key[REPORT_FLOW]];
    int64_t omit = planned->ends[end].omit;
    limits_take(&result->limits, report, delta,
                &(struct limit_about){
                    .model_based = is_model_based(result),
                    .from = omit ? settings_schedule(planned->ends).start[end] + omit : 0});
}

static void take_row(struct run *run, size_t daemon, const struct report_row *row)
{
    int64_t delta[METRICS];
    struct fail fail;
    const struct endpoint_result *failed;
    if (row->report.key[REPORT_KIND] == REPORT_HOST) {
        if (!run_take_host(run, daemon, row, &fail))
            leave_out(run, daemon, fail.text);
        return;
    }
    if (!is_of_daemon(run, &row->report, daemon)) {
        leave_out_foreign(run, daemon, &row->report);
        return;
    }
    if (run->attached && results_know(run->results, row, &failed)) {
        if (failed)
            sinks_note(&run->sinks,
                       &(struct note){.kind = NOTE_FAILED,
                                      .flow = row->report.key[REPORT_FLOW],
                                      .end = (enum endpoint)row->report.key[REPORT_ENDPOINT],
                                      .sentence = failed->error});
        return;
    }
    struct endpoint_result *result = results_take(run->results, row, delta, &fail);
    if (!result)
        leave_out(run, daemon, fail.text);
    else if (row->report.key[REPORT_KIND] != REPORT_INTERVAL)
        take_event(run, row, result);
    else {
        take_limits(run, &row->report, result, delta);
        sinks_interval(&run->sinks, &row->report, delta);
    }
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
        take_row(run, index, &row);
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
        char text[2 * FAIL_TEXT_MAX];
        snprintf(text, sizeof text, "flowd at %s: %s", run_daemon_name(run, index), reply->failure);
        log_warning("%s", text);
        if (reply->finished)
            sinks_note(&run->sinks, &(struct note){.kind = NOTE_ERROR, .sentence = text});
    }
    daemon->rows_lost = reply->lost;
}

/* ---- what daemons answer ---- */

static void handle_call_failure(struct run *run, const struct fleet_result *result, int64_t now)
{
    struct run_daemon *daemon = &run->daemons[result->daemon];
    if (result->outcome == FLEET_FAULT) {
        daemon->gone = result->fail.code == FAULT_GONE;
        run_lose_daemon(run, result->daemon, result->fail.text);
        return;
    }
    enum daemon_verdict verdict = daemon_contact_failed(&daemon->contact, result->refused,
                                                        lease_of(run, result->daemon), now);
    daemon->gone = verdict == DAEMON_IS_OFF;
    if (verdict != DAEMON_RETRY)
        run_lose_daemon(run, result->daemon, result->fail.text);
}

static void on_reports(void *owner, const struct fleet_result *result)
{
    struct run *run = owner;
    struct run_daemon *daemon = &run->daemons[result->daemon];
    const struct reports_reply *reply = result->reply;
    daemon->polling = false;
    if (result->outcome != FLEET_ANSWERED) {
        handle_call_failure(run, result, clock_now());
        return;
    }
    daemon_contact_heard(&daemon->contact, result->received);
    if (reply->stopped[0])
        run_end_flows_of(run, result->daemon, reply->stopped);
    take_rows(run, result->daemon, reply);
    note_lost_rows(run, result->daemon, reply);
    run_stop_other_ends(run);
    daemon->finished = reply->finished;
    daemon->released = reply->finished && run_is_long(run);
    if (run->attached && reply->state == SESSION_PREPARING)
        run_lose_daemon(run, result->daemon, "its flows were not started");
}

/* ---- the loop ---- */

static void poll_reports(struct run *run, size_t index, int64_t now)
{
    struct run_daemon *daemon = &run->daemons[index];
    int64_t timeout = daemon_contact_timeout_ms(&daemon->contact, lease_of(run, index), now);
    /* Where a new call takes long to get there, it is made less often. */
    int64_t wait = run_is_long(run) ? POLL_WAIT_LONG_MS : POLL_WAIT_MS;
    note_written(run, daemon);
    struct reports_call call = {
        .after = daemon->after,
        .wait_ms = timeout / 2 < wait ? timeout / 2 : wait,
        .max_bytes = 4 << 20,
        .acknowledge = daemon->acknowledged,
        .release = run_is_long(run),
        .clocks = run_peer_clocks(run, index),
    };
    /* What is learned of the clocks goes with the next call. */
    if (daemon->clocks.count && call.wait_ms > CLOCK_WAIT_MS)
        call.wait_ms = CLOCK_WAIT_MS;
    memcpy(call.session, daemon->session, sizeof call.session);
    daemon->polling = true;
    fleet_call(run->fleet, index, LANE_REPORTS, METHOD_REPORTS, &call, timeout, on_reports);
}

static bool poll_all(struct run *run, int64_t now)
{
    bool any = false;
    for (size_t i = 0; i < run->plan->daemon_count; i++) {
        struct run_daemon *daemon = &run->daemons[i];
        if (daemon->finished || daemon->lost)
            continue;
        any = true;
        if (!daemon->polling && now >= daemon->contact.retry_at)
            poll_reports(run, i, now);
    }
    return any;
}

/* Stops what runs, for a cause that lies here. */
static void stop_all(struct run *run, const char *cause, const char *advice)
{
    if (run->stopping)
        return;
    run->stopping = mem_strdup(cause);
    log_warning("%s: stopping the flows%s", cause, advice);
    for (size_t i = 0; i < ENDPOINTS * run->plan->count; i++) {
        struct endpoint_result *result = &run->results->flows[i / ENDPOINTS].ends[i % ENDPOINTS];
        if (!result->finished)
            results_set_stopped(result, cause);
    }
    for (size_t i = 0; i < run->plan->daemon_count; i++)
        if (!run->daemons[i].finished && !run->daemons[i].lost)
            run_stop_flows(run, i, (struct schema_list){0}, "stop");
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

/* The daemon that has been silent for the longest time, if that is worth a word. */
static const struct run_daemon *find_silent(const struct run *run, int64_t now, size_t *index)
{
    const struct run_daemon *silent = NULL;
    for (size_t i = 0; i < run->plan->daemon_count; i++) {
        const struct run_daemon *daemon = &run->daemons[i];
        if (daemon->finished || daemon->lost || now - daemon->contact.last < SILENT_TIME ||
            (silent && daemon->contact.last >= silent->contact.last))
            continue;
        silent = daemon;
        *index = i;
    }
    return silent;
}

/* Where rows come, they say enough, unless a daemon is silent. */
static bool has_rows_on_terminal(const struct run *run)
{
    bool rows = false;
    if (run->options->output.live)
        return false;
    for (size_t i = 0; i < run->plan->count; i++)
        rows |= !run->plan->flows[i].settings.summarize_only;
    return rows && isatty(STDOUT_FILENO);
}

/* Once a second: how far the run is. */
static void show_progress(struct run *run, int64_t now)
{
    int64_t past = (now - run->start) / NS_PER_SEC;
    int64_t all = plan_end(run->plan) / NS_PER_SEC;
    size_t index = 0;
    const struct run_daemon *silent = find_silent(run, now, &index);
    if (now - run->progress_at < NS_PER_SEC)
        return;
    run->progress_at = now;
    if (silent)
        status_show("%" PRId64 " of %" PRId64 " s, waiting for flowd at %s for %" PRId64 " s",
                    past < all ? past : all, all, run_daemon_name(run, index),
                    (now - silent->contact.last) / NS_PER_SEC);
    else if (!has_rows_on_terminal(run) && past >= 0)
        status_show("%" PRId64 " of %" PRId64 " s", past < all ? past : all, all);
}

void run_gather(struct run *run)
{
    int64_t latest = expected_end(run) + LATEST_END;
    run->later_clocks = true;
    for (;;) {
        run_keep_clocks(run);
        if (!poll_all(run, clock_now()))
            break;
        fleet_step(run->fleet, run->options->output.live ? LIVE_STEP_MS : RUN_STEP_MS);
        show_progress(run, clock_now());
        sinks_tick(&run->sinks, clock_now());
        if (interrupt_asked())
            stop_all(run, interrupt_cause(), "; a second signal quits immediately");
        else if (sinks_deserted(&run->sinks))
            stop_all(run, "the output was closed", "");
        if (clock_now() >= latest)
            give_up(run);
    }
}
