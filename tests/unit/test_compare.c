/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/results/compare.c against published figures and by counting. */
#include "controller/results/compare.c"

#include "unit.h"

#define assert_near(value, wanted, within) assert_true(fabs((value) - (wanted)) <= (within))

/* Student's sleep data (Biometrika 6, 1908), as R's t.test(extra ~ group, data = sleep) and
 * wilcox.test() print their results; differences are of the other sign there. */
static const double sleep_1[] = {0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0};
static const double sleep_2[] = {1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4};

static void known_answers(void **state)
{
    (void)state;
    struct compare_result result;
    compare(sleep_1, 10, sleep_2, 10, &result);
    assert_near(result.a.mean, 0.75, 1e-12);
    assert_near(result.b.mean, 2.33, 1e-12);
    assert_near(result.difference, 1.58, 1e-12);
    assert_near(result.low, -0.2054832, 1e-6);
    assert_near(result.high, 3.3654832, 1e-6);
    assert_near(result.u, 100 - 25.5, 1e-12);
    assert_false(result.exact);
    assert_near(result.p, 0.06933, 1e-5);
    assert_near(result.a.median, 0.35, 1e-12);
}

/* Tables of Student's t. */
static void student(void **state)
{
    (void)state;
    assert_near(compare_student(0.975, 1), 12.7062047, 1e-6);
    assert_near(compare_student(0.975, 2), 4.30265273, 1e-7);
    assert_near(compare_student(0.975, 10), 2.22813885, 1e-7);
    assert_near(compare_student(0.95, 5), 2.01504837, 1e-7);
    assert_near(compare_student(0.975, 1e6), 1.95996635, 1e-6);
    assert_near(compare_student(0.5, 3), 0, 1e-9);
}

/* The share of all ways to choose `m` of `total` ranks whose U is as far out as this one. */
static double counted(size_t m, size_t total, double u)
{
    double all = 0, out = 0, middle = (double)(m * (total - m)) / 2;
    for (unsigned set = 0; set < 1u << total; set++) {
        size_t sum = 0;
        if ((size_t)__builtin_popcount(set) != m)
            continue;
        for (size_t i = 0; i < total; i++)
            sum += set >> i & 1 ? i + 1 : 0;
        all++;
        out += fabs((double)(sum - m * (m + 1) / 2) - middle) >= fabs(u - middle);
    }
    return out / all;
}

static void exact_ranks(void **state)
{
    (void)state;
    struct compare_result result;
    const double low[] = {1, 2, 3, 4}, high[] = {5, 6, 7, 8}, mixed[] = {0.5, 2.5, 3.5, 9, 10};
    compare(low, 4, high, 4, &result);
    assert_true(result.exact);
    assert_near(result.u, 16, 1e-12);
    assert_near(result.p, 2.0 / 70, 1e-12);
    compare(high, 4, low, 4, &result);
    assert_near(result.u, 0, 1e-12);
    assert_near(result.p, 2.0 / 70, 1e-12);
    compare(low, 4, mixed, 5, &result);
    assert_near(result.u, 0 + 2 + 3 + 4 + 4, 1e-12);
    assert_near(result.p, counted(5, 9, 13), 1e-12);
    compare(low, 3, mixed, 5, &result);
    assert_near(result.p, counted(5, 8, result.u), 1e-12);
}

static void few_and_equal(void **state)
{
    (void)state;
    struct compare_result result;
    const double one[] = {3}, two[] = {3, 3}, zero[] = {0, 0};
    compare(one, 1, two, 2, &result);
    assert_near(result.difference, 0, 0);
    assert_true(isnan(result.low) && isnan(result.p) && isnan(result.a.deviation));
    compare(two, 2, two, 2, &result);
    assert_near(result.low, 0, 0);
    assert_near(result.high, 0, 0);
    assert_near(result.p, 1, 0);
    compare(zero, 2, two, 2, &result);
    assert_true(isnan(result.relative));
    assert_near(result.difference, 3, 0);
    compare(one, 0, two, 2, &result);
    assert_true(isnan(result.difference) && isnan(result.a.mean));
    assert_int_equal(result.a.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(student),
        cmocka_unit_test(exact_ranks),
        cmocka_unit_test(few_and_equal),
    };
    return cmocka_run_group_tests_name("compare", tests, NULL, NULL);
}
