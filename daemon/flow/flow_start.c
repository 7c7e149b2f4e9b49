/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A flow whose ends have agreed, until it runs. */
#include "flow/flow_state.h"
#include "flow/sampler.h"
#include "log.h"
#include "net/interface.h"

static const struct worker_local interfaces = {.size = sizeof(struct interface_cache)};

static void say_connected(const struct flow *flow)
{
    struct address local, peer;
    char from[ADDRESS_TEXT_MAX], to[ADDRESS_TEXT_MAX];
    if (!log_enabled(LOG_LEVEL_INFO) || !address_local(flow->fd, &local) ||
        !address_peer(flow->fd, &peer))
        return;
    address_format_port(flow->endpoint == SOURCE ? &local : &peer, from);
    address_format_port(flow->endpoint == SOURCE ? &peer : &local, to);
    flow_log(LOG_LEVEL_INFO, flow, "connected from %s to %s", from, to);
}

void flow_ready(struct flow *flow)
{
    say_connected(flow);
    dump_agree(flow->dump);
    trace_agree(flow->trace);
    struct fail fail;
    if (!flow->transport->set(flow->fd, SOCKOPT_AGREED, flow_own(flow), &fail)) {
        flow_fail(flow, fail.code, "%s", fail.text);
        return;
    }
    /* Now and not at the start, which all flows of a worker want to reach at one instant. */
    flow_describe(flow, &flow->info);
    interface_describe(worker_local(flow->worker, &interfaces), flow->fd, flow->worker->now,
                       &flow->info);
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

/* When the figures of the final report begin, of what endpoint `sender` sends: responses go by the
 * time of whoever asks for them. */
static int64_t omit_at(const struct flow *flow, const struct flow_schedule *schedule, int sender)
{
    bool own = flow->ends[sender].duration > 0;
    int64_t omit = flow->ends[own ? sender : 1 - sender].omit;
    return omit ? flow->base + (own ? schedule->start : schedule->from)[sender] + omit
                : CLOCK_NEVER;
}

void flow_begin(struct flow *flow)
{
    struct flow_schedule schedule = settings_schedule(flow->ends);
    struct direction *directions[ENDPOINTS] = {
        [SOURCE] = flow->endpoint == SOURCE ? &flow->tx : &flow->rx,
        [DESTINATION] = flow->endpoint == SOURCE ? &flow->rx : &flow->tx,
    };
    worker_update_now(flow->worker);
    int64_t now = flow->worker->now;
    flow->base = flow->settings.late_connect ? now - flow->ends[SOURCE].delay : flow->run_start;
    for (int i = 0; i < ENDPOINTS; i++)
        *directions[i] = (struct direction){
            .active = flow->ends[i].duration > 0,
            .from = flow->base + schedule.from[i],
            .start = flow->base + schedule.start[i],
            .stop = flow->base + schedule.stop[i],
            .to = flow->base + schedule.to[i],
            .omit = omit_at(flow, &schedule, i),
        };
    flow->state = FLOW_RUNNING;
    flow->deadline = CLOCK_NEVER;
    flow->began = now;
    flow_log(LOG_LEVEL_INFO, flow, "started, %.6f s after the start of the run",
             (double)(now - flow->run_start) / NS_PER_SEC);
    if (flow->framing->begin)
        flow->framing->begin(flow);
    sampler_start(flow);
    intervals_begin(&flow->intervals, flow->settings.late_connect ? now : flow->base,
                    flow->settings.summarize_only ? 0 : flow->settings.interval,
                    flow->base + schedule.end);
    flow->readable = flow->writable = true;
    worker_queue(flow->worker, &flow->task);
    flow_advance(flow, now);
}

void flow_start(struct flow *flow, int64_t at)
{
    flow->run_start = at;
    trace_start(flow->trace, at);
    if (flow->state == FLOW_WAITING) {
        flow->protocol->start(flow);
    } else if (flow->state == FLOW_DONE && flow->error) {
        sampler_final(flow, flow->worker->now, flow->error); /* it failed just before */
        flow_finish(flow, flow->final_code);
    }
    flow_rearm(flow);
}
