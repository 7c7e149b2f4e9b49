/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a flow in message mode receives: requests, which may ask for a response, and responses. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "flow/delay.h"
#include "flow/message.h"
#include "flow/traffic.h"

static bool owe(struct flow *flow, const struct block *request, int64_t now)
{
    struct message_state *state = flow->message;
    if (request->response_size > traffic_response_limit(flow_other(flow))) {
        flow_fail(flow, FAULT_CONNECT,
                  "the peer requests a response of %u bytes, which is more than was agreed",
                  request->response_size);
        return false;
    }
    /* Where rates are bounded sizes are constant, and one is the measure of the other. */
    if (flow->holds_peer && request->size < settings_block_size(flow_other(flow))) {
        flow_fail(flow, FAULT_POLICY,
                  "a request of %u bytes asks for a response, but requests of %" PRId64
                  " bytes were agreed to, and the daemon limits rates",
                  request->size, settings_block_size(flow_other(flow)));
        return false;
    }
    if (state->owed.count == WAITING_MAX) {
        flow_fail(flow, FAULT_CONNECT, "the peer requests responses but does not read them");
        return false;
    }
    if (!account_take(&flow->memory, (int64_t)fifo_growth(&state->owed, sizeof(struct owed))))
        return true; /* it fails at the end of this turn */
    *(struct owed *)fifo_add(&state->owed, sizeof(struct owed)) =
        (struct owed){request->response_size, request->sequence, request->sent, now};
    return true;
}

static bool take_request(struct flow *flow, const struct block *block, int64_t now)
{
    struct message_state *state = flow->message;
    direction_add_block(&flow->rx, false);
    flow->rx.request_bytes += block->size;
    flow_check_volume(flow, flow->rx.request_bytes, flow->rx.requests);
    if (state->last_request)
        series_add(&flow->iat, now - state->last_request);
    state->last_request = now;
    if (flow_other(flow)->one_way_delay)
        flow_take_delay(flow, block->sent, now);
    return !block->response_size || owe(flow, block, now);
}

static bool take_response(struct flow *flow, const struct block *block, int64_t now)
{
    struct message_state *state = flow->message;
    const struct asked *asked = fifo_at(&state->asked, 0, sizeof *asked);
    if (!state->asked.count || block->size != asked->size || block->sequence != asked->sequence ||
        block->echoed != asked->sent) {
        flow_fail(flow, FAULT_CONNECT, "received a response that was not requested");
        return false;
    }
    direction_add_block(&flow->rx, true);
    series_add(&flow->rtt, now - asked->sent);
    if (settings_are_paced(flow_own(flow)))
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
    return flow_receive(flow, flow->worker->scratch, *room, !dropped);
}

static void message_eof(struct flow *flow)
{
    const struct message_state *state = flow->message;
    if (state->header_length)
        flow_fail(flow, FAULT_PEER, "the connection ended within a block");
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
        flow_log(LOG_LEVEL_TRACE, flow, "read returned %zd", got);
        flow->readable = flow_has_more(flow, got, room);
        if (got > 0) {
            received += got;
            worker_update_now(flow->worker);
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
