/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a running flow comes to its end: what is still to travel, and how long it is waited for. */
#include "flow/flow_state.h"
#include "flow/sampler.h"
#include "log.h"

void flow_eof(struct flow *flow)
{
    flow->rx_eof = true;
    flow->peer_finished = true;
    /* With -C the peer may stop at any time. */
    if (flow->state == FLOW_RUNNING && !flow->stop_asked && !flow->rx.stopped &&
        !flow_other(flow)->stop_on_congestion)
        closing_peer_left(&flow->closing, flow->worker->now);
}

void flow_check_early_eof(struct flow *flow, int64_t now)
{
    int64_t before;
    if (flow->rx.stopped)
        closing_forgive(&flow->closing); /* it was early by the clocks' error only */
    if (closing_is_broken(&flow->closing, now, flow->intervals.end, &before))
        flow_fail(flow, FAULT_PEER, "the %s closed the connection %.3f s before the end",
                  endpoint_name(endpoint_other(flow->endpoint)), (double)before / NS_PER_SEC);
}

void flow_start_draining(struct flow *flow)
{
    flow_log(LOG_LEVEL_INFO, flow, "stopped, %s",
             flow->stop_asked ? "as requested" : "its time is over");
    flow->state = FLOW_DRAINING;
    closing_begin(&flow->closing, flow->worker->now, flow->settings.drain);
}

static bool owes_responses(const struct flow *flow)
{
    return settings_ask_responses(flow_other(flow)) && !flow->peer_finished;
}

void flow_end_sending_if_due(struct flow *flow)
{
    if (flow->tx_ended || !flow->tx.active || !flow->tx.stopped || !flow->framing->flushed(flow))
        return;
    if (owes_responses(flow) && !flow->settings.shutdown)
        return;
    flow->tx_ended = flow->transport->end_sending(flow->fd);
}

static bool has_received_all(const struct flow *flow)
{
    return flow->rx_eof || (!flow->rx.active && flow->framing->awaited(flow) == 0);
}

static bool has_sent_all(const struct flow *flow)
{
    return flow->tx.active ? flow->tx_ended : flow->framing->flushed(flow);
}

bool flow_is_drained(const struct flow *flow)
{
    if (!has_received_all(flow) || !has_sent_all(flow))
        return false;
    return flow->tx.active ? flow->transport->end_acknowledged(flow->fd)
                           : flow->transport->unacked(flow->fd) <= 0;
}

int64_t flow_drain_deadline(struct flow *flow)
{
    /* What is still to come or to go is told by events of the socket. */
    bool told = !has_received_all(flow) || !has_sent_all(flow) ||
                (flow->tx.active && flow_transport_can(flow, TRANSPORT_SIGNALS_END));
    return closing_next_look(&flow->closing, flow->worker->now, told);
}

void flow_finish_drained(struct flow *flow, bool drained)
{
    flow->transport->flush_acks(flow->fd);
    worker_update_now(flow->worker);
    if (flow->framing->unreported && !flow->settings.summarize_only &&
        flow->framing->unreported(flow) && flow->worker->now > flow->last_sample)
        sampler_interval(flow, flow->worker->now);
    flow_log(LOG_LEVEL_INFO, flow, "%s", drained ? "drained" : "not drained in time");
    sampler_final(flow, flow->worker->now, NULL);
    if (flow_is_dumped(flow) && !flow->tx_ended)
        flow->tx_ended = flow->transport->end_sending(flow->fd);
    flow_detach(flow);
    /* The socket stays until the session ends: others may want to look at it. */
    flow_finish(flow, 0);
}
