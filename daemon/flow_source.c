/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The end that connects. */
#include <errno.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "flow.h"
#include "log.h"

#define CONNECT_TIMEOUT  (10 * NS_PER_SEC)
#define EXCHANGE_TIMEOUT (5 * NS_PER_SEC)

/* Connections that one worker makes at once: a listener's queue has to hold those of all workers
 * that connect to it. */
enum { CONNECTING_MAX = 128 };

static void peer_text(const struct flow *flow, char text[ADDRESS_TEXT_MAX])
{
    size_t tried = flow->peer_tried ? flow->peer_tried - 1 : 0;
    address_format_port(&flow->peer.list[tried], text);
}

/* The queue is served by a task of its own: a flow that fails at once makes room for the next,
 * which may fail at once. */
void flow_source_leave(struct flow *flow)
{
    list_remove(&flow->connect_link);
    if (!flow->counted_connecting)
        return;
    flow->counted_connecting = false;
    flow->worker->connecting--;
    worker_queue(flow->worker, &flow->worker->connect_task);
}

static void fail_connecting(struct flow *flow, const struct fail *fail)
{
    flow_fail(flow, fail->code, "%s", fail->text);
}

/* Begins to connect to the peer's next address. */
static void try_address(struct flow *flow, struct fail *why)
{
    while (flow->peer_tried < flow->peer.count) {
        const struct address *peer = &flow->peer.list[flow->peer_tried++];
        worker_clock(flow->worker);
        flow->connect_began = flow->worker->now;
        int fd = flow->transport->connect(&flow->own, peer, flow_own_settings(flow), why);
        if (fd < 0)
            continue;
        flow_claim_dump(flow, fd);
        flow->state = FLOW_CONNECTING;
        flow->deadline = flow->connect_began + CONNECT_TIMEOUT;
        flow_attach(flow, fd);
        flow_rearm(flow);
        return;
    }
    fail_connecting(flow, why);
}

static void start_connecting(struct flow *flow)
{
    struct fail fail = {.code = FAULT_CONNECT, .text = "the destination has no address"};
    flow->counted_connecting = true;
    flow->worker->connecting++;
    flow->peer_tried = 0;
    try_address(flow, &fail);
}

static void connect_next(struct task *task)
{
    struct worker *worker = (struct worker *)((char *)task - offsetof(struct worker, connect_task));
    while (worker->connecting < CONNECTING_MAX && !list_empty(&worker->connecting_queue)) {
        struct flow *flow = list_item(worker->connecting_queue.next, struct flow, connect_link);
        list_remove(&flow->connect_link);
        start_connecting(flow);
    }
}

static void queue_connect(struct flow *flow)
{
    flow->deadline = CLOCK_NEVER;
    list_append(&flow->worker->connecting_queue, &flow->connect_link);
    flow->worker->connect_task.run = connect_next;
    worker_queue(flow->worker, &flow->worker->connect_task);
}

static void source_prepare(struct flow *flow)
{
    if (!flow->settings.late_connect) {
        queue_connect(flow);
        return;
    }
    flow->state = FLOW_WAITING;
    flow_tell_ready(flow);
}

static void source_start(struct flow *flow)
{
    flow->deadline = flow->run_start + flow->ends[SOURCE].delay;
}

static void source_timeout(struct flow *flow)
{
    char text[ADDRESS_TEXT_MAX];
    struct fail fail;
    if (flow->state == FLOW_WAITING) {
        queue_connect(flow);
        return;
    }
    peer_text(flow, text);
    if (flow->state == FLOW_CONNECTING)
        fail_set(&fail, FAULT_CONNECT, "the connection to %s timed out after %lld s", text,
                 (long long)(CONNECT_TIMEOUT / NS_PER_SEC));
    else
        fail_set(&fail, FAULT_CONNECT,
                 "%s accepted the connection but did not agree to the flow within %lld s: it is no "
                 "flowd, or not the one that was asked",
                 text, (long long)(EXCHANGE_TIMEOUT / NS_PER_SEC));
    fail_connecting(flow, &fail);
}

/* connect() has come to an end. */
static void end_connect(struct flow *flow)
{
    int error = 0;
    socklen_t length = sizeof error;
    char text[ADDRESS_TEXT_MAX];
    struct fail fail;
    getsockopt(flow->fd, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error) {
        peer_text(flow, text);
        fail_set(&fail, FAULT_CONNECT, "can't connect to %s: %s", text, fail_errno(error));
        flow_close_socket(flow);
        try_address(flow, &fail);
        return;
    }
    if (!flow->writable)
        return;
    uint8_t bytes[PREAMBLE_SIZE];
    struct preamble preamble = {.header_size = flow->framing->header_size};
    memcpy(preamble.secret, flow->secret, SECRET_SIZE);
    preamble_encode(&preamble, bytes);
    worker_clock(flow->worker);
    /* With TCP Fast Open the SYN goes out with the preamble, now: its handshake is part of the
     * exchange, and can't be told from it. */
    if (!flow_own_settings(flow)->fastopen || tcpinfo_state(flow->fd) != TCP_SYN_SENT)
        flow->connect_time = flow->worker->now - flow->connect_began;
    if (send(flow->fd, bytes, sizeof bytes, MSG_NOSIGNAL) != sizeof bytes) {
        fail_set(&fail, FAULT_CONNECT, "the preamble can't be sent: %s", fail_errno(errno));
        fail_connecting(flow, &fail);
        return;
    }
    flow->state = FLOW_EXCHANGING;
    flow->deadline = flow->worker->now + EXCHANGE_TIMEOUT;
    flow_rearm(flow);
}

static bool check_answer(const struct flow *flow, struct fail *fail)
{
    struct preamble answer;
    char text[ADDRESS_TEXT_MAX];
    if (preamble_decode(flow->exchange, &answer, NULL) && secret_equal(answer.secret, flow->proof))
        return true;
    peer_text(flow, text);
    return fail_set(fail, FAULT_CONNECT,
                    "what answers at %s did not agree to the flow: it is no flowd, or not the one "
                    "that was asked",
                    text);
}

/* Reads the answer, and not a byte more. */
static void read_answer(struct flow *flow)
{
    char text[ADDRESS_TEXT_MAX];
    struct fail fail;
    while (flow->exchanged < PREAMBLE_SIZE) {
        ssize_t got = recv(flow->fd, flow->exchange + flow->exchanged,
                           PREAMBLE_SIZE - flow->exchanged, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            flow->readable = false;
            return;
        }
        if (got <= 0) {
            peer_text(flow, text);
            fail_set(&fail, FAULT_CONNECT,
                     "%s closed the connection instead of agreeing to the flow", text);
            fail_connecting(flow, &fail);
            return;
        }
        flow->exchanged += (size_t)got;
    }
    if (!check_answer(flow, &fail)) {
        fail_connecting(flow, &fail);
        return;
    }
    worker_clock(flow->worker);
    flow->exchange_time = flow->worker->now - flow->connect_began;
    if (flow->connect_time != METRIC_ABSENT)
        flow->exchange_time -= flow->connect_time;
    flow_source_leave(flow);
    flow_ready(flow);
}

static void source_connected(struct flow *flow)
{
    if (flow->state == FLOW_CONNECTING)
        end_connect(flow);
    if (flow->state == FLOW_EXCHANGING && flow->readable)
        read_answer(flow);
}

const struct flow_role flow_source = {
    .prepare = source_prepare,
    .connected = source_connected,
    .start = source_start,
    .timeout = source_timeout,
};
