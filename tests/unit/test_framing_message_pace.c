/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/flow/framing_message.c: when a sender sends, and what it says where it could not. */
#include "framing_message.h"

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
    } cases[] = {
        {0, 1000, 0}, {30000000, 2000, 1500}, {500, 3000, 3000}, {70, 100, 101}, {0, 0, -1}};
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
    assert_int_equal(flow->rtt_due.interval.count, 5);
    assert_int_equal(flow->rtt_due.interval.minimum, 0);
    assert_int_equal(flow->rtt_due.interval.maximum, 30002000);
    assert_int_equal(flow->rtt_due.interval.sum, 6100 + 30000570);
    assert_int_equal(flow->hold.interval.count,
                     3); /* nobody holds for longer than all took, or for less than nothing */
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
/* What became due while the socket was full was refused, even if nobody tried to send it then. */
static void test_refused_between_two_turns(void **state)
{
    (void)state;
    int peer;
    ends[SOURCE].request_size = dist_constant(1000);
    ends[SOURCE].rate = 8000000; /* one a ms */
    struct flow *flow = flow_and_peer(SOURCE, &peer);
    sending.takes = AT_MOST;
    sending.most = 500;
    turn_send(flow);
    assert_int_equal(flow->tx.refused, 0);
    sending.takes = ALL;
    now_is += 5 * NS_PER_MS + NS_PER_MS / 2;
    while (turn_send(flow))
        continue;
    assert_int_equal(flow->tx.requests, 6);
    assert_int_equal(flow->tx.refused, 5);
    now_is += 2 * NS_PER_MS; /* there was room when these were due */
    while (turn_send(flow))
        continue;
    assert_int_equal(flow->tx.requests, 8);
    assert_int_equal(flow->tx.refused, 5);
    give_up(flow);
    close(peer);
}

static void test_congestion_stops(void **state)
{
    (void)state;
    for (int stops = 0; stops < 2; stops++) {
        int peer;
        now_is = START;
        ends[SOURCE].request_size = dist_constant(1000);
        ends[SOURCE].rate = 8000000;
        ends[SOURCE].stop_on_congestion = stops;
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
    ends[SOURCE].stop_on_congestion = 1;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(test_nothing_is_sent_before_its_time),
        DRIVEN(test_a_rate_is_kept),
        DRIVEN(test_one_block_a_turn),
        DRIVEN(test_in_flight),
        DRIVEN(test_in_flight_counts_what_was_begun),
        DRIVEN(test_gaps_are_kept),
        DRIVEN(test_due_and_hold),
        DRIVEN(test_refused_are_counted_once),
        DRIVEN(test_refused_between_two_turns),
        DRIVEN(test_congestion_stops),
        DRIVEN(test_a_standstill_is_no_congestion),
    };
    seed_random();
    alarm(60); /* a test that hangs fails */
    return cmocka_run_group_tests_name("framing_message_pace", tests, NULL, NULL);
}
