/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/flow/framing_message.c: what a sender sends, whatever the socket takes of it. */
#include "framing_message.h"

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
    assert_string_equal(flow->error, "the connection was reset before the end of the flow, by the "
                                     "destination or by a firewall on "
                                     "the path");
    give_up(flow);
}

static struct flow *asking_flow(int *peer)
{
    ends[SOURCE].request_size = dist_constant(40);
    ends[SOURCE].response_size = dist_constant(40);
    ends[SOURCE].pushy = 1;
    sending.takes = PRETEND;
    return flow_and_peer(SOURCE, peer);
}

/* A peer that takes all requests and answers none. */
static void test_requests_without_a_response(void **state)
{
    (void)state;
    int peer;
    struct budget budget = {.limit = INT64_C(1) << 40};
    struct flow *flow = asking_flow(&peer);
    flow->memory.budget = &budget;
    while (flow->state != FLOW_DONE)
        turn_send(flow);
    assert_in_range(flow->message->asked.count, WAITING_MAX, WAITING_MAX + 64);
    assert_in_range(budget.used, WAITING_MAX * sizeof(struct asked),
                    2 * WAITING_MAX * sizeof(struct asked));
    assert_string_equal(flow->error, "1048576 requests are outstanding: the peer does not respond");
    give_up(flow);
    assert_int_equal(budget.used, 0);
    close(peer);
}

/* What they need is refused before it is allocated. */
static void test_requests_find_no_room(void **state)
{
    (void)state;
    int peer;
    struct budget budget = {.limit = 100000};
    struct flow *flow = asking_flow(&peer);
    flow->memory.budget = &budget;
    while (!flow->memory.refused)
        turn_send(flow);
    assert_in_range(budget.used, 49152, 100000);
    assert_in_range(flow->message->asked.capacity * sizeof(struct asked), 1, 100000);
    flow_no_memory(flow);
    assert_memory_equal(flow->error, "there is no memory left for queues and histograms", 49);
    give_up(flow);
    assert_int_equal(budget.used, 0);
    close(peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(test_requests_as_they_travel),
        DRIVEN(test_sizes_from_the_smallest_to_the_largest),
        DRIVEN(test_enumerated_payload),
        DRIVEN(test_drawn_sizes_travel),
        DRIVEN(test_what_is_not_taken_is_planned_anew),
        DRIVEN(test_cut_anywhere),
        DRIVEN(test_what_was_begun_is_ended),
        DRIVEN(test_a_socket_that_takes_all),
        DRIVEN(test_a_peer_that_is_gone),
        DRIVEN(test_requests_without_a_response),
        DRIVEN(test_requests_find_no_room),
    };
    seed_random();
    alarm(60); /* a test that hangs fails */
    return cmocka_run_group_tests_name("framing_message_sending", tests, NULL, NULL);
}
