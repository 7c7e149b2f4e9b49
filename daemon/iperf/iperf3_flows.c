/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "iperf/iperf3_flows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "info.h"
#include "peer/peer.h"

enum {
    ROWS_BYTES = 1 << 20, /* read at once */
    WAIT_MS = 10000,
};

/* ---- waiting ---- */

struct wakeup {
    struct command command;
    struct iperf3_flows *flows;
};

static void end_wait(struct iperf3_flows *flows)
{
    flows->waiting = false;
    session_put(flows->waits_for);
    flows->waits_for = NULL;
}

static void run_wakeup(struct worker *worker, struct command *command)
{
    struct wakeup *wakeup = container_of(command, struct wakeup, command);
    struct iperf3_flows *flows = wakeup->flows;
    (void)worker;
    free(wakeup);
    end_wait(flows);
    flows->changed(flows);
}

/* From any thread. */
static void wake(struct waiter *waiter)
{
    struct wakeup *wakeup = mem_new(1, sizeof *wakeup);
    wakeup->command.run = run_wakeup;
    wakeup->flows = container_of(waiter, struct iperf3_flows, waiter);
    worker_post(wakeup->flows->worker, &wakeup->command);
}

static struct call_wait wait_for(struct iperf3_flows *flows)
{
    flows->waiter = (struct waiter){.wake = wake};
    list_init(&flows->waiter.link);
    /* Set before the call: it may be woken before the call returns. */
    return (struct call_wait){
        .allowed = true,
        .user = IPERF3_USER,
        .waiter = &flows->waiter,
        .arrived = clock_now(),
    };
}

static void note_wait(struct iperf3_flows *flows, const struct call_wait *wait)
{
    flows->waiting = true;
    flows->waitlist = wait->waitlist;
    flows->waits_for = wait->session;
}

/* ---- the session ---- */

bool iperf3_flows_open(struct iperf3_flows *flows, const char *address,
                       const struct iperf3_params *params, struct fail *fail)
{
    struct open_call call = {.run = "iperf3"};
    struct open_reply reply = {0};
    uint8_t key[SECRET_SIZE];
    secret_make(key);
    secret_format(key, call.key);
    snprintf(call.controller, sizeof call.controller, "%.90s (iperf3 %.20s)", address,
             params->version[0] ? params->version : "client");
    if (session_open(flows->sessions, &call, IPERF3_USER, &reply, fail) != CALL_DONE)
        return false;
    memcpy(flows->id, reply.session, sizeof flows->id);
    int64_t now = clock_now();
    flows->session = session_get(flows->sessions, flows->id, IPERF3_USER, now, fail);
    flows->renew_every = reply.lease_s * NS_PER_SEC / 3;
    flows->renew_at = now + flows->renew_every;
    return flows->session != NULL;
}

int64_t iperf3_flows_renew(struct iperf3_flows *flows, int64_t now)
{
    struct fail fail;
    if (!flows->session)
        return CLOCK_NEVER;
    if (now < flows->renew_at)
        return flows->renew_at;
    session_put(session_get(flows->sessions, flows->id, IPERF3_USER, now, &fail));
    flows->renew_at = now + flows->renew_every;
    return flows->renew_at;
}

static const struct peer_protocol *protocol_of(const struct iperf3_params *params)
{
    return params->udp ? &peer_accepted_datagrams[params->counters_64bit]
                                                 [iperf3_params_need_wall_clock(params)]
                       : &peer_accepted;
}

bool iperf3_flows_adopt(struct iperf3_flows *flows, const struct iperf3_params *params,
                        const int *sockets, size_t count, int64_t longest, struct fail *fail)
{
    struct prepare_endpoint *endpoints = mem_new(count, sizeof *endpoints);
    flows->streams = mem_new(count, sizeof *flows->streams);
    flows->count = count;
    flows->output.wanted = params->server_output;
    flows->output.omit = params->omit * NS_PER_SEC;
    flows->output.datagrams = params->udp;
    for (size_t i = 0; i < count; i++) {
        iperf3_params_endpoint(params, i, longest, &endpoints[i]);
        flows->streams[i].reverse = iperf3_params_is_reverse(params, i);
        flows->streams[i].datagrams = params->udp;
        report_init(&flows->streams[i].report);
    }
    const struct adoption adoption = {endpoints, sockets, count, protocol_of(params)};
    bool good = session_adopt(flows->session, &adoption, fail);
    free(endpoints);
    return good;
}

enum iperf3_prepared iperf3_flows_prepared(struct iperf3_flows *flows, struct fail *fail)
{
    struct prepared_reply reply = {0};
    struct call_wait wait = wait_for(flows);
    const struct prepared_call call = {.wait_ms = WAIT_MS};
    if (session_prepared(flows->session, &call, &reply, &wait) == CALL_WAIT) {
        note_wait(flows, &wait);
        return IPERF3_PREPARING;
    }
    const struct prepared_failure *failure = reply.failures.items;
    enum iperf3_prepared result = IPERF3_PREPARED;
    if (reply.failed || reply.ready < reply.total) {
        fail_set(fail, reply.failures.count ? (int)failure->code : FAULT_SYSTEM, "%s",
                 reply.failures.count ? failure->reason : "the streams could not be prepared");
        result = IPERF3_UNPREPARED;
    }
    free(reply.failures.items);
    return result;
}

