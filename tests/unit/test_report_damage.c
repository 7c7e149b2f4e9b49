/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests reports on the wire: what does not add up is refused, and harms nobody. */
#include "report_rows.h"

/* Unpacks from memory of exactly this length, so that a sanitizer sees every byte beyond. */
static bool unpack_exactly(const uint8_t *bytes, size_t length, const struct report_layout *layout,
                           struct report_row *row, struct fail *fail)
{
    size_t used = 0;
    uint8_t *copy = mem_new(length, 1);
    memcpy(copy, bytes, length);
    bool good = report_unpack(copy, length, layout, row, &used, fail);
    assert_true(!good || (used <= length && used >= 8 && used % 8 == 0));
    for (size_t i = 0; good && i < row->section_count; i++) {
        const uint8_t *data = row->sections[i].data;
        assert_true(data >= copy && data + row->sections[i].length <= copy + used);
    }
    free(copy);
    return good;
}

static void short_rows_are_refused(void **state)
{
    static uint8_t bytes[ROW_MAX];
    const struct report_section section = {1, 5, "12345"};
    struct report report;
    struct report_layout layout;
    struct report_row row;
    (void)state;
    random_report(&report);
    report_layout_own(&layout);
    report_pack(&report, &section, 1, bytes);
    size_t size = report_packed_size(&report, &section, 1);
    size_t least = (8 + (REPORT_COLUMNS + 7) / 8 + 7) / 8 * 8;
    for (size_t length = 0; length < size; length++) {
        struct fail fail = {0};
        char expected[96];
        assert_false(unpack_exactly(bytes, length, &layout, &row, &fail));
        if (length < least)
            snprintf(expected, sizeof expected, "%zu bytes are too few for a report", length);
        else
            snprintf(expected, sizeof expected, "claims %zu bytes, but has %zu", size, length);
        assert_non_null(strstr(fail.text, expected));
    }
    assert_true(unpack_exactly(bytes, size, &layout, &row, NULL));
}

static void set32(uint8_t *at, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(number >> 8 * i);
}

static void lengths_that_lie_are_refused(void **state)
{
    static const struct {
        uint32_t row, sections, section;
        const char *sentence; /* NULL: it is good */
    } cases[] = {
        /* 40 bytes: the head, two columns in 16 bytes, one section with 5 of 8 bytes */
        {40, 1, 5, NULL},
        {40, 1, 8, NULL},
        {40, 1, 9, "a section exceeds its report"},
        {40, 1, 0xffffffff, "a section exceeds its report"},
        {40, 1, 0xfffffff9, "a section exceeds its report"},
        {40, 1, 0x80000000, "a section exceeds its report"},
        {40, 2, 5, "a section exceeds its report"},
        {40, 0xffffffff, 5, "a section exceeds its report"},
        {40, 2, 0, NULL}, /* the bytes of the section are an empty one */
        {32, 1, 5, "a section exceeds its report"},
        {24, 1, 5, "a section exceeds its report"},
        {24, 0, 5, NULL},
        {16, 0, 5, "a column exceeds its report"},
        {8, 0, 5, "a report claims 8 bytes, but has 40"},
        {0, 0, 5, "a report claims 0 bytes"},
        {48, 1, 5, "a report claims 48 bytes, but has 40"},
        {0xffffffff, 1, 5, "a report claims 4294967295 bytes, but has 40"},
        {39, 1, 5, "a report claims 39 bytes"},
        {36, 1, 5, "a report claims 36 bytes"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct report_layout layout = {.columns = 2, .place = {0, -1}};
        int64_t values[] = {INT64_MAX, 0};
        uint8_t bytes[40] = {0};
        struct report_row row;
        struct fail fail = {0};
        assert_int_equal(pack_columns(bytes, values, NULL, 2), 24);
        set32(bytes, cases[i].row);
        set32(bytes + 4, cases[i].sections);
        set32(bytes + 24, REPORT_SECTION_INFO);
        set32(bytes + 28, cases[i].section);
        bool good = unpack_exactly(bytes, sizeof bytes, &layout, &row, &fail);
        if (good != !cases[i].sentence || (!good && !strstr(fail.text, cases[i].sentence)))
            fail_msg("%u, %u, %u: %s", cases[i].row, cases[i].sections, cases[i].section,
                     fail.text);
    }
}

static void numbers_that_do_not_end_are_refused(void **state)
{
    static const struct {
        uint8_t number[16];
        bool good;
    } cases[] = {
        {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, true}, /* the largest */
        {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02}, false},
        {{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00}, false},
        {{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00}, true}, /* 0, the long way */
        {{0x80, 0x00}, true},
        {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
         false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct report_layout layout = {.columns = 1, .place = {REPORT_FLOW}};
        uint8_t bytes[24] = {24};
        struct report_row row;
        struct fail fail = {0};
        bytes[8] = 1;
        memcpy(bytes + 9, cases[i].number, 15);
        bool good = unpack_exactly(bytes, sizeof bytes, &layout, &row, &fail);
        assert_int_equal(good, cases[i].good);
        if (!good)
            assert_string_equal(fail.text, "a column exceeds its report");
        else
            assert_int_equal(row.report.key[REPORT_FLOW], i ? 0 : INT64_MIN);
    }
}

static void damaged_rows_are_refused_or_whole(void **state)
{
    static uint8_t bytes[ROW_MAX];
    static const uint8_t data[256];
    struct report_layout own;
    int refused = 0;
    (void)state;
    report_layout_own(&own);
    for (int i = 0; i < ROUNDS; i++) {
        struct report_layout layout = own;
        struct report report;
        struct report_section sections[5];
        struct report_row row;
        size_t count, length = pack_random(&report, sections, &count, data, bytes);
        size_t fixed = report_packed_size(&report, NULL, 0);
        for (uint64_t hits = random_below(4); hits > 0; hits--) {
            size_t at = random_below(3) ? random_below(random_below(2) ? 8 : fixed)
                                        : fixed + random_below(length - fixed + 1);
            bytes[at] = (uint8_t)(random_below(2) ? random_below(64) : random_bits());
        }
        if (random_below(4) == 0)
            length = random_below(length + 1);
        if (random_below(4) == 0)
            layout.columns = random_below(REPORT_COLUMNS);
        refused += !unpack_exactly(bytes, length, &layout, &row, NULL);
    }
    assert_in_range(refused, 1, ROUNDS - 1);
}

static void random_bytes_do_no_harm(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        uint8_t bytes[160];
        size_t length = random_below(sizeof bytes + 1);
        struct report_layout layout = {.columns = random_below(12)};
        struct report_row row;
        for (size_t at = 0; at < length; at++)
            bytes[at] = (uint8_t)(random_below(3) ? 0 : random_bits());
        if (length >= 8)
            set32(bytes, (uint32_t)(length - random_below(9)));
        unpack_exactly(bytes, length, &layout, &row, NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_rows_are_refused),
        cmocka_unit_test(lengths_that_lie_are_refused),
        cmocka_unit_test(numbers_that_do_not_end_are_refused),
        cmocka_unit_test(damaged_rows_are_refused_or_whole),
        cmocka_unit_test(random_bytes_do_no_harm),
    };
    seed_random();
    return cmocka_run_group_tests_name("report_damage", tests, NULL, NULL);
}
