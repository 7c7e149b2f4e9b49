/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/framing_message.c: flows that are driven by hand over a loopback connection, against
 * each other and against a peer that sends what it likes. */
#include "clock.h"

#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>

#include "unit.h"

/* The time, as the tests have it. */
static int64_t now_is;

static int64_t test_clock(void)
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

static size_t length_of(const struct msghdr *message)
{
    size_t length = 0;
    for (size_t i = 0; i < message->msg_iovlen; i++)
        length += message->msg_iov[i].iov_len;
    return length;
}

static ssize_t send_part(int fd, const struct msghdr *message, size_t part, int flags)
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

static void check_parts(const struct msghdr *message);

static ssize_t test_sendmsg(int fd, const struct msghdr *message, int flags)
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

static ssize_t test_recv(int fd, void *to, size_t size, int flags)
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
#include "daemon/worker.c"
#undef clock_now
#define sendmsg test_sendmsg
#define recv    test_recv
#include "daemon/framing_message.c"
#undef sendmsg
#undef recv

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define START        INT64_C(1000000000000)

/* ---- set-up: a flow at one end, and a peer at the other ---- */

static struct worker worker;
static struct endpoint_settings ends[ENDPOINTS];
static struct flow_settings flow_settings;

/* Whether a part lies within the memory of a kind of payload. */
static bool within(const uint8_t *begin, size_t length, const uint8_t *memory, size_t size)
{
    return begin >= memory && begin < memory + size && begin + length <= memory + size;
}

/* Payload lies within the worker's zeros or numbers, the rest is headers. */
static void check_parts(const struct msghdr *message)
{
    for (size_t i = 0; i < message->msg_iovlen; i++) {
        const uint8_t *begin = message->msg_iov[i].iov_base;
        size_t length = message->msg_iov[i].iov_len;
        assert_true(length > 0);
        assert_true(
            within(begin, length, worker.zeros, WORKER_ZEROS_SIZE) ||
            within(begin, length, worker.numbers, WORKER_ZEROS_SIZE + WORKER_NUMBERS_PERIOD) ||
            length <= BLOCK_HEADER_SIZE);
    }
}

static int set_up(void **state)
{
    (void)state;
    now_is = START;
    sending.takes = ALL;
    receiving.most = 0;
    pthread_once(&zeros.once, make_zeros);
    worker = (struct worker){
        .zeros = zeros.memory, .numbers = zeros.numbers, .zeros_fd = zeros.fd, .epoll = -1};
    worker.scratch = malloc(WORKER_SCRATCH_SIZE);
    worker.ring = ring_new(1 << 24);
    list_init(&worker.runnable);
    list_init(&worker.graveyard);
    list_init(&worker.mailbox);
    list_init(&worker.visitors);
    list_init(&worker.connecting_queue);
    worker_clock(&worker);
    schema_defaults(&endpoint_settings_schema, &ends[SOURCE]);
    schema_defaults(&endpoint_settings_schema, &ends[DESTINATION]);
    schema_defaults(&flow_settings_schema, &flow_settings);
    ends[SOURCE].duration = 10 * NS_PER_SEC;
    ends[SOURCE].pushy = ends[DESTINATION].pushy = 1;
    flow_settings.summarize_only = 1;
    flow_settings.framing = FRAMING_MESSAGE;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(worker.scratch);
    ring_free(worker.ring);
    timers_free(&worker.timers);
    return 0;
}

/* A connection over loopback; buffers hold some megabytes. */
static void connect_pair(int fds[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    fds[0] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fds[0], (struct sockaddr *)&address, sizeof address), 0);
    fds[1] = accept(listener, NULL, NULL);
    assert_true(fds[1] >= 0);
    close(listener);
}

