/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests reports on the wire: layouts of older and newer senders. */
#include "report_rows.h"

static void our_own_layout_is_in_order(void **state)
{
    struct report_layout layout;
    (void)state;
    memset(&layout, 0x55, sizeof layout);
    report_layout_own(&layout);
    assert_int_equal(layout.columns, REPORT_COLUMNS);
    for (size_t i = 0; i < REPORT_COLUMNS; i++)
        assert_int_equal(layout.place[i], i);
}

static void columns_of_an_older_sender_are_absent(void **state)
{
    static const int64_t values[] = {17, 1, 4711, -9};
    struct report_layout layout = {0};
    struct report_row row;
    uint8_t bytes[64];
    size_t used;
    (void)state;
    assert_true(report_layout_add(&layout, "flow"));
    assert_true(report_layout_add(&layout, "endpoint"));
    assert_true(report_layout_add(&layout, "tx_bytes"));
    assert_true(report_layout_add(&layout, "accecn_opt"));
    size_t size = pack_columns(bytes, values, NULL, 4);
    assert_true(report_unpack(bytes, size, &layout, &row, &used, NULL));
    assert_int_equal(row.report.key[REPORT_FLOW], 17);
    assert_int_equal(row.report.key[REPORT_ENDPOINT], 1);
    assert_int_equal(row.report.key[REPORT_END], 0);
    for (size_t i = 0; i < METRICS; i++) {
        int64_t expected = i == METRIC_tx_bytes     ? 4711
                           : i == METRIC_accecn_opt ? -9
                                                    : METRIC_ABSENT;
        assert_int_equal(row.report.value[i], expected);
    }
    assert_int_equal(row.section_count, 0);
}

static void columns_of_a_newer_sender_are_skipped(void **state)
{
    static const int64_t values[] = {1, 2, 3, 4, 5};
    static const char *const names[] = {"quantum_rtt", "cwnd", "", "flow", "Flow"};
    struct report_layout layout = {0};
    struct report_row row;
    uint8_t bytes[64];
    size_t used;
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++)
        assert_true(report_layout_add(&layout, names[i]));
    assert_int_equal(layout.columns, 5);
    assert_int_equal(layout.place[0], -1);
    assert_int_equal(layout.place[2], -1);
    assert_int_equal(layout.place[4], -1);
    size_t size = pack_columns(bytes, values, NULL, 5);
    assert_true(report_unpack(bytes, size, &layout, &row, &used, NULL));
    assert_int_equal(row.report.value[METRIC_cwnd], 2);
    assert_int_equal(row.report.key[REPORT_FLOW], 4);
}

static void a_layout_has_room_for_so_many(void **state)
{
    static int64_t values[512];
    static uint8_t bytes[8 + 11 * 512];
    struct report_layout layout = {0};
    struct report_row row;
    size_t used;
    (void)state;
    for (size_t i = 0; i < 511; i++)
        assert_true(report_layout_add(&layout, "unknown"));
    assert_true(report_layout_add(&layout, "end"));
    assert_false(report_layout_add(&layout, "flow"));
    assert_int_equal(layout.columns, 512);
    values[511] = 5;
    pack_columns(bytes, values, NULL, 512);
    assert_true(report_unpack(bytes, sizeof bytes, &layout, &row, &used, NULL));
    assert_int_equal(row.report.key[REPORT_END], 5);
    assert_int_equal(row.report.key[REPORT_FLOW], 0);
}

static void a_sender_without_columns(void **state)
{
    struct report_layout layout = {0};
    struct report report;
    struct report_row row;
    uint8_t bytes[8];
    size_t used;
    (void)state;
    report_init(&report);
    assert_int_equal(pack_columns(bytes, NULL, NULL, 0), 8);
    assert_true(report_unpack(bytes, sizeof bytes, &layout, &row, &used, NULL));
    assert_int_equal(used, 8);
    assert_same_report(&row.report, &report);
}

/* Columns of both sides in any order, some of them known to one side only. */
static void random_layouts_find_columns_by_name(void **state)
{
    (void)state;
    for (int i = 0; i < 20000; i++) {
        struct report_layout layout = {0};
        struct report_row row;
        struct report expected;
        int64_t values[40];
        bool there[40];
        uint8_t bytes[16 + 10 * 40];
        size_t used, count = random_below(COUNT(values) + 1), first = random_below(REPORT_COLUMNS);
        report_init(&expected);
        for (size_t j = 0; j < count; j++) {
            size_t known = (first + 7 * j) % REPORT_COLUMNS;
            bool is_known = random_below(3);
            values[j] = random_value();
            assert_true(report_layout_add(&layout, is_known ? report_column_name(known) : "new"));
            int64_t *slot =
                known < REPORT_KEYS ? &expected.key[known] : &expected.value[known - REPORT_KEYS];
            there[j] = random_below(5);
            if (is_known && there[j])
                *slot = values[j];
        }
        size_t size = pack_columns(bytes, values, there, count);
        assert_true(report_unpack(bytes, size, &layout, &row, &used, NULL));
        assert_same_report(&row.report, &expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_own_layout_is_in_order),
        cmocka_unit_test(columns_of_an_older_sender_are_absent),
        cmocka_unit_test(columns_of_a_newer_sender_are_skipped),
        cmocka_unit_test(a_layout_has_room_for_so_many),
        cmocka_unit_test(a_sender_without_columns),
        cmocka_unit_test(random_layouts_find_columns_by_name),
    };
    seed_random();
    return cmocka_run_group_tests_name("report_layouts", tests, NULL, NULL);
}
