/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests clocks, shifted ones, and how one clock is seen from another. */
#include "clock.c"

#include "mem.h"
#include "unit.h"

enum { ROUNDS = 200000 };

static void time_never_runs_backwards(void **state)
{
    int64_t before = clock_now();
    (void)state;
    for (int i = 0; i < 10000; i++) {
        int64_t now = clock_now();
        assert_true(now >= before);
        before = now;
    }
}

static void clocks_are_the_system_s(void **state)
{
    struct timespec low, high;
    (void)state;
    clock_gettime(CLOCK_MONOTONIC, &low);
    int64_t now = clock_now();
    clock_gettime(CLOCK_MONOTONIC, &high);
    assert_true(now >= low.tv_sec * NS_PER_SEC + low.tv_nsec);
    assert_true(now <= high.tv_sec * NS_PER_SEC + high.tv_nsec);
    clock_gettime(CLOCK_REALTIME, &low);
    now = clock_wall();
    clock_gettime(CLOCK_REALTIME, &high);
    assert_true(now >= low.tv_sec * NS_PER_SEC + low.tv_nsec);
    assert_true(now <= high.tv_sec * NS_PER_SEC + high.tv_nsec);
}

/* Restores the clock for the cases that follow. */
static void unshift(void)
{
    clock_shift(0, 0);
}

static void a_shifted_clock_is_ahead_and_gains(void **state)
{
    static const int64_t offsets[] = {0, 3 * NS_PER_SEC, -NS_PER_SEC, 86400 * NS_PER_SEC};
    static const int64_t skews[] = {0, 50000, -50000, CLOCK_SKEW_MAX_PPB, -CLOCK_SKEW_MAX_PPB};
    (void)state;
    for (size_t i = 0; i < COUNT(offsets); i++) {
        for (size_t k = 0; k < COUNT(skews); k++) {
            clock_shift(offsets[i], skews[k]);
            int64_t low = read_clock(CLOCK_MONOTONIC);
            int64_t now = clock_now();
            int64_t high = read_clock(CLOCK_MONOTONIC);
            /* A tenth at most is gained. */
            assert_true(now - offsets[i] >= low - (high - shift.origin) / 10 - 1);
            assert_true(now - offsets[i] <= high + (high - shift.origin) / 10 + 1);
            int64_t second = shift.origin + NS_PER_SEC;
            assert_int_equal(shifted(second), second + offsets[i] + skews[k]);
        }
    }
    unshift();
    assert_int_equal(clock_system(12345), 12345);
}

/* At the instant that a timer is set to the shifted clock has reached its deadline, and 1 ns before
 * it has not. */
static void timers_fire_when_the_shifted_clock_is_there(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        int64_t skew = (int64_t)random_below(2 * CLOCK_SKEW_MAX_PPB + 1) - CLOCK_SKEW_MAX_PPB;
        if (i % 2)
            skew /= 1000;
        clock_shift((int64_t)random_bits() >> (8 + random_below(50)), skew);
        int64_t at = shifted(shift.origin) + ((int64_t)random_bits() >> (8 + random_below(50)));
        int64_t system = clock_system(at);
        if (shift.offset || shift.skew_ppb) {
            assert_true(shifted(system) >= at);
            assert_true(shifted(system - 1) < at);
        } else {
            assert_int_equal(system, at);
        }
    }
    unshift();
}

static void a_shifted_clock_never_runs_backwards(void **state)
{
    (void)state;
    clock_shift(-NS_PER_SEC, -CLOCK_SKEW_MAX_PPB);
    int64_t before = shifted(shift.origin - 1000);
    for (int64_t at = shift.origin - 999; at < shift.origin + 1000; at++) {
        assert_true(shifted(at) >= before);
        before = shifted(at);
    }
    unshift();
}

static void maps_of_known_clocks(void **state)
{
    static const struct {
        struct clock_map map; /* reference, offset, rate, bound, its growth */
        int64_t peer, own, bound;
    } cases[] = {
        {{0, 0, 0, 0, 0}, 12345, 12345, 0},
        {{0, 3000, 0, 7, 0}, 1000, 4000, 7},
        {{5000, -3000, 0, 7, 0}, 4000, 1000, 7},
        {{NS_PER_SEC, 10, 50000, 100, 2000}, NS_PER_SEC, NS_PER_SEC + 10, 100},
        {{NS_PER_SEC, 10, 50000, 100, 2000}, 3 * NS_PER_SEC, 3 * NS_PER_SEC + 100010, 4100},
        {{NS_PER_SEC, 10, -50000, 100, 2000}, 0, 50010, 2100},
        {{0, INT64_MAX, 0, 0, 0}, -1, INT64_MAX - 1, 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t own = -1, bound = -1;
        assert_true(clock_map_apply(&cases[i].map, cases[i].peer, &own, &bound));
        assert_int_equal(own, cases[i].own);
        assert_int_equal(bound, cases[i].bound);
    }
}

/* Any numbers can come from the network; these would not fit. */
static void maps_out_of_range_are_refused(void **state)
{
    static const struct clock_map maps[] = {
        {0, INT64_MAX, 0, 0, 0},
        {INT64_MIN, 1, 0, 0, 0},
        {INT64_MIN, 0, CLOCK_SKEW_MAX_PPB, 0, 0},
        {INT64_MIN, INT64_MIN, 0, INT64_MAX, CLOCK_SKEW_MAX_PPB},
    };
    int64_t own, bound;
    (void)state;
    for (size_t i = 0; i < COUNT(maps); i++)
        assert_false(clock_map_apply(&maps[i], INT64_MAX, &own, &bound));
    assert_false(clock_map_apply(&(struct clock_map){0, -1, 0, 0, 0}, INT64_MIN, &own, &bound));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_never_runs_backwards),
        cmocka_unit_test(clocks_are_the_system_s),
        cmocka_unit_test(a_shifted_clock_is_ahead_and_gains),
        cmocka_unit_test(timers_fire_when_the_shifted_clock_is_there),
        cmocka_unit_test(a_shifted_clock_never_runs_backwards),
        cmocka_unit_test(maps_of_known_clocks),
        cmocka_unit_test(maps_out_of_range_are_refused),
    };
    seed_random();
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
