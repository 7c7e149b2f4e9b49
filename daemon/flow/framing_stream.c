/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stream mode: unlimited blocks of one size without headers. Bytes are counted, blocks follow. */
#include <errno.h>
#include <fcntl.h>

#include "flow/flow_state.h"

enum {
    COPY_BYTES = 128 * 1024,  /* copied in one call: the second-level cache holds them */
    PARTS = 128,              /* blocks, or pieces of them, in one call */
    TURN_BYTES = 1024 * 1024, /* one turn's reading or sending, so that flows share a worker */
};

/* Keeps the worker's pipe filled with zeros; what one flow leaves there serves the next. */
static bool fill_pipe(struct worker *worker)
{
    if (worker->pipe_fill)
        return true;
    ssize_t moved =
        tee(worker->payload.reservoir[0], worker->pipe[1], PAYLOAD_SIZE, SPLICE_F_NONBLOCK);
    if (moved > 0)
        worker->pipe_fill += (size_t)moved;
    return moved > 0;
}

/* What may still be sent: a fixed volume has an end. */
static size_t volume_left(const struct flow *flow)
{
    const struct endpoint_settings *own = flow_own(flow);
    int64_t volume = own->volume ? own->volume : own->volume_blocks * settings_block_size(own);
    int64_t left = volume - flow->tx.bytes;
    return !settings_have_volume(own) || left > INT32_MAX ? INT32_MAX : left > 0 ? (size_t)left : 0;
}

static size_t at_most(size_t size, size_t limit)
{
    return size < limit ? size : limit;
}

static ssize_t send_spliced(struct flow *flow, size_t left)
{
    struct worker *worker = flow->worker;
    if (!fill_pipe(worker)) {
        flow_fail(flow, FAULT_SYSTEM, "can't send: %s", fail_errno(errno));
        return 0;
    }
    ssize_t moved = flow->transport->send_pipe(flow->connection, flow->fd, worker->pipe[0],
                                               at_most(worker->pipe_fill, left));
    if (moved > 0)
        worker->pipe_fill -= (size_t)moved;
    return moved;
}

static ssize_t send_copied(struct flow *flow, size_t left)
{
    const struct iovec part = {(void *)flow->worker->payload.zeros, at_most(COPY_BYTES, left)};
    return flow_send(flow, &part, 1);
}

/* Bytes that are numbered within each block. */
static ssize_t send_numbers(struct flow *flow, size_t left)
{
    struct iovec parts[PARTS];
    int count = 0;
    size_t size = (size_t)settings_block_size(flow_own(flow));
    size_t at = (size_t)(flow->tx.bytes + flow->tx.tail_bytes) % size;
    while (count < PARTS && left) {
        size_t length = at_most(at_most(size - at, PAYLOAD_SIZE), left);
        parts[count++] = (struct iovec){(void *)worker_payload(flow->worker, true, at), length};
        at = (at + length) % size;
        left -= length;
    }
    return flow_send(flow, parts, (size_t)count);
}

static ssize_t send_some(struct flow *flow, size_t left)
{
    if (flow->settings.enumerate)
        return send_numbers(flow, left);
    bool copied = flow->settings.touch_data || !flow->transport->send_pipe;
    return copied ? send_copied(flow, left) : send_spliced(flow, left);
}

static bool stream_send(struct flow *flow)
{
    int64_t sent = 0;
    if (!flow_sending(flow))
        return false;
    while (sent < TURN_BYTES && flow_sending(flow)) {
        ssize_t moved = send_some(flow, volume_left(flow));
        if (moved <= 0) {
            if (moved < 0 && errno != EAGAIN && errno != EINTR)
                flow_socket_error(flow, errno);
            flow->writable = false;
            break;
        }
        direction_add_bytes(&flow->tx, moved);
        sent += moved;
        if (!volume_left(flow))
            flow_end_tx(flow);
    }
    flow_log(LOG_LEVEL_TRACE, flow, "wrote %lld bytes", (long long)sent);
    return flow->state != FLOW_DONE && flow->writable;
}

/* No block is seen: full blocks follow from the bytes. An end that does not send has none, and its
 * size may be anything. */
static int64_t blocks_of(const struct endpoint_settings *sender, int64_t bytes)
{
    return sender->duration > 0 ? bytes / settings_block_size(sender) : 0;
}

/* The content is of no interest: the kernel counts it and throws it away, unless it is asked to
 * copy it. */
static ssize_t receive_some(struct flow *flow, size_t *room)
{
    bool copied = flow->settings.touch_data;
    *room = copied ? COPY_BYTES : WORKER_SCRATCH_SIZE;
    return flow_receive(flow, flow->worker->scratch, *room, copied);
}

static bool stream_receive(struct flow *flow)
{
    int64_t received = 0;
    while (received < TURN_BYTES && flow->readable) {
        size_t room;
        ssize_t got = receive_some(flow, &room);
        flow_log(LOG_LEVEL_TRACE, flow, "read returned %zd", got);
        flow->readable = flow_has_more(flow, got, room);
        if (got > 0) {
            received += got;
            direction_add_bytes(&flow->rx, got);
            flow_check_volume(flow, flow->rx.bytes, blocks_of(flow_other(flow), flow->rx.bytes));
        } else if (got == 0) {
            flow_eof(flow);
        } else if (errno != EAGAIN && errno != EINTR) {
            flow_socket_error(flow, errno);
        }
    }
    return flow->readable;
}

static bool stream_flushed(const struct flow *flow)
{
    (void)flow;
    return true;
}

static int64_t stream_awaited(const struct flow *flow)
{
    (void)flow;
    return 0;
}

static int64_t stream_next_send(const struct flow *flow)
{
    (void)flow;
    return CLOCK_NEVER; /* always at once, or when the socket has room */
}

static void stream_count(const struct flow *flow, int64_t value[METRICS])
{
    value[METRIC_tx_requests] = blocks_of(flow_own(flow), flow->tx.bytes);
    value[METRIC_rx_requests] = blocks_of(flow_other(flow), flow->rx.bytes);
    value[METRIC_tx_responses] = value[METRIC_rx_responses] = 0;
}

static void stream_count_tail(const struct flow *flow, int64_t value[METRICS])
{
    int64_t sent = flow->tx.bytes + flow->tx.tail_bytes;
    int64_t received = flow->rx.bytes + flow->rx.tail_bytes;
    value[METRIC_tx_requests_tail] = blocks_of(flow_own(flow), sent) - value[METRIC_tx_requests];
    value[METRIC_rx_requests_tail] =
        blocks_of(flow_other(flow), received) - value[METRIC_rx_requests];
    value[METRIC_tx_responses_tail] = value[METRIC_rx_responses_tail] = 0;
}

/* Elapsed time over blocks: all that can be said without seeing one. */
static void stream_set_iat(int64_t blocks, int64_t elapsed, int64_t value[METRICS])
{
    value[METRIC_iat_count] = blocks;
    value[METRIC_iat_min] = value[METRIC_iat_max] = METRIC_ABSENT;
    value[METRIC_iat_sum] = blocks ? elapsed : METRIC_ABSENT;
}

static void stream_release(struct flow *flow)
{
    (void)flow;
}

const struct framing framing_stream = {
    .receive = stream_receive,
    .send = stream_send,
    .flushed = stream_flushed,
    .awaited = stream_awaited,
    .next_send = stream_next_send,
    .count = stream_count,
    .count_tail = stream_count_tail,
    .set_iat = stream_set_iat,
    .release = stream_release,
};
