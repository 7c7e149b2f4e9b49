/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests the header of iperf3's datagrams, in both widths and by both clocks, and what opens and
 * answers a stream. */
#include "unit.h"

#include <string.h>

#include "clock.h"
#include "flow/datagram_iperf3.h"
#include "mem.h"

static const struct datagram_format *narrow = &datagram_formats_iperf3[0][0];
static const struct datagram_format *wide = &datagram_formats_iperf3[1][0];

static void bytes_of_headers(void **state)
{
    static const uint8_t expected[] = {0, 0, 0, 5, 0, 0, 0, 7, 0, 0, 0, 1};
    static const uint8_t expected_wide[] = {0, 0, 0, 5, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 0};
    const struct datagram_header first = {0, 5 * NS_PER_SEC + 7 * NS_PER_US + 900, 3, 4};
    const struct datagram_header later = {(UINT64_C(1) << 32) - 1, first.sent, 3, 4};
    uint8_t bytes[DATAGRAM_HEADER_SIZE];
    (void)state;
    narrow->encode(9, &first, bytes);
    assert_int_equal(narrow->header_size, sizeof expected);
    assert_memory_equal(bytes, expected, sizeof expected);
    wide->encode(9, &later, bytes);
    assert_int_equal(wide->header_size, sizeof expected_wide);
    assert_memory_equal(bytes, expected_wide, sizeof expected_wide);
}

static void clocks(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        const struct datagram_format *format = &datagram_formats_iperf3[i / 2][i % 2];
        uint8_t bytes[DATAGRAM_HEADER_SIZE];
        int64_t now = clock_now();
        struct datagram_header header = {0, now, 0, 0};
        format->encode(0, &header, bytes);
        assert_true(format->decode(0, 0, bytes, format->header_size, &header));
        int64_t away = header.sent - (i % 2 ? clock_wall() : now);
        assert_true(away > -10 * NS_PER_SEC && away <= 0);
        assert_false(format->controlled);
    }
}

/* Reads the number from a datagram before which `next` was due. */
static bool number_of(const struct datagram_format *format, uint64_t number, uint64_t next,
                      uint64_t *sequence)
{
    uint8_t bytes[16] = {0};
    struct datagram_header header = {0};
    if (format == narrow)
        put_be32(bytes + 8, (uint32_t)number);
    else
        put_be64(bytes + 8, number);
    bool good = format->decode(0, next, bytes, sizeof bytes, &header);
    *sequence = header.sequence;
    return good;
}

static void numbers(void **state)
{
    static const struct {
        uint64_t number, next, sequence;
        bool good;
    } cases[] = {
        {1, 0, 0, true},
        {0, 0, 0, false}, /* none begins with 0 */
        {0, 5, 0, false},
        {9, 5, 8, true},
        {2, 5, 1, true},
        {UINT32_MAX, UINT32_MAX - 1, UINT32_MAX - 1, true},
        {0, UINT32_MAX, UINT32_MAX, true}, /* wrapped */
        {1, UINT32_MAX, UINT64_C(1) << 32, true},
        {UINT32_MAX, (UINT64_C(1) << 32) + 3, UINT32_MAX - 1, true}, /* late, from before that */
    };
    uint64_t sequence;
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        bool good = number_of(narrow, cases[i].number, cases[i].next, &sequence);
        assert_int_equal(good, cases[i].good);
        assert_int_equal(sequence, cases[i].sequence);
    }
    assert_false(number_of(wide, 0, 5, &sequence));
    assert_false(number_of(wide, UINT64_MAX, 5, &sequence));
    assert_true(number_of(wide, UINT64_C(1) << 40, 5, &sequence));
    assert_int_equal(sequence, (UINT64_C(1) << 40) - 1);
}

static void short_ones(void **state)
{
    static const uint8_t bytes[16] = {[11] = 1, [15] = 1};
    struct datagram_header header;
    (void)state;
    for (size_t size = 0; size <= sizeof bytes; size++) {
        assert_int_equal(narrow->decode(0, 0, bytes, size, &header), size >= 12);
        assert_int_equal(wide->decode(0, 0, bytes, size, &header), size >= 16);
    }
}

static void openings_and_answers(void **state)
{
    static const uint8_t *const pairs[][2] = {
        {(const uint8_t *)"9876", (const uint8_t *)"6789"},
        {(const uint8_t *)"6789", (const uint8_t *)"9876"},
        {(const uint8_t *)"\x15\xcd\x5b\x07", (const uint8_t *)"\xb1\x68\xde\x3a"},
        {(const uint8_t *)"\x07\x5b\xcd\x15", (const uint8_t *)"\x3a\xde\x68\xb1"},
    };
    uint8_t answer[IPERF3_CONNECT_SIZE];
    (void)state;
    for (size_t i = 0; i < COUNT(pairs); i++) {
        assert_true(iperf3_connect_answer(pairs[i][0], 4, answer));
        assert_memory_equal(answer, pairs[i][1], sizeof answer);
        assert_false(iperf3_connect_answer(pairs[i][0], 3, answer));
        assert_false(iperf3_connect_answer(pairs[i][0], 5, answer));
    }
    assert_false(iperf3_connect_answer((const uint8_t *)"9877", 4, answer));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_of_headers),
        cmocka_unit_test(clocks),
        cmocka_unit_test(numbers),
        cmocka_unit_test(short_ones),
        cmocka_unit_test(openings_and_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
