/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/net/tcpinfo_linux.c: every field of TCP_INFO, of older and newer kernels, by a
 * kernel made up here. */
#include "tcpinfo_fields.h"

static int64_t value_of(enum metric metric)
{
    int64_t values[METRICS];
    struct tcpinfo info;
    clear(values);
    assert_true(tcpinfo_baseline(3, &info, values));
    return values[metric];
}

static void test_each_field_is_where_linux_has_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(fields); i++) {
        int64_t values[METRICS];
        struct tcpinfo info;
        /* a value in this field alone: no other metric is made of it */
        uint64_t value = 0x21 + i;
        pretend("6.18.0", LINUX_6_18);
        put(fields[i].at, fields[i].width, value);
        clear(values);
        assert_true(tcpinfo_baseline(3, &info, values));
        for (size_t k = 0; k < COUNT(fields); k++)
            assert_int_equal(values[fields[k].metric],
                             k == i ? value : get(fields[k].at, fields[k].width));
    }
}

static void test_every_metric_of_the_kernel_has_its_field(void **state)
{
    (void)state;
    int64_t values[METRICS];
    struct tcpinfo info;
    pretend("6.18.0", LINUX_6_18);
    clear(values);
    assert_true(tcpinfo_baseline(3, &info, values));
    for (int i = 0; i < METRICS; i++) {
        bool never = i == METRIC_fackets || i == METRIC_last_ack_sent || i == METRIC_ecn_mode;
        bool there = i >= TCPINFO_FIRST && !never;
        if ((values[i] != METRIC_ABSENT) != there)
            fail_msg("%s", metrics[i].field);
    }
}

static void test_fields_of_a_few_bits(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t byte;
        enum metric metric;
        int64_t value;
    } cases[] = {
        {6, 0x0f, METRIC_snd_wscale, 15},   {6, 0x0f, METRIC_rcv_wscale, 0},
        {6, 0xe0, METRIC_snd_wscale, 0},    {6, 0xe0, METRIC_rcv_wscale, 14},
        {6, 0x73, METRIC_snd_wscale, 3},    {6, 0x73, METRIC_rcv_wscale, 7},
        {7, 0x01, METRIC_app_limited, 1},   {7, 0x01, METRIC_fastopen_fail, 0},
        {7, 0x06, METRIC_app_limited, 0},   {7, 0x06, METRIC_fastopen_fail, 3},
        {7, 0xf8, METRIC_app_limited, 0},   {7, 0xf8, METRIC_fastopen_fail, 0},
        {7, 0xfa, METRIC_fastopen_fail, 1}, {7, 0xfd, METRIC_fastopen_fail, 2},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        pretend("6.18.0", LINUX_6_18);
        faked.bytes[cases[i].at] = cases[i].byte;
        assert_int_equal(value_of(cases[i].metric), cases[i].value);
    }
}

