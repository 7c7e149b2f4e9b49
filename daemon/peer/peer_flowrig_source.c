/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The end that connects. */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "log.h"
#include "peer/peer.h"

#define PATH_LOSES_DATA                                                                         \
    "none of the data sent after it was acknowledged: check the path for a firewall, or for a " \
    "link with a smaller MTU than the hosts assume"

/* Connections that one worker makes at once: a listener's queue has to hold those of all workers
 * that connect to it. */
enum { CONNECTING_MAX = 128 };

/* For how long one of them holds back others: what is not there by then is in no queue, and may
 * take as long as connect_timeout says. */
#define PLACE_TIME (NS_PER_SEC / 2)

/* What the protocol keeps of a flow. */
struct source {
    struct flow *flow;             /* NULL: it has not begun */
    struct list link;              /* of those that wait to connect */
    bool connecting;               /* it is counted among those that do, */
    int64_t placed;                /* since then */
    int64_t deadline;              /* of the state */
    int64_t began;                 /* to connect to this address */
    int64_t handshake;             /* how long that took, METRIC_ABSENT: not known */
    struct preamble preamble;      /* what it sent to this address, */
    uint8_t answer[PREAMBLE_SIZE]; /* and what has come of the answer */
    size_t answered;
};

static void peer_text(const struct flow *flow, char text[ADDRESS_TEXT_MAX])
{
    address_format_port(flow_last_peer(flow), text);
}

/* The sources of one worker that connect, and those that wait for their turn to. */
struct connect_queue {
    struct worker *worker;
    struct list waiting;
    int connecting;
    struct task task; /* lets the next ones connect */
};

static void connect_next(struct task *task);

static void queue_init(void *data, struct worker *worker)
{
    struct connect_queue *queue = data;
    queue->worker = worker;
    list_init(&queue->waiting);
    list_init(&queue->task.link);
    queue->task.run = connect_next;
}

static struct connect_queue *queue_of(const struct flow *flow)
{
    static const struct worker_local queues = {sizeof(struct connect_queue), queue_init};
    return worker_local(flow_worker(flow), &queues);
}

/* Gives up the place among those that connect. The queue is served by a task of its own: a flow
 * that fails at once makes room for the next, which may fail at once. */
static void give_up_place(struct source *source)
{
    struct connect_queue *queue = queue_of(source->flow);
    if (!source->connecting)
        return;
    source->connecting = false;
    queue->connecting--;
    worker_queue(queue->worker, &queue->task);
}

static void source_leave(struct flow *flow)
{
    struct source *source = flow_peer_state(flow);
    if (!source->flow)
        return;
    list_remove(&source->link);
    give_up_place(source);
}

/* Goes over to a state that lasts until the address has had its time; the end of the place comes
 * before. While the peer's answer does not come, it may be on its way: nothing here tells that the
 * peer's kernel retransmits it. */
static void wait_in(struct source *source, enum flow_state state)
{
    int64_t deadline = source->began + flow_common_settings(source->flow)->connect_timeout;
    int64_t place = source->placed + PLACE_TIME;
    source->deadline = deadline;
    flow_wait(source->flow, state, source->connecting && place < deadline ? place : deadline);
}

void peer_note_failure(struct flow *flow, const char *why)
{
    struct buffer *errors = flow_peer_errors(flow);
    if (errors->length && strstr(errors->data, why))
        return;
    if (errors->length)
        errors->length--; /* the end of the text */
    buffer_printf(errors, "%s%s", errors->length ? "; " : "", why);
    buffer_add(errors, "", 1);
}

/* The flow fails: every address that was tried is named, each with its own reason. */
static void fail_connecting(struct flow *flow, const struct fail *fail)
{
    peer_note_failure(flow, fail->text);
    flow_fail(flow, fail->code, "%s", flow_peer_errors(flow)->data);
}

/* Before the SYN. */
static void trace_socket(void *flow, int fd)
{
    flow_trace_socket(flow, fd);
}

