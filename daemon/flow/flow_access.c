/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What other rooms may know of a flow, and what its peer protocol may do with it. */
#include "flow/flow_state.h"

/* ---- what others may know */

struct session *flow_session(const struct flow *flow)
{
    return flow->session;
}

size_t flow_index(const struct flow *flow)
{
    return flow->index;
}

int64_t flow_id(const struct flow *flow)
{
    return flow->id;
}

enum endpoint flow_endpoint(const struct flow *flow)
{
    return flow->endpoint;
}

struct worker *flow_worker(const struct flow *flow)
{
    return flow->worker;
}

struct listener *flow_listener(const struct flow *flow)
{
    return flow->listener;
}

const struct endpoint_settings *flow_ends(const struct flow *flow)
{
    return flow->ends;
}

const struct endpoint_settings *flow_own_settings(const struct flow *flow)
{
    return flow_own(flow);
}

const struct endpoint_settings *flow_peer_settings(const struct flow *flow)
{
    return flow_other(flow);
}

const struct flow_settings *flow_common_settings(const struct flow *flow)
{
    return &flow->settings;
}

const uint8_t *flow_secret(const struct flow *flow)
{
    return flow->secret;
}

const uint8_t *flow_proof(const struct flow *flow)
{
    return flow->proof;
}

const uint8_t *flow_token(const struct flow *flow)
{
    return flow->token;
}

uint8_t flow_header_size(const struct flow *flow)
{
    return flow->framing->header_size;
}

const struct addresses *flow_own_addresses(const struct flow *flow)
{
    return &flow->own;
}

const struct addresses *flow_peer_addresses(const struct flow *flow)
{
    return &flow->peer;
}

size_t flow_peers_tried(const struct flow *flow)
{
    return flow->peer_tried;
}

bool flow_has_agreed(const struct flow *flow)
{
    return flow->exchange_time != METRIC_ABSENT;
}

/* ---- for the peer protocol */

bool flow_may_have_source(struct flow *flow, const struct address *address)
{
    struct fail fail;
    if (flow->check_source(flow->quotas, address, &fail))
        return true;
    flow_fail(flow, fail.code, "%s", fail.text);
    return false;
}

void *flow_peer_state(struct flow *flow)
{
    return flow->peer_state;
}

enum flow_state flow_state(const struct flow *flow)
{
    return flow->state;
}

void flow_wait(struct flow *flow, enum flow_state state, int64_t deadline)
{
    flow->state = state;
    flow_wait_until(flow, deadline);
}

void flow_wait_until(struct flow *flow, int64_t deadline)
{
    flow->deadline = deadline;
    flow_rearm(flow);
}

void flow_yield(struct flow *flow)
{
    worker_queue(flow->worker, &flow->task);
}

int64_t flow_run_start(const struct flow *flow)
{
    return flow->run_start;
}

const struct address *flow_next_peer(struct flow *flow)
{
    return flow->peer_tried < flow->peer.count ? &flow->peer.list[flow->peer_tried++] : NULL;
}

const struct address *flow_last_peer(const struct flow *flow)
{
    return &flow->peer.list[flow->peer_tried ? flow->peer_tried - 1 : 0];
}

struct buffer *flow_peer_errors(struct flow *flow)
{
    return &flow->peer_errors;
}

void flow_set_connect_time(struct flow *flow, int64_t time)
{
    flow->connect_time = time;
}

void flow_set_exchange_time(struct flow *flow, int64_t time)
{
    flow->exchange_time = time;
}

const struct transport *flow_transport(const struct flow *flow)
{
    return flow->transport;
}

void *flow_connection(const struct flow *flow)
{
    return flow->connection;
}

int flow_fd(const struct flow *flow)
{
    return flow->fd;
}

bool flow_is_readable(const struct flow *flow)
{
    return flow->readable;
}

bool flow_is_writable(const struct flow *flow)
{
    return flow->writable;
}

void flow_clear_readable(struct flow *flow)
{
    flow->readable = false;
}

int64_t flow_bytes_sent(const struct flow *flow)
{
    return flow->tx.bytes;
}

int64_t flow_bytes_read(const struct flow *flow)
{
    return flow->rx.bytes;
}
