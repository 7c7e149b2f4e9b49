/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests tallies: number, minimum, maximum, sum and percentiles, and their slots in a report; and
 * series: intervals that add up. */
#include "tally.c"

#include "unit.h"

enum { ROUNDS = 20000 };

static void an_empty_tally_has_only_a_count(void **state)
{
    struct tally tally = {0};
    int64_t slots[6] = {1, 2, 3, 4, 5, 6};
    (void)state;
    tally_report(&tally, slots + 1);
    assert_int_equal(slots[0], 1);
    assert_int_equal(slots[1], 0);
    assert_int_equal(slots[2], METRIC_ABSENT);
    assert_int_equal(slots[3], METRIC_ABSENT);
    assert_int_equal(slots[4], METRIC_ABSENT);
    assert_int_equal(slots[5], 6);
}

static void slots_are_in_the_order_of_metrics(void **state)
{
    struct tally tally = {0};
    int64_t values[METRICS];
    (void)state;
    tally_add(&tally, 5);
    tally_add(&tally, -7);
    tally_add(&tally, 3);
    tally_report(&tally, values + METRIC_iat_count);
    assert_int_equal(values[METRIC_iat_count], 3);
    assert_int_equal(values[METRIC_iat_min], -7);
    assert_int_equal(values[METRIC_iat_max], 5);
    assert_int_equal(values[METRIC_iat_sum], 1);
}

static void one_value_is_minimum_and_maximum(void **state)
{
    static const int64_t cases[] = {0, 1, -1, INT64_MAX, INT64_MIN + 1};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tally tally = {0};
        tally_add(&tally, cases[i]);
        assert_int_equal(tally.count, 1);
        assert_int_equal(tally.minimum, cases[i]);
        assert_int_equal(tally.maximum, cases[i]);
        assert_int_equal(tally.sum, cases[i]);
    }
}

static int by_value(const void *one, const void *other)
{
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return a < b ? -1 : a > b;
}

static void random_tallies_agree_with_sorting(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        int64_t values[20], sum = 0;
        size_t count = 1 + random_below(20);
        struct tally tally = {0};
        for (size_t j = 0; j < count; j++) {
            values[j] = (int64_t)random_bits() >> (8 + random_below(56));
            tally_add(&tally, values[j]);
            sum += values[j];
        }
        qsort(values, count, sizeof values[0], by_value);
        assert_int_equal(tally.count, count);
        assert_int_equal(tally.minimum, values[0]);
        assert_int_equal(tally.maximum, values[count - 1]);
        assert_int_equal(tally.sum, sum);
    }
}

/* ---- series */

static void assert_same_spread(const struct histogram *one, const struct histogram *other)
{
    struct buffer a = {0}, b = {0};
    histogram_encode(one, &a);
    histogram_encode(other, &b);
    assert_int_equal(a.length, b.length);
    assert_memory_equal(a.data, b.data, a.length);
    buffer_free(&a);
    buffer_free(&b);
}

static void an_empty_series_allocates_nothing(void **state)
{
    struct series series = {0};
    int64_t slots[TALLY_PERCENTILES];
    (void)state;
    series_turn(&series);
    assert_null(series.interval_spread);
    assert_null(series.total_spread);
    tally_report_percentiles(&series.total, series.total_spread, slots);
    for (int i = 0; i < TALLY_PERCENTILES; i++)
        assert_int_equal(slots[i], METRIC_ABSENT);
    series_free(&series);
}

static void intervals_add_up(void **state)
{
    struct series series = {0};
    struct tally all = {0};
    struct histogram *spread = histogram_new();
    int64_t slots[TALLY_PERCENTILES];
    (void)state;
    for (int interval = 0; interval < 200; interval++) {
        size_t count = random_below(4) ? random_below(100) : 0;
        for (size_t i = 0; i < count; i++) {
            int64_t value = (int64_t)random_bits() >> (10 + random_below(54));
            series_add(&series, value);
            tally_add(&all, value);
            histogram_add(spread, value);
        }
        assert_int_equal(series.interval.count, count);
        assert_int_equal(histogram_count(series.interval_spread), count);
        tally_report_percentiles(&series.interval, series.interval_spread, slots);
        assert_true((slots[0] == METRIC_ABSENT) == (count == 0));
        series_turn(&series);
        assert_memory_equal(&series.total, &all, sizeof all);
    }
    assert_same_spread(series.total_spread, spread);
    histogram_free(spread);
    series_free(&series);
}

static void percentiles_are_in_order_and_within_the_extremes(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS / 10; i++) {
        struct series series = {0};
        int64_t slots[TALLY_PERCENTILES];
        for (size_t k = random_below(30) + 1; k; k--)
            series_add(&series, (int64_t)random_bits() >> (10 + random_below(54)));
        tally_report_percentiles(&series.interval, series.interval_spread, slots);
        assert_true(slots[0] >= series.interval.minimum);
        for (int k = 1; k < TALLY_PERCENTILES; k++)
            assert_true(slots[k] >= slots[k - 1]);
        assert_true(slots[TALLY_PERCENTILES - 1] <= series.interval.maximum);
        if (series.interval.count == 1)
            assert_true(slots[0] == series.interval.minimum);
        series_free(&series);
    }
}

static void percentiles_of_a_known_series(void **state)
{
    struct series series = {0};
    int64_t slots[TALLY_PERCENTILES];
    static const int64_t expected[] = {-50, -10, -1, 0}; /* of -99 to 0: buckets of one value */
    (void)state;
    for (int64_t value = -99; value <= 0; value++)
        series_add(&series, value);
    tally_report_percentiles(&series.interval, series.interval_spread, slots);
    assert_memory_equal(slots, expected, sizeof expected);
    series_free(&series);
}

/* Values of every size, as a peer may pretend: what they need is charged before it is allocated. */
static void test_what_a_series_needs_is_charged(void **state)
{
    (void)state;
    enum { LIMIT = 20000 };
    struct budget budget = {.limit = LIMIT};
    struct account account = {.budget = &budget};
    struct series series = {.account = &account};
    for (int round = 0; round < 1000; round++) {
        series_add(&series, (int64_t)random_bits() >> random_below(63));
        if (round % 10 == 9)
            series_turn(&series);
        int64_t held = (int64_t)(histogram_memory(series.interval_spread) +
                                 histogram_memory(series.total_spread));
        assert_in_range(held, 0, budget.used + 1000);
    }
    assert_true(account.refused);
    assert_in_range(budget.used, LIMIT - 2000, LIMIT);
    /* Tally and histogram are of the same values. */
    series_turn(&series);
    assert_int_equal(series.total.count, histogram_count(series.total_spread));
    assert_in_range(series.total.count, 1, 999);
    series_free(&series);
    account_close(&account);
    assert_int_equal(budget.used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_tally_has_only_a_count),
        cmocka_unit_test(slots_are_in_the_order_of_metrics),
        cmocka_unit_test(one_value_is_minimum_and_maximum),
        cmocka_unit_test(random_tallies_agree_with_sorting),
        cmocka_unit_test(an_empty_series_allocates_nothing),
        cmocka_unit_test(intervals_add_up),
        cmocka_unit_test(percentiles_are_in_order_and_within_the_extremes),
        cmocka_unit_test(test_what_a_series_needs_is_charged),
        cmocka_unit_test(percentiles_of_a_known_series),
    };
    seed_random();
    return cmocka_run_group_tests_name("tally", tests, NULL, NULL);
}
