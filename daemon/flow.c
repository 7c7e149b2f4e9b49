/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "mem.h"
#include "sampler.h"
#include "sockopt.h"

/* So long a dump waits for the connection's last packets. */
#define DUMP_PATIENCE (2 * NS_PER_SEC)

struct flow *flow_new(const struct flow_arguments *arguments)
{
    const struct prepare_endpoint *endpoint = arguments->endpoint;
    struct flow *flow = mem_new(1, sizeof *flow);
    flow->session = arguments->session;
    flow->worker = arguments->worker;
    flow->index = arguments->index;
    flow->id = endpoint->flow;
    flow->endpoint = endpoint->endpoint[0] == 's' ? SOURCE : DESTINATION;
    flow->ends[SOURCE] = endpoint->source;
    flow->ends[DESTINATION] = endpoint->destination;
    flow->settings = endpoint->settings;
    flow->own = arguments->own;
    flow->peer = arguments->peer;
    flow->peer_clock = arguments->peer_clock;
    flow->transport = transports[flow->settings.transport];
    flow->framing =
        settings_need_messages(flow->ends, &flow->settings) ? &framing_message : &framing_stream;
    flow->role = flow->endpoint == SOURCE ? &flow_source : &flow_destination;
    flow->renews_options = sockopt_renews(flow_own_settings(flow));
    traffic_init(&flow->traffic, flow_own_settings(flow), arguments->tables, flow->settings.seed,
                 flow->id, flow->endpoint);
    flow->fd = -1;
    flow->connect_time = flow->exchange_time = METRIC_ABSENT;
    flow->deadline = flow->early_eof_deadline = flow->drain_deadline = CLOCK_NEVER;
    flow_run_init(flow);
    list_init(&flow->task.link);
    list_init(&flow->connect_link);
    return flow;
}

void flow_free(struct flow *flow)
{
    if (!flow)
        return;
    dump_close(flow->dump);
    sampler_forget_final(flow);
    traffic_free(&flow->traffic);
    free(flow->error);
    buffer_free(&flow->info);
    for (int i = 0; i < SERIES; i++)
        series_free(&flow->series[i]);
    free(flow);
}

/* Tells the collector something other than a row. */
static void tell_bytes(struct flow *flow, enum ring_type type, int code, const void *data,
                       size_t size)
{
    struct ring_entry *entry = worker_reserve(flow->worker, type, size);
    entry->flow = flow;
    entry->code = (int16_t)code;
    if (size)
        memcpy(entry->data, data, size);
    worker_push(flow->worker);
}

static void tell(struct flow *flow, enum ring_type type)
{
    tell_bytes(flow, type, 0, NULL, 0);
}

static void tell_done(struct flow *flow, int code)
{
    flow_log(LOG_LEVEL_INFO, flow, "finished");
    tell_bytes(flow, RING_DONE, code, &flow->rows_lost, sizeof flow->rows_lost);
}

void flow_count_lost(struct flow *flow)
{
    if (flow->rows_lost++ == 0)
        tell(flow, RING_LOST);
}

void flow_close_socket(struct flow *flow)
{
    if (flow->fd < 0)
        return;
    worker_unwatch(flow->worker, flow->fd);
    close(flow->fd);
    flow->fd = -1;
    flow->readable = flow->writable = false;
}

void flow_claim_dump(const struct flow *flow, int fd)
{
    struct address local, peer;
    if (!flow->dump || !sock_local(fd, &local))
        return;
    /* A socket that still connects has no peer yet. */
    if (sock_peer(fd, &peer))
        dump_claim(flow->dump, &local, &peer);
    else if (flow->peer_tried)
        dump_claim(flow->dump, &local, &flow->peer.list[flow->peer_tried - 1]);
}

bool flow_attach(struct flow *flow, int fd)
{
    flow->fd = fd;
    if (worker_watch(flow->worker, &flow->watch, fd))
        return true;
    flow_fail(flow, FAULT_SYSTEM, "the connection can't be watched: %s", fail_errno(errno));
    return false;
}

void flow_rest(struct flow *flow)
{
    flow->state = FLOW_DONE;
    flow->deadline = CLOCK_NEVER;
    timers_cancel(&flow->worker->timers, &flow->timer);
    list_remove(&flow->task.link);
    flow_source_leave(flow);
}

