/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/clocksync.c: the clocks of all daemons, and how far any two can be apart. */
#include "clocksync.c"

#include "unit.h"

enum { ROUNDS = 20000, DAEMONS_MAX = 6 };

/* An exchange with a daemon whose clock is ahead by `offset`: `out` ns there, `held` by it, `back`
 * ns on the way home. */
static void exchange(struct clocksync *clocks, size_t daemon, int64_t at, int64_t offset,
                     int64_t out, int64_t held, int64_t back)
{
    struct clock_reply reply = {.received = at + out + offset, .sent = at + out + held + offset};
    clocksync_add(clocks, daemon, at, at + out + held + back, &reply);
}

static void nothing_is_known_at_first(void **state)
{
    (void)state;
    struct clocksync *clocks = clocksync_new(3);
    assert_int_equal(clocks->count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(clocksync_remote(clocks, i, 12345), 12345);
    assert_true(clocksync_bound(clocks) == CLOCK_NEVER);
    clocksync_free(clocks);
    clocksync_free(NULL);
}

static void instants_are_those_of_the_daemon(void **state)
{
    (void)state;
    struct clocksync *clocks = clocksync_new(2);
    /* t1 = 1000, t2 = 501300, t3 = 501350, t4 = 1650: ((t2-t1) + (t3-t4)) / 2 = 500000. */
    clocksync_add(clocks, 0, 1000, 1650, &(struct clock_reply){.received = 501300, .sent = 501350});
    assert_int_equal(clocksync_remote(clocks, 0, 0), 500000);
    assert_int_equal(clocksync_remote(clocks, 0, -700000), -200000);
    assert_int_equal(clocks->estimates[0].bound, 301); /* half of 650 - 50, rounded up */
    /* The other's is its own. */
    assert_int_equal(clocksync_remote(clocks, 1, 0), 0);
    clocksync_add(clocks, 1, 0, 10, &(struct clock_reply){.received = -95, .sent = -95});
    assert_int_equal(clocksync_remote(clocks, 1, 1000), 900);
    assert_int_equal(clocksync_remote(clocks, 0, 1000), 501000);
    clocksync_free(clocks);
}

static void the_best_exchange_counts(void **state)
{
    (void)state;
    struct clocksync *clocks = clocksync_new(1);
    exchange(clocks, 0, 0, 1000000, 5000, 100, 1000); /* off by (5000 - 1000) / 2 */
    assert_int_equal(clocksync_remote(clocks, 0, 0), 1002000);
    exchange(clocks, 0, 100000, 1000000, 300, 70000, 300);
    assert_int_equal(clocksync_remote(clocks, 0, 0), 1000000);
    exchange(clocks, 0, 200000, 1000000, 9000, 0, 0);
    assert_int_equal(clocksync_remote(clocks, 0, 0), 1000000);
    clocksync_free(clocks);
}

/* All endpoints on one clock are no error apart. */
static void one_daemon_has_no_error(void **state)
{
    (void)state;
    struct clocksync *clocks = clocksync_new(1);
    exchange(clocks, 0, 0, 77, 1000, 0, 1000);
    assert_int_equal(clocksync_bound(clocks), 0);
    clocksync_free(clocks);
}

static void the_bound_is_that_of_the_worst_two(void **state)
{
    (void)state;
    /* In every order: 100 + 1, 3000 + 1 and 500 + 1 ns; the worst two are 3502 together. */
    static const int64_t half[] = {100, 3000, 500};
    static const size_t orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                        {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (int i = 0; i < 6; i++) {
        struct clocksync *clocks = clocksync_new(3);
        for (size_t k = 0; k < 3; k++) {
            assert_true(clocksync_bound(clocks) == CLOCK_NEVER);
            exchange(clocks, k, 0, 0, half[orders[i][k]], 0, half[orders[i][k]]);
        }
        assert_int_equal(clocksync_bound(clocks), 3502);
        clocksync_free(clocks);
    }
}

static void equal_bounds_are_added(void **state)
{
    (void)state;
    struct clocksync *clocks = clocksync_new(2);
    exchange(clocks, 0, 0, 5, 200, 0, 200);
    exchange(clocks, 1, 0, 9, 200, 0, 200);
    assert_int_equal(clocksync_bound(clocks), 402);
    clocksync_free(clocks);
}

static void exchanges_without_sense_are_left_out(void **state)
{
    (void)state;
    struct clocksync *clocks = clocksync_new(2);
    exchange(clocks, 0, 0, 0, 100, 0, 100);
    /* Held longer than the whole exchange took; sent before received; out of range. */
    clocksync_add(clocks, 1, 0, 100, &(struct clock_reply){.received = 0, .sent = 101});
    clocksync_add(clocks, 1, 0, 100, &(struct clock_reply){.received = 50, .sent = 49});
    clocksync_add(clocks, 1, 0, 100, &(struct clock_reply){.received = INT64_MIN, .sent = 1});
    assert_true(clocksync_bound(clocks) == CLOCK_NEVER);
    assert_int_equal(clocksync_remote(clocks, 1, 7), 7);
    clocksync_free(clocks);
}

/* What the bound promises: any two estimates are no further apart than it, however the paths are.
 */
static void random_clocks_are_within_the_bound(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        size_t count = 1 + random_below(DAEMONS_MAX);
        struct clocksync *clocks = clocksync_new(count);
        int64_t offsets[DAEMONS_MAX], worst = 0;
        for (size_t i = 0; i < count; i++) {
            offsets[i] = (int64_t)(random_bits() >> 4) - (INT64_C(1) << 59);
            for (int k = 1 + (int)random_below(CLOCKSYNC_ROUNDS); k > 0; k--)
                exchange(clocks, i, (int64_t)random_below(1000000), offsets[i],
                         (int64_t)random_below(UINT64_C(1) << random_below(32)),
                         (int64_t)random_below(100000),
                         (int64_t)random_below(UINT64_C(1) << random_below(32)));
        }
        int64_t bound = clocksync_bound(clocks);
        assert_true(bound >= 0 && bound < CLOCK_NEVER);
        for (size_t i = 0; i < count; i++)
            for (size_t k = 0; k < count; k++) {
                int64_t one = clocksync_remote(clocks, i, 0) - offsets[i];
                int64_t other = clocksync_remote(clocks, k, 0) - offsets[k];
                assert_true(one - other <= bound);
                int64_t sum = clocks->estimates[i].bound + clocks->estimates[k].bound;
                worst = i != k && sum > worst ? sum : worst;
            }
        assert_int_equal(bound, worst); /* and no larger than it has to be */
        clocksync_free(clocks);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_known_at_first),
        cmocka_unit_test(instants_are_those_of_the_daemon),
        cmocka_unit_test(the_best_exchange_counts),
        cmocka_unit_test(one_daemon_has_no_error),
        cmocka_unit_test(the_bound_is_that_of_the_worst_two),
        cmocka_unit_test(equal_bounds_are_added),
        cmocka_unit_test(exchanges_without_sense_are_left_out),
        cmocka_unit_test(random_clocks_are_within_the_bound),
    };
    seed_random();
    return cmocka_run_group_tests_name("clocksync", tests, NULL, NULL);
}
