/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/flow/framing_message.c: the responses that a receiver gives, and those that a sender
 * awaits. */
#include "framing_message.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(test_responses_as_they_travel),     DRIVEN(test_responses_stay_in_order),
        DRIVEN(test_responses_find_no_room),       DRIVEN(test_round_trip_times),
        DRIVEN(test_responses_to_another_request),
    };
    seed_random();
    alarm(60); /* a test that hangs fails */
    return cmocka_run_group_tests_name("framing_message_responses", tests, NULL, NULL);
}
