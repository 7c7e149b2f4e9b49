/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What tests of daemon/flow/framing_message.c share: flows that are driven by hand over a loopback
 * connection, and a peer that sends what it likes. */
#ifndef FLOWRIG_UNIT_FRAMING_MESSAGE_H
#define FLOWRIG_UNIT_FRAMING_MESSAGE_H

#include "mem.h"
#include "clock.h"

#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>

#include "pair.h"
#include "peer/peer.h"
#include "unit.h"

/* The time, as the tests have it. */
static int64_t now_is;

static inline int64_t test_clock(void)
{
    return now_is;
}

/* What the socket takes of one call. */
static struct {
    enum { ALL, AT_MOST, RANDOM, PRETEND } takes;
    size_t most; /* AT_MOST: so many bytes, and then none; RANDOM: the largest part */
} sending;

static struct {
    size_t most; /* 0: as many as there are; else random parts up to this */
} receiving;

static inline size_t length_of(const struct msghdr *message)
{
    size_t length = 0;
    for (size_t i = 0; i < message->msg_iovlen; i++)
        length += message->msg_iov[i].iov_len;
    return length;
}

static inline ssize_t send_part(int fd, const struct msghdr *message, size_t part, int flags)
{
    struct iovec parts[256];
    struct msghdr cut = {.msg_iov = parts};
    while (part) {
        struct iovec *at = &parts[cut.msg_iovlen];
        *at = message->msg_iov[cut.msg_iovlen++];
        at->iov_len = at->iov_len < part ? at->iov_len : part;
        part -= at->iov_len;
    }
    return sendmsg(fd, &cut, flags);
}

static inline void check_parts(const struct msghdr *message);

static inline ssize_t test_sendmsg(int fd, const struct msghdr *message, int flags)
{
    size_t length = length_of(message), part = length;
    check_parts(message);
    if (sending.takes == PRETEND)
        return (ssize_t)length;
    if (sending.takes == AT_MOST && part > sending.most)
        part = sending.most;
    if (sending.takes == AT_MOST)
        sending.most -= part;
    if (sending.takes == RANDOM)
        part = random_bits() % (sending.most + 1) % (length + 1);
    if (part)
        return send_part(fd, message, part, flags);
    errno = EAGAIN;
    return -1;
}

static inline ssize_t test_send(int fd, const void *bytes, size_t size, int flags)
{
    struct iovec part = {(void *)bytes, size};
    return test_sendmsg(fd, &(struct msghdr){.msg_iov = &part, .msg_iovlen = 1}, flags);
}

static inline ssize_t test_recv(int fd, void *to, size_t size, int flags)
{
    if (receiving.most && random_bits() % 8 == 0) {
        errno = EAGAIN;
        return -1;
    }
    if (receiving.most) {
        size_t most = 1 + random_bits() % receiving.most;
        size = size < most ? size : most;
    }
    return recv(fd, to, size, flags);
}

#define clock_now test_clock
#include "daemon/engine/worker.c"
#undef clock_now
#define sendmsg   test_sendmsg
#define send(...) test_send(__VA_ARGS__)
#define recv      test_recv
#include "daemon/net/transport_stream.c"
#undef sendmsg
#undef send
#undef recv
#include "daemon/flow/framing_message.c"
#include "daemon/flow/message_receive.c"
#include "daemon/flow/message_send.c"

#define START INT64_C(1000000000000)

/* ---- set-up: a flow at one end, and a peer at the other ---- */

static struct worker worker;
static struct endpoint_settings ends[ENDPOINTS];
static struct flow_settings flow_settings;

/* Whether a part lies within the memory of a kind of payload. */
static inline bool within(const uint8_t *begin, size_t length, const uint8_t *memory, size_t size)
{
    return begin >= memory && begin < memory + size && begin + length <= memory + size;
}

/* Payload lies within the worker's zeros or numbers, the rest is headers. */
static inline void check_parts(const struct msghdr *message)
{
    for (size_t i = 0; i < message->msg_iovlen; i++) {
        const uint8_t *begin = message->msg_iov[i].iov_base;
        size_t length = message->msg_iov[i].iov_len;
        assert_true(length > 0);
        assert_true(
            within(begin, length, worker.payload.zeros, PAYLOAD_SIZE) ||
            within(begin, length, worker.numbers, PAYLOAD_SIZE + PAYLOAD_NUMBERS_PERIOD) ||
            within(begin, length, worker.block, WORKER_BLOCK_SIZE) || length <= BLOCK_HEADER_SIZE);
    }
}

