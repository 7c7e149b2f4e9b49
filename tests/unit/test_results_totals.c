/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/results/results.c: every figure that is computed over flows. */
#include "result_rows.h"

enum { ROUNDS = 2000 };

/* The final row of an endpoint that received so much in so long. */
static void finish(struct results *results, int64_t flow, enum endpoint end, int64_t bytes,
                   int64_t time)
{
    int64_t delta[METRICS];
    struct report_row row = row_of(flow, end, REPORT_FINAL, 0);
    row.report.value[METRIC_rx_bytes] = bytes;
    row.report.value[METRIC_rx_time] = time;
    results->flows[flow].ends[end].next_number = 0;
    take(results, &row, delta);
}

static void check_near(double value, double expected)
{
    if (!(fabs(value - expected) <= fabs(expected) * 1e-12))
        fail_msg("%.17g is not %.17g", value, expected);
}

/* ---- goodput and fairness */

static void goodput(void **state)
{
    static const struct {
        int64_t bytes, time;
        double goodput;
    } cases[] = {
        {125000, NS_PER_SEC, 1e6},
        {34877976, 3 * NS_PER_SEC, 93007936},
        {1, 8, 1e9},
        {0, NS_PER_SEC, 0},
        {INT64_C(4000000000000000000), NS_PER_SEC, 3.2e19}, /* more than 64 bits */
    };
    static const struct {
        int64_t bytes, time;
    } none[] = {{METRIC_ABSENT, NS_PER_SEC}, {1000, METRIC_ABSENT}, {1000, 0}, {1000, -1}};
    (void)state;
    struct results *results = results_new(1);
    const struct endpoint_result *receiver = &results->flows[0].ends[DESTINATION];
    assert_true(isnan(results_goodput(receiver)));
    for (size_t i = 0; i < COUNT(cases); i++) {
        finish(results, 0, DESTINATION, cases[i].bytes, cases[i].time);
        check_near(results_goodput(receiver), cases[i].goodput);
    }
    for (size_t i = 0; i < COUNT(none); i++) {
        finish(results, 0, DESTINATION, none[i].bytes, none[i].time);
        assert_true(isnan(results_goodput(receiver)));
    }
    finish(results, 0, DESTINATION, 1000, 1000);
    results->flows[0].ends[DESTINATION].finished = false;
    assert_true(isnan(results_goodput(receiver)));
    results_free(results);
}

