/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests common/preamble.c: what opens a data connection, and who may have chosen it. */
#include "preamble.c"

#include "mem.h"
#include "unit.h"

enum { ROUNDS = 20000 };

/* Computed by another program: secret 0, 1 ... 15, proof 16 ... 31, headers of 40 bytes. */
static const uint8_t nonce[SECRET_SIZE] = {
    0x80, 0x87, 0x8e, 0x95, 0x9c, 0xa3, 0xaa, 0xb1, 0xb8, 0xbf, 0xc6, 0xcd, 0xd4, 0xdb, 0xe2, 0xe9,
};
static const uint8_t token[SECRET_SIZE] = {
    0x84, 0x8c, 0xf4, 0xad, 0xb1, 0xb9, 0xf2, 0xaa, 0xb2, 0x85, 0xc8, 0x8e, 0x8e, 0x9a, 0xc0, 0xb3,
};
static const uint8_t preamble_bytes[PREAMBLE_SIZE] = {
    0xe6, 0xec, 0xf2, 0xe7, 0x82, 0xa8, 0x80, 0x80, 0x80, 0x87, 0x8e, 0x95, 0x9c, 0xa3,
    0xaa, 0xb1, 0xb8, 0xbf, 0xc6, 0xcd, 0xd4, 0xdb, 0xe2, 0xe9, 0x9f, 0xc7, 0x9e, 0x82,
    0x99, 0xc7, 0xb3, 0xb8, 0xd9, 0xc4, 0x89, 0xc6, 0x87, 0xf6, 0x9d, 0xa1,
};
static const uint8_t answer_bytes[PREAMBLE_SIZE] = {
    0xe6, 0xec, 0xf2, 0xe7, 0x82, 0xa8, 0x81, 0x80, 0xa2, 0xa2, 0xea, 0x8f, 0xdc, 0xac,
    0x93, 0x85, 0xcd, 0xd6, 0xd9, 0xb0, 0x81, 0xca, 0xee, 0x90, 0xa5, 0xc6, 0xb3, 0x86,
    0x94, 0xee, 0xa0, 0xef, 0xa1, 0xde, 0xe5, 0xbe, 0xf8, 0xf5, 0xce, 0xce,
};

static void count_up(uint8_t bytes[SECRET_SIZE], int from)
{
    for (int i = 0; i < SECRET_SIZE; i++)
        bytes[i] = (uint8_t)(from + i);
}

static void test_bytes_of_a_preamble(void **state)
{
    (void)state;
    struct preamble preamble = {.header_size = 40}, read;
    uint8_t secret[SECRET_SIZE], bytes[PREAMBLE_SIZE];
    count_up(secret, 0);
    memcpy(preamble.nonce, nonce, sizeof nonce);
    preamble_token(secret, preamble.token);
    assert_memory_equal(preamble.token, token, sizeof token);
    preamble_encode(&preamble, bytes);
    assert_memory_equal(bytes, preamble_bytes, sizeof bytes);
    assert_true(preamble_decode(bytes, &read, NULL));
    assert_memory_equal(&read, &preamble, sizeof preamble);
}

static void test_bytes_of_an_answer(void **state)
{
    (void)state;
    struct preamble preamble;
    uint8_t proof[SECRET_SIZE], bytes[PREAMBLE_SIZE];
    count_up(proof, 16);
    assert_true(preamble_decode(preamble_bytes, &preamble, NULL));
    preamble_answer(proof, &preamble, bytes);
    assert_memory_equal(bytes, answer_bytes, sizeof bytes);
    assert_true(preamble_answered(proof, &preamble, bytes));
}

/* Any bit that differs, and any other proof, nonce or size of headers, is no agreement. */
static void test_answers_that_are_none(void **state)
{
    (void)state;
    struct preamble preamble, other;
    uint8_t proof[SECRET_SIZE], bytes[PREAMBLE_SIZE];
    count_up(proof, 16);
    assert_true(preamble_decode(preamble_bytes, &preamble, NULL));
    for (int bit = 0; bit < 8 * PREAMBLE_SIZE; bit++) {
        memcpy(bytes, answer_bytes, sizeof bytes);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(preamble_answered(proof, &preamble, bytes));
    }
    /* Whoever sends back what came */
    assert_false(preamble_answered(proof, &preamble, preamble_bytes));
    other = preamble;
    other.header_size = 0;
    assert_false(preamble_answered(proof, &other, answer_bytes));
    other = preamble;
    other.nonce[15] ^= 1; /* an earlier answer is good for nothing */
    assert_false(preamble_answered(proof, &other, answer_bytes));
    proof[0] ^= 1;
    assert_false(preamble_answered(proof, &preamble, answer_bytes));
}