/* Begins to connect to the peer's next address; `why` is what became of the one before. */
static void try_address(struct flow *flow, struct fail *why)
{
    struct source *source = flow_peer_state(flow);
    const struct socket_watcher watcher = {trace_socket, flow};
    for (;;) {
        if (flow_peers_tried(flow))
            peer_note_failure(flow, why->text);
        const struct address *peer = flow_next_peer(flow);
        if (!peer)
            break;
        /* Not worker->now: earlier addresses may have taken time, and a turn has but one now. */
        source->began = clock_now();
        int fd = flow_transport(flow)->connect(flow_own_addresses(flow), peer,
                                               flow_own_settings(flow), &watcher, why);
        if (fd < 0)
            continue;
        flow_claim_dump(flow, fd);
        wait_in(source, FLOW_CONNECTING);
        flow_attach(flow, fd);
        return;
    }
    fail_connecting(flow, why);
}

static void start_connecting(struct source *source)
{
    struct fail fail = {.code = FAULT_CONNECT, .text = "the destination has no address"};
    source->connecting = true;
    source->placed = clock_now();
    queue_of(source->flow)->connecting++;
    try_address(source->flow, &fail);
}

static void connect_next(struct task *task)
{
    struct connect_queue *queue = container_of(task, struct connect_queue, task);
    while (queue->connecting < CONNECTING_MAX && !list_empty(&queue->waiting)) {
        struct source *source = list_item(queue->waiting.next, struct source, link);
        list_remove(&source->link);
        start_connecting(source);
    }
}

static void queue_connect(struct flow *flow)
{
    struct source *source = flow_peer_state(flow);
    struct connect_queue *queue = queue_of(flow);
    flow_wait_until(flow, CLOCK_NEVER);
    list_append(&queue->waiting, &source->link);
    worker_queue(queue->worker, &queue->task);
}

static void source_prepare(struct flow *flow)
{
    struct source *source = flow_peer_state(flow);
    source->flow = flow;
    source->handshake = METRIC_ABSENT;
    list_init(&source->link);
    if (!flow_common_settings(flow)->late_connect) {
        queue_connect(flow);
        return;
    }
    flow_wait(flow, FLOW_WAITING, CLOCK_NEVER);
    flow_tell_ready(flow);
}

static void source_start(struct flow *flow)
{
    flow_wait_until(flow, flow_run_start(flow) + flow_ends(flow)[SOURCE].delay);
}

/* Its time is over. */
static void time_out(struct flow *flow)
{
    double limit = (double)flow_common_settings(flow)->connect_timeout / NS_PER_SEC;
    char text[ADDRESS_TEXT_MAX];
    struct fail fail;
    peer_text(flow, text);
    if (flow_state(flow) == FLOW_CONNECTING)
        fail_set(&fail, FAULT_CONNECT, "the connection to %s timed out after %.3g s", text, limit);
    else if (flow_transport(flow)->unacked(flow_fd(flow)) > 0)
        fail_set(&fail, FAULT_CONNECT,
                 "%s accepted the connection, but within %.3g s " PATH_LOSES_DATA, text, limit);
    else
        fail_set(&fail, FAULT_CONNECT,
                 "%s accepted the connection but did not agree to the flow within %.3g s: it is "
                 "not flowd, or another flowd than planned, or its answer was lost on the path",
                 text, limit);
    fail_connecting(flow, &fail);
}

static void source_timeout(struct flow *flow)
{
    struct source *source = flow_peer_state(flow);
    if (flow_state(flow) == FLOW_WAITING) {
        queue_connect(flow);
        return;
    }
    give_up_place(source);
    if (clock_now() < source->deadline) { /* only the place had an end */
        flow_wait_until(flow, source->deadline);
        return;
    }
    time_out(flow);
}

/* Whether an error says that the peer closed a connection that it had accepted. */
static bool was_closed(int error)
{
    return error == ECONNRESET || error == EPIPE;
}