static inline int set_up(void **state)
{
    (void)state;
    now_is = START;
    sending.takes = ALL;
    receiving.most = 0;
    worker_init(&worker);
    assert_true(payload_open(&worker.payload));
    worker.ring = ring_new(1 << 24);
    schema_defaults(&endpoint_settings_schema, &ends[SOURCE]);
    schema_defaults(&endpoint_settings_schema, &ends[DESTINATION]);
    schema_defaults(&flow_settings_schema, &flow_settings);
    ends[SOURCE].duration = 10 * NS_PER_SEC;
    ends[SOURCE].pushy = ends[DESTINATION].pushy = 1;
    flow_settings.summarize_only = 1;
    flow_settings.framing = FRAMING_MESSAGE;
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    munmap(worker.scratch, WORKER_SCRATCH_SIZE);
    free(worker.block);
    free_locals(&worker);
    ring_free(worker.ring);
    timers_free(&worker.timers);
    return 0;
}

/* An endpoint in the middle of its time, with the settings that are set. */
static inline struct flow *running_flow(enum endpoint endpoint, int fd)
{
    struct prepare_endpoint prepare = {.settings = flow_settings};
    prepare.endpoint = endpoint;
    prepare.source = ends[SOURCE];
    prepare.destination = ends[DESTINATION];
    struct flow *flow = flow_new(&(struct flow_arguments){
        .fd = -1,
        .endpoint = &prepare,
        .worker = &worker,
        .protocol = endpoint == SOURCE ? &peer_flowrig_source : &peer_flowrig_destination,
    });
    assert_ptr_equal(flow->framing, &framing_message);
    flow->fd = fd;
    flow->state = FLOW_RUNNING;
    flow->readable = flow->writable = true;
    flow->tx.active = flow->tx.started = flow_own_settings(flow)->duration > 0;
    flow->rx.active = flow->rx.started = flow_peer_settings(flow)->duration > 0;
    flow->tx.opened = flow->rx.opened = true;
    flow->tx.stop = flow->tx.to = now_is + flow_own_settings(flow)->duration;
    pacer_start(&flow->pacer, flow_own_settings(flow)->rate, now_is);
    return flow;
}

/* A flow and its peer, which is a socket. */
static inline struct flow *flow_and_peer(enum endpoint endpoint, int *peer)
{
    int fds[2];
    connect_pair(fds);
    *peer = fds[1];
    return running_flow(endpoint, fds[0]);
}

static inline void give_up(struct flow *flow)
{
    flow->framing->release(flow);
    if (flow->fd >= 0)
        close(flow->fd);
    flow_free(flow);
}

/* One turn of reading or sending, whatever the flow thinks of its socket. */
static inline bool turn_send(struct flow *flow)
{
    flow->writable = true;
    return flow->framing->send(flow);
}

static inline bool turn_receive(struct flow *flow)
{
    flow->readable = true;
    return flow->framing->receive(flow);
}

/* What was counted, within the time and after it. */
static inline int64_t bytes_of(const struct direction *direction)
{
    return direction->bytes + direction->tail_bytes;
}

static inline int64_t requests_of(const struct direction *direction)
{
    return direction->requests + direction->tail_requests;
}

static inline int64_t responses_of(const struct direction *direction)
{
    return direction->responses + direction->tail_responses;
}

static inline void stop_sending(struct flow *flow)
{
    flow->tx.stopped = true;
}

/* ---- the peer ---- */

static inline void say(int peer, const void *bytes, size_t length)
{
    assert_int_equal(send(peer, bytes, length, MSG_NOSIGNAL), length);
}

static inline void say_block(int peer, const struct block *block)
{
    static const uint8_t payload[1 << 16];
    uint8_t header[BLOCK_HEADER_SIZE];
    block_encode(block, header);
    say(peer, header, sizeof header);
    for (uint32_t left = block->size - BLOCK_HEADER_SIZE; left;) {
        uint32_t part = left < sizeof payload ? left : (uint32_t)sizeof payload;
        say(peer, payload, part);
        left -= part;
    }
}

/* Reads a block, whose payload must be zeros. */
static inline struct block hear_block(int peer)
{
    uint8_t header[BLOCK_HEADER_SIZE], payload[4096];
    struct block block;
    struct fail fail;
    assert_int_equal(recv(peer, header, sizeof header, MSG_WAITALL), sizeof header);
    if (!block_decode(header, &block, &fail))
        fail_msg("%s", fail.text);
    for (uint32_t left = block.size - BLOCK_HEADER_SIZE; left;) {
        size_t part = left < sizeof payload ? left : sizeof payload;
        assert_int_equal(recv(peer, payload, part, MSG_WAITALL), part);
        for (size_t i = 0; i < part; i++)
            assert_int_equal(payload[i], 0);
        left -= (uint32_t)part;
    }
    return block;
}

static inline void hear_nothing(int peer)
{
    char byte;
    assert_int_equal(recv(peer, &byte, 1, MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
}

/* The flow reads until `count` blocks of both kinds have come. */
static inline void receive_blocks(struct flow *flow, int64_t count)
{
    while (flow->rx.requests + flow->rx.responses < count && flow->state != FLOW_DONE)
        turn_receive(flow);
}

static inline void receive_until_failed(struct flow *flow)
{
    while (flow->state != FLOW_DONE)
        turn_receive(flow);
}

#define DRIVEN(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
