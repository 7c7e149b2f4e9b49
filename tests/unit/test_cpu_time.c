/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/host/cpu_time.c: /proc/stat, and the share between two readings. */
#include "daemon/host/cpu_time.c"

#include "mem.h"
#include "unit.h"

static void lines_are_parsed(void **state)
{
    struct cpu_ticks ticks;
    (void)state;
    assert_true(cpu_time_parse("cpu  10 1 20 300 7 2 3 4 100 100", &ticks));
    assert_int_equal(ticks.total, 347);
    assert_int_equal(ticks.busy, 40); /* without idle and iowait, guests once */
    assert_true(cpu_time_parse("cpu  10 1 20 300", &ticks));
    assert_int_equal(ticks.busy, 31);
    assert_false(cpu_time_parse("cpu  10 1 20", &ticks));
    assert_false(cpu_time_parse("cpu0 10 1 20 300 7 2 3 4", &ticks));
    assert_false(cpu_time_parse("", &ticks));
}

static void shares(void **state)
{
    static const struct {
        struct cpu_ticks from, to;
        int64_t share;
    } cases[] = {
        {{100, 50}, {200, 75}, 250000},
        {{100, 50}, {200, 50}, 0},
        {{100, 50}, {200, 150}, 1000000},
        {{100, 50}, {100, 50}, METRIC_ABSENT},
        {{0, 0}, {200, 50}, METRIC_ABSENT},
        {{100, 50}, {200, 49}, METRIC_ABSENT},
        {{100, 50}, {150, 101}, METRIC_ABSENT},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(cpu_time_share(&cases[i].from, &cases[i].to), cases[i].share);
}

/* A period that began long before the flow says nothing of it. */
static void periods_are_of_the_flow(void **state)
{
    int64_t began = 1000 * NS_PER_SEC;
    (void)state;
    cpu_time_ticks(NS_PER_SEC);
    assert_int_equal(cpu_time_host(began, began), METRIC_ABSENT);
    assert_int_equal(cpu_time_host(began + CPU_TIME_PERIOD / 2, began), METRIC_ABSENT);
    assert_int_equal(host.at, began);
    int64_t share = cpu_time_host(began + CPU_TIME_PERIOD, began);
    assert_int_equal(host.since, began);
    assert_true(share == METRIC_ABSENT || (share >= 0 && share <= 1000000));
}

static void the_time_of_a_thread_grows(void **state)
{
    int64_t before = cpu_time_thread(), after = before;
    (void)state;
    assert_true(before >= 0);
    while (after - before < NS_PER_MS)
        after = cpu_time_thread();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_parsed),
        cmocka_unit_test(shares),
        cmocka_unit_test(periods_are_of_the_flow),
        cmocka_unit_test(the_time_of_a_thread_grows),
    };
    return cmocka_run_group_tests_name("cpu_time", tests, NULL, NULL);
}