void flow_conclude(struct flow *flow, int code)
{
    flow->final_code = code;
    if (flow->final && flow->dump) {
        dump_end(flow->dump, DUMP_PATIENCE);
        return;
    }
    sampler_send_final(flow, NULL);
    tell_done(flow, code);
}

void flow_dump_ended(struct flow *flow, const struct dump_result *result)
{
    if (!flow->final)
        return; /* released meanwhile */
    sampler_send_final(flow, result);
    tell_done(flow, flow->final_code);
}

void flow_tell_ready(struct flow *flow)
{
    flow_log(LOG_LEVEL_INFO, flow, "prepared");
    tell(flow, RING_READY);
}

void flow_fail(struct flow *flow, int code, const char *format, ...)
{
    char text[PROTOCOL_REASON_MAX];
    va_list args;
    if (flow->state == FLOW_DONE)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    flow_log(LOG_LEVEL_INFO, flow, "failed: %s", text);
    flow->error = mem_strdup(text);
    bool running = flow->state == FLOW_RUNNING;
    worker_clock(flow->worker);
    if (running && flow->settings.summarize_only == 0 && flow->worker->now > flow->last_sample)
        sampler_interval(flow, flow->worker->now);
    if (flow->run_start)
        sampler_final(flow, flow->worker->now, text);
    flow_rest(flow);
    flow_close_socket(flow);
    flow->final_code = code;
    if (flow->run_start)
        flow_conclude(flow, code);
    else
        tell_bytes(flow, RING_FAILED, code, text, strlen(text) + 1);
}

void flow_socket_error(struct flow *flow, int error)
{
    if (error == ECONNRESET || error == EPIPE)
        flow_fail(flow, FAULT_CONNECT, "the %s closed the connection before the end of the flow",
                  endpoint_name(flow->endpoint == SOURCE ? DESTINATION : SOURCE));
    else
        flow_fail(flow, FAULT_CONNECT, "the connection broke: %s", fail_errno(error));
}

void flow_describe(const struct flow *flow, struct buffer *lines)
{
    flow->transport->describe(flow->fd, lines);
    sockopt_describe(flow->fd, flow_own_settings(flow), lines);
    if (flow_own_settings(flow)->cpu >= 0)
        buffer_printf(lines, "cpu=%d\n", sched_getcpu());
}

static void say_connected(const struct flow *flow)
{
    struct address local, peer;
    char from[ADDRESS_TEXT_MAX], to[ADDRESS_TEXT_MAX];
    if (!log_enabled(LOG_LEVEL_INFO) || !sock_local(flow->fd, &local) ||
        !sock_peer(flow->fd, &peer))
        return;
    address_format_port(flow->endpoint == SOURCE ? &local : &peer, from);
    address_format_port(flow->endpoint == SOURCE ? &peer : &local, to);
    flow_log(LOG_LEVEL_INFO, flow, "connected from %s to %s", from, to);
}

void flow_ready(struct flow *flow)
{
    say_connected(flow);
    struct fail fail;
    if (!sockopt_set(flow->fd, AF_UNSPEC, SOCKOPT_AGREED, flow_own_settings(flow), &fail)) {
        flow_fail(flow, fail.code, "%s", fail.text);
        return;
    }
    /* Now and not at the start, which all flows of a worker want to reach at one instant. */
    flow_describe(flow, &flow->info);
    if (flow->run_start) {
        /* Late connect: the run goes on already. */
        flow_begin(flow);
        return;
    }
    flow->state = FLOW_READY;
    flow->deadline = CLOCK_NEVER;
    flow_rearm(flow);
    flow_tell_ready(flow);
}

void flow_start(struct flow *flow, int64_t at)
{
    flow->run_start = at;
    if (flow->state == FLOW_WAITING) {
        flow->role->start(flow);
    } else if (flow->state == FLOW_DONE && flow->error) {
        sampler_final(flow, flow->worker->now, flow->error); /* it failed just before */
        flow_conclude(flow, flow->final_code);
    }
    flow_rearm(flow);
}

void flow_release(struct flow *flow)
{
    flow_rest(flow);
    flow->framing->release(flow);
    flow_close_socket(flow);
    tell(flow, RING_RELEASED);
}
