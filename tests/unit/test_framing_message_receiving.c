/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/flow/framing_message.c: what a receiver counts. */
#include "framing_message.h"

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

/* What comes later is an event of its own, but the end that came before the read is not. */
static void test_a_read_that_empties_the_socket(void **state)
{
    (void)state;
    int peer;
    struct flow *flow = flow_and_peer(DESTINATION, &peer);
    say_block(peer, &(struct block){.type = BLOCK_REQUEST, .size = 100});
    assert_false(turn_receive(flow));
    assert_int_equal(flow->rx.requests, 1);
    assert_false(flow->readable);
    say_block(peer, &(struct block){.type = BLOCK_REQUEST, .size = 100, .sequence = 1});
    shutdown(peer, SHUT_WR);
    assert_false(turn_receive(flow));
    assert_int_equal(flow->rx.requests, 2);
    assert_false(flow->rx_eof);
    flow->peer_closed = true;
    assert_false(turn_receive(flow));
    assert_true(flow->rx_eof);
    give_up(flow);
    close(peer);
    flow = flow_and_peer(DESTINATION, &peer);
    say_block(peer, &(struct block){.type = BLOCK_REQUEST, .size = 100});
    shutdown(peer, SHUT_WR);
    flow->peer_closed = true;
    assert_false(turn_receive(flow));
    assert_int_equal(flow->rx.requests, 1);
    assert_true(flow->rx_eof);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(test_requests_are_counted), DRIVEN(test_counted_after_the_time_is_over),
        DRIVEN(test_an_empty_socket),      DRIVEN(test_a_read_that_empties_the_socket),
        DRIVEN(test_inter_arrival_times),
    };
    seed_random();
    alarm(60); /* a test that hangs fails */
    return cmocka_run_group_tests_name("framing_message_receiving", tests, NULL, NULL);
}
