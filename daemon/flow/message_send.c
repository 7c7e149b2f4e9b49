/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a flow in message mode sends: blocks are planned, and what the socket does not take is
 * planned anew. Responses go back in order, before any request of this side. */
#include <errno.h>
#include <string.h>

#include "flow/message.h"
#include "flow/traffic.h"

enum {
    BATCH_BLOCKS = 64, /* blocks in one call */
    BATCH_PARTS = 3 * BATCH_BLOCKS,
};

static bool both_ask(const struct flow *flow)
{
    return settings_ask_responses(&flow->ends[SOURCE]) &&
           settings_ask_responses(&flow->ends[DESTINATION]);
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
        if (batch->count == BATCH_BLOCKS || batch->bytes >= MESSAGE_TURN)
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

/* Whether this many more requests may be outstanding. */
static bool window_open(const struct flow *flow, size_t planned)
{
    int64_t window = flow_own(flow)->in_flight;
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
    out->due = settings_are_paced(flow_own(flow)) ? due : now;
    out->gap = next->gap;
    pacer_take(&flow->pacer, next->request_size, next->gap, now);
    batch->bytes += next->request_size;
}

static void add_requests(struct flow *flow, struct batch *batch)
{
    size_t most = flow_own(flow)->pushy ? BATCH_BLOCKS : 1;
    int64_t rate;
    if (traffic_new_rate(&flow->traffic, flow->worker->now, &rate))
        pacer_change(&flow->pacer, rate, flow->worker->now);
    for (size_t i = 0; i < most && batch->count < BATCH_BLOCKS && batch->bytes < MESSAGE_TURN &&
                       window_open(flow, i) && pacer_due(&flow->pacer) <= flow->worker->now &&
                       !traffic_over(&flow->traffic, i);
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
        length = length < PAYLOAD_SIZE ? length : PAYLOAD_SIZE;
        lay_part(layout, worker_payload(flow->worker, flow->settings.enumerate, at), length);
        at += length;
    }
    return at >= block->size;
}

static bool is_one_piece(const struct flow *flow, const struct batch *batch)
{
    return batch->count == 1 && !batch->blocks[0].sent &&
           batch->blocks[0].size <= WORKER_BLOCK_SIZE && !flow->settings.enumerate;
}

/* Returns what the transport's send() returns, and in `offered` how many bytes it was given. A
 * small block by itself goes out in one piece, which costs the kernel less. */
static ssize_t send_batch(struct flow *flow, struct batch *batch, size_t *offered)
{
    struct layout layout;
    uint8_t *block = flow->worker->block;
    if (is_one_piece(flow, batch)) {
        memcpy(block, batch->blocks[0].header, BLOCK_HEADER_SIZE);
        *offered = batch->blocks[0].size;
        return flow_send(flow, &(struct iovec){block, *offered}, 1);
    }
    layout.count = layout.bytes = 0;
    for (int i = 0; i < batch->count; i++)
        if (!lay_block(flow, &batch->blocks[i], &layout))
            break;
    *offered = layout.bytes;
    return flow_send(flow, layout.parts, layout.count);
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
    if (!settings_are_paced(flow_own(flow)) || sequence < state->first_not_refused)
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
    if (header.response_size &&
        account_take(&flow->memory, (int64_t)fifo_growth(&state->asked, sizeof(struct asked))))
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

static bool request_due(const struct flow *flow)
{
    return flow_sending(flow) && window_open(flow, 0) &&
           pacer_due(&flow->pacer) <= flow->worker->now;
}

bool message_due(const struct flow *flow)
{
    const struct message_state *state = flow->message;
    return !state || state->current.size > state->current.sent || request_due(flow);
}

/* Whether a call with everything that is due would send something. */
static bool has_more(const struct flow *flow)
{
    const struct message_state *state = flow->message;
    return state->owed.count > 0 || request_due(flow) ||
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

bool message_send(struct flow *flow)
{
    struct batch batch;
    struct message_state *state = message_state_of(flow);
    worker_update_now(flow->worker);
    int64_t late = flow->worker->now - pacer_due(&flow->pacer);
    bool was_blocked = state->blocked;
    if (was_blocked)
        state->full_until = flow->worker->now;
    fill_batch(flow, &batch);
    if (!batch.count)
        return false;
    size_t offered;
    ssize_t sent = send_batch(flow, &batch, &offered);
    flow_log(LOG_LEVEL_TRACE, flow, "write of %zu bytes returned %zd", offered, sent);
    int error = sent < 0 ? errno : 0;
    if (sent > 0)
        direction_add_bytes(&flow->tx, sent);
    account(flow, &batch, sent > 0 ? (size_t)sent : 0);
    if (state->asked.count >= WAITING_MAX) {
        flow_fail(flow, FAULT_CONNECT, "%zu requests are outstanding: the peer does not respond",
                  state->asked.count);
        return false;
    }
    if (flow_sending(flow) && state->current.size == state->current.sent &&
        traffic_over(&flow->traffic, 0))
        flow_end_tx(flow);
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

bool message_flushed(const struct flow *flow)
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

int64_t message_next_send(const struct flow *flow)
{
    if (!settings_are_paced(flow_own(flow)) || (flow->message && !window_open(flow, 0)))
        return CLOCK_NEVER;
    int64_t due = pacer_due(&flow->pacer);
    bool varies = flow_own(flow)->rate_spread && flow->traffic.next_rate < due;
    return varies ? flow->traffic.next_rate : due;
}
