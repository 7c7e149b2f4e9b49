/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests what travels between the ends of a flow of datagrams: only who knows the flow's secrets can
 * say anything, and each end only what is its own. */
#include "../../daemon/flow/datagram_wire.c"

#include "unit.h"

static struct datagram_keys some_keys(uint8_t first)
{
    struct datagram_keys keys;
    uint8_t secret[SECRET_SIZE] = {first}, proof[SECRET_SIZE] = {1, first};
    datagram_keys_make(&keys, secret, proof);
    return keys;
}

static void control_messages_come_back(void **state)
{
    struct datagram_keys keys = some_keys(7);
    (void)state;
    for (int kind = DATAGRAM_CHALLENGE; kind < DATAGRAM_KINDS_END; kind++) {
        struct control said = {(enum datagram_kind)kind, DESTINATION, {1, UINT64_MAX, 3, 4}}, heard;
        uint8_t bytes[CONTROL_SIZE];
        control_encode(&keys, &said, bytes);
        assert_true(control_decode(&keys, bytes, sizeof bytes, &heard));
        assert_int_equal(heard.kind, kind);
        assert_int_equal(heard.from, DESTINATION);
        assert_memory_equal(heard.values, said.values, sizeof said.values);
    }
}

/* A bit that is changed, a byte less or more, another flow's keys: nothing is believed. */
static void forged_ones_are_refused(void **state)
{
    struct datagram_keys keys = some_keys(7), others = some_keys(8);
    struct control said = {DATAGRAM_KEEP, SOURCE, {1, 2, 3, 4}}, heard;
    uint8_t bytes[CONTROL_SIZE + 1] = {0};
    (void)state;
    control_encode(&keys, &said, bytes);
    for (int bit = 0; bit < 8 * CONTROL_SIZE; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(control_decode(&keys, bytes, CONTROL_SIZE, &heard));
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_true(control_decode(&keys, bytes, CONTROL_SIZE, &heard));
    assert_false(control_decode(&others, bytes, CONTROL_SIZE, &heard));
    for (size_t size = 0; size < CONTROL_SIZE; size++)
        assert_false(control_decode(&keys, bytes, size, &heard));
    assert_false(control_decode(&keys, bytes, CONTROL_SIZE + 1, &heard));
}

static void data_is_known_by_its_tag(void **state)
{
    struct datagram_keys keys = some_keys(7), others = some_keys(8);
    struct datagram_header said = {12345, -6, 789, 1400}, heard;
    uint8_t bytes[DATAGRAM_HEADER_SIZE];
    (void)state;
    assert_true(keys.tags[SOURCE] != keys.tags[DESTINATION]);
    datagram_header_encode(keys.tags[SOURCE], &said, bytes);
    assert_true(datagram_header_decode(keys.tags[SOURCE], bytes, sizeof bytes, &heard));
    assert_true(heard.sequence == said.sequence && heard.sent == said.sent);
    assert_true(heard.nonce == said.nonce && heard.answer == said.answer);
    assert_false(datagram_header_decode(keys.tags[DESTINATION], bytes, sizeof bytes, &heard));
    assert_false(datagram_header_decode(others.tags[SOURCE], bytes, sizeof bytes, &heard));
    assert_false(datagram_header_decode(keys.tags[SOURCE], bytes, sizeof bytes - 1, &heard));
}

static void answers_are_known_by_their_tag(void **state)
{
    struct datagram_keys keys = some_keys(7);
    struct datagram_answer said = {12345, -6, 789}, heard;
    struct datagram_header data;
    uint8_t bytes[DATAGRAM_HEADER_SIZE];
    uint64_t tag = keys.tags[DESTINATION];
    (void)state;
    datagram_answer_encode(tag, &said, bytes);
    assert_true(datagram_answer_decode(tag, bytes, sizeof bytes, &heard));
    assert_true(heard.sequence == said.sequence && heard.echoed == said.echoed);
    assert_true(heard.held == said.held);
    assert_false(datagram_answer_decode(keys.tags[SOURCE], bytes, sizeof bytes, &heard));
    assert_false(datagram_answer_decode(tag, bytes, sizeof bytes - 1, &heard));
    assert_false(datagram_header_decode(tag, bytes, sizeof bytes, &data));
}

/* Whoever is at another address can't use what was said to the first. */
static void nonces_are_of_one_address(void **state)
{
    struct datagram_keys keys = some_keys(7);
    uint8_t salt[SECRET_SIZE] = {1}, other_salt[SECRET_SIZE] = {2};
    uint64_t nonce = datagram_nonce_of(&keys, salt, "one", 3);
    (void)state;
    assert_true(nonce == datagram_nonce_of(&keys, salt, "one", 3));
    assert_true(nonce != datagram_nonce_of(&keys, salt, "two", 3));
    assert_true(nonce != datagram_nonce_of(&keys, other_salt, "one", 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(control_messages_come_back),
        cmocka_unit_test(forged_ones_are_refused),
        cmocka_unit_test(data_is_known_by_its_tag),
        cmocka_unit_test(answers_are_known_by_their_tag),
        cmocka_unit_test(nonces_are_of_one_address),
    };
    return cmocka_run_group_tests_name("datagram_wire", tests, NULL, NULL);
}
