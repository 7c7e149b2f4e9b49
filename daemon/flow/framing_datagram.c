/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A flow of datagrams: each has a header with its number and the time of its sending. */
#include <stdlib.h>

#include "flow/datagram.h"
#include "flow/flow_state.h"
#include "mem.h"

/* Where the sender has a rate or gaps, or delays are asked for, each datagram has a time of arrival
 * of its own; else trains may be sent and taken in one piece. */
static bool wants_times(const struct endpoint_settings *sender)
{
    return sender->duration > 0 &&
           (settings_are_paced(sender) || sender->one_way_delay || settings_ask_responses(sender) ||
            sender->request_size.kind != DIST_CONSTANT);
}

struct datagram_state *datagram_state_of(struct flow *flow)
{
    struct datagram_state *state = flow->datagrams;
    if (state)
        return state;
    state = flow->datagrams = mem_new(1, sizeof *state);
    bool own = !flow->protocol || !flow->protocol->format;
    state->format = own ? &datagram_format_own : flow->protocol->format;
    datagram_keys_make(&state->keys, flow->secret, flow->proof);
    state->own_tag = state->keys.tags[flow->endpoint];
    state->peer_tag = state->keys.tags[endpoint_other(flow->endpoint)];
    state->keep_due = state->late_until = CLOCK_NEVER;
    state->peer_sent = -1;
    state->track.account = &flow->memory;
    return state;
}

static void datagram_begin(struct flow *flow)
{
    struct datagram_state *state = datagram_state_of(flow);
    const struct endpoint_settings *own = flow_own(flow);
    bool times = wants_times(&flow->ends[SOURCE]) || wants_times(&flow->ends[DESTINATION]);
    state->trains = flow->settings.gso == GSO_ON || (flow->settings.gso == GSO_AUTO && !times);
    state->overhead = flow->transport->overhead(flow->fd);
    state->size = own->fit_mtu ? datagram_fitting_size(flow) : (size_t)settings_block_size(own);
    if (state->trains)
        flow->transport->allow_trains(flow->connection, flow->fd, true);
}

static bool datagram_flushed(const struct flow *flow)
{
    return !flow->datagrams || !flow->tx.active || flow->datagrams->end_known ||
           !flow->datagrams->format->controlled;
}

static void count_sending(const struct flow *flow, int64_t value[METRICS])
{
    const struct datagram_state *state = flow->datagrams;
    value[METRIC_datagrams_sent] = (int64_t)state->next;
    value[METRIC_datagrams_queue_dropped] = state->queue_dropped;
    if (settings_are_paced(flow_own(flow)))
        value[METRIC_datagrams_not_offered] = state->not_offered;
}

static void count_receiving(const struct flow *flow, int64_t value[METRICS])
{
    struct datagram_state *state = flow->datagrams;
    const struct seqtrack *track = &state->track;
    value[METRIC_datagrams_received] = track->received;
    value[METRIC_datagrams_distinct] = track->distinct;
    value[METRIC_datagrams_duplicate] = track->duplicates;
    value[METRIC_datagrams_lost] = datagram_lost(state);
    value[METRIC_datagrams_late] = state->trains ? METRIC_ABSENT : state->late;
    value[METRIC_datagrams_reordered] = track->reordered;
    value[METRIC_datagrams_reordered_3] = track->reordered_n;
    value[METRIC_datagrams_old] = track->old;
    value[METRIC_datagrams_foreign] = state->foreign;
    value[METRIC_rx_ip_bytes] = state->ip_bytes;
    if (flow->settings.check_data)
        value[METRIC_datagrams_corrupted] = state->corrupted;
    if (flow->fd >= 0)
        value[METRIC_datagrams_dropped] = flow->transport->dropped(flow->connection, flow->fd);
    if (state->jitter_known)
        value[METRIC_jitter_last] = state->jitter / 16;
    state->unreported = false;
}

