/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a flow ends, whether it went well or not. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "flow/flow_state.h"
#include "flow/sampler.h"
#include "log.h"
#include "mem.h"

/* So long a dump or a trace waits for the connection's last packets. */
#define DUMP_PATIENCE (2 * NS_PER_SEC)

static void tell_done(struct flow *flow, int code)
{
    flow_log(LOG_LEVEL_INFO, flow, "finished");
    flow_tell(flow, RING_DONE, code, &flow->rows_lost, sizeof flow->rows_lost);
}

static void send_final(struct flow *flow)
{
    sampler_send_final(flow);
    tell_done(flow, flow->final_code);
}

void flow_detach(struct flow *flow)
{
    flow->state = FLOW_DONE;
    flow->deadline = CLOCK_NEVER;
    timers_cancel(&flow->worker->timers, &flow->timer);
    list_remove(&flow->task.link);
    flow->protocol->leave(flow);
}

void flow_finish(struct flow *flow, int code)
{
    flow->final_code = code;
    if (flow->final)
        flow->final->awaited = (flow->dump != NULL) + (flow->trace != NULL);
    if (flow->final && flow->dump)
        dump_end(flow->dump, DUMP_PATIENCE);
    if (flow->final && flow->trace)
        trace_end(flow->trace, DUMP_PATIENCE);
    if (!flow->final || !flow->final->awaited)
        send_final(flow);
}

void flow_dump_ended(struct flow *flow, const struct dump_result *result)
{
    if (!flow->final)
        return; /* released meanwhile */
    flow->final->dump_ended = true;
    flow->final->dumped = *result;
    if (--flow->final->awaited == 0)
        send_final(flow);
}

void flow_trace_ended(struct flow *flow, const struct trace_result *result)
{
    if (!flow->final)
        return;
    flow->final->trace_ended = true;
    flow->final->traced = *result;
    if (--flow->final->awaited == 0)
        send_final(flow);
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
    worker_update_now(flow->worker);
    if (running && flow->settings.summarize_only == 0 && flow->worker->now > flow->last_sample)
        sampler_interval(flow, flow->worker->now);
    if (flow->run_start)
        sampler_final(flow, flow->worker->now, text);
    flow_detach(flow);
    /* Before the peer can see the end of the connection, so that its own failure comes second. */
    if (!flow->run_start)
        flow_tell(flow, RING_FAILED, code, text, strlen(text) + 1);
    flow_close_socket(flow);
    flow->final_code = code;
    if (flow->run_start)
        flow_finish(flow, code);
}

void flow_no_memory(struct flow *flow)
{
    flow_fail(flow, FAULT_NO_MEMORY,
              "there is no memory left for queues and histograms of the session's flows, which use "
              "%" PRId64 " bytes",
              flow->memory.budget->used);
}

/* What the path says of datagrams. */
static void path_error(struct flow *flow, int error)
{
    const char *peer = endpoint_name(endpoint_other(flow->endpoint));
    if (error == ECONNREFUSED)
        flow_fail(flow, FAULT_PEER,
                  "the %s's port was closed before the end of the flow (ICMP port unreachable)",
                  peer);
    else if (error == EMSGSIZE)
        flow_fail(flow, FAULT_CONNECT,
                  "datagrams of this size (-S) exceed the MTU of a router on the path");
    else
        flow_fail(flow, FAULT_CONNECT, "the %s is no longer reachable: %s", peer,
                  fail_errno(error));
}

void flow_socket_error(struct flow *flow, int error)
{
    /* Whoever stopped both ends need not wait for this one to drain. */
    if (flow->state == FLOW_DRAINING && flow->stop_asked)
        closing_shorten(&flow->closing, flow->worker->now, 0);
    else if (!flow_transport_can(flow, TRANSPORT_STREAM))
        path_error(flow, error);
    else if (error == ECONNRESET || error == EPIPE)
        flow_fail(flow, FAULT_PEER,
                  "the connection was reset before the end of the flow, by the %s or by a firewall "
                  "on the path",
                  endpoint_name(endpoint_other(flow->endpoint)));
    else
        flow_fail(flow, FAULT_CONNECT, "the connection failed: %s", fail_errno(error));
}

void flow_release(struct flow *flow)
{
    flow_detach(flow);
    flow->framing->release(flow);
    flow_close_socket(flow);
    flow_tell(flow, RING_RELEASED, 0, NULL, 0);
}
