/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a run is worth: the exit status, and a sentence on standard error for whatever makes it
 * other than 0. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failure.h"
#include "info.h"
#include "log.h"
#include "mem.h"
#include "run/run_state.h"

/* ---- stopped before its time ---- */

void run_note_stopped(struct run *run, const struct report *report, struct endpoint_result *result)
{
    const struct plan_flow *planned = &run->plan->flows[report->key[REPORT_FLOW]];
    enum endpoint end = (enum endpoint)report->key[REPORT_ENDPOINT];
    struct run_daemon *daemon = &run->daemons[planned->at[end].daemon];
    if (!result->stopped)
        return;
    char *why = result->stopped;
    result->stopped = NULL;
    if (results_were_cut(result, planned, end))
        result->stopped =
            mem_printf("%s after %.3f of %.3f s", why, (double)report->key[REPORT_END] / NS_PER_SEC,
                       (double)settings_schedule(planned->ends).end / NS_PER_SEC);
    free(why);
    /* Causes that lie here, or at the other end, are said there. */
    if (!result->stopped || !result->stopped_there || daemon->stop_said)
        return;
    daemon->stop_said = true;
    log_error("flowd at %s: %s", run_daemon_name(run, planned->at[end].daemon), result->stopped);
}

/* Whether all dumps, or traces, are whole; else a sentence says so. `notes` is what tells. */
static bool check_files(const struct run *run, const char *what, enum info_id notes)
{
    char note[PROTOCOL_REASON_MAX], first[PROTOCOL_REASON_MAX] = "", more[64] = "";
    size_t flow = 0, count = 0;
    enum endpoint end = SOURCE;
    for (size_t i = 0; i < ENDPOINTS * run->plan->count; i++) {
        results_info(&run->results->flows[i / ENDPOINTS].ends[i % ENDPOINTS], infos[notes].name,
                     note, sizeof note);
        if (!*note || count++)
            continue;
        memcpy(first, note, sizeof first);
        flow = i / ENDPOINTS;
        end = (enum endpoint)(i % ENDPOINTS);
    }
    if (count > 1)
        snprintf(more, sizeof more, ", and so are %zu others", count - 1);
    if (count)
        log_warning("the %s of flow %zu, %s, is incomplete%s: %s", what, flow, endpoint_name(end),
                    more, first);
    return !count;
}

static bool check_all_files(const struct run *run)
{
    bool dumps = check_files(run, "dump", INFO_dump_note);
    return check_files(run, "trace", INFO_trace_note) && dumps;
}

/* ---- the verdict ---- */

/* Why an endpoint has failed; NULL: it has not. */
static const char *failure_of(const struct endpoint_result *result, char text[64])
{
    if (results_error(result) || !result->missing)
        return results_error(result);
    snprintf(text, 64, "%" PRId64 " reports are missing", result->missing);
    return text;
}

/* Whether an endpoint failed because the other one closed the connection, which may know why. */
static bool is_consequence(const struct endpoint_result *result)
{
    char code[32];
    results_info(result, infos[INFO_fault].name, code, sizeof code);
    return atoi(code) == FAULT_PEER;
}

/* Names the first endpoint that failed, of those whose failure is not a consequence, or of all. */
static bool explain_first(const struct run *run, bool causes, const char *more)
{
    char text[64], sentence[2 * FAIL_TEXT_MAX];
    for (size_t i = 0; i < ENDPOINTS * run->plan->count; i++) {
        enum endpoint end = (enum endpoint)(i % ENDPOINTS);
        const struct plan_place *at = &run->plan->flows[i / ENDPOINTS].at[end];
        const struct endpoint_result *result = &run->results->flows[i / ENDPOINTS].ends[end];
        const char *why = failure_of(result, text);
        if (!why || run->daemons[at->daemon].lost || (causes && is_consequence(result)))
            continue;
        run_failure_text(
            run,
            &(struct failure){.flow = (int64_t)(i / ENDPOINTS), .endpoint = end, .sentence = why},
            sentence);
        log_error("%s%s", sentence, more);
        return true;
    }
    return false;
}