static void datagram_count(const struct flow *flow, int64_t value[METRICS])
{
    value[METRIC_tx_requests] = flow->tx.requests;
    value[METRIC_rx_requests] = flow->rx.requests;
    value[METRIC_tx_responses] = flow->tx.responses;
    value[METRIC_rx_responses] = flow->rx.responses;
    if (flow->datagrams && settings_ask_responses(flow_other(flow)))
        value[METRIC_datagrams_queue_dropped] = flow->datagrams->queue_dropped;
    if (flow->datagrams && flow->tx.active)
        count_sending(flow, value);
    if (flow->datagrams && flow->rx.active)
        count_receiving(flow, value);
}

static void count_runs(const struct datagram_state *state, int64_t value[METRICS])
{
    const struct seqtrack *track = &state->track;
    struct seqtrack_runs runs =
        seqtrack_runs(track, state->peer_sent < 0 ? 0 : (uint64_t)state->peer_sent);
    value[METRIC_loss_runs] = runs.count;
    value[METRIC_loss_run_max] = runs.longest;
    value[METRIC_reorder_extent_max] = track->reordered ? track->extent_max : METRIC_ABSENT;
    value[METRIC_reorder_late_max] =
        track->reordered && !state->trains ? track->late_max : METRIC_ABSENT;
    if (state->peer_sent >= 0)
        value[METRIC_datagrams_peer_sent] = state->peer_sent;
}

static void datagram_count_tail(const struct flow *flow, int64_t value[METRICS])
{
    value[METRIC_tx_requests_tail] = flow->tx.tail_requests;
    value[METRIC_rx_requests_tail] = flow->rx.tail_requests;
    value[METRIC_tx_responses_tail] = flow->tx.tail_responses;
    value[METRIC_rx_responses_tail] = flow->rx.tail_responses;
    if (flow->datagrams && settings_ask_responses(flow_own(flow))) {
        value[METRIC_datagrams_unanswered] =
            flow->datagrams->asked_count - flow->datagrams->answered;
        value[METRIC_datagrams_answers_repeated] = flow->datagrams->answers_repeated;
    }
    if (flow->datagrams && flow->rx.active)
        count_runs(flow->datagrams, value);
    if (flow->datagrams && flow->tx.active && settings_are_paced(flow_own(flow)))
        value[METRIC_longest_burst] = flow->datagrams->longest_burst;
}

/* Each one was measured, or none. */
static void datagram_set_iat(int64_t blocks, int64_t elapsed, int64_t value[METRICS])
{
    (void)blocks, (void)elapsed, (void)value;
}

static void datagram_release(struct flow *flow)
{
    if (flow->datagrams) {
        seqtrack_free(&flow->datagrams->track);
        fifo_free(&flow->datagrams->asked);
    }
    free(flow->datagrams);
    flow->datagrams = NULL;
}

static void datagram_wake(struct flow *flow)
{
    if (flow->datagrams && flow->rx.active)
        datagram_receive_wake(flow);
    if (flow->datagrams && flow->tx.active)
        datagram_send_wake(flow);
}

static int64_t datagram_wakes(const struct flow *flow)
{
    int64_t receive = CLOCK_NEVER, send = CLOCK_NEVER;
    if (flow->datagrams && flow->rx.active)
        receive = datagram_receive_wakes(flow);
    if (flow->datagrams && flow->tx.active)
        send = datagram_send_wakes(flow);
    return receive < send ? receive : send;
}

static bool datagram_unreported(const struct flow *flow)
{
    return flow->datagrams && flow->datagrams->unreported;
}

const struct framing framing_datagram = {
    .header_size = DATAGRAM_HEADER_SIZE,
    .begin = datagram_begin,
    .receive = datagram_receive,
    .send = datagram_send,
    .flushed = datagram_flushed,
    .awaited = datagram_awaited,
    .next_send = datagram_next_send,
    .count = datagram_count,
    .count_tail = datagram_count_tail,
    .set_iat = datagram_set_iat,
    .wake = datagram_wake,
    .wakes = datagram_wakes,
    .unreported = datagram_unreported,
    .linger = datagram_linger,
    .release = datagram_release,
};
