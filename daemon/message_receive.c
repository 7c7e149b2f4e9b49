/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a flow in message mode receives: requests, which may ask for a response, and responses. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "message.h"
#include "traffic.h"

enum { OWED_MAX = 1 << 20 }; /* responses that a peer may let wait before it is cut off */

static bool owe(struct flow *flow, const struct block *request, int64_t now)
{
    struct message_state *state = flow->message;
    if (request->response_size > traffic_response_limit(flow_peer_settings(flow))) {
        flow_fail(flow, FAULT_CONNECT,
                  "the peer asks for a response of %u bytes, which is more than was agreed",
                  request->response_size);
        return false;
    }
    if (state->owed.count == OWED_MAX) {
        flow_fail(flow, FAULT_CONNECT, "the peer asks for responses and does not read them");
        return false;
    }
    *(struct owed *)fifo_add(&state->owed, sizeof(struct owed)) =
        (struct owed){request->response_size, request->sequence, request->sent, now};
    return true;
}

/* The delay of a block that was sent at `sent` by the peer's clock. Absent while nothing is known
 * of that; also where the peer says what can't be. A small one may come out below 0, as the clocks
 * are known to a bound only: it is kept, as leaving it out would shift the mean. */
static void take_delay(struct flow *flow, int64_t sent, int64_t now)
{
    int64_t own, bound, delay, sum;
    if (!peerclock_view(flow->peer_clock, &flow->peer_view) ||
        !clock_map_apply(&flow->peer_view.map, sent, &own, &bound) ||
        __builtin_sub_overflow(now, own, &delay) ||
        __builtin_add_overflow(flow->delay.interval.sum, delay, &sum) ||
        __builtin_add_overflow(flow->delay.total.sum, sum, &sum))
        return;
    series_add(&flow->delay, delay);
    flow->delay_negative += delay < 0;
    flow->delay_bound = bound > flow->delay_bound ? bound : flow->delay_bound;
    if (bound > flow->delay_bound_so_far)
        flow->delay_bound_so_far = bound;
}

static bool take_request(struct flow *flow, const struct block *block, int64_t now)
{
    struct message_state *state = flow->message;
    direction_add_block(&flow->rx, false);
    if (state->last_request)
        series_add(&flow->iat, now - state->last_request);
    state->last_request = now;
    if (flow_peer_settings(flow)->one_way_delay)
        take_delay(flow, block->sent, now);
    return !block->response_size || owe(flow, block, now);
}

static bool take_response(struct flow *flow, const struct block *block, int64_t now)
{
    struct message_state *state = flow->message;
    const struct asked *asked = fifo_at(&state->asked, 0, sizeof *asked);
    if (!state->asked.count || block->size != asked->size || block->sequence != asked->sequence ||
        block->echoed != asked->sent) {
        flow_fail(flow, FAULT_CONNECT, "a response came that nobody had asked for");
        return false;
    }
    direction_add_block(&flow->rx, true);
    series_add(&flow->rtt, now - asked->sent);
    if (settings_are_paced(flow_own_settings(flow)))
        series_add(&flow->rtt_due, now - asked->due);
    if (block->held >= 0 && block->held <= now - asked->sent)
        series_add(&flow->hold, block->held);
    fifo_drop(&state->asked);
    return true;
}

/* The block is complete. */
static bool take_block(struct flow *flow, int64_t now)
{
    struct message_state *state = flow->message;
    state->header_length = 0;
    if (state->block.type == BLOCK_REQUEST)
        return take_request(flow, &state->block, now);
    if (state->block.type == BLOCK_RESPONSE)
        return take_response(flow, &state->block, now);
    flow->peer_finished = true;
    return true;
}

/* Takes `length` bytes as they came, at `now`. */
static bool take_bytes(struct flow *flow, const uint8_t *bytes, size_t length, int64_t now)
{
    struct message_state *state = flow->message;
    struct fail fail;
    while (length) {
        if (state->header_length < BLOCK_HEADER_SIZE) {
            size_t part = BLOCK_HEADER_SIZE - state->header_length;
            part = part < length ? part : length;
            memcpy(state->header + state->header_length, bytes, part);
            state->header_length += part;
            bytes += part;
            length -= part;
            if (state->header_length < BLOCK_HEADER_SIZE)
                return true;
            if (!block_decode(state->header, &state->block, &fail)) {
                flow_fail(flow, FAULT_CONNECT, "%s", fail.text);
                return false;
            }
            state->left = state->block.size - BLOCK_HEADER_SIZE;
        }
        size_t part = state->left < length ? state->left : length;
        state->left -= (uint32_t)part;
        bytes += part;
        length -= part;
        if (!state->left && !take_block(flow, now))
            return false;
    }
    return true;
}

/* The payload of a large block is thrown away in the kernel; headers have to be read. */
static ssize_t receive_some(struct flow *flow, size_t *room)
{
    const struct message_state *state = flow->message;
    bool in_payload = state->header_length == BLOCK_HEADER_SIZE;
    bool dropped = in_payload && state->left > WORKER_READ_SIZE && !flow->settings.touch_data;
    *room = !dropped                            ? WORKER_READ_SIZE
            : state->left < WORKER_SCRATCH_SIZE ? state->left
                                                : WORKER_SCRATCH_SIZE;
    return recv(flow->fd, flow->worker->scratch, *room,
                dropped ? MSG_DONTWAIT | MSG_TRUNC : MSG_DONTWAIT);
}

static void message_eof(struct flow *flow)
{
    const struct message_state *state = flow->message;
    if (state->header_length)
        flow_fail(flow, FAULT_CONNECT, "the connection ended within a block");
    else
        flow_eof(flow);
}

bool message_receive(struct flow *flow)
{
    int64_t received = 0;
    bool trusting = true;
    message_state_of(flow);
    while (received < MESSAGE_TURN && trusting && flow->readable) {
        size_t room;
        ssize_t got = receive_some(flow, &room);
        flow_log(LOG_LEVEL_TRACE, flow, "read gave %zd", got);
        flow->readable = flow_has_more(flow, got, room);
        if (got > 0) {
            received += got;
            worker_clock(flow->worker);
            direction_add_bytes(&flow->rx, got);
            trusting = take_bytes(flow, flow->worker->scratch, (size_t)got, flow->worker->now);
        } else if (got == 0) {
            message_eof(flow);
        } else if (errno != EAGAIN && errno != EINTR) {
            flow_socket_error(flow, errno);
        }
    }
    return trusting && flow->readable;
}
