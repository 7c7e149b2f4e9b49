/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests tallies: number, minimum, maximum and sum, and their slots in a report. */
#include "tally.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

enum { ROUNDS = 20000 };

/* splitmix64 (Steele, Lea, Flood 2014): any seed will do. */
static uint64_t random_state;

static uint64_t random_bits(void)
{
    uint64_t bits = random_state += UINT64_C(0x9e3779b97f4a7c15);
    bits = (bits ^ bits >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    bits = (bits ^ bits >> 27) * UINT64_C(0x94d049bb133111eb);
    return bits ^ bits >> 31;
}

static uint64_t random_below(uint64_t limit)
{
    return random_bits() % limit;
}

static void seed_random(void)
{
    const char *given = getenv("FLOWRIG_SEED");
    random_state = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    printf("# seed %" PRIu64 "\n", random_state);
}

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_tally_has_only_a_count),
        cmocka_unit_test(slots_are_in_the_order_of_metrics),
        cmocka_unit_test(one_value_is_minimum_and_maximum),
        cmocka_unit_test(random_tallies_agree_with_sorting),
    };
    seed_random();
    return cmocka_run_group_tests_name("tally", tests, NULL, NULL);
}
