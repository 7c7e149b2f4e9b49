/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The end whose connection is there already: whoever is at its other end has agreed to the flow by
 * a protocol of its own, and has no daemon. */
#include <errno.h>
#include <inttypes.h>
#include <sys/socket.h>

#include "flow/datagram.h"
#include "flow/datagram_iperf3.h"
#include "net/kernel.h"
#include "peer/peer.h"

/* The kernel's limit may be lower than what was asked for. */
static bool has_buffer(struct flow *flow, int option, const char *name, int64_t wanted)
{
    int64_t real = kernel_buffer(flow_fd(flow), option);
    if (!wanted || real >= wanted)
        return true;
    flow_fail(flow, FAULT_SYSTEM,
              "a %s buffer of %" PRId64 " bytes was asked for, but the host gives %" PRId64, name,
              wanted, real);
    return false;
}

static void accepted_prepare(struct flow *flow)
{
    const struct endpoint_settings *own = flow_own_settings(flow);
    struct address source;
    struct fail fail;
    if (!address_peer(flow_fd(flow), &source)) {
        flow_fail(flow, FAULT_CONNECT, "the connection is gone: %s", fail_errno(errno));
        return;
    }
    if (!flow_may_have_source(flow, &source))
        return;
    /* Other connections came by the same listening socket, which has none of the options. */
    if (!flow_transport(flow)->set(flow_fd(flow), SOCKOPT_CREATED, own, &fail) ||
        !flow_transport(flow)->set(flow_fd(flow), SOCKOPT_ACCEPTED, own, &fail)) {
        flow_fail(flow, fail.code, "%s", fail.text);
        return;
    }
    if (!has_buffer(flow, SO_SNDBUF, "send", own->send_buffer) ||
        !has_buffer(flow, SO_RCVBUF, "receive", own->receive_buffer))
        return;
    flow_claim_dump(flow, flow_fd(flow));
    if (flow_attach(flow, flow_fd(flow)))
        flow_ready(flow);
}

static void nothing(struct flow *flow)
{
    (void)flow; /* it is ready at once, and its socket belongs to it alone */
}

const struct peer_protocol peer_accepted = {
    .name = "accepted",
    .has_daemon = false,
    .prepare = accepted_prepare,
    .connected = nothing,
    .start = nothing,
    .timeout = nothing,
    .leave = nothing,
    .adopt = NULL,
};

/* What opened the stream may come twice, and is answered again. All else waits for the start. */
static void datagrams_connected(struct flow *flow)
{
    int error = flow_transport(flow)->take_error(flow_fd(flow));
    if (error && flow_state(flow) == FLOW_READY) {
        flow_socket_error(flow, error);
        return;
    }
    for (int count = 0; flow_state(flow) == FLOW_READY; count++) {
        uint8_t bytes[IPERF3_CONNECT_SIZE + 1], answer[IPERF3_CONNECT_SIZE];
        struct address from;
        if (count == DATAGRAM_EXCHANGE_TURN) {
            flow_yield(flow);
            return;
        }
        ssize_t got = flow_transport(flow)->peek(flow_fd(flow), bytes, sizeof bytes, &from);
        if (got < 0 || !iperf3_connect_answer(bytes, (size_t)got, answer))
            return;
        flow_transport(flow)->receive(flow_connection(flow), flow_fd(flow), bytes, sizeof bytes,
                                      false);
        flow_transport(flow)->send(flow_connection(flow), flow_fd(flow),
                                   &(struct iovec){answer, sizeof answer}, 1);
    }
}

#define DATAGRAMS(wide, wall)                                                                     \
    {                                                                                             \
        .name = "iperf3 datagrams", .has_daemon = false,                                          \
        .format = &datagram_formats_iperf3[wide][wall], .prepare = accepted_prepare,              \
        .connected = datagrams_connected, .start = nothing, .timeout = nothing, .leave = nothing, \
        .adopt = NULL,                                                                            \
    }

const struct peer_protocol peer_accepted_datagrams[2][2] = {
    {DATAGRAMS(0, 0), DATAGRAMS(0, 1)},
    {DATAGRAMS(1, 0), DATAGRAMS(1, 1)},
};
