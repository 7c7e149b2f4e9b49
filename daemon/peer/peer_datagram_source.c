/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The end that asks. It sends nothing but CHALLENGES_MAX challenges to an address that does not
 * prove that it has agreed to the flow. */
#include <errno.h>
#include <string.h>

#include "flow/datagram.h"
#include "peer/peer.h"

enum { CHALLENGES_MAX = 10 };

/* No more than three in a second. */
#define CHALLENGE_TIME (NS_PER_SEC / 3 + 1)

/* What the protocol keeps of a flow, besides its state. */
struct source {
    int64_t began; /* to ask this address */
};

static int64_t now(const struct flow *flow)
{
    worker_update_now(flow_worker(flow));
    return flow_worker(flow)->now;
}

static void peer_text(const struct flow *flow, char text[ADDRESS_TEXT_MAX])
{
    address_format_port(flow_last_peer(flow), text);
}

/* Asks once more: for an answer at all, or for the agreement once there was one. */
static void ask(struct flow *flow)
{
    struct datagram_state *state = datagram_state_of(flow);
    enum datagram_kind kind = state->exchange[1] ? DATAGRAM_CONFIRM : DATAGRAM_CHALLENGE;
    state->attempts++;
    datagram_send_control(flow, kind,
                          (uint64_t[CONTROL_VALUES]){state->exchange[0], state->exchange[1]});
    flow_wait(flow, FLOW_EXCHANGING, flow_worker(flow)->now + CHALLENGE_TIME);
}

static void begin_to_ask(struct flow *flow)
{
    struct datagram_state *state = datagram_state_of(flow);
    uint8_t random[SECRET_SIZE];
    secret_make(random);
    state->exchange[0] = get_be64(random) | 1;
    state->exchange[1] = 0;
    state->attempts = 0;
    ask(flow);
}

/* Tries the peer's next address; the last one has failed, if there was one. */
static void try_address(struct flow *flow, struct fail *why)
{
    struct source *source = flow_peer_state(flow);
    const struct address *peer;
    while ((peer = flow_next_peer(flow)) != NULL) {
        source->began = now(flow);
        int fd = flow_transport(flow)->connect(flow_own_addresses(flow), peer,
                                               flow_own_settings(flow), NULL, why);
        if (fd < 0) {
            peer_note_failure(flow, why->text);
            continue;
        }
        flow_claim_dump(flow, fd);
        if (flow_attach(flow, fd))
            begin_to_ask(flow);
        return;
    }
    const struct buffer *errors = flow_peer_errors(flow);
    flow_fail(flow, why->code, "%s", errors->length ? errors->data : why->text);
}

static void fail_address(struct flow *flow, struct fail *why)
{
    peer_note_failure(flow, why->text);
    flow_close_socket(flow);
    try_address(flow, why);
}

static void source_prepare(struct flow *flow)
{
    struct fail fail = {.code = FAULT_CONNECT, .text = "the destination has no address"};
    try_address(flow, &fail);
}

static void source_timeout(struct flow *flow)
{
    char text[ADDRESS_TEXT_MAX];
    struct fail fail;
    const struct source *source = flow_peer_state(flow);
    int64_t limit = flow_common_settings(flow)->connect_timeout;
    if (datagram_state_of(flow)->attempts < CHALLENGES_MAX && now(flow) - source->began < limit) {
        ask(flow);
        return;
    }
    peer_text(flow, text);
    fail_set(&fail, FAULT_CONNECT,
             "%s has not agreed to the flow: %d challenges were not answered; is UDP blocked on "
             "the path (--data-ports), or does the address belong to another host?",
             text, datagram_state_of(flow)->attempts);
    fail_address(flow, &fail);
}

static void take_control(struct flow *flow, const struct control *control)
{
    struct datagram_state *state = datagram_state_of(flow);
    if (control->values[0] != state->exchange[0])
        return;
    if (control->kind == DATAGRAM_ECHO && !state->exchange[1] && control->values[1]) {
        state->exchange[1] = control->values[1];
        state->attempts = 0;
        ask(flow);
    } else if (control->kind == DATAGRAM_AGREED && state->exchange[1]) {
        const struct source *source = flow_peer_state(flow);
        flow_set_exchange_time(flow, now(flow) - source->began);
        flow_ready(flow);
    }
}

static void unreachable(struct flow *flow, int error)
{
    char text[ADDRESS_TEXT_MAX];
    struct fail fail;
    peer_text(flow, text);
    fail_set(&fail, FAULT_CONNECT, "can't reach %s: %s", text,
             error == ECONNREFUSED ? "its port is closed (ICMP port unreachable)"
                                   : fail_errno(error));
    fail_address(flow, &fail);
}

static void source_connected(struct flow *flow)
{
    uint8_t bytes[CONTROL_SIZE + 1];
    int error = flow_transport(flow)->take_error(flow_fd(flow));
    if (error && flow_state(flow) == FLOW_READY)
        flow_socket_error(flow, error);
    else if (error)
        unreachable(flow, error);
    for (int count = 0; !error && flow_state(flow) == FLOW_EXCHANGING; count++) {
        struct control control;
        if (count == DATAGRAM_EXCHANGE_TURN) {
            flow_yield(flow);
            return;
        }
        ssize_t got = flow_transport(flow)->receive(flow_connection(flow), flow_fd(flow), bytes,
                                                    sizeof bytes, true);
        if (got < 0) {
            if (errno != EAGAIN && errno != EINTR)
                unreachable(flow, errno);
            return;
        }
        if (control_decode(&datagram_state_of(flow)->keys, bytes, (size_t)got, &control) &&
            control.from == DESTINATION)
            take_control(flow, &control);
    }
}

static void source_nothing(struct flow *flow)
{
    (void)flow;
}

const struct peer_protocol peer_datagram_source = {
    .name = "flowrig datagrams",
    .state_size = sizeof(struct source),
    .has_daemon = true,
    .prepare = source_prepare,
    .connected = source_connected,
    .start = source_nothing,
    .timeout = source_timeout,
    .leave = source_nothing,
    .adopt = NULL,
};
