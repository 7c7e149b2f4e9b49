/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/net/tcpinfo_linux.c: counters begin at the baseline, wrap, and never fall. */
#include "tcpinfo_fields.h"

static void test_counters_count_from_the_baseline(void **state)
{
    (void)state;
    int64_t values[METRICS];
    struct tcpinfo info;
    pretend("6.18.0", LINUX_6_18);
    clear(values);
    assert_true(tcpinfo_baseline(3, &info, values));
    for (size_t i = 0; i < COUNT(fields); i++)
        if (is_counter(fields[i].metric))
            assert_int_equal(values[fields[i].metric], get(fields[i].at, fields[i].width));
    clear(values);
    assert_true(tcpinfo_read(3, &info, values));
    for (size_t i = 0; i < COUNT(fields); i++)
        assert_int_equal(values[fields[i].metric],
                         is_counter(fields[i].metric) ? 0 : get(fields[i].at, fields[i].width));
    for (int turn = 1; turn <= 3; turn++) {
        for (size_t i = 0; i < COUNT(fields); i++)
            put(fields[i].at, fields[i].width, get(fields[i].at, fields[i].width) + i);
        clear(values);
        assert_true(tcpinfo_read(3, &info, values));
        for (size_t i = 0; i < COUNT(fields); i++)
            assert_int_equal(values[fields[i].metric], is_counter(fields[i].metric)
                                                           ? turn * i
                                                           : get(fields[i].at, fields[i].width));
    }
    /* A new baseline begins anew. */
    assert_true(tcpinfo_baseline(3, &info, values));
    assert_true(tcpinfo_read(3, &info, values));
    assert_int_equal(values[METRIC_bytes_acked], 0);
}

static void test_counters_wrap(void **state)
{
    (void)state;
    static const struct {
        enum metric metric;
        uint64_t first, second;
        int64_t grown;
    } cases[] = {
        {METRIC_segs_out, UINT32_MAX, 0, 1},
        {METRIC_segs_out, 0, UINT32_MAX, UINT32_MAX},
        {METRIC_segs_out, 0xfffffff0, 0x20, 0x30},
        {METRIC_delivered, 10, 9, UINT32_MAX},
        {METRIC_total_rto, UINT16_MAX, 0, 1},
        {METRIC_total_rto, 0xfff0, 0x20, 0x30},
        {METRIC_total_rto_recoveries, 1, 0, UINT16_MAX},
        {METRIC_bytes_sent, UINT32_MAX, (uint64_t)UINT32_MAX + 1, 1},
        {METRIC_bytes_sent, 0, UINT64_C(1) << 62, INT64_C(1) << 62},
        {METRIC_bytes_sent, UINT64_MAX, 4, 5},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t values[METRICS];
        struct tcpinfo info;
        pretend("6.18.0", LINUX_6_18);
        put_metric(cases[i].metric, cases[i].first);
        assert_true(tcpinfo_baseline(3, &info, values));
        put_metric(cases[i].metric, cases[i].second);
        assert_true(tcpinfo_read(3, &info, values));
        assert_int_equal(values[cases[i].metric], cases[i].grown);
        assert_true(tcpinfo_read(3, &info, values));
        assert_int_equal(values[cases[i].metric], cases[i].grown);
    }
}

/* The kernel counts a recovery under way, and takes some of it back when that ends: the counter
 * stands still until it is beyond its highest value. */
static void test_time_in_recovery_never_falls(void **state)
{
    (void)state;
    static const struct {
        uint64_t raw;
        int64_t counted;
    } turns[] = {{1000, 0},   {1300, 300}, {1296, 300}, {1299, 300},
                 {1310, 310}, {900, 310},  {1311, 311}};
    int64_t values[METRICS];
    struct tcpinfo info;
    pretend("6.18.0", LINUX_6_18);
    for (size_t i = 0; i < COUNT(turns); i++) {
        put_metric(METRIC_total_rto_time, turns[i].raw);
        if (!i)
            assert_true(tcpinfo_baseline(3, &info, values));
        else
            assert_true(tcpinfo_read(3, &info, values));
        if (i)
            assert_int_equal(values[METRIC_total_rto_time], turns[i].counted);
    }
}

/* Each counter grows at random, by less than its width at a time, and wraps many times. */
static void test_counters_grow_at_random(void **state)
{
    (void)state;
    int64_t values[METRICS], grown[COUNT(fields)] = {0};
    struct tcpinfo info;
    pretend("6.18.0", LINUX_6_18);
    for (size_t i = 0; i < COUNT(fields); i++)
        put(fields[i].at, fields[i].width, random_bits());
    assert_true(tcpinfo_baseline(3, &info, values));
    for (int turn = 0; turn < 2000; turn++) {
        for (size_t i = 0; i < COUNT(fields); i++) {
            uint64_t by = random_bits() >> (fields[i].width == 2   ? 48
                                            : fields[i].width == 4 ? 32
                                                                   : 20);
            if (random_bits() % 4 == 0)
                by = 0;
            if (fields[i].metric == METRIC_total_rto_time)
                by >>= 1; /* what grows by more has fallen */
            put(fields[i].at, fields[i].width, get(fields[i].at, fields[i].width) + by);
            grown[i] += (int64_t)by;
        }
        assert_true(tcpinfo_read(3, &info, values));
        for (size_t i = 0; i < COUNT(fields); i++)
            if (is_counter(fields[i].metric))
                assert_int_equal(values[fields[i].metric], grown[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counters_count_from_the_baseline),
        cmocka_unit_test(test_counters_wrap),
        cmocka_unit_test(test_time_in_recovery_never_falls),
        cmocka_unit_test(test_counters_grow_at_random),
    };
    seed_random();
    return cmocka_run_group_tests_name("tcpinfo_counters", tests, NULL, NULL);
}
