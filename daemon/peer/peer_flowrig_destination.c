/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The end that listens. Its listener reads the preamble, finds the flow, and hands over. */
#include <errno.h>
#include <unistd.h>

#include "log.h"
#include "peer/peer.h"

/* How long after the source should have connected a late connection is waited for: as long as the
 * source tries, and what an agreement takes. */
static int64_t late_connect_timeout(const struct flow *flow)
{
    return flow_common_settings(flow)->connect_timeout + 5 * NS_PER_SEC;
}

static void destination_prepare(struct flow *flow)
{
    flow_wait(flow, FLOW_WAITING, CLOCK_NEVER);
    if (flow_common_settings(flow)->late_connect)
        flow_tell_ready(flow);
}

static void destination_start(struct flow *flow)
{
    flow_wait_until(flow, flow_run_start(flow) + flow_ends(flow)[SOURCE].delay +
                              late_connect_timeout(flow));
}

static void destination_timeout(struct flow *flow)
{
    flow_fail(flow, FAULT_CONNECT, "the source did not connect within %.3g s of its time",
              (double)late_connect_timeout(flow) / NS_PER_SEC);
}

static void destination_connected(struct flow *flow)
{
    (void)flow; /* the answer is sent before the socket is watched */
}

static void destination_adopt(struct flow *flow, int fd, const struct preamble *preamble)
{
    uint8_t bytes[PREAMBLE_SIZE];
    struct address source;
    struct fail fail;
    if (flow_state(flow) != FLOW_WAITING || !address_peer(fd, &source) ||
        !flow_may_have_source(flow, &source)) {
        close(fd);
        return;
    }
    if (preamble->header_size != flow_header_size(flow)) {
        close(fd);
        flow_fail(flow, FAULT_CONNECT,
                  "the source uses block headers of %d bytes, the destination %d: they have "
                  "different settings",
                  preamble->header_size, flow_header_size(flow));
        return;
    }
    if (!flow_transport(flow)->set(fd, SOCKOPT_ACCEPTED, flow_own_settings(flow), &fail)) {
        close(fd);
        flow_fail(flow, fail.code, "%s", fail.text);
        return;
    }
    flow_claim_dump(flow, fd);
    flow_trace_socket(flow, fd);
    preamble_answer(flow_proof(flow), preamble, bytes);
    const struct iovec part = {bytes, sizeof bytes};
    if (flow_transport(flow)->send(flow_connection(flow), fd, &part, 1) != sizeof bytes) {
        int error = errno;
        close(fd);
        flow_fail(flow, FAULT_CONNECT, "can't answer the preamble: %s", fail_errno(error));
        return;
    }
    if (flow_attach(flow, fd))
        flow_ready(flow);
}

static void destination_leave(struct flow *flow)
{
    (void)flow; /* the session takes its secret back */
}

const struct peer_protocol peer_flowrig_destination = {
    .name = "flowrig",
    .has_daemon = true,
    .prepare = destination_prepare,
    .connected = destination_connected,
    .start = destination_start,
    .timeout = destination_timeout,
    .leave = destination_leave,
    .adopt = destination_adopt,
};
