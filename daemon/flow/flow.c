/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/flow_state.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "info.h"
#include "log.h"
#include "mem.h"
#include "net/sockopt.h"

struct flow *flow_new(const struct flow_arguments *arguments)
{
    const struct prepare_endpoint *endpoint = arguments->endpoint;
    struct flow *flow = mem_new(1, sizeof *flow);
    flow->session = arguments->session;
    flow->worker = arguments->worker;
    flow->index = arguments->index;
    flow->id = endpoint->flow;
    flow->endpoint = (enum endpoint)endpoint->endpoint;
    flow->ends[SOURCE] = endpoint->source;
    flow->ends[DESTINATION] = endpoint->destination;
    flow->settings = endpoint->settings;
    flow->own = arguments->own;
    flow->peer = arguments->peer;
    flow->peer_clock = arguments->peer_clock;
    flow->transport = transports[flow->settings.transport];
    flow->connection = mem_new(1, flow->transport->state_size);
    flow->framing = !flow_transport_can(flow, TRANSPORT_STREAM)           ? &framing_datagram
                    : settings_need_messages(flow->ends, &flow->settings) ? &framing_message
                                                                          : &framing_stream;
    flow->protocol = arguments->protocol;
    if (flow->protocol->state_size)
        flow->peer_state = mem_new(1, flow->protocol->state_size);
    flow->listener = arguments->listener;
    flow->fd = arguments->fd;
    if (arguments->secret) {
        memcpy(flow->secret, arguments->secret, SECRET_SIZE);
        memcpy(flow->proof, arguments->proof, SECRET_SIZE);
        preamble_token(flow->secret, flow->token);
    }
    flow->renews_options = sockopt_renews(flow_own(flow));
    traffic_init(&flow->traffic, flow_own(flow), arguments->tables, flow->settings.seed, flow->id,
                 flow->endpoint);
    flow->memory.budget = arguments->memory;
    flow->holds_peer = arguments->holds_peer;
    flow->check_source = arguments->check_source;
    flow->quotas = arguments->quotas;
    for (int i = 0; i < SERIES; i++)
        flow->series[i].account = &flow->memory;
    flow->connect_time = flow->exchange_time = flow->volume_time = METRIC_ABSENT;
    flow->deadline = CLOCK_NEVER;
    closing_init(&flow->closing);
    flow_run_init(flow);
    list_init(&flow->task.link);
    return flow;
}

void flow_forget_final(struct flow *flow)
{
    if (!flow->final)
        return;
    buffer_free(&flow->final->info);
    free(flow->final->error);
    free(flow->final);
    flow->final = NULL;
}

void flow_free(struct flow *flow)
{
    if (!flow)
        return;
    dump_close(flow->dump);
    trace_close(flow->trace);
    flow_forget_final(flow);
    traffic_free(&flow->traffic);
    free(flow->connection);
    free(flow->peer_state);
    buffer_free(&flow->peer_errors);
    free(flow->omitted);
    free(flow->error);
    free(flow->stopped);
    buffer_free(&flow->info);
    for (int i = 0; i < SERIES; i++)
        series_free(&flow->series[i]);
    account_close(&flow->memory);
    free(flow);
}

void flow_tell(struct flow *flow, enum ring_type type, int code, const void *data, size_t size)
{
    struct ring_entry *entry = worker_reserve(flow->worker, type, size);
    entry->flow = flow;
    entry->code = (int16_t)code;
    if (size)
        memcpy(entry->data, data, size);
    worker_push(flow->worker);
}

void flow_count_lost(struct flow *flow)
{
    if (flow->rows_lost++ == 0)
        flow_tell(flow, RING_LOST, 0, NULL, 0);
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
    if (!flow->dump || !address_local(fd, &local))
        return;
    /* A socket that still connects has no peer yet. */
    if (address_peer(fd, &peer))
        dump_claim(flow->dump, &local, &peer);
    else if (flow->peer_tried)
        dump_claim(flow->dump, &local, &flow->peer.list[flow->peer_tried - 1]);
}

void flow_trace_socket(const struct flow *flow, int fd)
{
    if (flow->trace)
        trace_watch(flow->trace, fd);
}

bool flow_attach(struct flow *flow, int fd)
{
    flow->fd = fd;
    if (worker_watch(flow->worker, &flow->watch, fd))
        return true;
    flow_fail(flow, FAULT_SYSTEM, "can't watch the connection: %s", fail_errno(errno));
    return false;
}

void flow_tell_ready(struct flow *flow)
{
    flow_log(LOG_LEVEL_INFO, flow, "prepared");
    flow_tell(flow, RING_READY, 0, NULL, 0);
}

void flow_describe(const struct flow *flow, struct buffer *lines)
{
    flow->transport->describe(flow->connection, flow->fd, flow_own(flow), lines);
    if (flow_own(flow)->cpu >= 0)
        info_add_number(lines, INFO_cpu, sched_getcpu());
}
