/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Message mode: each block begins with a header. Requests may ask for responses, which go back in
 * order, before any request of this side. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "fifo.h"
#include "flow.h"
#include "mem.h"
#include "traffic.h"

enum {
    TURN_BYTES = 1024 * 1024, /* one turn's reading or sending */
    BATCH_BLOCKS = 64,        /* blocks in one call */
    BATCH_PARTS = 3 * BATCH_BLOCKS,
    OWED_MAX = 1 << 20, /* responses that a peer may let wait before it is cut off */
};

/* A response that is owed. */
struct owed {
    uint32_t size, sequence;
    int64_t echoed; /* when the request was sent, by its sender's clock */
    int64_t read;   /* when it was read here */
};

/* A request that was sent and asks for a response. */
struct asked {
    uint32_t size, sequence;
    int64_t due, sent; /* when it was to be sent, and when it was handed to the socket */
};

/* A block on its way into the socket. */
struct outgoing {
    uint8_t header[BLOCK_HEADER_SIZE];
    uint32_t size, sent;
    enum block_type type;
    int64_t due; /* of a request */
    int64_t gap; /* from a request to the next */
};

struct message_state {
    /* sending */
    struct outgoing current; /* begun and not complete, if size > sent */
    uint32_t next_sequence;
    uint32_t first_not_refused; /* requests before this one were counted as refused, or sent */
    bool end_sent;
    bool blocked;       /* the socket took less than was offered */
    int64_t full_until; /* the last instant at which the socket was known to be full, or 0 */
    struct fifo owed;   /* of struct owed */
    struct fifo asked;  /* of struct asked: what the peer owes */
    /* receiving */
    uint8_t header[BLOCK_HEADER_SIZE];
    size_t header_length;
    struct block block;   /* once its header is complete */
    uint32_t left;        /* of the block's payload */
    int64_t last_request; /* when the last request was complete, 0 before the first */
};

static struct message_state *state_of(struct flow *flow)
{
    if (!flow->message)
        flow->message = mem_new(1, sizeof *flow->message);
    return flow->message;
}

static bool both_ask(const struct flow *flow)
{
    return settings_ask_responses(&flow->ends[SOURCE]) &&
           settings_ask_responses(&flow->ends[DESTINATION]);
}

/* ---- sending ---- */

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

static void build(struct outgoing *out, const struct block *block)
{
    *out = (struct outgoing){.size = block->size, .type = block->type};
    block_encode(block, out->header);
}

/* A batch of blocks for one call. */
struct batch {
    struct outgoing blocks[BATCH_BLOCKS];
    int count;
    size_t bytes;
};

static void add_responses(struct flow *flow, struct batch *batch)
{
    struct message_state *state = flow->message;
    for (size_t i = 0; i < state->owed.count; i++) {
        if (batch->count == BATCH_BLOCKS || batch->bytes >= TURN_BYTES)
            return;
        const struct owed *owed = fifo_at(&state->owed, i, sizeof *owed);
        build(&batch->blocks[batch->count++], &(struct block){
                                                  .type = BLOCK_RESPONSE,
                                                  .size = owed->size,
                                                  .sequence = owed->sequence,
                                                  .sent = flow->worker->now,
                                                  .echoed = owed->echoed,
                                                  .held = flow->worker->now - owed->read,
                                              });
        batch->bytes += owed->size;
    }
}

/* Whether so many more requests may be without a response. */
static bool window_open(const struct flow *flow, size_t planned)
{
    int64_t window = flow_own_settings(flow)->in_flight;
    return !window || flow->message->asked.count + planned < (size_t)window;
}

static void add_request(struct flow *flow, struct batch *batch, const struct traffic_block *next,
                        uint32_t sequence)
{
    struct outgoing *out = &batch->blocks[batch->count++];
    int64_t now = flow->worker->now, due = pacer_due(&flow->pacer);
    build(out, &(struct block){
                   .type = BLOCK_REQUEST,
                   .size = next->request_size,
                   .response_size = next->response_size,
                   .sequence = sequence,
                   .sent = now,
               });
    out->due = settings_are_paced(flow_own_settings(flow)) ? due : now;
    out->gap = next->gap;
    pacer_take(&flow->pacer, next->request_size, next->gap, now);
    batch->bytes += next->request_size;
}

static void add_requests(struct flow *flow, struct batch *batch)
{
    size_t most = flow_own_settings(flow)->pushy ? BATCH_BLOCKS : 1;
    int64_t rate;
    if (traffic_new_rate(&flow->traffic, flow->worker->now, &rate))
        pacer_change(&flow->pacer, rate, flow->worker->now);
    for (size_t i = 0; i < most && batch->count < BATCH_BLOCKS && batch->bytes < TURN_BYTES &&
                       window_open(flow, i) && pacer_due(&flow->pacer) <= flow->worker->now;
         i++) {
        struct traffic_block next = traffic_peek(&flow->traffic, i);
        add_request(flow, batch, &next, flow->message->next_sequence + (uint32_t)i);
    }
}