bool iperf3_flows_start(struct iperf3_flows *flows, struct fail *fail)
{
    struct start_reply reply;
    const struct start_call call = {.key = "start", .in_ms = 0};
    return session_start(flows->session, &call, &reply, fail) == CALL_DONE;
}

void iperf3_flows_stop(struct iperf3_flows *flows, bool senders)
{
    int64_t numbers[2 * IPERF3_STREAMS_MAX];
    struct stop_reply reply;
    struct stop_call call = {.flows = {numbers, 0}};
    for (size_t i = 0; i < flows->count; i++)
        if (!senders || flows->streams[i].reverse)
            numbers[call.flows.count++] = (int64_t)i;
    if (call.flows.count)
        session_stop(flows->session, &call, &reply);
}

/* ---- what they report ---- */

static void copy_section(const struct report_row *row, uint32_t type, char *to, size_t size)
{
    const struct report_section *section = report_section(row, type);
    if (section)
        snprintf(to, size, "%.*s", (int)section->length, (const char *)section->data);
}

static void take_info(const struct report_row *row, struct iperf3_stream *stream)
{
    char text[4096] = "";
    copy_section(row, REPORT_SECTION_INFO, text, sizeof text);
    info_find(text, "congestion_control", stream->congestion, sizeof stream->congestion);
}

static void take_row(struct iperf3_flows *flows, const struct report_row *row)
{
    int64_t flow = row->report.key[REPORT_FLOW];
    if (flow < 0 || flow >= (int64_t)flows->count)
        return;
    struct iperf3_stream *stream = &flows->streams[flow];
    if (row->report.key[REPORT_KIND] == REPORT_INTERVAL) {
        iperf3_stream_omit(stream, &row->report, flows->output.omit);
        iperf3_output_interval(&flows->output, (size_t)flow, stream, &row->report);
    }
    if (row->report.key[REPORT_KIND] != REPORT_FINAL || stream->finished)
        return;
    stream->finished = true;
    stream->report = row->report;
    flows->finished++;
    take_info(row, stream);
    copy_section(row, REPORT_SECTION_ERROR, stream->error, sizeof stream->error);
}

static void take_rows(struct iperf3_flows *flows, const struct reports_reply *reply)
{
    struct report_layout layout;
    struct report_row row;
    size_t at = 0, used;
    report_layout_own(&layout);
    while (at < reply->rows.length &&
           report_unpack((const char *)reply->rows.data + at, reply->rows.length - at, &layout,
                         &row, &used, NULL)) {
        take_row(flows, &row);
        at += used;
    }
    if (reply->count)
        flows->after = reply->first + reply->count - 1;
}

void iperf3_flows_read(struct iperf3_flows *flows)
{
    while (!flows->over && !flows->waiting) {
        struct reports_reply reply = {0};
        struct call_wait wait = wait_for(flows);
        struct fail fail;
        const struct reports_call call = {
            .after = flows->after, .wait_ms = WAIT_MS, .max_bytes = ROWS_BYTES, .acknowledge = -1};
        enum call_result result = session_reports(flows->session, &call, &reply, &wait, &fail);
        if (result == CALL_WAIT) {
            note_wait(flows, &wait);
            return;
        }
        take_rows(flows, &reply);
        free(reply.rows.data);
        memcpy(flows->stopped, reply.stopped, sizeof flows->stopped);
        flows->over =
            reply.finished || reply.lost || result == CALL_FAULT || reply.state == SESSION_CLOSED;
    }
}

bool iperf3_flows_finished(const struct iperf3_flows *flows, bool reverse)
{
    for (size_t i = 0; i < flows->count; i++)
        if (flows->streams[i].reverse == reverse && !flows->streams[i].finished)
            return false;
    return true;
}

const struct iperf3_stream *iperf3_flows_failed(const struct iperf3_flows *flows)
{
    for (size_t i = 0; i < flows->count; i++)
        if (flows->streams[i].error[0])
            return &flows->streams[i];
    return NULL;
}

bool iperf3_flows_close(struct iperf3_flows *flows)
{
    struct close_reply reply;
    struct call_wait nobody = {.never = true};
    if (flows->waiting && waitlist_cancel(flows->waitlist, &flows->waiter))
        end_wait(flows);
    if (flows->session) {
        session_close(flows->session, &reply, &nobody);
        session_put(flows->session);
    }
    flows->session = NULL;
    iperf3_output_free(&flows->output);
    free(flows->streams);
    flows->streams = NULL;
    flows->count = 0;
    return !flows->waiting;
}
