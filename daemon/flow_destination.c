/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The end that listens. Its listener reads the preamble, finds the flow, and hands over. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "flow.h"
#include "log.h"
#include "sockopt.h"

/* How long after the source should have connected a late connection is waited for. */
#define LATE_CONNECT_TIMEOUT (15 * NS_PER_SEC)

static void destination_prepare(struct flow *flow)
{
    flow->state = FLOW_WAITING;
    if (flow->settings.late_connect)
        flow_tell_ready(flow);
}

static void destination_start(struct flow *flow)
{
    flow->deadline = flow->run_start + flow->ends[SOURCE].delay + LATE_CONNECT_TIMEOUT;
}

static void destination_timeout(struct flow *flow)
{
    flow_fail(flow, FAULT_CONNECT, "the source did not connect within %lld s of its time",
              (long long)(LATE_CONNECT_TIMEOUT / NS_PER_SEC));
}

static void destination_connected(struct flow *flow)
{
    (void)flow; /* the answer is sent before the socket is watched */
}

void flow_destination_adopt(struct flow *flow, int fd, uint8_t header_size)
{
    uint8_t bytes[PREAMBLE_SIZE];
    struct preamble answer = {.header_size = flow->framing->header_size};
    struct fail fail;
    if (flow->state != FLOW_WAITING) {
        close(fd);
        return;
    }
    if (header_size != flow->framing->header_size) {
        close(fd);
        flow_fail(flow, FAULT_CONNECT,
                  "the source wants block headers of %d bytes, the destination %d: the two were "
                  "given different settings",
                  header_size, flow->framing->header_size);
        return;
    }
    if (!sockopt_set(fd, AF_UNSPEC, SOCKOPT_ACCEPTED, flow_own_settings(flow), &fail)) {
        close(fd);
        flow_fail(flow, fail.code, "%s", fail.text);
        return;
    }
    flow_claim_dump(flow, fd);
    memcpy(answer.secret, flow->proof, SECRET_SIZE);
    preamble_encode(&answer, bytes);
    if (send(fd, bytes, sizeof bytes, MSG_NOSIGNAL) != sizeof bytes) {
        int error = errno;
        close(fd);
        flow_fail(flow, FAULT_CONNECT, "the preamble can't be answered: %s", fail_errno(error));
        return;
    }
    if (flow_attach(flow, fd))
        flow_ready(flow);
}

const struct flow_role flow_destination = {
    .prepare = destination_prepare,
    .connected = destination_connected,
    .start = destination_start,
    .timeout = destination_timeout,
};
