/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/flow/intervals.c: when the rows of a flow are due, by a clock of the test's own. */
#include "daemon/flow/intervals.c"

#include "unit.h"

#define START INT64_C(1000000000)

static struct intervals intervals;

static void rows_are_due_at_absolute_deadlines(void **state)
{
    (void)state;
    intervals_begin(&intervals, START, 100, START + 350);
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(intervals_due(&intervals), START + 100 * i);
        intervals_pass(&intervals, START + 100 * i + i); /* each a bit late: it does not add up */
        assert_false(intervals.over);
    }
    /* the last one is as long as what is left */
    assert_int_equal(intervals_due(&intervals), START + 350);
    intervals_pass(&intervals, START + 350);
    assert_true(intervals.over);
    assert_int_equal(intervals_due(&intervals), CLOCK_NEVER);
    assert_int_equal(intervals.skipped, 0);
}

static void an_end_at_a_deadline_has_one_row(void **state)
{
    (void)state;
    intervals_begin(&intervals, START, 100, START + 200);
    intervals_pass(&intervals, START + 100);
    assert_false(intervals.over);
    assert_int_equal(intervals_due(&intervals), START + 200);
    intervals_pass(&intervals, START + 200);
    assert_true(intervals.over);
}

static void a_row_that_comes_late_leaves_none_out(void **state)
{
    (void)state;
    intervals_begin(&intervals, START, 100, START + 1000);
    intervals_pass(&intervals, START + 380); /* 280 late: three rows were due */
    for (int i = 2; i <= 5; i++) {
        assert_int_equal(intervals_due(&intervals), START + 100 * i);
        intervals_pass(&intervals, START + 380 > START + 100 * i ? START + 380 : START + 100 * i);
    }
    assert_int_equal(intervals.skipped, 0);
}

static void after_a_standstill_thousands_are_left_out(void **state)
{
    (void)state;
    intervals_begin(&intervals, START, 100, START + 10000000);
    /* exactly as many as are made up for */
    intervals_pass(&intervals, START + 100 + 100 * CATCH_UP_MAX);
    assert_int_equal(intervals.skipped, 0);
    assert_int_equal(intervals_due(&intervals), START + 200);
    /* and one more than that */
    int64_t now = START + 200 + 100 * (CATCH_UP_MAX + 1) + 30;
    intervals_pass(&intervals, now);
    assert_int_equal(intervals.skipped, CATCH_UP_MAX + 1);
    assert_true(intervals_due(&intervals) > now);
    assert_true(intervals_due(&intervals) <= now + 100);
    assert_int_equal((intervals_due(&intervals) - START) % 100, 0); /* on the same grid */
}

static void a_flow_without_rows_has_none(void **state)
{
    (void)state;
    intervals_begin(&intervals, START, 0, START + 350);
    assert_true(intervals.over);
    assert_int_equal(intervals_due(&intervals), CLOCK_NEVER);
    assert_int_equal(intervals.end, START + 350);
}

static void an_end_before_its_time_is_the_last_row(void **state)
{
    (void)state;
    intervals_begin(&intervals, START, 100, START + 1000);
    intervals_pass(&intervals, START + 100);
    intervals_cut(&intervals, START + 130);
    assert_int_equal(intervals_due(&intervals), START + 130);
    intervals_pass(&intervals, START + 130);
    assert_true(intervals.over);
}

/* However late each row comes: deadlines grow by whole intervals, and all are accounted for. */
static void nothing_is_lost_count_of(void **state)
{
    (void)state;
    for (int round = 0; round < 2000; round++) {
        int64_t length = 1 + (int64_t)random_below(1000), now = START, rows = 0;
        int64_t end = START + (int64_t)random_below(200000);
        intervals_begin(&intervals, START, length, end);
        while (!intervals.over) {
            int64_t due = intervals_due(&intervals);
            int64_t late = random_below(8) ? (int64_t)random_below(3) : (int64_t)random_below(5000);
            now = due > now ? due : now;
            now += late;
            assert_true(due <= end);
            intervals_pass(&intervals, now);
            rows++;
            if (!intervals.over)
                assert_int_equal(intervals.next, START + (rows + intervals.skipped + 1) * length);
        }
        assert_true(now >= end);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_due_at_absolute_deadlines),
        cmocka_unit_test(an_end_at_a_deadline_has_one_row),
        cmocka_unit_test(a_row_that_comes_late_leaves_none_out),
        cmocka_unit_test(after_a_standstill_thousands_are_left_out),
        cmocka_unit_test(a_flow_without_rows_has_none),
        cmocka_unit_test(an_end_before_its_time_is_the_last_row),
        cmocka_unit_test(nothing_is_lost_count_of),
    };
    seed_random();
    return cmocka_run_group_tests_name("intervals", tests, NULL, NULL);
}
