/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/flow/framing_message.c: how a connection ends, and how each end hears of it. */
#include "framing_message.h"

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
        DRIVEN(test_end_of_the_stream),
        DRIVEN(test_end_within_a_block),
        DRIVEN(test_shutdown_leaves_responses_owed),
        DRIVEN(test_the_end_is_said_once),
        DRIVEN(test_the_end_is_heard),
        DRIVEN(test_no_end_where_none_is_needed),
    };
    seed_random();
    alarm(60); /* a test that hangs fails */
    return cmocka_run_group_tests_name("framing_message_ending", tests, NULL, NULL);
}