/* connect() has come to an end. */
static void end_connect(struct flow *flow)
{
    struct source *source = flow_peer_state(flow);
    struct worker *worker = flow_worker(flow);
    char text[ADDRESS_TEXT_MAX];
    struct fail fail;
    int error = flow_transport(flow)->take_error(flow_fd(flow));
    if (error) {
        peer_text(flow, text);
        fail_set(&fail, was_closed(error) ? FAULT_PEER : FAULT_CONNECT, "can't connect to %s: %s",
                 text, fail_errno(error));
        flow_close_socket(flow);
        try_address(flow, &fail);
        return;
    }
    if (!flow_is_writable(flow))
        return;
    uint8_t bytes[PREAMBLE_SIZE];
    source->preamble.header_size = flow_header_size(flow);
    memcpy(source->preamble.token, flow_token(flow), SECRET_SIZE);
    preamble_make_nonce(source->preamble.nonce);
    preamble_encode(&source->preamble, bytes);
    worker_update_now(worker);
    /* With TCP Fast Open the SYN goes out with the preamble, now: its handshake is part of the
     * exchange, and can't be told from it. */
    if (!flow_own_settings(flow)->fastopen || !flow_transport(flow)->in_handshake(flow_fd(flow)))
        flow_set_connect_time(flow, source->handshake = worker->now - source->began);
    if (flow_transport(flow)->send(flow_connection(flow), flow_fd(flow),
                                   &(struct iovec){bytes, sizeof bytes}, 1) != sizeof bytes) {
        fail_set(&fail, was_closed(errno) ? FAULT_PEER : FAULT_CONNECT,
                 "can't send the preamble: %s", fail_errno(errno));
        fail_connecting(flow, &fail);
        return;
    }
    wait_in(source, FLOW_EXCHANGING);
}

static bool check_answer(struct flow *flow, struct fail *fail)
{
    const struct source *source = flow_peer_state(flow);
    char text[ADDRESS_TEXT_MAX];
    if (preamble_answered(flow_proof(flow), &source->preamble, source->answer))
        return true;
    peer_text(flow, text);
    return fail_set(fail, FAULT_CONNECT,
                    "the server at %s did not agree to the flow: it is not flowd, or another "
                    "flowd than planned",
                    text);
}

/* Reads the answer, and not a byte more. */
static void read_answer(struct flow *flow)
{
    struct source *source = flow_peer_state(flow);
    struct worker *worker = flow_worker(flow);
    char text[ADDRESS_TEXT_MAX];
    struct fail fail;
    while (source->answered < PREAMBLE_SIZE) {
        ssize_t got = flow_transport(flow)->receive(flow_connection(flow), flow_fd(flow),
                                                    source->answer + source->answered,
                                                    PREAMBLE_SIZE - source->answered, true);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            flow_clear_readable(flow);
            return;
        }
        if (got <= 0) {
            peer_text(flow, text);
            if (flow_transport(flow)->unacked(flow_fd(flow)) > 0)
                fail_set(&fail, FAULT_CONNECT,
                         "%s accepted the connection and closed it, and " PATH_LOSES_DATA, text);
            else
                fail_set(&fail, FAULT_PEER,
                         "%s closed the connection instead of agreeing to the flow", text);
            fail_connecting(flow, &fail);
            return;
        }
        source->answered += (size_t)got;
    }
    if (!check_answer(flow, &fail)) {
        fail_connecting(flow, &fail);
        return;
    }
    worker_update_now(worker);
    int64_t taken = worker->now - source->began;
    flow_set_exchange_time(flow,
                           source->handshake == METRIC_ABSENT ? taken : taken - source->handshake);
    source_leave(flow);
    flow_ready(flow);
}

static void source_connected(struct flow *flow)
{
    if (flow_state(flow) == FLOW_CONNECTING)
        end_connect(flow);
    if (flow_state(flow) == FLOW_EXCHANGING && flow_is_readable(flow))
        read_answer(flow);
}

const struct peer_protocol peer_flowrig_source = {
    .name = "flowrig",
    .state_size = sizeof(struct source),
    .has_daemon = true,
    .prepare = source_prepare,
    .connected = source_connected,
    .start = source_start,
    .timeout = source_timeout,
    .leave = source_leave,
    .adopt = NULL,
};
