/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/flow/framing_message.c: flows against each other, and against peers that are broken
 * or hostile. */
#include "framing_message.h"

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
        {{.type = 0, .size = 40}, -1, "bad block header from the peer"},
        {{.type = 4, .size = 40}, -1, "bad block header from the peer"},
        {{.type = 255, .size = 40}, -1, "bad block header from the peer"},
        {{.type = BLOCK_REQUEST, .flags = 1, .size = 40}, -1, "bad block header from the peer"},
        {{.type = BLOCK_REQUEST, .size = 40}, 2, "bad block header from the peer"},
        {{.type = BLOCK_REQUEST, .size = 40}, 3, "bad block header from the peer"},
        {{.type = BLOCK_REQUEST, .size = 0},
         -1,
         "bad block header from the peer: sizes of 0 and 0 bytes"},
        {{.type = BLOCK_REQUEST, .size = 39},
         -1,
         "bad block header from the peer: sizes of 39 and 0 bytes"},
        {{.type = BLOCK_REQUEST, .size = 40, .response_size = 39},
         -1,
         "bad block header from the peer: sizes of 40 and 39 bytes"},
        {{.type = BLOCK_RESPONSE, .size = 40, .response_size = 40},
         -1,
         "bad block header from the peer: sizes of 40 and 40 bytes"},
        {{.type = BLOCK_END, .size = 41},
         -1,
         "bad block header from the peer: sizes of 41 and 0 bytes"},
        {{.type = BLOCK_RESPONSE, .size = 40}, -1, "received a response that was not requested"},
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
        check_failed(flow, "bad block header from the peer");
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
    check_failed(flow, "received a response that was not requested");
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
    check_failed(flow, "the peer requests responses but does not read them");
    assert_in_range(said, 10000, 2000000);
    give_up(flow);
    close(peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
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
    return cmocka_run_group_tests_name("framing_message_peers", tests, NULL, NULL);
}
