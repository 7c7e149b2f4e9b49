/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests what travels on data connections: block headers, preambles, secrets. */
#include "block.c"

#include "unit.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { ROUNDS = 200000 };

/* A request as it lies on the wire, written out by hand. */
static const uint8_t request_bytes[BLOCK_HEADER_SIZE] = {
    1,    0,    0xf1, 0x0b,                         /* type, flags, check */
    0,    1,    2,    3,    0,    0,    0,    40,   /* size, response size */
    0xff, 0xff, 0xff, 0xfe,                         /* sequence */
    0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, /* sent */
    0x80, 0,    0,    0,    0,    0,    0,    0,    /* echoed */
    0,    0,    0,    0,    0,    0,    0,    9,    /* held */
};

static const struct block request_block = {
    .type = BLOCK_REQUEST,
    .size = 0x010203,
    .response_size = 40,
    .sequence = 0xfffffffe,
    .sent = INT64_MAX,
    .echoed = INT64_MIN,
    .held = 9,
};

static void assert_same_block(const struct block *one, const struct block *other)
{
    assert_int_equal(one->type, other->type);
    assert_int_equal(one->flags, other->flags);
    assert_int_equal(one->size, other->size);
    assert_int_equal(one->response_size, other->response_size);
    assert_int_equal(one->sequence, other->sequence);
    assert_int_equal(one->sent, other->sent);
    assert_int_equal(one->echoed, other->echoed);
    assert_int_equal(one->held, other->held);
}

static void a_header_is_in_network_byte_order(void **state)
{
    uint8_t header[BLOCK_HEADER_SIZE];
    (void)state;
    memset(header, 0xaa, sizeof header);
    block_encode(&request_block, header);
    assert_memory_equal(header, request_bytes, sizeof header);
}

static void a_header_is_read_back(void **state)
{
    struct block block;
    (void)state;
    assert_true(block_decode(request_bytes, &block, NULL));
    assert_same_block(&block, &request_block);
}

static void sizes_are_checked(void **state)
{
    static const struct {
        uint8_t type;
        uint32_t size, response_size;
        bool good;
    } cases[] = {
        {BLOCK_REQUEST, 40, 0, true},
        {BLOCK_REQUEST, 40, 40, true},
        {BLOCK_REQUEST, 39, 0, false},
        {BLOCK_REQUEST, 0, 0, false},
        {BLOCK_REQUEST, 40, 39, false},
        {BLOCK_REQUEST, 40, 1, false},
        {BLOCK_REQUEST, 1 << 30, 1 << 30, true},
        {BLOCK_RESPONSE, 40, 0, true},
        {BLOCK_RESPONSE, 8192, 0, true},
        {BLOCK_RESPONSE, 39, 0, false},
        {BLOCK_RESPONSE, 40, 40, false},
        {BLOCK_END, 40, 0, true},
        {BLOCK_END, 41, 0, false},
        {BLOCK_END, 39, 0, false},
        {BLOCK_END, 40, 40, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct block block = {
            .type = cases[i].type, .size = cases[i].size, .response_size = cases[i].response_size};
        uint8_t header[BLOCK_HEADER_SIZE];
        struct fail fail = {0};
        block_encode(&block, header);
        if (block_decode(header, &block, &fail) != cases[i].good)
            fail_msg("type %u, %u and %u bytes: %s", cases[i].type, cases[i].size,
                     cases[i].response_size, fail.text);
        if (!cases[i].good)
            assert_non_null(strstr(fail.text, "impossible sizes"));
    }
}

static void an_impossible_size_is_named(void **state)
{
    struct block block = {.type = BLOCK_REQUEST, .size = 39, .response_size = 17};
    uint8_t header[BLOCK_HEADER_SIZE];
    struct fail fail;
    (void)state;
    block_encode(&block, header);
    assert_false(block_decode(header, &block, &fail));
    assert_non_null(strstr(fail.text, "39 and 17 bytes"));
    assert_false(block_decode(header, &block, NULL));
}

static void what_is_no_header_is_refused(void **state)
{
    static const struct {
        size_t at;
        uint8_t value;
    } cases[] = {
        {0, 0}, {0, 4}, {0, 255}, {1, 1}, {1, 0x80}, {2, 0xf0}, {2, 0}, {3, 0x0a}, {3, 0xff},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t header[BLOCK_HEADER_SIZE];
        struct block block;
        struct fail fail = {0};
        memcpy(header, request_bytes, sizeof header);
        header[cases[i].at] = cases[i].value;
        assert_false(block_decode(header, &block, &fail));
        assert_string_equal(fail.text, "what came is no block header");
    }
}

static struct block random_block(void)
{
    struct block block = {
        .type = (uint8_t)(BLOCK_REQUEST + random_below(2)),
        .size = BLOCK_HEADER_SIZE + (uint32_t)random_below(UINT32_MAX - BLOCK_HEADER_SIZE),
        .sequence = (uint32_t)random_bits(),
        .sent = (int64_t)random_bits(),
        .echoed = (int64_t)random_bits(),
        .held = (int64_t)random_bits(),
    };
    if (block.type == BLOCK_REQUEST && random_below(2))
        block.response_size =
            BLOCK_HEADER_SIZE + (uint32_t)random_below(UINT32_MAX - BLOCK_HEADER_SIZE);
    return block;
}

static void random_headers_come_back(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        uint8_t header[BLOCK_HEADER_SIZE];
        struct block block = random_block(), read;
        block_encode(&block, header);
        assert_true(block_decode(header, &read, NULL));
        assert_same_block(&block, &read);
    }
}