/* That a daemon was lost has been said already. */
static void explain_failures(const struct run *run, size_t failed)
{
    char more[64] = "";
    if (failed > 1)
        snprintf(more, sizeof more, " (%zu flows failed)", failed);
    if (!explain_first(run, true, more))
        explain_first(run, false, more);
}

/* Of flows whose data did not all arrive. */
struct shortfall {
    bool (*is_so)(const struct flow_result *flow, const struct plan_flow *planned,
                  enum endpoint receiver);
    /* Words it; `more`: how many others there are. */
    void (*say)(size_t flow, const struct plan_flow *planned, const struct flow_result *result,
                enum endpoint receiver, const char *more);
};

static void say_empty(size_t flow, const struct plan_flow *planned,
                      const struct flow_result *result, enum endpoint receiver, const char *more)
{
    (void)result;
    log_error("flow %zu: nothing arrived at the %s %s%s, although the connection was set up: "
              "check the path for a firewall, or for a link with a smaller MTU than the "
              "hosts assume",
              flow, endpoint_name(receiver), planned->at[receiver].host, more);
}

static void say_partial(size_t flow, const struct plan_flow *planned,
                        const struct flow_result *result, enum endpoint receiver, const char *more)
{
    const struct endpoint_settings *sender = &planned->ends[1 - receiver];
    const int64_t *value = result->ends[receiver].final.value;
    int64_t sent = value[METRIC_datagrams_peer_sent], distinct = value[METRIC_datagrams_distinct];
    if (sent != METRIC_ABSENT && distinct < sent) {
        log_error("flow %zu: %" PRId64 " of the %" PRId64 " datagrams of the volume did not arrive "
                  "at the %s%s",
                  flow, sent - distinct, sent, endpoint_name(receiver), more);
        return;
    }
    log_error("flow %zu: the %s had read %" PRId64 " of %" PRId64
              " %s%s when the duration (-T) of %.9g s was over",
              flow, endpoint_name(receiver),
              value[sender->volume ? METRIC_rx_bytes : METRIC_rx_requests],
              sender->volume ? sender->volume : sender->volume_blocks,
              sender->volume ? "bytes" : "blocks", more, (double)sender->duration / NS_PER_SEC);
}

static const struct shortfall empty = {results_are_empty, say_empty};
static const struct shortfall partial = {results_lack_volume, say_partial};

/* Names the first of `count` flows. */
static void explain_shortfall(const struct run *run, const struct shortfall *shortfall,
                              size_t count)
{
    char more[64] = "";
    if (count > 1)
        snprintf(more, sizeof more, " (and of %zu other flow%s)", count - 1, count > 2 ? "s" : "");
    for (size_t i = 0; count && i < ENDPOINTS * run->plan->count; i++) {
        enum endpoint receiver = (enum endpoint)(i % ENDPOINTS);
        const struct plan_flow *planned = &run->plan->flows[i / ENDPOINTS];
        const struct flow_result *flow = &run->results->flows[i / ENDPOINTS];
        if (!shortfall->is_so(flow, planned, receiver))
            continue;
        shortfall->say(i / ENDPOINTS, planned, flow, receiver, more);
        return;
    }
}

void run_judge(struct run *run, const struct results_total *total)
{
    if (total->failed)
        explain_failures(run, total->failed);
    explain_shortfall(run, &empty, total->empty);
    explain_shortfall(run, &partial, total->partial);
    bool whole = check_all_files(run) && !total->failed && !total->empty && !total->stopped &&
                 !total->partial;
    for (size_t i = 0; i < run->plan->daemon_count; i++)
        whole &= !run->daemons[i].lost && !run->daemons[i].rows_lost;
    if (!whole)
        run->status = EXIT_PARTIAL;
}
