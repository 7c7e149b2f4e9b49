/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests common/block.c: headers of blocks. */
#include "block.c"

#include "mem.h"
#include "unit.h"

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
            assert_non_null(strstr(fail.text, "bad block header from the peer: sizes"));
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
        assert_string_equal(fail.text, "bad block header from the peer");
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
    };
    seed_random();
    return cmocka_run_group_tests_name("block", tests, NULL, NULL);
}
