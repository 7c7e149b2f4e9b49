/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the receiver's proofs mean for the sender: it may go on, unless hardly anything arrives. */
#include "flow/datagram.h"
#include "flow/flow_state.h"

/* Sending ends when less than a tenth has arrived for this long and of this many datagrams. */
#define BREAKER_TIME  (3 * NS_PER_SEC)
#define BREAKER_LEAST 100

/* A circuit breaker (RFC 8084): overloading a path this much harms other traffic. `distinct` is
 * what the receiver has got so far. */
static void check_breaker(struct flow *flow, uint64_t distinct)
{
    struct datagram_state *state = flow->datagrams;
    uint64_t sent = state->next - state->breaker_sent, got = distinct - state->breaker_distinct;
    int64_t now = flow->worker->now;
    if (state->breaker_at && now - state->breaker_at < BREAKER_TIME)
        return;
    if (state->breaker_at && flow_sending(flow) && !flow->settings.no_breaker &&
        sent >= BREAKER_LEAST && got < sent / 10) {
        flow_fail(
            flow, FAULT_CONNECT,
            "only %.1f %% of the datagrams of the last %.1f s have arrived at the %s: stopped "
            "sending, as less than a tenth overloads the path (--no-breaker continues)",
            100.0 * (double)got / (double)sent, (double)(now - state->breaker_at) / NS_PER_SEC,
            endpoint_name(endpoint_other(flow->endpoint)));
        return;
    }
    state->breaker_at = now;
    state->breaker_sent = state->next;
    state->breaker_distinct = distinct;
}

void datagram_take_keep(struct flow *flow, const struct control *keep)
{
    struct datagram_state *state = flow->datagrams;
    uint64_t counter = keep->values[0], nonce = keep->values[1];
    bool fresh = nonce && (nonce == state->nonces[0] || nonce == state->nonces[1]);
    if (counter <= state->keeps_seen || !fresh)
        return;
    state->keeps_seen = counter;
    state->consent_until = flow->worker->now + CONSENT_TIME;
    check_breaker(flow, keep->values[3]);
}
