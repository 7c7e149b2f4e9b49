/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the peer may send, where the daemon bounds rates: a quota binds who does not keep to what
 * was agreed, too. */
#include <inttypes.h>

#include "flow/flow_state.h"
#include "number.h"

/* How far the peer may run ahead: its pacer's depth, the error of the clocks, and a tenth. */
#define PEER_AHEAD NS_PER_SEC

/* Bytes that the peer may have sent by now of its own accord. INT64_MAX: any number. */
static int64_t requests_allowed(const struct flow *flow)
{
    const struct endpoint_settings *peer = flow_other(flow);
    int64_t now = flow->worker->now, until = now < flow->rx.stop ? now : flow->rx.stop;
    if (!peer->duration)
        return 0;
    if (!peer->rate || peer->rate_spread)
        return INT64_MAX;
    int64_t span = (until > flow->rx.start ? until - flow->rx.start : 0) + PEER_AHEAD;
    return number_scale(peer->rate, span + span / 10, 8 * NS_PER_SEC) + settings_block_cap(peer);
}

void flow_check_peer(struct flow *flow)
{
    if (!flow->holds_peer || flow->state == FLOW_DONE)
        return;
    int64_t requests = requests_allowed(flow), allowed;
    int64_t asked = flow->tx.requests + flow->tx.tail_requests;
    int64_t size = traffic_response_limit(flow_own(flow));
    if (__builtin_add_overflow(requests, asked * size, &allowed) ||
        flow->rx.bytes + flow->rx.tail_bytes <= allowed)
        return;
    flow_fail(flow, FAULT_POLICY,
              "the peer has sent %" PRId64 " bytes, but at most %" PRId64
              " were agreed to by now, and the daemon limits rates",
              flow->rx.bytes + flow->rx.tail_bytes, allowed);
}
