/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/flow/framing_message.c: what a receiver counts, and the responses that it gives. */
#include "framing_message.h"

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

static void test_responses_find_no_room(void **state)
{
    (void)state;
    int peer;
    struct budget budget = {.limit = 20000};
    ends[SOURCE].response_size = dist_constant(40);
    struct flow *flow = flow_and_peer(DESTINATION, &peer);
    flow->memory.budget = &budget;
    for (uint32_t i = 0; i < 1000; i++) {
        say_block(peer, &(struct block){
                            .type = BLOCK_REQUEST, .size = 40, .response_size = 40, .sequence = i});
        if (i % 100 == 99)
            receive_blocks(flow, i + 1);
    }
    assert_true(flow->memory.refused);
    assert_in_range(budget.used, 1, 20000);
    assert_in_range(flow->message->owed.count, 100, 900);
    give_up(flow);
    assert_int_equal(budget.used, 0);
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

/* A response that is not one to the oldest request ends the flow: its times would be wrong ones. */
static void test_responses_to_another_request(void **state)
{
    (void)state;
    static const struct {
        int64_t sequence, size, echoed; /* more than they ought to be */
    } cases[] = {{1, 0, 0}, {-1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {0, 0, -1}};
    ends[SOURCE].request_size = dist_constant(64);
    ends[SOURCE].response_size = dist_constant(50);
    ends[SOURCE].rate = 512; /* one a second */
    for (size_t i = 0; i < COUNT(cases); i++) {
        int peer;
        now_is = START;
        struct flow *flow = flow_and_peer(SOURCE, &peer);
        turn_send(flow);
        struct block request = hear_block(peer);
        say_block(peer, &(struct block){
                            .type = BLOCK_RESPONSE,
                            .size = (uint32_t)(50 + cases[i].size),
                            .sequence = (uint32_t)(request.sequence + cases[i].sequence),
                            .echoed = request.sent + cases[i].echoed,
                        });
        receive_until_failed(flow);
        assert_string_equal(flow->error, "received a response that was not requested");
        assert_int_equal(flow->rtt.interval.count, 0);
        give_up(flow);
        close(peer);
    }
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(test_requests_are_counted),
        DRIVEN(test_counted_after_the_time_is_over),
        DRIVEN(test_an_empty_socket),
        DRIVEN(test_a_read_that_empties_the_socket),
        DRIVEN(test_inter_arrival_times),
        DRIVEN(test_end_of_the_stream),
        DRIVEN(test_end_within_a_block),
        DRIVEN(test_responses_as_they_travel),
        DRIVEN(test_responses_stay_in_order),
        DRIVEN(test_responses_find_no_room),
        DRIVEN(test_round_trip_times),
        DRIVEN(test_responses_to_another_request),
        DRIVEN(test_shutdown_leaves_responses_owed),
        DRIVEN(test_the_end_is_said_once),
        DRIVEN(test_the_end_is_heard),
        DRIVEN(test_no_end_where_none_is_needed),
    };
    seed_random();
    alarm(60); /* a test that hangs fails */
    return cmocka_run_group_tests_name("framing_message_receiving", tests, NULL, NULL);
}
