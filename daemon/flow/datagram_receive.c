/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Datagrams as they come. Whatever has not the flow's tag, or a control message without its code,
 * is foreign: it is counted and changes nothing. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "flow/datagram.h"
#include "flow/delay.h"
#include "flow/flow_state.h"

/* Sequence numbers beyond are a broken peer's. */
#define SEQUENCE_LIMIT (UINT64_C(1) << 62)

/* Two of these differ by what jitter, in sixteenths, can still add up. Nothing runs for so long. */
#define TRANSIT_LIMIT (INT64_MAX / 64)

/* What each datagram counts of a turn besides its size: empty ones cost time, too. */
enum { DATAGRAM_COST = 64 };

/* Reads of one turn of a flow that is over: what comes later has another. */
enum { LINGER_READS = 8 };

/* A proof goes out after 0.8 to 1.2 of this. */
#define KEEP_TIME NS_PER_SEC

static const struct worker_local rooms = {.size = sizeof(struct datagram_room)};

int64_t datagram_lost(const struct datagram_state *state)
{
    int64_t tail = state->peer_sent - (int64_t)state->track.next;
    return state->track.missing + state->late + (tail > 0 ? tail : 0);
}

/* RFC 3550, 6.4.1, from the second on, in the order of arrival; PDV and IPDV of RFC 5481. The
 * clocks need not agree, only run at one rate. */
static void take_transit(struct flow *flow, int64_t transit)
{
    struct datagram_state *state = flow->datagrams;
    if (state->last_arrival) {
        int64_t change = transit - state->transit, size = change < 0 ? -change : change;
        state->jitter += size - (state->jitter + 8) / 16;
        state->jitter_known = true;
        series_add(&flow->jitter, state->jitter / 16);
        series_add(&flow->ipdv, change);
    }
    if (!state->last_arrival || transit < state->transit_min)
        state->transit_min = transit;
    series_add(&flow->pdv, transit - state->transit_min);
    state->transit = transit;
}

static void take_times(struct flow *flow, const struct datagram_header *header, int64_t arrived)
{
    struct datagram_state *state = flow->datagrams;
    int64_t transit;
    if (__builtin_sub_overflow(arrived, header->sent, &transit) || transit > TRANSIT_LIMIT ||
        transit < -TRANSIT_LIMIT)
        return; /* no clock says that */
    if (state->last_arrival && transit - state->transit_min > flow->settings.late)
        state->late++;
    take_transit(flow, transit);
    if (flow_other(flow)->one_way_delay)
        flow_take_delay(flow, header->sent, arrived);
    if (state->last_arrival)
        series_add(&flow->iat, arrived - state->last_arrival);
    state->last_arrival = arrived;
}

/* All of it is looked at: what differs was changed by a host or router that has put it right with
 * the checksum. */
static bool is_corrupted(const struct flow *flow, const struct datagram_header *header,
                         const struct datagram *datagram)
{
    const uint8_t *numbers =
        worker_payload(flow->worker, true, datagram_numbers_at(header->sequence));
    return memcmp(datagram->data + DATAGRAM_HEADER_SIZE, numbers,
                  datagram->size - DATAGRAM_HEADER_SIZE) != 0;
}

static void take_data(struct flow *flow, const struct datagram_header *header,
                      const struct datagram *datagram)
{
    struct datagram_state *state = flow->datagrams;
    state->unreported = true;
    flow->transport->count_marks(flow->connection, datagram);
    if (header->nonce)
        state->nonce_seen = header->nonce;
    if (state->keep_due == CLOCK_NEVER && state->peer_sent < 0 && state->format->controlled)
        state->keep_due = flow->worker->now;
    enum seqtrack_verdict verdict =
        seqtrack_take(&state->track, header->sequence, datagram->arrived);
    if (verdict == SEQTRACK_DUPLICATE || verdict == SEQTRACK_OLD)
        return;
    if (flow->settings.check_data)
        state->corrupted += is_corrupted(flow, header, datagram);
    state->last_data = datagram->arrived;
    state->ip_bytes += (int64_t)(datagram->size + state->overhead);
    direction_add_bytes(&flow->rx, (int64_t)datagram->size);
    direction_add_block(&flow->rx, false);
    flow_check_volume(flow, flow->rx.bytes, flow->rx.requests);
    if (header->answer)
        datagram_answer(flow, header, datagram);
    if (!state->trains)
        take_times(flow, header, datagram->arrived);
}

/* Nothing more is missing, or may still come. */
static void end_if_complete(struct flow *flow)
{
    struct datagram_state *state = flow->datagrams;
    if (flow->rx_eof || state->peer_sent < 0 || datagram_awaited(flow))
        return;
    if (state->track.distinct >= state->peer_sent || flow->worker->now >= state->late_until)
        flow_eof(flow);
}

