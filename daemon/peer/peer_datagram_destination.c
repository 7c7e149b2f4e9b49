/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The end whose port is known beforehand. It answers who knows the flow's secrets, with as many
 * bytes as came, and belongs to the first who confirms from the address that its answer went to. */
#include <errno.h>
#include <string.h>

#include "flow/datagram.h"
#include "peer/peer.h"

static void destination_prepare(struct flow *flow)
{
    flow_wait(flow, FLOW_WAITING, CLOCK_NEVER);
    secret_make(datagram_state_of(flow)->salt);
    flow_attach(flow, flow_fd(flow));
}

/* Answers from the socket while it is not connected. */
static void answer(struct flow *flow, const struct address *to, enum datagram_kind kind,
                   uint64_t nonce, uint64_t own_nonce)
{
    uint8_t bytes[CONTROL_SIZE];
    const struct control control = {kind, DESTINATION, {nonce, own_nonce}};
    control_encode(&datagram_state_of(flow)->keys, &control, bytes);
    flow_transport(flow)->send_to(flow_fd(flow), bytes, sizeof bytes, to);
}

static void agree(struct flow *flow, const struct control *confirm, const struct address *from)
{
    if (!flow_transport(flow)->associate(flow_connection(flow), flow_fd(flow), from)) {
        flow_fail(flow, FAULT_SYSTEM, "can't connect the socket to the source: %s",
                  fail_errno(errno));
        return;
    }
    flow_claim_dump(flow, flow_fd(flow));
    datagram_send_control(flow, DATAGRAM_AGREED, (uint64_t[CONTROL_VALUES]){confirm->values[0]});
    flow_ready(flow);
}

/* A control message of the source; whatever else came gets no answer. */
static void take_control(struct flow *flow, const struct control *control,
                         const struct address *from)
{
    const struct datagram_state *state = datagram_state_of(flow);
    if (flow_state(flow) == FLOW_READY) {
        if (control->kind == DATAGRAM_CONFIRM) /* the answer to it was lost */
            datagram_send_control(flow, DATAGRAM_AGREED,
                                  (uint64_t[CONTROL_VALUES]){control->values[0]});
        return;
    }
    uint64_t nonce = datagram_nonce_of(&state->keys, state->salt, &from->any, from->length);
    bool challenge = control->kind == DATAGRAM_CHALLENGE;
    if (!challenge && !(control->kind == DATAGRAM_CONFIRM && control->values[1] == nonce))
        return;
    /* Anybody can write any address on a datagram: a challenge is answered where tests may go. */
    if (!flow_may_have_source(flow, from))
        return;
    if (challenge)
        answer(flow, from, DATAGRAM_ECHO, control->values[0], nonce);
    else
        agree(flow, control, from);
}

/* Data that came before the start stays where it is: the start reads it. */
static void destination_connected(struct flow *flow)
{
    uint8_t bytes[CONTROL_SIZE + 1];
    struct address from;
    struct control control;
    int error = flow_transport(flow)->take_error(flow_fd(flow));
    if (error && flow_state(flow) == FLOW_READY) {
        flow_socket_error(flow, error);
        return;
    }
    for (int count = 0; flow_state(flow) == FLOW_WAITING || flow_state(flow) == FLOW_READY;
         count++) {
        if (count == DATAGRAM_EXCHANGE_TURN) {
            flow_yield(flow);
            return;
        }
        ssize_t got = flow_transport(flow)->peek(flow_fd(flow), bytes, sizeof bytes, &from);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (got > 0 && bytes[0] == DATAGRAM_DATA && flow_state(flow) == FLOW_READY)
            return;
        uint8_t taken[CONTROL_SIZE];
        if (got >= 0 && flow_transport(flow)->receive(flow_connection(flow), flow_fd(flow), taken,
                                                      sizeof taken, true) < 0)
            return;
        if (got == CONTROL_SIZE &&
            control_decode(&datagram_state_of(flow)->keys, bytes, (size_t)got, &control) &&
            control.from == SOURCE)
            take_control(flow, &control, &from);
    }
}

static void destination_nothing(struct flow *flow)
{
    (void)flow; /* the source has to ask before the start, and fails where it can't */
}

const struct peer_protocol peer_datagram_destination = {
    .name = "flowrig datagrams",
    .has_daemon = true,
    .prepare = destination_prepare,
    .connected = destination_connected,
    .start = destination_nothing,
    .timeout = destination_nothing,
    .leave = destination_nothing,
    .adopt = NULL,
};