/* An endpoint in the middle of its time, with the settings that are set. */
static struct flow *running_flow(enum endpoint endpoint, int fd)
{
    struct prepare_endpoint prepare = {.settings = flow_settings};
    prepare.endpoint[0] = endpoint_letter(endpoint);
    prepare.source = ends[SOURCE];
    prepare.destination = ends[DESTINATION];
    struct flow *flow = flow_new(&(struct flow_arguments){.endpoint = &prepare, .worker = &worker});
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
static struct flow *flow_and_peer(enum endpoint endpoint, int *peer)
{
    int fds[2];
    connect_pair(fds);
    *peer = fds[1];
    return running_flow(endpoint, fds[0]);
}

static void give_up(struct flow *flow)
{
    flow->framing->release(flow);
    if (flow->fd >= 0)
        close(flow->fd);
    flow_free(flow);
}

/* One turn of reading or sending, whatever the flow thinks of its socket. */
static bool turn_send(struct flow *flow)
{
    flow->writable = true;
    return flow->framing->send(flow);
}

static bool turn_receive(struct flow *flow)
{
    flow->readable = true;
    return flow->framing->receive(flow);
}

/* What was counted, within the time and after it. */
static int64_t bytes_of(const struct direction *direction)
{
    return direction->bytes + direction->tail_bytes;
}

static int64_t requests_of(const struct direction *direction)
{
    return direction->requests + direction->tail_requests;
}

static int64_t responses_of(const struct direction *direction)
{
    return direction->responses + direction->tail_responses;
}

static void stop_sending(struct flow *flow)
{
    flow->tx.stopped = true;
}

/* ---- the peer ---- */

static void say(int peer, const void *bytes, size_t length)
{
    assert_int_equal(send(peer, bytes, length, MSG_NOSIGNAL), length);
}

static void say_block(int peer, const struct block *block)
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
static struct block hear_block(int peer)
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

static void hear_nothing(int peer)
{
    char byte;
    assert_int_equal(recv(peer, &byte, 1, MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
}

/* The flow reads until `count` blocks of both kinds have come. */
static void receive_blocks(struct flow *flow, int64_t count)
{
    while (flow->rx.requests + flow->rx.responses < count && flow->state != FLOW_DONE)
        turn_receive(flow);
}

static void receive_until_failed(struct flow *flow)
{
    while (flow->state != FLOW_DONE)
        turn_receive(flow);
}

/* ---- sending ---- */

static void test_requests_as_they_travel(void **state)
{
    (void)state;
    int peer;
    ends[SOURCE].request_size = dist_constant(1000);
    struct flow *flow = flow_and_peer(SOURCE, &peer);
    assert_true(turn_send(flow)); /* without a rate there is always more */
    assert_int_equal(flow->framing->next_send(flow), CLOCK_NEVER);
    int64_t count = flow->tx.requests;
    assert_true(count > 1);
    for (uint32_t i = 0; i < count; i++) {
        struct block block = hear_block(peer);
        assert_int_equal(block.type, BLOCK_REQUEST);
        assert_int_equal(block.size, 1000);
        assert_int_equal(block.response_size, 0);
        assert_int_equal(block.sequence, i);
        assert_int_equal(block.sent, START);
        assert_int_equal(block.echoed, 0);
        assert_int_equal(block.held, 0);
    }
    hear_nothing(peer);
    assert_int_equal(flow->tx.bytes, 1000 * count);
    assert_int_equal(flow->tx.responses, 0);
    now_is += 12345;
    turn_send(flow);
    struct block next = hear_block(peer);
    assert_int_equal(next.sequence, count);
    assert_int_equal(next.sent, START + 12345);
    give_up(flow);
    close(peer);
}

static void test_sizes_from_the_smallest_to_the_largest(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {40, 41, 8192, 65536, 1 << 20, (1 << 20) + 39, 5 << 20};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        int peer;
        ends[SOURCE].request_size = dist_constant(sizes[i]);
        struct flow *flow = flow_and_peer(SOURCE, &peer);
        int64_t taken = 0, heard = 0;
        while (flow->tx.requests < 2) {
            char drain[1 << 16];
            turn_send(flow);
            taken = flow->tx.bytes;
            for (ssize_t got; heard < taken; heard += got) {
                got = recv(peer, drain, sizeof drain, 0);
                assert_true(got > 0);
            }
        }
        assert_int_equal(flow->tx.bytes / sizes[i], flow->tx.requests);
        give_up(flow);
        close(peer);
    }
}

static void test_nothing_is_sent_before_its_time(void **state)
{
    (void)state;
    int peer;
    struct flow *flow = flow_and_peer(SOURCE, &peer);
    flow->tx.started = false;
    assert_false(turn_send(flow));
    flow->tx.started = flow->tx.stopped = true;
    assert_false(turn_send(flow));
    hear_nothing(peer);
    assert_int_equal(flow->tx.bytes, 0);
    assert_true(flow->framing->flushed(flow));
    assert_int_equal(flow->framing->awaited(flow), 0);
    give_up(flow);
    close(peer);
}

static void test_a_rate_is_kept(void **state)
{
    (void)state;
    int peer;
    ends[SOURCE].request_size = dist_constant(1000);
    ends[SOURCE].rate = 8000000; /* a block each ms */
    struct flow *flow = flow_and_peer(SOURCE, &peer);
    for (int i = 0; i < 50; i++) {
        assert_false(turn_send(flow));
        assert_true(flow->writable); /* it is not the socket that it waits for */
        assert_int_equal(flow->tx.requests, i + 1);
        assert_int_equal(flow->framing->next_send(flow), START + (i + 1) * NS_PER_MS);
        assert_false(turn_send(flow));
        now_is = START + (i + 1) * NS_PER_MS - 1;
        assert_false(turn_send(flow));
        assert_int_equal(flow->tx.requests, i + 1);
        now_is++;
    }
    /* Late by 20 ms: 21 blocks are due. */
    now_is += 20 * NS_PER_MS;
    assert_false(turn_send(flow));
    assert_int_equal(flow->tx.requests, 71);
    give_up(flow);
    close(peer);
}

/* Without -P a turn sends one block, however many are due. */
static void test_one_block_a_turn(void **state)
{
    (void)state;
    static const int64_t some_rates[] = {0, 8000000};
    ends[SOURCE].pushy = 0;
    ends[SOURCE].request_size = dist_constant(1000);
    for (size_t i = 0; i < COUNT(some_rates); i++) {
        int peer;
        now_is = START;
        ends[SOURCE].rate = some_rates[i];
        struct flow *flow = flow_and_peer(SOURCE, &peer);
        now_is += 4 * NS_PER_MS; /* five are due */
        for (uint32_t sent = 1; sent <= 5; sent++) {
            assert_int_equal(turn_send(flow), !some_rates[i] || sent < 5);
            assert_int_equal(flow->tx.requests, sent);
        }
        assert_int_equal(turn_send(flow), !some_rates[i]);
        assert_int_equal(flow->tx.requests, some_rates[i] ? 5 : 6);
        give_up(flow);
        close(peer);
    }
}

/* Closed loop: as many without a response as --in-flight says, in one turn or in several. */
static void test_in_flight(void **state)
{
    (void)state;
    for (int pushy = 0; pushy < 2; pushy++) {
        int peer;
        ends[SOURCE].pushy = pushy;
        ends[SOURCE].in_flight = 3;
        ends[SOURCE].request_size = dist_constant(100);
        ends[SOURCE].response_size = dist_constant(40);
        struct flow *flow = flow_and_peer(SOURCE, &peer);
        while (turn_send(flow))
            continue;
        assert_int_equal(flow->tx.requests, 3);
        assert_int_equal(flow->framing->awaited(flow), 3);
        assert_int_equal(flow->framing->next_send(flow), CLOCK_NEVER);
        assert_true(flow->writable);
        now_is += 1000;
        for (uint32_t i = 0; i < 20; i++) {
            struct block block = hear_block(peer);
            assert_int_equal(block.sequence, i);
            say_block(peer,
                      &(struct block){
                          .type = BLOCK_RESPONSE, .size = 40, .sequence = i, .echoed = block.sent});
            receive_blocks(flow, i + 1);
            assert_false(turn_send(flow)); /* exactly one more */
            assert_int_equal(flow->tx.requests, 4 + i);
        }
        assert_int_equal(flow->rtt_due.interval.count, 0); /* nothing was ever due */
        give_up(flow);
        close(peer);
    }
}

/* A request that is held back by the window counts as begun once its first byte is gone. */
static void test_in_flight_counts_what_was_begun(void **state)
{
    (void)state;
    int peer;
    ends[SOURCE].in_flight = 2;
    ends[SOURCE].request_size = dist_constant(100);
    ends[SOURCE].response_size = dist_constant(40);
    struct flow *flow = flow_and_peer(SOURCE, &peer);
    sending.takes = AT_MOST;
    sending.most = 150;
    turn_send(flow);
    assert_int_equal(flow->framing->awaited(flow), 2);
    sending.takes = ALL;
    while (turn_send(flow))
        continue;
    assert_int_equal(flow->tx.requests, 2);
    assert_int_equal(flow->tx.bytes, 200);
    give_up(flow);
    close(peer);
}

/* Gaps count from when a request was due to when the next one is, however late it went. */
static void test_gaps_are_kept(void **state)
{
    (void)state;
    int peer;
    ends[SOURCE].request_size = dist_constant(1000);
    ends[SOURCE].gap = dist_constant(0.008);
    struct flow *flow = flow_and_peer(SOURCE, &peer);
    for (int i = 0; i < 100; i++) {
        assert_false(turn_send(flow));
        assert_int_equal(flow->tx.requests, i + 1);
        assert_int_equal(flow->framing->next_send(flow), START + (i + 1) * 8 * NS_PER_MS);
        now_is = START + (i + 1) * 8 * NS_PER_MS - 1;
        assert_false(turn_send(flow));
        now_is += 1 + (int64_t)(random_bits() % (7 * NS_PER_MS)); /* late, but not for long */
    }
    give_up(flow);
    close(peer);
}

/* The round trip from when a request was due has in it what held the sender up; how long the peer
 * held the request is told apart. */
static void test_due_and_hold(void **state)
{
    (void)state;
    static const struct {
        int64_t late, rtt, held;
    } cases[] = {{0, 1000, 0}, {30000000, 2000, 1500}, {500, 3000, 3000}, {70, 100, 101}};
    int peer;
    ends[SOURCE].request_size = dist_constant(64);
    ends[SOURCE].response_size = dist_constant(40);
    ends[SOURCE].rate = 512; /* one a second */
    struct flow *flow = flow_and_peer(SOURCE, &peer);
    for (uint32_t i = 0; i < COUNT(cases); i++) {
        now_is = START + i * NS_PER_SEC + cases[i].late;
        turn_send(flow);
        struct block request = hear_block(peer);
        assert_int_equal(request.sent, now_is);
        say_block(peer, &(struct block){.type = BLOCK_RESPONSE,
                                        .size = 40,
                                        .sequence = request.sequence,
                                        .echoed = request.sent,
                                        .held = cases[i].held});
        now_is += cases[i].rtt;
        receive_blocks(flow, i + 1);
    }
    assert_int_equal(flow->rtt.interval.sum, 6100);
    assert_int_equal(flow->rtt_due.interval.count, 4);
    assert_int_equal(flow->rtt_due.interval.minimum, 170);
    assert_int_equal(flow->rtt_due.interval.maximum, 30002000);
    assert_int_equal(flow->rtt_due.interval.sum, 6100 + 30000570);
    assert_int_equal(flow->hold.interval.count, 3); /* nobody holds for longer than all took */
    assert_int_equal(flow->hold.interval.sum, 4500);
    give_up(flow);
    close(peer);
}

/* Requests that were due while the socket was full are counted, each once, and those that were
 * late for another reason are not. */
static void test_refused_are_counted_once(void **state)
{
    (void)state;
    for (int pushy = 0; pushy < 2; pushy++) {
        int peer;
        now_is = START;
        ends[SOURCE].pushy = pushy;
        ends[SOURCE].request_size = dist_constant(1000);
        ends[SOURCE].rate = 8000000; /* one a ms */
        struct flow *flow = flow_and_peer(SOURCE, &peer);
        now_is += 4 * NS_PER_MS;
        sending.takes = ALL;
        while (turn_send(flow))
            continue;
        assert_int_equal(flow->tx.requests, 5);
        assert_int_equal(flow->tx.refused, 0); /* late, but the socket took them */
        now_is += NS_PER_MS;
        sending.takes = AT_MOST;
        sending.most = 0;
        for (int i = 0; i < 5; i++)
            turn_send(flow);
        assert_int_equal(flow->tx.refused, 1);
        now_is += 9 * NS_PER_MS; /* nine more are due */
        turn_send(flow);
        assert_int_equal(flow->tx.refused, pushy ? 10 : 1);
        sending.takes = ALL;
        now_is += NS_PER_MS / 2;
        while (turn_send(flow))
            continue;
        assert_int_equal(flow->tx.requests, 15);
        assert_int_equal(flow->tx.refused, 10);
        now_is += 3 * NS_PER_MS; /* late again, with room in the socket */
        while (turn_send(flow))
            continue;
        assert_int_equal(flow->tx.requests, 18);
        assert_int_equal(flow->tx.refused, 10);
        assert_int_equal(pacer_lost(&flow->pacer, now_is), 0);
        give_up(flow);
        close(peer);
    }
}

/* -C: the end comes once the full socket has made the sender more than the depth late. */
static void test_congestion_stops(void **state)
{
    (void)state;
    for (int stops = 0; stops < 2; stops++) {
        int peer;
        now_is = START;
        ends[SOURCE].request_size = dist_constant(1000);
        ends[SOURCE].rate = 8000000;
        ends[SOURCE].flow_control = stops;
        struct flow *flow = flow_and_peer(SOURCE, &peer);
        sending.takes = ALL;
        turn_send(flow);
        sending.takes = AT_MOST;
        sending.most = 500;
        now_is += NS_PER_MS;
        turn_send(flow);
        now_is = START + 2 * NS_PER_MS + PACER_DEPTH;
        turn_send(flow);
        assert_false(flow->tx.stopped);
        now_is++;
        turn_send(flow);
        assert_int_equal(flow->tx.stopped, stops);
        assert_int_equal(flow->congested, stops ? now_is : 0);
        sending.takes = ALL;
        while (turn_send(flow))
            continue;
        assert_true(flow->framing->flushed(flow)); /* what was begun is ended */
        assert_int_equal(requests_of(&flow->tx) == 2, stops);
        give_up(flow);
        close(peer);
    }
}

/* A sender that did not run for long is no congestion. */
static void test_a_standstill_is_no_congestion(void **state)
{
    (void)state;
    int peer;
    ends[SOURCE].request_size = dist_constant(1000);
    ends[SOURCE].rate = 8000000;
    ends[SOURCE].flow_control = 1;
    struct flow *flow = flow_and_peer(SOURCE, &peer);
    turn_send(flow);
    now_is += NS_PER_SEC;
    sending.takes = AT_MOST;
    sending.most = 2500;
    turn_send(flow);
    assert_false(flow->tx.stopped);
    sending.takes = ALL;
    while (turn_send(flow))
        continue;
    assert_false(flow->tx.stopped);
    /* the depth's 100, the one that is due, and the one before */
    assert_int_equal(flow->tx.requests, 102);
    assert_int_equal(pacer_lost(&flow->pacer, now_is), 899 * NS_PER_MS);
    give_up(flow);
    close(peer);
}

/* -E: each byte behind the header says its place in the block. */
static void test_enumerated_payload(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {40, 41, 300, 1000, (1 << 20) + 3000, 3 << 20};
    static uint8_t bytes[3 << 20];
    flow_settings.enumerate = 1;
    ends[SOURCE].response_size = dist_constant(777);
    for (size_t k = 0; k < COUNT(sizes); k++) {
        int fds[2];
        connect_pair(fds);
        ends[SOURCE].request_size = dist_constant(sizes[k]);
        ends[SOURCE].rate = 8; /* one, and no other for long */
        struct flow *flow = running_flow(SOURCE, fds[0]);
        for (size_t heard = 0; heard < sizes[k];) {
            turn_send(flow);
            ssize_t got = recv(fds[1], bytes + heard, sizes[k] - heard, MSG_DONTWAIT);
            heard += got > 0 ? (size_t)got : 0;
        }
        for (size_t i = BLOCK_HEADER_SIZE; i < sizes[k]; i++)
            if (bytes[i] != (uint8_t)i)
                fail_msg("size %u: byte %zu is %d", sizes[k], i, bytes[i]);
        give_up(flow);
        close(fds[1]);
    }
}

/* What travels is what was drawn, in that order, however the socket cuts it. */
static void test_drawn_sizes_travel(void **state)
{
    (void)state;
    int peer;
    ends[SOURCE].request_size = (struct dist){DIST_UNIFORM, 1, 3000};
    ends[SOURCE].response_size = (struct dist){DIST_EXPONENTIAL, 500, 0};
    ends[SOURCE].block_cap = 2500;
    flow_settings.seed = 4711;
    struct traffic same;
    struct flow *flow = flow_and_peer(SOURCE, &peer);
    traffic_init(&same, &ends[SOURCE], NULL, 4711, flow->id, SOURCE);
    uint32_t heard = 0;
    while (heard < 2000) {
        sending.takes = AT_MOST;
        sending.most = random_bits() % 20000;
        turn_send(flow);
        while (heard < flow->tx.requests) {
            struct traffic_block planned = traffic_peek(&same, 0);
            struct block block = hear_block(peer);
            assert_int_equal(block.sequence, heard++);
            assert_int_equal(block.size, planned.request_size);
            assert_int_equal(block.response_size, planned.response_size);
            assert_in_range(block.size, BLOCK_HEADER_SIZE, 2500);
            traffic_drop(&same);
        }
    }
    traffic_free(&same);
    give_up(flow);
    close(peer);
}

/* What a full socket did not take was not sent: it is sent when there is room, with the time that
 * it has then, and the rate suffers no loss. */
static void test_what_is_not_taken_is_planned_anew(void **state)
{
    (void)state;
    int peer;
    ends[SOURCE].request_size = dist_constant(1000);
    ends[SOURCE].rate = 8000000;
    struct flow *flow = flow_and_peer(SOURCE, &peer);
    now_is = START + 9 * NS_PER_MS; /* ten are due */
    sending.takes = AT_MOST;
    sending.most = 3500;
    assert_false(turn_send(flow));
    assert_false(flow->writable);
    assert_int_equal(flow->tx.requests, 3);
    assert_int_equal(flow->tx.bytes, 3500);
    assert_false(flow->framing->flushed(flow));
    assert_int_equal(pacer_due(&flow->pacer), START + 4 * NS_PER_MS);
    assert_false(turn_send(flow)); /* none taken */
    assert_false(flow->writable);
    assert_int_equal(flow->tx.bytes, 3500);
    assert_int_equal(pacer_due(&flow->pacer), START + 4 * NS_PER_MS);
    sending.takes = ALL;
    now_is += 100;
    assert_false(turn_send(flow));
    assert_true(flow->writable);
    assert_int_equal(flow->tx.requests, 10);
    assert_true(flow->framing->flushed(flow));
    for (uint32_t i = 0; i < 10; i++) {
        struct block block = hear_block(peer);
        assert_int_equal(block.sequence, i);
        assert_int_equal(block.sent, START + 9 * NS_PER_MS + (i < 4 ? 0 : 100));
    }
    hear_nothing(peer);
    give_up(flow);
    close(peer);
}

/* Cut at every place: in the header, behind it, in the payload, between blocks. */
static void test_cut_anywhere(void **state)
{
    (void)state;
    ends[SOURCE].request_size = dist_constant(100);
    for (size_t first = 0; first <= 250; first++) {
        int peer;
        struct flow *flow = flow_and_peer(SOURCE, &peer);
        sending.takes = AT_MOST;
        sending.most = first;
        turn_send(flow);
        assert_int_equal(flow->tx.bytes, first);
        assert_int_equal(flow->tx.requests, first / 100);
        assert_int_equal(flow->framing->flushed(flow), first % 100 == 0);
        sending.most = 500 - first;
        turn_send(flow);
        assert_int_equal(flow->tx.requests, 5);
        for (uint32_t i = 0; i < 5; i++)
            assert_int_equal(hear_block(peer).sequence, i);
        hear_nothing(peer);
        give_up(flow);
        close(peer);
    }
}

/* The rest of a block that was begun goes out after the sender's time is over. */
static void test_what_was_begun_is_ended(void **state)
{
    (void)state;
    int peer;
    ends[SOURCE].request_size = dist_constant(1000);
    struct flow *flow = flow_and_peer(SOURCE, &peer);
    sending.takes = AT_MOST;
    sending.most = 1500;
    turn_send(flow);
    flow->tx.stopped = flow->tx.closed = true;
    assert_false(flow->framing->flushed(flow));
    sending.takes = ALL;
    assert_false(turn_send(flow));
    assert_true(flow->framing->flushed(flow));
    assert_int_equal(flow->tx.bytes, 1500);
    assert_int_equal(flow->tx.tail_bytes, 500);
    assert_int_equal(flow->tx.requests, 1);
    assert_int_equal(flow->tx.tail_requests, 1);
    hear_block(peer);
    hear_block(peer);
    hear_nothing(peer);
    give_up(flow);
    close(peer);
}

/* A socket with buffers larger than any that one call fills: the sender goes on until it is told
 * that there is no room. */
static void test_a_socket_that_takes_all(void **state)
{
    (void)state;
    static const int64_t some_rates[] = {0, 8000};
    ends[SOURCE].request_size = dist_constant(512 << 20);
    for (size_t i = 0; i < COUNT(some_rates); i++) {
        int peer;
        ends[SOURCE].rate = some_rates[i];
        struct flow *flow = flow_and_peer(SOURCE, &peer);
        sending.takes = PRETEND;
        for (int turn = 0; turn < 1000 && !flow->tx.requests; turn++)
            assert_true(flow->framing->send(flow) || flow->framing->flushed(flow));
        assert_true(flow->writable);
        assert_int_equal(flow->tx.requests, 1);
        give_up(flow);
        close(peer);
    }
}

static void test_a_peer_that_is_gone(void **state)
{
    (void)state;
    int peer;
    struct linger reset = {.l_onoff = 1};
    struct flow *flow = flow_and_peer(SOURCE, &peer);
    setsockopt(peer, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(peer);
    for (int i = 0; i < 1000 && flow->state != FLOW_DONE; i++)
        turn_send(flow);
    assert_int_equal(flow->state, FLOW_DONE);
    assert_string_equal(flow->error,
                        "the destination closed the connection before the end of the flow");
    give_up(flow);
}

/* ---- receiving ---- */

static void test_requests_are_counted(void **state)
{
    (void)state;
    int peer;
    struct flow *flow = flow_and_peer(DESTINATION, &peer);
    static const uint32_t sizes[] = {40, 1000, 41, 3 << 20, 40};
    int64_t bytes = 0;
    for (uint32_t i = 0; i < COUNT(sizes); i++) {
        /* in parts, so that none has to wait for room */
        uint8_t header[BLOCK_HEADER_SIZE];
        block_encode(&(struct block){.type = BLOCK_REQUEST, .size = sizes[i], .sequence = i},
                     header);
        say(peer, header, 40);
        for (uint32_t left = sizes[i] - 40; left;) {
            static const uint8_t payload[50000];
            uint32_t part = left < sizeof payload ? left : (uint32_t)sizeof payload;
            say(peer, payload, part);
            left -= part;
            turn_receive(flow);
        }
        receive_blocks(flow, i + 1);
        bytes += sizes[i];
        assert_int_equal(flow->rx.requests, i + 1);
        assert_int_equal(flow->rx.bytes, bytes);
    }
    assert_int_equal(flow->rx.responses, 0);
    assert_true(flow->framing->flushed(flow));
    give_up(flow);
    close(peer);
}

static void test_counted_after_the_time_is_over(void **state)
{
    (void)state;
    int peer;
    struct flow *flow = flow_and_peer(DESTINATION, &peer);
    struct block block = {.type = BLOCK_REQUEST, .size = 100};
    say_block(peer, &block);
    receive_blocks(flow, 1);
    flow->rx.stopped = flow->rx.closed = true;
    say_block(peer, &block);
    while (!flow->rx.tail_requests)
        turn_receive(flow);
    assert_int_equal(flow->rx.bytes, 100);
    assert_int_equal(flow->rx.requests, 1);
    assert_int_equal(flow->rx.tail_bytes, 100);
    assert_int_equal(flow->rx.tail_requests, 1);
    give_up(flow);
    close(peer);
}

static void test_an_empty_socket(void **state)
{
    (void)state;
    int peer;
    struct flow *flow = flow_and_peer(DESTINATION, &peer);
    assert_false(turn_receive(flow));
    assert_false(flow->readable);
    assert_int_equal(flow->state, FLOW_RUNNING);
    assert_int_equal(flow->rx.bytes, 0);
    give_up(flow);
    close(peer);
}

/* Inter-arrival times are those of last bytes. */
static void test_inter_arrival_times(void **state)
{
    (void)state;
    static const int64_t gaps[] = {0, 5000, 300, 1000000};
    int peer;
    struct flow *flow = flow_and_peer(DESTINATION, &peer);
    for (uint32_t i = 0; i < COUNT(gaps); i++) {
        uint8_t bytes[100] = {0};
        block_encode(&(struct block){.type = BLOCK_REQUEST, .size = 100, .sequence = i}, bytes);
        say(peer, bytes, 99);
        now_is += gaps[i] / 2;
        while (flow->rx.bytes < 100 * i + 99)
            turn_receive(flow);
        say(peer, bytes + 99, 1);
        now_is += gaps[i] - gaps[i] / 2;
        receive_blocks(flow, i + 1);
    }
    /* the first has none before it */
    assert_int_equal(flow->iat.interval.count, 3);
    assert_int_equal(flow->iat.interval.minimum, 300);
    assert_int_equal(flow->iat.interval.maximum, 1000000);
    assert_int_equal(flow->iat.interval.sum, 1005300);
    assert_int_equal(histogram_count(flow->iat.interval_spread), 3);
    assert_int_equal(flow->rtt.interval.count, 0);
    give_up(flow);
    close(peer);
}

static void test_end_of_the_stream(void **state)
{
    (void)state;
    int peer;
    struct flow *flow = flow_and_peer(DESTINATION, &peer);
    say_block(peer, &(struct block){.type = BLOCK_REQUEST, .size = 100});
    close(peer);
    while (!flow->rx_eof && flow->state == FLOW_RUNNING)
        turn_receive(flow);
    assert_true(flow->rx_eof);
    assert_int_equal(flow->rx.requests, 1);
    assert_int_equal(flow->state, FLOW_RUNNING);
    give_up(flow);
}

static void test_end_within_a_block(void **state)
{
    (void)state;
    static const size_t lengths[] = {1, 39, 40, 99};
    for (size_t i = 0; i < COUNT(lengths); i++) {
        int peer;
        uint8_t bytes[100] = {0};
        struct flow *flow = flow_and_peer(DESTINATION, &peer);
        block_encode(&(struct block){.type = BLOCK_REQUEST, .size = 100}, bytes);
        say(peer, bytes, lengths[i]);
        close(peer);
        receive_until_failed(flow);
        assert_string_equal(flow->error, "the connection ended within a block");
        assert_int_equal(flow->rx.requests, 0);
        give_up(flow);
    }
}

/* ---- responses ---- */

static void test_responses_as_they_travel(void **state)
{
    (void)state;
    int peer;
    ends[SOURCE].response_size = dist_constant(500);
    struct flow *flow = flow_and_peer(DESTINATION, &peer);
    for (uint32_t i = 0; i < 100; i++)
        say_block(peer, &(struct block){.type = BLOCK_REQUEST,
                                        .size = 60,
                                        .response_size = 500,
                                        .sequence = 1000 + i,
                                        .sent = 777 + i});
    receive_blocks(flow, 100);
    assert_false(flow->framing->flushed(flow));
    now_is += 4321;
    while (turn_send(flow))
        continue;
    assert_true(flow->framing->flushed(flow));
    for (uint32_t i = 0; i < 100; i++) {
        struct block block = hear_block(peer);
        assert_int_equal(block.type, BLOCK_RESPONSE);
        assert_int_equal(block.size, 500);
        assert_int_equal(block.response_size, 0);
        assert_int_equal(block.sequence, 1000 + i);
        assert_int_equal(block.sent, START + 4321);
        assert_int_equal(block.echoed, 777 + i);
        assert_int_equal(block.held, 4321);
    }
    hear_nothing(peer);
    assert_int_equal(flow->tx.responses, 100);
    assert_int_equal(flow->tx.requests, 0);
    assert_int_equal(flow->tx.bytes, 50000);
    give_up(flow);
    close(peer);
}

/* However many wait, and however they come and go: the first asked for is the first answered. */
static void test_responses_stay_in_order(void **state)
{
    (void)state;
    int peer;
    uint32_t asked = 0, answered = 0;
    ends[SOURCE].response_size = dist_constant(40);
    struct flow *flow = flow_and_peer(DESTINATION, &peer);
    while (asked < 3000) {
        for (uint64_t more = random_bits() % 40; more; more--)
            say_block(peer, &(struct block){.type = BLOCK_REQUEST,
                                            .size = 40,
                                            .response_size = 40,
                                            .sequence = asked++});
        receive_blocks(flow, asked);
        sending.takes = AT_MOST;
        sending.most = random_bits() % 1500;
        int64_t before = flow->tx.responses;
        turn_send(flow);
        for (int64_t more = flow->tx.responses - before; more; more--)
            assert_int_equal(hear_block(peer).sequence, answered++);
    }
    sending.takes = ALL;
    while (turn_send(flow))
        continue;
    while (answered < asked)
        assert_int_equal(hear_block(peer).sequence, answered++);
    hear_nothing(peer);
    give_up(flow);
    close(peer);
}

static void test_round_trip_times(void **state)
{
    (void)state;
    static const int64_t times[] = {250000, 100, 70000};
    int peer;
    ends[SOURCE].request_size = dist_constant(64);
    ends[SOURCE].response_size = dist_constant(40);
    ends[SOURCE].rate = 512; /* one a second */
    struct flow *flow = flow_and_peer(SOURCE, &peer);
    for (uint32_t i = 0; i < COUNT(times); i++) {
        now_is = START + i * NS_PER_SEC;
        turn_send(flow);
        assert_int_equal(flow->framing->awaited(flow), 1);
        struct block request = hear_block(peer);
        assert_int_equal(request.response_size, 40);
        say_block(peer, &(struct block){.type = BLOCK_RESPONSE,
                                        .size = 40,
                                        .sequence = request.sequence,
                                        .echoed = request.sent});
        now_is = request.sent + times[i];
        receive_blocks(flow, i + 1);
        assert_int_equal(flow->framing->awaited(flow), 0);
    }
    assert_int_equal(flow->rx.responses, 3);
    assert_int_equal(flow->rx.bytes, 120);
    assert_int_equal(flow->rtt.interval.count, 3);
    assert_int_equal(flow->rtt.interval.minimum, 100);
    assert_int_equal(flow->rtt.interval.maximum, 250000);
    assert_int_equal(flow->rtt.interval.sum, 320100);
    assert_int_equal(histogram_count(flow->rtt.interval_spread), 3);
    assert_int_equal(flow->iat.interval.count, 0);
    give_up(flow);
    close(peer);
}

/* With -N nothing is answered after the time is over; what was begun is ended. */
static void test_shutdown_leaves_responses_owed(void **state)
{
    (void)state;
    int peer;
    flow_settings.shutdown = 1;
    ends[SOURCE].response_size = dist_constant(500);
    ends[DESTINATION].duration = NS_PER_SEC;
    ends[DESTINATION].request_size = dist_constant(40);
    ends[DESTINATION].rate = 1;
    struct flow *flow = flow_and_peer(DESTINATION, &peer);
    for (uint32_t i = 0; i < 10; i++)
        say_block(peer, &(struct block){.type = BLOCK_REQUEST, .size = 60, .response_size = 500});
    receive_blocks(flow, 10);
    sending.takes = AT_MOST;
    sending.most = 700;
    turn_send(flow);
    stop_sending(flow);
    assert_false(flow->framing->flushed(flow));
    sending.takes = ALL;
    turn_send(flow);
    assert_true(flow->framing->flushed(flow));
    assert_false(turn_send(flow));
    assert_int_equal(responses_of(&flow->tx), 2);
    assert_int_equal(bytes_of(&flow->tx), 1000);
    hear_block(peer);
    hear_block(peer);
    hear_nothing(peer);
    give_up(flow);
    close(peer);
}

/* Where both ends ask, each says when it will ask no more: once, in whatever pieces. */
static void test_the_end_is_said_once(void **state)
{
    (void)state;
    ends[DESTINATION].duration = NS_PER_SEC;
    for (int i = 0; i < ENDPOINTS; i++) {
        ends[i].request_size = dist_constant(100);
        ends[i].response_size = dist_constant(40);
    }
    for (size_t cut = 0; cut <= 40; cut++) {
        int peer;
        struct flow *flow = flow_and_peer(SOURCE, &peer);
        sending.takes = AT_MOST;
        sending.most = 200;
        turn_send(flow);
        stop_sending(flow);
        assert_false(flow->framing->flushed(flow));
        sending.most = cut;
        turn_send(flow);
        assert_int_equal(flow->framing->flushed(flow), cut == 40);
        sending.takes = ALL;
        for (int turn = 0; turn < 5; turn++)
            turn_send(flow);
        assert_true(flow->framing->flushed(flow));
        assert_false(turn_send(flow));
        for (uint32_t i = 0; i < 2; i++)
            assert_int_equal(hear_block(peer).type, BLOCK_REQUEST);
        struct block end = hear_block(peer);
        assert_int_equal(end.type, BLOCK_END);
        assert_int_equal(end.size, 40);
        hear_nothing(peer);
        assert_int_equal(flow->tx.requests, 2);
        give_up(flow);
        close(peer);
    }
}

static void test_the_end_is_heard(void **state)
{
    (void)state;
    int peer;
    ends[DESTINATION].duration = NS_PER_SEC;
    ends[SOURCE].response_size = ends[DESTINATION].response_size = dist_constant(40);
    struct flow *flow = flow_and_peer(DESTINATION, &peer);
    say_block(peer, &(struct block){.type = BLOCK_REQUEST, .size = 100, .response_size = 40});
    receive_blocks(flow, 1);
    assert_false(flow->peer_finished);
    say_block(peer, &(struct block){.type = BLOCK_END, .size = 40});
    while (!flow->peer_finished)
        turn_receive(flow);
    assert_int_equal(flow->rx.requests, 1);
    assert_int_equal(flow->rx.bytes, 140);
    give_up(flow);
    close(peer);
}

/* Where only one end asks, or none, the half-closed connection says it. */
static void test_no_end_where_none_is_needed(void **state)
{
    (void)state;
    for (int asks = 0; asks < 2; asks++) {
        int peer;
        ends[SOURCE].request_size = dist_constant(100);
        ends[SOURCE].response_size = dist_constant(asks ? 40 : 0);
        struct flow *flow = flow_and_peer(SOURCE, &peer);
        sending.takes = AT_MOST;
        sending.most = 200;
        turn_send(flow);
        stop_sending(flow);
        sending.takes = ALL;
        assert_true(flow->framing->flushed(flow));
        assert_false(turn_send(flow));
        hear_block(peer);
        hear_block(peer);
        hear_nothing(peer);
        give_up(flow);
        close(peer);
    }
}

/* ---- two flows that talk to each other ---- */

struct pair {
    struct flow *flow[ENDPOINTS];
};

static void step(struct pair *pair)
{
    struct flow *flow = pair->flow[random_bits() % 2];
    now_is += (int64_t)(random_bits() % 100000);
    if (random_bits() % 2)
        turn_send(flow);
    else
        turn_receive(flow);
    for (int i = 0; i < ENDPOINTS; i++)
        if (pair->flow[i]->state == FLOW_DONE)
            fail_msg("%s: %s", endpoint_name(i), pair->flow[i]->error);
}

static bool is_quiet(const struct pair *pair)
{
    const struct flow *a = pair->flow[SOURCE], *b = pair->flow[DESTINATION];
    return a->framing->flushed(a) && b->framing->flushed(b) &&
           bytes_of(&a->rx) == bytes_of(&b->tx) && bytes_of(&b->rx) == bytes_of(&a->tx);
}

static void check_direction(const struct flow *from, const struct flow *to)
{
    bool asks = settings_ask_responses(flow_own_settings(from));
    bool both = asks && settings_ask_responses(flow_peer_settings(from));
    int64_t request = (int64_t)flow_own_settings(from)->request_size.a;
    int64_t response = (int64_t)flow_peer_settings(from)->response_size.a;
    int64_t requests = requests_of(&from->tx);
    assert_int_equal(requests_of(&to->rx), requests);
    assert_int_equal(responses_of(&to->tx), asks ? requests : 0);
    assert_int_equal(responses_of(&from->rx), asks ? requests : 0);
    assert_int_equal(from->rtt.interval.count, asks ? requests : 0);
    assert_int_equal(to->iat.interval.count, requests ? requests - 1 : 0);
    assert_int_equal(from->framing->awaited(from), 0);
    if (from->rtt.interval.count) {
        assert_true(from->rtt.interval.minimum >= 0);
        assert_true(from->rtt.interval.maximum <= now_is - START);
    }
    assert_int_equal(bytes_of(&from->tx), requests * request + responses_of(&from->tx) * response +
                                              (both ? BLOCK_HEADER_SIZE : 0));
}

static void converse(void)
{
    int fds[2];
    struct pair pair;
    connect_pair(fds);
    for (int i = 0; i < ENDPOINTS; i++)
        pair.flow[i] = running_flow(i, fds[i]);
    sending.takes = RANDOM;
    sending.most = 1 + random_bits() % 20000;
    receiving.most = 1 + random_bits() % 20000;
    for (uint64_t steps = 200 + random_bits() % 500; steps; steps--)
        step(&pair);
    for (int i = 0; i < ENDPOINTS; i++)
        stop_sending(pair.flow[i]);
    sending.most = receiving.most = 200000;
    while (!is_quiet(&pair))
        step(&pair);
    check_direction(pair.flow[SOURCE], pair.flow[DESTINATION]);
    check_direction(pair.flow[DESTINATION], pair.flow[SOURCE]);
    bool both = settings_ask_responses(&ends[SOURCE]) && settings_ask_responses(&ends[DESTINATION]);
    for (int i = 0; i < ENDPOINTS; i++) {
        assert_int_equal(pair.flow[i]->peer_finished, both);
        give_up(pair.flow[i]);
    }
}

static int64_t draw_size(void)
{
    switch (random_bits() % 4) {
    case 0:
        return BLOCK_HEADER_SIZE;
    case 1:
        return BLOCK_HEADER_SIZE + (int64_t)(random_bits() % 10);
    default:
        return BLOCK_HEADER_SIZE + (int64_t)(random_bits() % 5000);
    }
}

/* Partial writes and reads of any length: every request arrives, every response comes back. */
static void test_conversations_in_pieces(void **state)
{
    (void)state;
    for (int turn = 0; turn < 25; turn++) {
        for (int i = 0; i < ENDPOINTS; i++) {
            ends[i].duration = i == SOURCE || random_bits() % 2 ? NS_PER_SEC : 0;
            ends[i].request_size = dist_constant((double)draw_size());
            ends[i].response_size = dist_constant(random_bits() % 3 ? (double)draw_size() : 0);
            ends[i].rate = random_bits() % 2 ? 0 : 1000000 + (int64_t)(random_bits() % 1000000000);
            ends[i].pushy = (int64_t)(random_bits() % 2);
            ends[i].in_flight = random_bits() % 2 ? (int64_t)(random_bits() % 10) : 0;
        }
        converse();
    }
}

/* ---- peers that are broken or hostile ---- */

static void check_failed(const struct flow *flow, const char *sentence)
{
    assert_int_equal(flow->state, FLOW_DONE);
    assert_int_equal(flow->fd, -1);
    assert_string_equal(flow->error, sentence);
    const struct ring_entry *told = ring_peek(worker.ring);
    assert_non_null(told);
    assert_int_equal(told->code, FAULT_CONNECT);
    assert_ptr_equal(told->flow, flow);
    ring_pop(worker.ring);
    assert_null(ring_peek(worker.ring));
}

static void forget_what_was_told(void)
{
    while (ring_peek(worker.ring))
        ring_pop(worker.ring);
}

static void test_headers_that_are_none(void **state)
{
    (void)state;
    static const struct {
        struct block block;
        int at; /* of the header: a byte that is spoiled */
        const char *sentence;
    } cases[] = {
        {{.type = 0, .size = 40}, -1, "what came is no block header"},
        {{.type = 4, .size = 40}, -1, "what came is no block header"},
        {{.type = 255, .size = 40}, -1, "what came is no block header"},
        {{.type = BLOCK_REQUEST, .flags = 1, .size = 40}, -1, "what came is no block header"},
        {{.type = BLOCK_REQUEST, .size = 40}, 2, "what came is no block header"},
        {{.type = BLOCK_REQUEST, .size = 40}, 3, "what came is no block header"},
        {{.type = BLOCK_REQUEST, .size = 0},
         -1,
         "a block header came with impossible sizes: 0 and 0 bytes"},
        {{.type = BLOCK_REQUEST, .size = 39},
         -1,
         "a block header came with impossible sizes: 39 and 0 bytes"},
        {{.type = BLOCK_REQUEST, .size = 40, .response_size = 39},
         -1,
         "a block header came with impossible sizes: 40 and 39 bytes"},
        {{.type = BLOCK_RESPONSE, .size = 40, .response_size = 40},
         -1,
         "a block header came with impossible sizes: 40 and 40 bytes"},
        {{.type = BLOCK_END, .size = 41},
         -1,
         "a block header came with impossible sizes: 41 and 0 bytes"},
        {{.type = BLOCK_RESPONSE, .size = 40}, -1, "a response came that nobody had asked for"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int peer;
        uint8_t header[BLOCK_HEADER_SIZE];
        struct flow *flow = flow_and_peer(DESTINATION, &peer);
        block_encode(&cases[i].block, header);
        if (cases[i].at >= 0)
            header[cases[i].at] ^= 0x10;
        say(peer, header, sizeof header);
        receive_until_failed(flow);
        check_failed(flow, cases[i].sentence);
        give_up(flow);
        close(peer);
    }
}

static void test_garbage(void **state)
{
    (void)state;
    for (int turn = 0; turn < 300; turn++) {
        int peer;
        uint8_t bytes[400];
        struct flow *flow = flow_and_peer(turn % 2, &peer);
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)random_bits();
        say(peer, bytes, sizeof bytes);
        receive_until_failed(flow);
        check_failed(flow, "what came is no block header");
        give_up(flow);
        close(peer);
    }
}

/* One response more than was asked for. */
static void test_a_response_too_many(void **state)
{
    (void)state;
    int peer;
    ends[SOURCE].response_size = dist_constant(40);
    ends[SOURCE].rate = 8000;
    struct flow *flow = flow_and_peer(SOURCE, &peer);
    turn_send(flow);
    struct block request = hear_block(peer);
    struct block response = {.type = BLOCK_RESPONSE, .size = 40, .echoed = request.sent};
    say_block(peer, &response);
    say_block(peer, &response);
    receive_until_failed(flow);
    check_failed(flow, "a response came that nobody had asked for");
    assert_int_equal(flow->rx.responses, 1);
    give_up(flow);
    close(peer);
}

/* A time that the requester never sent: no round-trip time is made of it. */
static void test_a_response_with_a_time_of_its_own(void **state)
{
    (void)state;
    static const int64_t times[] = {START + 1, INT64_MAX, INT64_MIN, -1};
    for (size_t i = 0; i < COUNT(times); i++) {
        int peer;
        ends[SOURCE].response_size = dist_constant(40);
        ends[SOURCE].rate = 8000;
        now_is = START;
        struct flow *flow = flow_and_peer(SOURCE, &peer);
        turn_send(flow);
        hear_block(peer);
        say_block(peer, &(struct block){.type = BLOCK_RESPONSE, .size = 40, .echoed = times[i]});
        while (flow->state != FLOW_DONE && !flow->rx.responses)
            turn_receive(flow);
        assert_int_equal(flow->state, FLOW_DONE);
        assert_int_equal(flow->rtt.interval.count, 0);
        forget_what_was_told();
        give_up(flow);
        close(peer);
    }
}

/* The settings say what the peer may ask for: a block of 40 bytes does not buy one of 4 GB. */
static void test_a_response_larger_than_agreed(void **state)
{
    (void)state;
    static const struct {
        double agreed;
        uint32_t asked;
        bool good;
    } cases[] = {
        {40, 40, true}, {500, 500, true},         {40, 41, false},
        {0, 40, false}, {500, UINT32_MAX, false}, {500, 501, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int peer;
        ends[SOURCE].response_size = dist_constant(cases[i].agreed);
        struct flow *flow = flow_and_peer(DESTINATION, &peer);
        say_block(peer, &(struct block){
                            .type = BLOCK_REQUEST, .size = 40, .response_size = cases[i].asked});
        while (flow->state != FLOW_DONE && !flow->rx.requests)
            turn_receive(flow);
        assert_int_equal(flow->state == FLOW_DONE, !cases[i].good);
        if (!cases[i].good)
            forget_what_was_told();
        give_up(flow);
        close(peer);
    }
}

/* A peer that asks and asks and reads nothing costs so much memory, and no more. */
static void test_a_peer_that_reads_no_responses(void **state)
{
    (void)state;
    int peer;
    static uint8_t bytes[40 * 1000];
    ends[SOURCE].response_size = dist_constant(40);
    struct flow *flow = flow_and_peer(DESTINATION, &peer);
    for (int i = 0; i < 1000; i++)
        block_encode(&(struct block){.type = BLOCK_REQUEST, .size = 40, .response_size = 40},
                     bytes + 40 * i);
    int64_t said = 0;
    while (flow->state != FLOW_DONE && said < 5000000) {
        say(peer, bytes, sizeof bytes);
        said += 1000;
        while (flow->state != FLOW_DONE && flow->rx.requests < said)
            turn_receive(flow);
    }
    check_failed(flow, "the peer asks for responses and does not read them");
    assert_in_range(said, 10000, 2000000);
    give_up(flow);
    close(peer);
}

#define DRIVEN(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(test_requests_as_they_travel),
        DRIVEN(test_sizes_from_the_smallest_to_the_largest),
        DRIVEN(test_nothing_is_sent_before_its_time),
        DRIVEN(test_a_rate_is_kept),
        DRIVEN(test_one_block_a_turn),
        DRIVEN(test_in_flight),
        DRIVEN(test_in_flight_counts_what_was_begun),
        DRIVEN(test_gaps_are_kept),
        DRIVEN(test_due_and_hold),
        DRIVEN(test_refused_are_counted_once),
        DRIVEN(test_congestion_stops),
        DRIVEN(test_a_standstill_is_no_congestion),
        DRIVEN(test_enumerated_payload),
        DRIVEN(test_drawn_sizes_travel),
        DRIVEN(test_what_is_not_taken_is_planned_anew),
        DRIVEN(test_cut_anywhere),
        DRIVEN(test_what_was_begun_is_ended),
        DRIVEN(test_a_socket_that_takes_all),
        DRIVEN(test_a_peer_that_is_gone),
        DRIVEN(test_requests_are_counted),
        DRIVEN(test_counted_after_the_time_is_over),
        DRIVEN(test_an_empty_socket),
        DRIVEN(test_inter_arrival_times),
        DRIVEN(test_end_of_the_stream),
        DRIVEN(test_end_within_a_block),
        DRIVEN(test_responses_as_they_travel),
        DRIVEN(test_responses_stay_in_order),
        DRIVEN(test_round_trip_times),
        DRIVEN(test_shutdown_leaves_responses_owed),
        DRIVEN(test_the_end_is_said_once),
        DRIVEN(test_the_end_is_heard),
        DRIVEN(test_no_end_where_none_is_needed),
        DRIVEN(test_conversations_in_pieces),
        DRIVEN(test_headers_that_are_none),
        DRIVEN(test_garbage),
        DRIVEN(test_a_response_too_many),
        DRIVEN(test_a_response_with_a_time_of_its_own),
        DRIVEN(test_a_response_larger_than_agreed),
        DRIVEN(test_a_peer_that_reads_no_responses),
    };
    seed_random();
    alarm(60); /* a test that hangs fails */
    return cmocka_run_group_tests_name("framing_message", tests, NULL, NULL);
}