static void take_end(struct flow *flow, const struct control *end)
{
    struct datagram_state *state = flow->datagrams;
    datagram_send_control(flow, DATAGRAM_ENDED, (uint64_t[CONTROL_VALUES]){0, end->values[1]});
    if (state->peer_sent >= 0 || end->values[0] >= SEQUENCE_LIMIT)
        return;
    state->peer_sent = (int64_t)end->values[0];
    state->late_until = flow->worker->now + flow->settings.late;
    state->keep_due = CLOCK_NEVER;
    /* Its volume was sent, and something of it got lost, or comes late. */
    if (settings_have_volume(flow_other(flow)) && state->last_data > flow->rx.start)
        direction_stop(&flow->rx, state->last_data, settings_ask_responses(flow_own(flow)));
    state->unreported |= state->peer_sent > (int64_t)state->track.next;
}

static void take_control(struct flow *flow, const struct control *control)
{
    struct datagram_state *state = flow->datagrams;
    switch (control->kind) {
    case DATAGRAM_KEEP:
        datagram_take_keep(flow, control);
        break;
    case DATAGRAM_END:
        if (flow->rx.active)
            take_end(flow, control);
        break;
    case DATAGRAM_ENDED:
        state->end_known |= state->end_nonce && control->values[1] == state->end_nonce;
        break;
    case DATAGRAM_CONFIRM: /* the answer to it was lost */
        if (flow->endpoint == DESTINATION)
            datagram_send_control(flow, DATAGRAM_AGREED,
                                  (uint64_t[CONTROL_VALUES]){control->values[0]});
        break;
    default:
        break; /* of an exchange that is over */
    }
}

static void take(struct flow *flow, const struct datagram *datagram)
{
    struct datagram_state *state = flow->datagrams;
    struct datagram_header header;
    struct datagram_answer answer;
    struct control control;
    bool controlled = state->format->controlled;
    if (state->format->decode(state->peer_tag, state->track.next, datagram->data, datagram->size,
                              &header) &&
        header.sequence < SEQUENCE_LIMIT && flow->rx.active)
        take_data(flow, &header, datagram);
    else if (controlled &&
             datagram_answer_decode(state->peer_tag, datagram->data, datagram->size, &answer) &&
             datagram_take_answer(flow, &answer, datagram))
        return;
    else if (controlled && control_decode(&state->keys, datagram->data, datagram->size, &control) &&
             control.from != flow->endpoint)
        take_control(flow, &control);
    else
        state->foreign++;
}

static ssize_t read_some(struct flow *flow, struct datagram **list)
{
    struct datagram_room *room = worker_local(flow->worker, &rooms);
    *list = room->list;
    ssize_t got =
        flow->transport->receive_batch(flow->connection, flow->fd, flow->worker->scratch,
                                       WORKER_SCRATCH_SIZE, room->list, DATAGRAM_READ_MAX);
    flow_log(LOG_LEVEL_TRACE, flow, "read %zd datagrams", got);
    return got;
}

bool datagram_receive(struct flow *flow)
{
    size_t bytes = 0;
    datagram_state_of(flow);
    while (bytes < DATAGRAM_TURN) {
        struct datagram *list;
        ssize_t got = read_some(flow, &list);
        worker_update_now(flow->worker);
        if (got < 0) {
            flow->readable = false;
            if (errno != EAGAIN && errno != EINTR)
                flow_socket_error(flow, errno);
            break;
        }
        for (ssize_t i = 0; i < got && flow->state != FLOW_DONE; i++) {
            take(flow, &list[i]);
            bytes += list[i].size + DATAGRAM_COST;
        }
    }
    if (flow->state == FLOW_DONE)
        return false;
    end_if_complete(flow);
    return flow->readable;
}

static void send_keep(struct flow *flow)
{
    struct datagram_state *state = flow->datagrams;
    uint8_t random[SECRET_SIZE];
    secret_make(random);
    int64_t share = 800 + get_be16(random) % 401;
    datagram_send_control(flow, DATAGRAM_KEEP,
                          (uint64_t[CONTROL_VALUES]){++state->keeps_sent, state->nonce_seen,
                                                     state->track.next,
                                                     (uint64_t)state->track.distinct});
    state->keep_due = flow->worker->now + KEEP_TIME / 1000 * share;
}

void datagram_receive_wake(struct flow *flow)
{
    struct datagram_state *state = flow->datagrams;
    if (flow->worker->now >= state->keep_due)
        send_keep(flow);
    end_if_complete(flow);
}

int64_t datagram_receive_wakes(const struct flow *flow)
{
    const struct datagram_state *state = flow->datagrams;
    int64_t end = flow->rx_eof ? CLOCK_NEVER : state->late_until;
    if (datagram_awaited(flow) && end < state->answers_until)
        end = state->answers_until;
    return state->keep_due < end ? state->keep_due : end;
}

void datagram_linger(struct flow *flow)
{
    struct datagram_state *state = flow->datagrams;
    struct datagram *list;
    ssize_t got = 0;
    bool controlled = state && state->format->controlled;
    for (int turn = 0; controlled && turn < LINGER_READS && (got = read_some(flow, &list)) > 0;
         turn++) {
        for (ssize_t i = 0; i < got; i++) {
            struct control control;
            if (control_decode(&state->keys, list[i].data, list[i].size, &control) &&
                control.from != flow->endpoint && control.kind == DATAGRAM_END)
                datagram_send_control(flow, DATAGRAM_ENDED,
                                      (uint64_t[CONTROL_VALUES]){0, control.values[1]});
        }
    }
    flow->readable = false;
}