/* The end of requests is told in words only where both sides wait for it. */
static void add_end(struct flow *flow, struct batch *batch)
{
    const struct message_state *state = flow->message;
    bool begun = state->current.type == BLOCK_END && state->current.sent;
    if (begun || state->end_sent || !flow->tx.active || !flow->tx.stopped || !both_ask(flow) ||
        batch->count == BATCH_BLOCKS)
        return;
    build(&batch->blocks[batch->count++],
          &(struct block){.type = BLOCK_END, .size = BLOCK_HEADER_SIZE, .sent = flow->worker->now});
    batch->bytes += BLOCK_HEADER_SIZE;
}

/* What shall be sent now, in order: the rest of the block that was begun, responses, requests. */
static void fill_batch(struct flow *flow, struct batch *batch)
{
    struct message_state *state = flow->message;
    batch->count = 0;
    batch->bytes = 0;
    if (state->current.size > state->current.sent) {
        batch->blocks[batch->count++] = state->current;
        batch->bytes += state->current.size - state->current.sent;
    }
    if (!(flow->settings.shutdown && flow->tx.stopped))
        add_responses(flow, batch);
    if (flow_sending(flow))
        add_requests(flow, batch);
    else
        add_end(flow, batch);
}

/* What one call is given. */
struct layout {
    struct iovec parts[BATCH_PARTS];
    size_t count;
    size_t bytes;
};

static void lay_part(struct layout *layout, const void *start, size_t length)
{
    layout->parts[layout->count++] = (struct iovec){(void *)start, length};
    layout->bytes += length;
}

/* Lays the unsent part of a block over its header and the zeros, as far as there is room. */
static bool lay_block(const struct flow *flow, const struct outgoing *block, struct layout *layout)
{
    size_t at = block->sent;
    if (layout->count + 2 > BATCH_PARTS)
        return false;
    if (at < BLOCK_HEADER_SIZE) {
        lay_part(layout, block->header + at, BLOCK_HEADER_SIZE - at);
        at = BLOCK_HEADER_SIZE;
    }
    while (at < block->size && layout->count < BATCH_PARTS) {
        size_t length = block->size - at;
        length = length < WORKER_ZEROS_SIZE ? length : WORKER_ZEROS_SIZE;
        lay_part(layout, worker_payload(flow->worker, flow->settings.enumerate, at), length);
        at += length;
    }
    return at >= block->size;
}

