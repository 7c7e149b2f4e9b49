/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a peer sends in message mode: two bytes of how (endpoint, settings, size of the reads), then
 * the stream of blocks, read by a flow that answers. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

static struct {
    const unsigned char *data;
    size_t left, most;
} stream;

static ssize_t fuzz_recv(int fd, void *to, size_t size, int flags)
{
    (void)fd, (void)flags;
    size = size < stream.most ? size : stream.most;
    size = size < stream.left ? size : stream.left;
    memcpy(to, stream.data, size);
    stream.data += size;
    stream.left -= size;
    return (ssize_t)size; /* 0: the peer has ended */
}

static ssize_t fuzz_sendmsg(int fd, const struct msghdr *message, int flags)
{
    size_t length = 0;
    (void)fd, (void)flags;
    for (size_t i = 0; i < message->msg_iovlen; i++)
        length += message->msg_iov[i].iov_len;
    if (length % 3)
        return (ssize_t)(length % 2 ? length : length / 2 + 1);
    errno = EAGAIN;
    return -1;
}

static ssize_t fuzz_send(int fd, const void *bytes, size_t size, int flags)
{
    struct iovec part = {(void *)bytes, size};
    return fuzz_sendmsg(fd, &(struct msghdr){.msg_iov = &part, .msg_iovlen = 1}, flags);
}

#include "daemon/engine/worker.c"
#define sendmsg   fuzz_sendmsg
#define send(...) fuzz_send(__VA_ARGS__)
#define recv      fuzz_recv
#include "daemon/net/transport_stream.c"
#undef sendmsg
#undef send
#undef recv
#include "daemon/flow/framing_message.c"
#include "daemon/flow/message_receive.c"
#include "daemon/flow/message_send.c"
#include "peer/peer.h"

#include "fuzz.h"

enum { TURNS_MAX = 64 };

static struct worker worker;

static void set_up(void)
{
    worker_init(&worker);
    if (!payload_open(&worker.payload))
        abort();
    worker.ring = ring_new(1 << 24);
}

static struct flow *make_flow(uint8_t how)
{
    struct prepare_endpoint prepare = {.endpoint = how & 1 ? SOURCE : DESTINATION};
    schema_defaults(&endpoint_settings_schema, &prepare.source);
    schema_defaults(&endpoint_settings_schema, &prepare.destination);
    schema_defaults(&flow_settings_schema, &prepare.settings);
    prepare.source.duration = 10 * NS_PER_SEC;
    prepare.destination.duration = how & 2 ? 10 * NS_PER_SEC : 0;
    prepare.source.response_size = dist_constant(how & 4 ? BLOCK_HEADER_SIZE : 0);
    prepare.destination.block_cap = how & 8 ? 100 : 0;
    prepare.settings.summarize_only = 1;
    prepare.settings.framing = FRAMING_MESSAGE;
    struct flow *flow = flow_new(&(struct flow_arguments){
        .endpoint = &prepare, .worker = &worker, .protocol = &peer_flowrig_source});
    flow->fd = -1;
    flow->state = FLOW_RUNNING;
    flow->tx.active = flow->tx.started = flow_own_settings(flow)->duration > 0;
    flow->rx.active = flow->rx.started = flow_peer_settings(flow)->duration > 0;
    flow->tx.opened = flow->rx.opened = true;
    return flow;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!worker.scratch)
        set_up();
    if (size < 2)
        return 0;
    struct flow *flow = make_flow(data[0]);
    stream.data = data + 2;
    stream.left = size - 2;
    stream.most = data[1] ? data[1] : SIZE_MAX;
    for (int turn = 0; turn < TURNS_MAX && stream.left && flow->state == FLOW_RUNNING; turn++) {
        flow->readable = flow->writable = true;
        flow->framing->receive(flow);
        if (flow->state == FLOW_RUNNING)
            flow->framing->send(flow);
    }
    flow->framing->release(flow);
    timers_free(&worker.timers);
    for (const struct ring_entry *entry; (entry = ring_peek(worker.ring));)
        ring_pop(worker.ring);
    flow_free(flow);
    return 0;
}