/* What is accepted of damaged headers says nothing that the bytes did not. */
static void damaged_headers_are_refused_or_meant(void **state)
{
    int refused = 0;
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        uint8_t header[BLOCK_HEADER_SIZE], again[BLOCK_HEADER_SIZE];
        struct block block = random_block();
        block_encode(&block, header);
        for (uint64_t hits = random_below(4); hits > 0; hits--)
            header[random_below(sizeof header)] = (uint8_t)random_bits();
        if (block_decode(header, &block, NULL)) {
            assert_in_range(block.type, BLOCK_REQUEST, BLOCK_END);
            assert_true(block.size >= BLOCK_HEADER_SIZE);
            block_encode(&block, again);
            assert_memory_equal(again, header, sizeof header);
        } else {
            refused++;
        }
    }
    assert_true(refused > 0);
}

static const uint8_t preamble_bytes[PREAMBLE_SIZE] = {
    'f', 'l', 'r', 'g', 1, 40, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
};

static void a_preamble_has_its_bytes(void **state)
{
    struct preamble preamble = {.header_size = 40}, read;
    uint8_t bytes[PREAMBLE_SIZE];
    (void)state;
    for (int i = 0; i < SECRET_SIZE; i++)
        preamble.secret[i] = (uint8_t)i;
    memset(bytes, 0xaa, sizeof bytes);
    preamble_encode(&preamble, bytes);
    assert_memory_equal(bytes, preamble_bytes, sizeof bytes);
    assert_true(preamble_decode(bytes, &read, NULL));
    assert_memory_equal(&read, &preamble, sizeof preamble);
}

static void a_preamble_of_stream_mode_has_no_header(void **state)
{
    uint8_t bytes[PREAMBLE_SIZE];
    struct preamble preamble;
    (void)state;
    memcpy(bytes, preamble_bytes, sizeof bytes);
    bytes[5] = 0;
    assert_true(preamble_decode(bytes, &preamble, NULL));
    assert_int_equal(preamble.header_size, 0);
}

