/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stream mode: unlimited blocks of one size without headers. Bytes are counted, blocks follow. */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "flow.h"

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
        tee(worker->reservoir[0], worker->pipe[1], WORKER_ZEROS_SIZE, SPLICE_F_NONBLOCK);
    if (moved > 0)
        worker->pipe_fill += (size_t)moved;
    return moved > 0;
}

static ssize_t send_spliced(struct flow *flow)
{
    struct worker *worker = flow->worker;
    if (!fill_pipe(worker)) {
        flow_fail(flow, FAULT_SYSTEM, "nothing can be sent: %s", fail_errno(errno));
        return 0;
    }
    ssize_t moved = splice(worker->pipe[0], NULL, flow->fd, NULL, worker->pipe_fill,
                           SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
    if (moved > 0)
        worker->pipe_fill -= (size_t)moved;
    return moved;
}

static ssize_t send_copied(struct flow *flow)
{
    return send(flow->fd, flow->worker->zeros, COPY_BYTES, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Bytes that are numbered within each block. */
static ssize_t send_numbers(struct flow *flow)
{
    struct iovec parts[PARTS];
    size_t size = (size_t)flow_own_settings(flow)->request_size.a;
    size_t at = (size_t)(flow->tx.bytes + flow->tx.tail_bytes) % size;
    for (int i = 0; i < PARTS; i++) {
        size_t length = size - at < WORKER_ZEROS_SIZE ? size - at : WORKER_ZEROS_SIZE;
        parts[i] = (struct iovec){(void *)worker_payload(flow->worker, true, at), length};
        at = (at + length) % size;
    }
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = PARTS};
    return sendmsg(flow->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static ssize_t send_some(struct flow *flow)
{
    if (flow->settings.enumerate)
        return send_numbers(flow);
    return flow->settings.touch_data ? send_copied(flow) : send_spliced(flow);
}

static bool stream_send(struct flow *flow)
{
    int64_t sent = 0;
    if (!flow_sending(flow))
        return false;
    while (sent < TURN_BYTES) {
        ssize_t moved = send_some(flow);
        if (moved <= 0) {
            if (moved < 0 && errno != EAGAIN && errno != EINTR)
                flow_socket_error(flow, errno);
            flow->writable = false;
            break;
        }
        direction_add_bytes(&flow->tx, moved);
        sent += moved;
    }
    flow_log(LOG_LEVEL_TRACE, flow, "wrote %lld bytes", (long long)sent);
    return flow->state != FLOW_DONE && flow->writable;
}

/* The content is of no interest: the kernel counts it and throws it away, unless it is asked to
 * copy it. */
static ssize_t receive_some(struct flow *flow, size_t *room)
{
    bool copied = flow->settings.touch_data;
    *room = copied ? COPY_BYTES : WORKER_SCRATCH_SIZE;
    return recv(flow->fd, flow->worker->scratch, *room,
                copied ? MSG_DONTWAIT : MSG_DONTWAIT | MSG_TRUNC);
}

static bool stream_receive(struct flow *flow)
{
    int64_t received = 0;
    while (received < TURN_BYTES && flow->readable) {
        size_t room;
        ssize_t got = receive_some(flow, &room);
        flow_log(LOG_LEVEL_TRACE, flow, "read gave %zd", got);
        flow->readable = flow_has_more(flow, got, room);
        if (got > 0) {
            received += got;
            direction_add_bytes(&flow->rx, got);
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

static void stream_release(struct flow *flow)
{
    (void)flow;
}

const struct framing framing_stream = {
    .name = "stream",
    .receive = stream_receive,
    .send = stream_send,
    .flushed = stream_flushed,
    .awaited = stream_awaited,
    .next_send = stream_next_send,
    .release = stream_release,
};