/* Gives what sendmsg() gives, and in `offered` how many bytes it was given. */
static ssize_t send_batch(struct flow *flow, struct batch *batch, size_t *offered)
{
    struct layout layout;
    layout.count = layout.bytes = 0;
    for (int i = 0; i < batch->count; i++)
        if (!lay_block(flow, &batch->blocks[i], &layout))
            break;
    *offered = layout.bytes;
    struct msghdr message = {.msg_iov = layout.parts, .msg_iovlen = layout.count};
    return sendmsg(flow->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void complete(struct flow *flow, const struct outgoing *block)
{
    if (block->type == BLOCK_END)
        flow->message->end_sent = true;
    else
        direction_add_block(&flow->tx, block->type == BLOCK_RESPONSE);
}

/* Counts a request that was due and found the socket full, once however often it is planned. */
static void count_refused(struct flow *flow, uint32_t sequence)
{
    struct message_state *state = flow->message;
    if (!settings_are_paced(flow_own_settings(flow)) || sequence < state->first_not_refused)
        return;
    flow->tx.refused++;
    state->first_not_refused = sequence + 1;
}

static void commit_request(struct flow *flow, const struct outgoing *block)
{
    struct message_state *state = flow->message;
    struct block header;
    block_decode(block->header, &header, NULL);
    if (block->due <= state->full_until)
        count_refused(flow, header.sequence);
    state->next_sequence++;
    traffic_drop(&flow->traffic);
    if (header.response_size)
        *(struct asked *)fifo_add(&state->asked, sizeof(struct asked)) =
            (struct asked){header.response_size, header.sequence, block->due, header.sent};
}

/* A block of which the first byte went: it is no longer only planned. */
static void commit(struct flow *flow, const struct outgoing *block)
{
    if (block->type == BLOCK_RESPONSE)
        fifo_drop(&flow->message->owed);
    else if (block->type == BLOCK_REQUEST)
        commit_request(flow, block);
}

/* The socket did not take a request: it is planned again later. */
static void refuse(struct flow *flow, const struct outgoing *block, uint32_t sequence)
{
    pacer_return(&flow->pacer, block->size, block->gap);
    count_refused(flow, sequence);
}

/* Accounts for `sent` bytes of the batch. The block that was begun becomes the current one; those
 * that were only planned are forgotten, and planned anew with a fresh time when there is room. */
static void account(struct flow *flow, struct batch *batch, size_t sent)
{
    struct message_state *state = flow->message;
    uint32_t refused = 0;
    state->current = (struct outgoing){0};
    for (int i = 0; i < batch->count; i++) {
        struct outgoing *block = &batch->blocks[i];
        if (sent && block->sent == 0)
            commit(flow, block);
        size_t left = block->size - block->sent, now = sent < left ? sent : left;
        if (!sent && block->sent == 0) {
            if (block->type == BLOCK_REQUEST)
                refuse(flow, block, state->next_sequence + refused++);
            continue;
        }
        block->sent += (uint32_t)now;
        sent -= now;
        if (block->sent == block->size)
            complete(flow, block);
        else
            state->current = *block;
    }
}

/* Whether a call with everything that is due would send something. */
static bool has_more(const struct flow *flow)
{
    const struct message_state *state = flow->message;
    return state->owed.count > 0 ||
           (flow_sending(flow) && window_open(flow, 0) &&
            pacer_due(&flow->pacer) <= flow->worker->now) ||
           (flow->tx.stopped && both_ask(flow) && !state->end_sent);
}

/* The socket is full, and tells when it no longer is. With -C the endpoint stops once that has kept
 * it from sending for longer than it may fall behind. */
static void block_sending(struct flow *flow, bool was_blocked, int64_t late)
{
    flow->writable = false;
    flow->message->blocked = true;
    flow->message->full_until = flow->worker->now;
    if (was_blocked && late > PACER_DEPTH && flow_stops_on_congestion(flow) && flow_sending(flow))
        flow_stop_congested(flow);
}

static bool message_send(struct flow *flow)
{
    struct batch batch;
    struct message_state *state = state_of(flow);
    worker_clock(flow->worker);
    int64_t late = flow->worker->now - pacer_due(&flow->pacer);
    bool was_blocked = state->blocked;
    if (was_blocked)
        state->full_until = flow->worker->now;
    fill_batch(flow, &batch);
    if (!batch.count)
        return false;
    size_t offered;
    ssize_t sent = send_batch(flow, &batch, &offered);
    flow_log(LOG_LEVEL_TRACE, flow, "write of %zu bytes gave %zd", offered, sent);
    int error = sent < 0 ? errno : 0;
    if (sent > 0)
        direction_add_bytes(&flow->tx, sent);
    account(flow, &batch, sent > 0 ? (size_t)sent : 0);
    if (sent < 0 || (size_t)sent < offered) {
        block_sending(flow, was_blocked, late);
        if (error && error != EAGAIN && error != EINTR)
            flow_socket_error(flow, error);
        return false;
    }
    bool more = offered < batch.bytes || has_more(flow);
    state->blocked &= more; /* until it has caught up */
    return more;
}

static bool message_flushed(const struct flow *flow)
{
    const struct message_state *state = flow->message;
    if (!state)
        return !both_ask(flow);
    if (state->current.size > state->current.sent)
        return false;
    if (flow->settings.shutdown && flow->tx.stopped)
        return true;
    return !state->owed.count && (state->end_sent || !flow->tx.active || !both_ask(flow));
}

static int64_t message_next_send(const struct flow *flow)
{
    if (!settings_are_paced(flow_own_settings(flow)) || (flow->message && !window_open(flow, 0)))
        return CLOCK_NEVER;
    int64_t due = pacer_due(&flow->pacer);
    bool varies = flow_own_settings(flow)->rate_spread && flow->traffic.next_rate < due;
    return varies ? flow->traffic.next_rate : due;
}

static int64_t message_awaited(const struct flow *flow)
{
    return flow->message ? (int64_t)flow->message->asked.count : 0;
}

/* ---- receiving ---- */

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

static bool message_receive(struct flow *flow)
{
    int64_t received = 0;
    bool trusting = true;
    state_of(flow);
    while (received < TURN_BYTES && trusting && flow->readable) {
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

static void message_release(struct flow *flow)
{
    if (flow->message) {
        fifo_free(&flow->message->owed);
        fifo_free(&flow->message->asked);
    }
    free(flow->message);
    flow->message = NULL;
}

const struct framing framing_message = {
    .name = "message",
    .header_size = BLOCK_HEADER_SIZE,
    .receive = message_receive,
    .send = message_send,
    .flushed = message_flushed,
    .awaited = message_awaited,
    .next_send = message_next_send,
    .release = message_release,
};