static void check_high(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        assert_true(bytes[i] & 0x80);
}

/* Secrets of letters and line breaks leave no byte of ASCII, and the same secret none of its own
 * choice: behind the nonce, nothing stays the same. */
static void test_nobody_chooses_what_is_sent(void **state)
{
    (void)state;
    static const char chosen[SECRET_SIZE + 1] = "\r\nflush_all\r\n   ";
    struct preamble preamble = {.header_size = 40};
    uint8_t first[PREAMBLE_SIZE], bytes[PREAMBLE_SIZE], answer[PREAMBLE_SIZE];
    int same[PREAMBLE_SIZE] = {0};
    preamble_token((const uint8_t *)chosen, preamble.token);
    preamble_make_nonce(preamble.nonce);
    preamble_encode(&preamble, first);
    for (int i = 0; i < 1000; i++) {
        preamble_make_nonce(preamble.nonce);
        preamble_encode(&preamble, bytes);
        preamble_answer((const uint8_t *)chosen, &preamble, answer);
        check_high(bytes, sizeof bytes);
        check_high(answer, sizeof answer);
        for (size_t k = 0; k < sizeof bytes; k++)
            same[k] += bytes[k] == first[k];
    }
    for (int k = 8; k < PREAMBLE_SIZE; k++)
        assert_in_range(same[k], 0, 60); /* 1000 / 128 = 8 are to be expected */
}

static void test_what_is_no_preamble(void **state)
{
    static const struct {
        size_t at;
        uint8_t value;
        const char *sentence;
    } cases[] = {
        {0, 'f', "bad preamble from the peer"},
        {1, 0x80, "bad preamble from the peer"},
        {3, 0xe6, "bad preamble from the peer"},
        {6, 0x81, "bad preamble from the peer"}, /* an answer */
        {6, 0x82, "bad preamble from the peer"},
        {7, 0x81, "bad preamble from the peer"},
        {5, 40, "bad preamble from the peer"},
        {8, 0x00, "bad preamble from the peer"},
        {39, 0x21, "bad preamble from the peer"},
        {4, 0x80, "the preamble has version 0, this is version 2"},
        {4, 0x81, "the preamble has version 1, this is version 2"},
        {4, 0x83, "the preamble has version 3, this is version 2"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t bytes[PREAMBLE_SIZE];
        struct preamble preamble;
        struct fail fail = {0};
        memcpy(bytes, preamble_bytes, sizeof bytes);
        bytes[cases[i].at] = cases[i].value;
        assert_false(preamble_decode(bytes, &preamble, &fail));
        assert_string_equal(fail.text, cases[i].sentence);
        assert_false(preamble_decode(bytes, &preamble, NULL));
    }
}

static void test_random_bytes(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        uint8_t bytes[PREAMBLE_SIZE], again[PREAMBLE_SIZE];
        struct preamble preamble;
        memcpy(bytes, preamble_bytes, sizeof bytes);
        for (uint64_t hits = random_below(3); hits > 0; hits--)
            bytes[random_below(sizeof bytes)] = (uint8_t)random_bits();
        if (!preamble_decode(bytes, &preamble, NULL))
            continue;
        preamble_encode(&preamble, again);
        assert_memory_equal(again, bytes, sizeof bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_of_a_preamble),
        cmocka_unit_test(test_bytes_of_an_answer),
        cmocka_unit_test(test_answers_that_are_none),
        cmocka_unit_test(test_nobody_chooses_what_is_sent),
        cmocka_unit_test(test_what_is_no_preamble),
        cmocka_unit_test(test_random_bytes),
    };
    seed_random();
    return cmocka_run_group_tests_name("preamble", tests, NULL, NULL);
}
