/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/engine/timer.c: deadlines come out in order, whatever was set, moved and cancelled
 * before.
 */
#include "daemon/engine/timer.c"

#include <stdbool.h>

#include "mem.h"
#include "unit.h"

static void test_empty(void **state)
{
    (void)state;
    struct timers timers = {0};
    assert_int_equal(timers_first(&timers), CLOCK_NEVER);
    assert_null(timers_take_due(&timers, INT64_MAX - 1));
    timers_free(&timers);
}

static void test_due_at_its_instant(void **state)
{
    (void)state;
    struct timers timers = {0};
    struct timer timer = {0};
    timers_set(&timers, &timer, 1000);
    assert_int_equal(timers_first(&timers), 1000);
    assert_null(timers_take_due(&timers, 999));
    assert_ptr_equal(timers_take_due(&timers, 1000), &timer);
    assert_null(timers_take_due(&timers, 1000));
    assert_int_equal(timers_first(&timers), CLOCK_NEVER);
    timers_free(&timers);
}

static void test_in_order_of_deadlines(void **state)
{
    (void)state;
    static const int64_t at[] = {50, -7, 20, 50, INT64_MIN, 0, 20, 19, INT64_MAX - 1};
    static const int64_t sorted[] = {INT64_MIN, -7, 0, 19, 20, 20, 50, 50, INT64_MAX - 1};
    struct timers timers = {0};
    struct timer timer[COUNT(at)] = {0};
    for (size_t i = 0; i < COUNT(at); i++)
        timers_set(&timers, &timer[i], at[i]);
    for (size_t i = 0; i < COUNT(sorted); i++) {
        assert_int_equal(timers_first(&timers), sorted[i]);
        struct timer *due = timers_take_due(&timers, INT64_MAX - 1);
        assert_non_null(due);
        assert_int_equal(due->at, sorted[i]);
    }
    assert_null(timers_take_due(&timers, INT64_MAX - 1));
    timers_free(&timers);
}

static void test_moved_both_ways(void **state)
{
    (void)state;
    struct timers timers = {0};
    struct timer one = {0}, two = {0}, three = {0};
    timers_set(&timers, &one, 10);
    timers_set(&timers, &two, 20);
    timers_set(&timers, &three, 30);
    timers_set(&timers, &three, 5);
    timers_set(&timers, &one, 40);
    timers_set(&timers, &two, 20); /* where it is */
    assert_ptr_equal(timers_take_due(&timers, 100), &three);
    assert_ptr_equal(timers_take_due(&timers, 100), &two);
    assert_ptr_equal(timers_take_due(&timers, 100), &one);
    assert_null(timers_take_due(&timers, 100));
    timers_free(&timers);
}

static void test_never_takes_out(void **state)
{
    (void)state;
    struct timers timers = {0};
    struct timer one = {0}, two = {0};
    timers_set(&timers, &one, CLOCK_NEVER); /* was not set */
    assert_int_equal(timers_first(&timers), CLOCK_NEVER);
    timers_set(&timers, &one, 1);
    timers_set(&timers, &two, 2);
    timers_set(&timers, &one, CLOCK_NEVER);
    assert_int_equal(timers_first(&timers), 2);
    assert_ptr_equal(timers_take_due(&timers, 5), &two);
    assert_null(timers_take_due(&timers, 5));
    timers_free(&timers);
}

static void test_cancelled_is_not_due(void **state)
{
    (void)state;
    struct timers timers = {0};
    struct timer one = {0}, two = {0};
    timers_cancel(&timers, &one); /* was not set */
    timers_set(&timers, &one, 1);
    timers_set(&timers, &two, 2);
    timers_cancel(&timers, &one);
    timers_cancel(&timers, &one);
    assert_ptr_equal(timers_take_due(&timers, 5), &two);
    timers_cancel(&timers, &two); /* was taken out */
    assert_null(timers_take_due(&timers, 5));
    timers_free(&timers);
}