static void what_is_no_preamble_is_refused(void **state)
{
    static const struct {
        size_t at;
        uint8_t value;
        const char *sentence;
    } cases[] = {
        {0, 'F', "what came is no preamble"},
        {1, 0, "what came is no preamble"},
        {2, 'R', "what came is no preamble"},
        {3, 'q', "what came is no preamble"},
        {6, 1, "what came is no preamble"},
        {7, 0x80, "what came is no preamble"},
        {4, 0, "the preamble has version 0, this is version 1"},
        {4, 2, "the preamble has version 2, this is version 1"},
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

static void random_bytes_are_no_preamble(void **state)
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

static void a_secret_differs_in_any_bit(void **state)
{
    uint8_t one[SECRET_SIZE], other[SECRET_SIZE];
    (void)state;
    secret_make(one);
    memcpy(other, one, sizeof other);
    assert_true(secret_equal(one, other));
    for (int bit = 0; bit < 8 * SECRET_SIZE; bit++) {
        other[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(secret_equal(one, other));
        other[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    /* Differences that would cancel out in a sum. */
    other[0] ^= 0x40;
    other[1] ^= 0x40;
    assert_false(secret_equal(one, other));
}

static void secrets_are_new_each_time(void **state)
{
    uint8_t made[64][SECRET_SIZE];
    (void)state;
    for (size_t i = 0; i < COUNT(made); i++) {
        memset(made[i], 0, SECRET_SIZE);
        secret_make(made[i]);
        for (size_t j = 0; j < i; j++)
            assert_false(secret_equal(made[i], made[j]));
    }
    for (size_t at = 0; at < SECRET_SIZE; at++) {
        size_t same = 0;
        for (size_t i = 1; i < COUNT(made); i++)
            same += made[i][at] == made[0][at];
        assert_true(same < COUNT(made) / 2); /* no byte is left alone */
    }
}

static void secrets_are_hexadecimal(void **state)
{
    static const uint8_t secret[SECRET_SIZE] = {0x00, 0x01, 0x0f, 0x10, 0x7f, 0x80, 0x9a, 0xff,
                                                0xab, 0xcd, 0xef, 0x12, 0x34, 0x56, 0x78, 0x90};
    static const char digits[] = "00010f107f809affabcdef1234567890";
    char text[2 * SECRET_SIZE + 1];
    uint8_t read[SECRET_SIZE];
    (void)state;
    secret_format(secret, text);
    assert_string_equal(text, digits);
    assert_true(secret_parse(digits, read));
    assert_memory_equal(read, secret, sizeof read);
}

static void texts_that_are_no_secrets(void **state)
{
    static const char *const cases[] = {
        "",
        "0",
        "00010f107f809affabcdef123456789",   /* 31 digits */
        "00010f107f809affabcdef12345678900", /* 33 */
        "00010f107f809affabcdef1234567890 ",
        " 0010f107f809affabcdef1234567890",
        "00010F107F809AFFABCDEF1234567890",
        "00010f107f809affabcdef123456789g",
        "00010f107f809affabcdef12345678/0",
        "00010f107f809affabcdef12345678:0",
        "00010f107f809affabcdef12345678`0",
        "0x010f107f809affabcdef1234567890",
        "00010f107f809aff\303\244cdef1234567890",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t secret[SECRET_SIZE];
        if (secret_parse(cases[i], secret))
            fail_msg("'%s' was taken", cases[i]);
    }
}

static void random_secrets_come_back(void **state)
{
    (void)state;
    for (int i = 0; i < 20000; i++) {
        char text[2 * SECRET_SIZE + 1];
        uint8_t secret[SECRET_SIZE], read[SECRET_SIZE];
        for (size_t at = 0; at < SECRET_SIZE; at++)
            secret[at] = (uint8_t)random_bits();
        secret_format(secret, text);
        assert_true(secret_parse(text, read));
        assert_true(secret_equal(read, secret));
        text[random_below(2 * SECRET_SIZE)] = "gG /:`@\x7f"[random_below(8)];
        assert_false(secret_parse(text, read));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_is_in_network_byte_order),
        cmocka_unit_test(a_header_is_read_back),
        cmocka_unit_test(sizes_are_checked),
        cmocka_unit_test(an_impossible_size_is_named),
        cmocka_unit_test(what_is_no_header_is_refused),
        cmocka_unit_test(random_headers_come_back),
        cmocka_unit_test(damaged_headers_are_refused_or_meant),
        cmocka_unit_test(a_preamble_has_its_bytes),
        cmocka_unit_test(a_preamble_of_stream_mode_has_no_header),
        cmocka_unit_test(what_is_no_preamble_is_refused),
        cmocka_unit_test(random_bytes_are_no_preamble),
        cmocka_unit_test(a_secret_differs_in_any_bit),
        cmocka_unit_test(secrets_are_new_each_time),
        cmocka_unit_test(secrets_are_hexadecimal),
        cmocka_unit_test(texts_that_are_no_secrets),
        cmocka_unit_test(random_secrets_come_back),
    };
    seed_random();
    return cmocka_run_group_tests_name("block", tests, NULL, NULL);
}