static void fairness(void **state)
{
    static const struct {
        double values[4];
        size_t count;
        double index;
    } cases[] = {
        {{5}, 1, 1},
        {{3, 3, 3, 3}, 4, 1},
        {{1, 0}, 2, 0.5},
        {{0, 0, 0, 9}, 4, 0.25},
        {{1, 2, 3}, 3, 36.0 / 42},
        {{1e9, 2e9, 3e9}, 3, 36.0 / 42}, /* the unit does not matter */
        {{10, 20}, 2, 0.9},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check_near(results_fairness(cases[i].values, cases[i].count), cases[i].index);
    assert_true(isnan(results_fairness(NULL, 0)));
    double of_zeros = results_fairness((double[]){0, 0}, 2);
    assert_true(isnan(of_zeros) && !signbit(of_zeros)); /* 0 / 0 would be shown as "-nan" */
}

/* ---- over all flows */

static void of_nothing_there_is_nothing(void **state)
{
    (void)state;
    struct results_total total;
    struct plan *plan = plan_new(2);
    struct results *results = results_new(2);
    memset(&total, 0xaa, sizeof total);
    results_sum_up(results, plan, &total);
    assert_int_equal(total.directions, 0);
    assert_int_equal(total.bytes, 0);
    assert_true(isnan(total.goodput));
    assert_true(total.until == METRIC_ABSENT);
    assert_int_equal(total.unknown, 2);
    assert_true(isnan(total.minimum) && isnan(total.median) && isnan(total.maximum));
    assert_true(isnan(total.fairness));
    assert_true(total.retransmitted == METRIC_ABSENT);
    assert_int_equal(total.started, 0);
    assert_true(total.first_start == 0 && total.last_start == 0);
    assert_int_equal(total.failed, 2);
    results_free(results);
    plan_free(plan);
}

static void flows_are_summed_up(void **state)
{
    (void)state;
    struct results_total total;
    struct plan *plan = plan_new(3);
    struct results *results = results_new(3);
    for (int i = 0; i < 3; i++)
        finish(results, i, SOURCE, METRIC_ABSENT, METRIC_ABSENT);
    finish(results, 0, DESTINATION, 3000000, 2 * NS_PER_SEC); /* 12 Mbit/s */
    finish(results, 1, DESTINATION, 500000, 1 * NS_PER_SEC);  /* 4 Mbit/s */
    finish(results, 2, DESTINATION, 4000000, 4 * NS_PER_SEC); /* 8 Mbit/s */
    plan->flows[1].ends[SOURCE].delay = 500 * NS_PER_MS;
    plan->flows[2].ends[SOURCE].delay = 1 * NS_PER_SEC; /* until 5 s */
    plan->flows[0].ends[SOURCE].delay = 250 * NS_PER_MS;
    results_sum_up(results, plan, &total);
    assert_int_equal(total.directions, 3);
    assert_int_equal(total.bytes, 7500000);
    assert_int_equal(total.first_opened, 250000000);
    assert_int_equal(total.last_closed, INT64_C(5000000000));
    check_near(total.goodput, 7500000 * 8 / 4.75);
    check_near(total.minimum, 4e6);
    check_near(total.median, 8e6);
    check_near(total.maximum, 12e6);
    check_near(total.fairness, 24.0 * 24 / (3 * (144 + 16 + 64)));
    assert_int_equal(total.failed, 0);
    results_free(results);
    plan_free(plan);
}

/* An even number of flows: the median is between the middle two. */
static void medians_of_even_numbers(void **state)
{
    (void)state;
    struct results_total total;
    struct plan *plan = plan_new(4);
    struct results *results = results_new(4);
    static const int64_t bytes[] = {9000, 1000, 4000, 2000};
    for (int i = 0; i < 4; i++)
        finish(results, i, DESTINATION, bytes[i], NS_PER_SEC);
    results_sum_up(results, plan, &total);
    check_near(total.minimum, 8000);
    check_near(total.median, 24000);
    check_near(total.maximum, 72000);
    results_free(results);
    plan_free(plan);
}

static void both_directions_of_a_flow_count(void **state)
{
    (void)state;
    struct results_total total;
    struct plan *plan = plan_new(1);
    struct results *results = results_new(1);
    plan->flows[0].ends[DESTINATION].duration = 3 * NS_PER_SEC;
    plan->flows[0].ends[DESTINATION].delay = 2 * NS_PER_SEC;
    finish(results, 0, DESTINATION, 1000000, 4 * NS_PER_SEC); /* 2 Mbit/s, from 0 to 4 s */
    finish(results, 0, SOURCE, 2250000, 3 * NS_PER_SEC);      /* 6 Mbit/s, from 2 to 5 s */
    results_sum_up(results, plan, &total);
    assert_int_equal(total.directions, 2);
    assert_int_equal(total.bytes, 3250000);
    check_near(total.goodput, 3250000 * 8 / 5.0);
    check_near(total.minimum, 8e6); /* a flow's is the sum of its directions' */
    check_near(total.maximum, 8e6);
    check_near(total.fairness, 64.0 / (2 * (4 + 36))); /* of directions */
    results_free(results);
    plan_free(plan);
}

static void only_planned_directions_count(void **state)
{
    (void)state;
    struct results_total total;
    struct plan *plan = plan_new(2);
    struct results *results = results_new(2);
    finish(results, 0, DESTINATION, 125000, NS_PER_SEC);
    finish(results, 0, SOURCE, 999, NS_PER_SEC);              /* its peer has no duration */
    finish(results, 1, SOURCE, METRIC_ABSENT, METRIC_ABSENT); /* its receiver is not heard of */
    results_sum_up(results, plan, &total);
    assert_int_equal(total.directions, 1);
    assert_int_equal(total.bytes, 125000);
    check_near(total.goodput, 1e6);
    check_near(total.minimum, 1e6); /* a flow without figures is none of the slowest */
    check_near(total.median, 1e6);
    check_near(total.fairness, 1);
    assert_int_equal(total.failed, 1);
    results_free(results);
    plan_free(plan);
}

/* A late connection opens when it is there, which its receiver's start row tells; the delay is
 * within that time already. */
static void late_connections_count_from_when_they_are_there(void **state)
{
    (void)state;
    int64_t delta[METRICS];
    struct results_total total;
    struct plan *plan = plan_new(1);
    struct results *results = results_new(1);
    struct report_row row = row_of(0, DESTINATION, REPORT_START, 0);
    row.report.key[REPORT_BEGIN] = row.report.key[REPORT_END] = 2300 * NS_PER_MS;
    plan->flows[0].ends[SOURCE].delay = 2 * NS_PER_SEC;
    plan->flows[0].settings.late_connect = 1;
    take(results, &row, delta);
    finish(results, 0, DESTINATION, 1000000, NS_PER_SEC);
    results_sum_up(results, plan, &total);
    assert_int_equal(total.first_opened, 2300 * NS_PER_MS);
    assert_int_equal(total.last_closed, 3300 * NS_PER_MS);
    check_near(total.goodput, 8e6);
    assert_int_equal(total.started, 0); /* it says nothing of the common start */
    results_free(results);
    plan_free(plan);
}

static void starts_are_compared(void **state)
{
    static const int64_t begin[] = {700, -300, 200, 900}; /* ns, of four endpoints */
    (void)state;
    int64_t delta[METRICS];
    struct results_total total;
    struct plan *plan = plan_new(3);
    struct results *results = results_new(3);
    for (int i = 0; i < 4; i++) {
        struct report_row row = row_of(i / 2, i % 2, REPORT_START, 0);
        row.report.key[REPORT_BEGIN] = row.report.key[REPORT_END] = begin[i];
        take(results, &row, delta);
        results_sum_up(results, plan, &total);
        assert_int_equal(total.started, i + 1);
        assert_int_equal(total.first_start, i < 1 ? 700 : -300);
        assert_int_equal(total.last_start, i < 3 ? 700 : 900);
    }
    /* All may be early. */
    for (int i = 0; i < 4; i++)
        results->flows[i / 2].ends[i % 2].start_late -= 1000;
    results_sum_up(results, plan, &total);
    assert_int_equal(total.first_start, -1300);
    assert_int_equal(total.last_start, -100);
    results_free(results);
    plan_free(plan);
}

static void retransmissions_are_added(void **state)
{
    (void)state;
    int64_t delta[METRICS];
    struct results_total total;
    struct plan *plan = plan_new(2);
    struct results *results = results_new(2);
    struct report_row row = row_of(0, SOURCE, REPORT_FINAL, 0);
    take(results, &row, delta);
    results_sum_up(results, plan, &total);
    assert_true(total.retransmitted == METRIC_ABSENT);
    row.report.value[METRIC_bytes_retrans] = 0;
    row.report.key[REPORT_NUMBER]++;
    take(results, &row, delta);
    results_sum_up(results, plan, &total);
    assert_int_equal(total.retransmitted, 0); /* known, and none */
    row.report.value[METRIC_bytes_retrans] = 1448;
    for (int i = 0; i < 2; i++) {
        row.report.key[REPORT_FLOW] = i;
        row.report.key[REPORT_ENDPOINT] = 1 - i;
        row.report.key[REPORT_NUMBER]++;
        take(results, &row, delta);
    }
    results_sum_up(results, plan, &total);
    assert_int_equal(total.retransmitted, 2896);
    results->flows[1].ends[SOURCE].finished = false;
    results_sum_up(results, plan, &total);
    assert_int_equal(total.retransmitted, 1448);
    results_free(results);
    plan_free(plan);
}

static void failures_are_counted_by_flow(void **state)
{
    (void)state;
    struct results_total total;
    struct plan *plan = plan_new(5);
    struct results *results = results_new(5);
    for (int i = 0; i < 10; i++)
        finish(results, i / 2, i % 2, 1000, 1000);
    results_sum_up(results, plan, &total);
    assert_int_equal(total.failed, 0);
    results_set_error(&results->flows[0].ends[SOURCE], "broken");
    results_set_error(&results->flows[0].ends[DESTINATION], "broken");
    results_sum_up(results, plan, &total);
    assert_int_equal(total.failed, 1);
    results->flows[1].ends[DESTINATION].finished = false;
    results->flows[3].ends[SOURCE].missing = 1;
    results_sum_up(results, plan, &total);
    assert_int_equal(total.failed, 3);
    results_free(results);
    plan_free(plan);
}

/* The median by its definition: no more than half are below it, no more than half above. */
static void random_medians(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        size_t count = 1 + random_below(9), below = 0, above = 0;
        struct results_total total;
        struct plan *plan = plan_new(count);
        struct results *results = results_new(count);
        int64_t bytes = 0;
        for (size_t i = 0; i < count; i++) {
            int64_t one = 1 + (int64_t)random_below(20);
            finish(results, (int64_t)i, DESTINATION, one, 8 * NS_PER_SEC); /* bit/s as bytes */
            bytes += one;
        }
        results_sum_up(results, plan, &total);
        for (size_t i = 0; i < count; i++) {
            double rate = results_goodput(&results->flows[i].ends[DESTINATION]);
            assert_true(rate >= total.minimum && rate <= total.maximum);
            below += rate < total.median;
            above += rate > total.median;
        }
        assert_true(2 * below <= count && 2 * above <= count);
        assert_true(count % 2 || below + above < count || below == above);
        assert_true(total.fairness > 0 && total.fairness < 1 + 1e-12);
        assert_int_equal(total.bytes, bytes);
        check_near(total.goodput, (double)bytes);
        results_free(results);
        plan_free(plan);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goodput),
        cmocka_unit_test(fairness),
        cmocka_unit_test(of_nothing_there_is_nothing),
        cmocka_unit_test(flows_are_summed_up),
        cmocka_unit_test(medians_of_even_numbers),
        cmocka_unit_test(both_directions_of_a_flow_count),
        cmocka_unit_test(only_planned_directions_count),
        cmocka_unit_test(late_connections_count_from_when_they_are_there),
        cmocka_unit_test(starts_are_compared),
        cmocka_unit_test(retransmissions_are_added),
        cmocka_unit_test(failures_are_counted_by_flow),
        cmocka_unit_test(random_medians),
    };
    seed_random();
    return cmocka_run_group_tests_name("results_totals", tests, NULL, NULL);
}