static void test_set_again_after_it_was_due(void **state)
{
    (void)state;
    struct timers timers = {0};
    struct timer timer = {0};
    for (int64_t at = 0; at < 1000; at += 10) {
        timers_set(&timers, &timer, at);
        assert_ptr_equal(timers_take_due(&timers, at), &timer);
    }
    timers_free(&timers);
}

static void test_many(void **state)
{
    (void)state;
    enum { MANY = 20000 };
    struct timers timers = {0};
    struct timer *timer = calloc(MANY, sizeof *timer);
    for (int i = 0; i < MANY; i++)
        timers_set(&timers, &timer[i], (int64_t)(random_bits() % MANY));
    int64_t last = -1;
    for (int i = 0; i < MANY; i++) {
        struct timer *due = timers_take_due(&timers, MANY);
        assert_non_null(due);
        assert_true(due->at >= last);
        last = due->at;
    }
    assert_int_equal(timers_first(&timers), CLOCK_NEVER);
    timers_free(&timers);
    free(timer);
}

/* ---- against a list that is searched from end to end ---- */

enum { TIMERS = 150, STEPS = 100000 };

struct model {
    struct timers timers;
    struct timer timer[TIMERS];
    int64_t at[TIMERS]; /* CLOCK_NEVER: not set */
    int64_t now;
};

static int64_t model_first(const struct model *model)
{
    int64_t first = CLOCK_NEVER;
    for (int i = 0; i < TIMERS; i++)
        first = model->at[i] < first ? model->at[i] : first;
    return first;
}

static void check_due(struct model *model)
{
    int64_t first = model_first(model);
    struct timer *due = timers_take_due(&model->timers, model->now);
    if (first > model->now) {
        assert_null(due);
        return;
    }
    assert_non_null(due);
    long index = due - model->timer;
    assert_in_range(index, 0, TIMERS - 1);
    assert_int_equal(model->at[index], first);
    assert_int_equal(due->at, first);
    model->at[index] = CLOCK_NEVER;
}

static void step(struct model *model)
{
    uint64_t index = random_bits() % TIMERS;
    switch (random_bits() % 8) {
    case 0:
        timers_cancel(&model->timers, &model->timer[index]);
        model->at[index] = CLOCK_NEVER;
        break;
    case 1:
        model->now += (int64_t)(random_bits() % 30);
        break;
    case 2:
    case 3:
        check_due(model);
        break;
    case 4:
        timers_set(&model->timers, &model->timer[index], CLOCK_NEVER);
        model->at[index] = CLOCK_NEVER;
        break;
    default:
        /* so near to each other that many are equal */
        model->at[index] = model->now + (int64_t)(random_bits() % 200) - 20;
        timers_set(&model->timers, &model->timer[index], model->at[index]);
    }
    assert_int_equal(timers_first(&model->timers), model_first(model));
}

static void test_random_against_list(void **state)
{
    (void)state;
    struct model model = {0};
    for (int i = 0; i < TIMERS; i++)
        model.at[i] = CLOCK_NEVER;
    for (int i = 0; i < STEPS; i++)
        step(&model);
    model.now = INT64_MAX - 1;
    for (int i = 0; i <= TIMERS; i++)
        check_due(&model);
    timers_free(&model.timers);
}

static void test_free_makes_empty(void **state)
{
    (void)state;
    struct timers timers = {0};
    struct timer timer = {0}, later = {0};
    timers_set(&timers, &timer, 1);
    timers_free(&timers);
    assert_int_equal(timers_first(&timers), CLOCK_NEVER);
    timers_set(&timers, &later, 2);
    assert_ptr_equal(timers_take_due(&timers, 2), &later);
    timers_free(&timers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_due_at_its_instant),
        cmocka_unit_test(test_in_order_of_deadlines),
        cmocka_unit_test(test_moved_both_ways),
        cmocka_unit_test(test_never_takes_out),
        cmocka_unit_test(test_cancelled_is_not_due),
        cmocka_unit_test(test_set_again_after_it_was_due),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_random_against_list),
        cmocka_unit_test(test_free_makes_empty),
    };
    seed_random();
    return cmocka_run_group_tests_name("timer", tests, NULL, NULL);
}
