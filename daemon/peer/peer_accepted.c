/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The end whose connection is there already: whoever is at its other end has agreed to the flow by
 * a protocol of its own, and has no daemon. */
#include <errno.h>
#include <inttypes.h>
#include <sys/socket.h>

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
