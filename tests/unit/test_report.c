/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests reports on the wire: columns, packing, sections. */
#include "report_rows.h"

/* The columns of a report under their own numbers. */
static int64_t column(const struct report *report, size_t index)
{
    return index < REPORT_KEYS ? report->key[index] : report->value[index - REPORT_KEYS];
}

static void assert_same_section(const struct report_section *one,
                                const struct report_section *other)
{
    assert_int_equal(one->type, other->type);
    assert_int_equal(one->length, other->length);
    if (one->length)
        assert_memory_equal(one->data, other->data, one->length);
}

static void a_new_report_has_no_values(void **state)
{
    struct report report;
    (void)state;
    memset(&report, 0x55, sizeof report);
    report_init(&report);
    for (size_t i = 0; i < REPORT_COLUMNS; i++)
        assert_int_equal(column(&report, i), i < REPORT_KEYS ? 0 : METRIC_ABSENT);
}

static void columns_are_described(void **state)
{
    static const char *const keys_in_order[] = {"flow",   "endpoint", "subflow", "kind",
                                                "number", "begin",    "end"};
    (void)state;
    for (size_t i = 0; i < REPORT_COLUMNS; i++) {
        assert_true(strlen(report_column_name(i)) > 0);
        assert_true(strlen(report_column_unit(i)) > 0);
        assert_true(strlen(report_column_kind(i)) > 0);
        assert_true(strlen(report_column_help(i)) > 0);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(report_column_name(i), report_column_name(j));
    }
    for (size_t i = 0; i < COUNT(keys_in_order); i++) {
        assert_string_equal(report_column_name(i), keys_in_order[i]);
        assert_string_equal(report_column_kind(i), "key");
    }
    assert_int_equal(COUNT(keys_in_order), REPORT_KEYS);
    assert_string_equal(report_column_name(REPORT_KEYS + METRIC_cwnd), "cwnd");
    assert_string_equal(report_column_kind(REPORT_KEYS + METRIC_cwnd), "gauge");
    assert_string_equal(report_column_unit(REPORT_KEYS + METRIC_tx_bytes), "B");
    assert_string_equal(report_column_help(REPORT_KEYS + METRIC_cwnd), "congestion window");
}

/* The bytes as report.h describes them, read here without the help of report.c. */
static uint64_t little_endian(const uint8_t *at, int length)
{
    uint64_t number = 0;
    while (length > 0)
        number = number << 8 | at[--length];
    return number;
}

static void a_row_lies_as_described(void **state)
{
    static const uint8_t tail[] = {1, 0, 0, 0, 3, 0, 0, 0, 'a', '=', 'b', 0,   0,   0,   0,   0,
                                   2, 0, 0, 0, 8, 0, 0, 0, '1', '2', '3', '4', '5', '6', '7', '8'};
    const struct report_section sections[] = {{REPORT_SECTION_INFO, 3, "a=b"},
                                              {REPORT_SECTION_ERROR, 8, "12345678"}};
    static uint8_t bytes[ROW_MAX];
    struct report report;
    (void)state;
    random_report(&report);
    static uint8_t expected[ROW_MAX];
    int64_t values[REPORT_COLUMNS];
    bool there[REPORT_COLUMNS];
    for (size_t i = 0; i < REPORT_COLUMNS; i++) {
        values[i] = column(&report, i);
        there[i] = i < REPORT_KEYS || values[i] != METRIC_ABSENT;
    }
    size_t fixed = pack_columns(expected, values, there, REPORT_COLUMNS);
    size_t size = report_packed_size(&report, sections, 2);
    assert_int_equal(size, fixed + sizeof tail);
    assert_int_equal(report_packed_size(&report, NULL, 0), fixed);
    memset(bytes, 0xee, sizeof bytes);
    report_pack(&report, sections, 2, bytes);
    assert_int_equal(little_endian(bytes, 4), size);
    assert_int_equal(little_endian(bytes + 4, 4), 2);
    assert_memory_equal(bytes + 8, expected + 8, fixed - 8);
    assert_memory_equal(bytes + fixed, tail, sizeof tail);
    assert_int_equal(bytes[size], 0xee);
}

/* What takes how many bytes, as the description has it. */
static void numbers_are_as_long_as_they_need(void **state)
{
    static const struct {
        int64_t value;
        size_t length;
    } cases[] = {
        {0, 1},         {-1, 1},         {63, 1},          {-64, 1},        {64, 2},
        {-65, 2},       {8191, 2},       {-8192, 2},       {8192, 3},       {1 << 20, 4},
        {INT32_MAX, 5}, {INT64_MAX, 10}, {-INT64_MAX, 10}, {INT64_MIN, 10}, {INT64_MAX / 2, 9},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(varint_size(folded(cases[i].value)), cases[i].length);
        assert_int_equal(unfolded(folded(cases[i].value)), cases[i].value);
    }
    struct report report;
    report_init(&report);
    /* Keys only, each 0: the head, the bits, and a byte for each key. */
    assert_int_equal(report_packed_size(&report, NULL, 0),
                     (8 + (REPORT_COLUMNS + 7) / 8 + REPORT_KEYS + 7) / 8 * 8);
}