static void test_values_that_stand_for_none(void **state)
{
    (void)state;
    static const struct {
        enum metric metric;
        uint64_t raw;
        int64_t value;
    } cases[] = {
        {METRIC_srtt, 0, METRIC_ABSENT},
        {METRIC_srtt, 1, 1},
        {METRIC_srtt, UINT32_MAX, UINT32_MAX},
        {METRIC_rttvar, 0, 0},
        {METRIC_rcv_rtt, 0, METRIC_ABSENT},
        {METRIC_rcv_rtt, 1, 1},
        {METRIC_delivery_rate, 0, METRIC_ABSENT},
        {METRIC_delivery_rate, 1, 1},
        {METRIC_min_rtt, UINT32_MAX, METRIC_ABSENT},
        {METRIC_min_rtt, UINT32_MAX - 1, UINT32_MAX - 1},
        {METRIC_min_rtt, 0, 0},
        {METRIC_pacing_rate, UINT64_MAX, METRIC_ABSENT},
        {METRIC_pacing_rate, UINT32_MAX, UINT32_MAX}, /* 34 Gbit/s, and a rate like others */
        {METRIC_pacing_rate, 0, 0},
        {METRIC_max_pacing_rate, UINT64_MAX, METRIC_ABSENT},
        {METRIC_max_pacing_rate, UINT32_MAX, UINT32_MAX},
        {METRIC_ssthresh, 0x7fffffff, METRIC_INFINITE},
        {METRIC_ssthresh, 0x7ffffffe, 0x7ffffffe},
        {METRIC_ssthresh, 0x80000000, METRIC_INFINITE},
        {METRIC_ssthresh, UINT32_MAX, METRIC_INFINITE},
        {METRIC_ssthresh, 0, 0},
        {METRIC_cwnd, UINT32_MAX, UINT32_MAX},
        {METRIC_cwnd, 0, 0},
        {METRIC_rto, UINT32_MAX, UINT32_MAX},
        {METRIC_tcp_state, 255, 255},
        /* A rate beyond 63 bits is large, but neither absent nor infinite. */
        {METRIC_delivery_rate, UINT64_MAX, INT64_MAX - 1},
        {METRIC_delivery_rate, INT64_MAX, INT64_MAX - 1},
        {METRIC_delivery_rate, (uint64_t)INT64_MAX + 1, INT64_MAX - 1},
        {METRIC_pacing_rate, UINT64_MAX - 1, INT64_MAX - 1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        pretend("6.18.0", LINUX_6_18);
        put_metric(cases[i].metric, cases[i].raw);
        assert_int_equal(value_of(cases[i].metric), cases[i].value);
    }
}

static void test_what_linux_never_sets_is_absent(void **state)
{
    (void)state;
    pretend("6.18.0", LINUX_6_18);
    assert_int_equal(value_of(METRIC_fackets), METRIC_ABSENT);
    assert_int_equal(value_of(METRIC_last_ack_sent), METRIC_ABSENT);
}

/* Whatever length the kernel gives: a field is there if all of it is. */
static void test_older_kernels_know_less(void **state)
{
    (void)state;
    for (socklen_t size = 0; size <= LINUX_6_18; size++) {
        int64_t values[METRICS];
        struct tcpinfo info;
        pretend("5.10.0", size);
        clear(values);
        assert_true(tcpinfo_baseline(3, &info, values));
        for (size_t i = 0; i < COUNT(fields); i++) {
            bool there = fields[i].at + fields[i].width <= size;
            if ((values[fields[i].metric] != METRIC_ABSENT) != there)
                fail_msg("%s with %u bytes", metrics[fields[i].metric].field, size);
        }
        assert_int_equal(values[METRIC_rcv_wscale], size > 6 ? 1 : METRIC_ABSENT);
        assert_int_equal(values[METRIC_app_limited], size > 7 ? 1 : METRIC_ABSENT);
    }
}

static void test_newer_kernels_know_more(void **state)
{
    (void)state;
    for (socklen_t size = LINUX_6_18; size <= KERNEL_MAX; size += 4) {
        int64_t values[METRICS];
        struct tcpinfo info;
        pretend("6.99.0", size);
        clear(values);
        assert_true(tcpinfo_baseline(3, &info, values));
        for (size_t i = 0; i < COUNT(fields); i++)
            assert_int_equal(values[fields[i].metric], get(fields[i].at, fields[i].width));
    }
}

/* Accurate ECN is laid out anew in Linux 7.0. */
static void test_accurate_ecn_of_each_kernel(void **state)
{
    (void)state;
    static const struct {
        const char *release;
        uint16_t first, second;
        int64_t mode, fail, opt;
    } cases[] = {
        {"6.18.44", 3, 5, METRIC_ABSENT, 3, 5},
        {"6.18.44", 0xffff, 0xabcd, METRIC_ABSENT, 0xffff, 0xabcd},
        {"5.10.0", 1, 2, METRIC_ABSENT, 1, 2},
        {"7.0.0", 0x00d6, 0, 2, 0xd, 1},
        {"7.1", 0x0003, 0xffff, 3, 0, 0},
        {"7", 0xff0c, 0, 0, 0, 3},
        {"10.2.3-custom", 0x00f0, 0, 0, 0xf, 0},
        {"unheard of", 7, 8, METRIC_ABSENT, 7, 8},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        pretend(cases[i].release, LINUX_6_18);
        put(276, 2, cases[i].first);
        put(278, 2, cases[i].second);
        assert_int_equal(value_of(METRIC_ecn_mode), cases[i].mode);
        assert_int_equal(value_of(METRIC_accecn_fail), cases[i].fail);
        assert_int_equal(value_of(METRIC_accecn_opt), cases[i].opt);
    }
}

static void test_other_metrics_are_left_alone(void **state)
{
    (void)state;
    int64_t values[METRICS];
    struct tcpinfo info;
    pretend("6.18.0", LINUX_6_18);
    for (int i = 0; i < METRICS; i++)
        values[i] = -i;
    assert_true(tcpinfo_baseline(3, &info, values));
    assert_true(tcpinfo_read(3, &info, values));
    for (int i = 0; i < TCPINFO_FIRST; i++)
        assert_int_equal(values[i], -i);
}

static void test_no_connection(void **state)
{
    (void)state;
    int64_t values[METRICS];
    struct tcpinfo info;
    pretend("6.18.0", LINUX_6_18);
    faked.error = ENOPROTOOPT;
    clear(values);
    assert_false(tcpinfo_baseline(3, &info, values));
    assert_false(tcpinfo_read(3, &info, values));
    for (int i = 0; i < METRICS; i++)
        assert_int_equal(values[i], METRIC_ABSENT);
    assert_int_equal(tcpinfo_state(3), 0);
}

static void test_state(void **state)
{
    (void)state;
    pretend("6.18.0", LINUX_6_18);
    for (int i = 1; i <= 11; i++) {
        faked.bytes[0] = (uint8_t)i;
        assert_int_equal(tcpinfo_state(3), i);
    }
    faked.size = 0;
    assert_int_equal(tcpinfo_state(3), 0);
    faked.size = 1;
    assert_int_equal(tcpinfo_state(3), 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_field_is_where_linux_has_it),
        cmocka_unit_test(test_every_metric_of_the_kernel_has_its_field),
        cmocka_unit_test(test_fields_of_a_few_bits),
        cmocka_unit_test(test_values_that_stand_for_none),
        cmocka_unit_test(test_what_linux_never_sets_is_absent),
        cmocka_unit_test(test_older_kernels_know_less),
        cmocka_unit_test(test_newer_kernels_know_more),
        cmocka_unit_test(test_accurate_ecn_of_each_kernel),
        cmocka_unit_test(test_other_metrics_are_left_alone),
        cmocka_unit_test(test_no_connection),
        cmocka_unit_test(test_state),
    };
    return cmocka_run_group_tests_name("tcpinfo", tests, NULL, NULL);
}