static void sections_are_padded(void **state)
{
    (void)state;
    for (uint32_t length = 0; length <= 24; length++) {
        struct report report;
        random_report(&report);
        struct report_section section = {1, length, NULL};
        size_t size = report_packed_size(&report, &section, 1);
        assert_int_equal(size, report_packed_size(&report, NULL, 0) + 8 + (length + 7) / 8 * 8);
    }
}

static void an_empty_section_needs_no_bytes(void **state)
{
    const struct report_section sections[] = {{7, 0, NULL}, {8, 0, ""}};
    static uint8_t bytes[ROW_MAX];
    struct report report;
    struct report_layout layout;
    struct report_row row;
    size_t used;
    (void)state;
    report_init(&report);
    report_layout_own(&layout);
    report_pack(&report, sections, 2, bytes);
    assert_true(report_unpack(bytes, sizeof bytes, &layout, &row, &used, NULL));
    assert_int_equal(row.section_count, 2);
    assert_int_equal(row.sections[0].length, 0);
    assert_int_equal(row.sections[1].type, 8);
}

static void random_rows_come_back(void **state)
{
    static uint8_t bytes[ROW_MAX];
    uint8_t data[256];
    struct report_layout layout;
    (void)state;
    report_layout_own(&layout);
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)random_bits();
    for (int i = 0; i < ROUNDS; i++) {
        struct report report;
        struct report_section sections[5];
        struct report_row row;
        size_t count, used = 0, shift = random_below(8); /* rows may lie anywhere */
        size_t size = pack_random(&report, sections, &count, data, bytes + shift);
        size_t more = random_below(2) ? random_below(100) : 0;
        assert_true(report_unpack(bytes + shift, size + more, &layout, &row, &used, NULL));
        assert_int_equal(used, size);
        assert_same_report(&row.report, &report);
        assert_int_equal(row.section_count, count);
        for (size_t j = 0; j < count; j++)
            assert_same_section(&row.sections[j], &sections[j]);
    }
}

static void rows_follow_each_other(void **state)
{
    enum { ROWS = 3 };
    static uint8_t bytes[ROWS * ROW_MAX];
    const struct report_section sections[] = {{1, 1, "x"}, {2, 2, "yz"}};
    struct report reports[ROWS];
    struct report_layout layout;
    struct report_row row;
    size_t end = 0, at = 0;
    (void)state;
    report_layout_own(&layout);
    for (size_t i = 0; i < ROWS; i++) {
        random_report(&reports[i]);
        report_pack(&reports[i], sections, i, bytes + end);
        end += report_packed_size(&reports[i], sections, i);
    }
    for (size_t i = 0; i < ROWS; i++) {
        size_t used;
        assert_true(report_unpack(bytes + at, end - at, &layout, &row, &used, NULL));
        assert_same_report(&row.report, &reports[i]);
        assert_int_equal(row.section_count, i);
        at += used;
    }
    assert_int_equal(at, end);
}

/* ---- sections */

static void sections_are_found_by_type(void **state)
{
    const struct report_section sections[] = {
        {9, 1, "?"}, {REPORT_SECTION_ERROR, 5, "first"}, {REPORT_SECTION_ERROR, 6, "second"}};
    static uint8_t bytes[ROW_MAX];
    struct report report;
    struct report_layout layout;
    struct report_row row;
    size_t used;
    (void)state;
    report_init(&report);
    report_layout_own(&layout);
    report_pack(&report, sections, 3, bytes);
    assert_true(report_unpack(bytes, sizeof bytes, &layout, &row, &used, NULL));
    const struct report_section *found = report_section(&row, REPORT_SECTION_ERROR);
    assert_non_null(found);
    assert_same_section(found, &sections[1]);
    assert_non_null(report_section(&row, 9));
    assert_null(report_section(&row, REPORT_SECTION_INFO));
}

static void sections_beyond_the_room_are_left_out(void **state)
{
    enum { MANY = REPORT_SECTIONS_MAX + 10 };
    struct report_section sections[MANY];
    static uint8_t bytes[ROW_MAX];
    struct report report;
    struct report_layout layout;
    struct report_row row;
    size_t used;
    (void)state;
    for (uint32_t i = 0; i < MANY; i++)
        sections[i] = (struct report_section){i, 3, "abc"};
    report_init(&report);
    report_layout_own(&layout);
    report_pack(&report, sections, MANY, bytes);
    size_t size = report_packed_size(&report, sections, MANY);
    assert_true(report_unpack(bytes, size, &layout, &row, &used, NULL));
    assert_int_equal(used, size);
    assert_int_equal(row.section_count, REPORT_SECTIONS_MAX);
    for (uint32_t i = 0; i < REPORT_SECTIONS_MAX; i++)
        assert_same_section(&row.sections[i], &sections[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_report_has_no_values),
        cmocka_unit_test(columns_are_described),
        cmocka_unit_test(a_row_lies_as_described),
        cmocka_unit_test(numbers_are_as_long_as_they_need),
        cmocka_unit_test(sections_are_padded),
        cmocka_unit_test(an_empty_section_needs_no_bytes),
        cmocka_unit_test(random_rows_come_back),
        cmocka_unit_test(rows_follow_each_other),
        cmocka_unit_test(sections_are_found_by_type),
        cmocka_unit_test(sections_beyond_the_room_are_left_out),
    };
    seed_random();
    return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
