/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests clocks, and the estimate of another host's clock with its bound. */
#include "clock.c"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { ROUNDS = 200000 };

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

static void offsets_of_known_exchanges(void **state)
{
    static const struct {
        struct clock_exchange exchange; /* sent, remote_received, remote_sent, received */
        int64_t offset, bound;
    } cases[] = {
        {{1000, 1000, 1000, 1000}, 0, 1},
        {{1000, 1100, 1100, 1200}, 0, 101},
        {{1000, 6100, 6100, 1200}, 5000, 101},
        {{6000, 1100, 1100, 6200}, -5000, 101},
        {{1000, 6100, 6400, 1500}, 5000, 101}, /* the 300 ns that the remote took do not count */
        {{1000, 6000, 6000, 1200}, 4900, 101}, /* all delay on the way back */
        {{1000, 6200, 6200, 1200}, 5100, 101}, /* all delay on the way there */
        {{0, INT64_MAX / 2, INT64_MAX / 2, 0}, INT64_MAX / 2, 1},
        {{INT64_MAX / 2, 0, 0, INT64_MAX / 2}, -(INT64_MAX / 2), 1},
        {{0, INT64_MAX - 9, INT64_MAX - 9, 0}, INT64_MAX - 9, 1}, /* the sum would not fit */
        {{INT64_MAX - 9, 0, 0, INT64_MAX - 9}, 9 - INT64_MAX, 1},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct clock_estimate estimate = CLOCK_ESTIMATE_NONE;
        clock_estimate_add(&estimate, &cases[i].exchange);
        assert_int_equal(estimate.offset, cases[i].offset);
        assert_int_equal(estimate.bound, cases[i].bound);
        assert_int_equal(estimate.at, cases[i].exchange.received);
    }
}

static void there_is_no_bound_before_an_exchange(void **state)
{
    struct clock_estimate estimate = CLOCK_ESTIMATE_NONE;
    (void)state;
    assert_int_equal(estimate.bound, CLOCK_NEVER);
    assert_int_equal(estimate.offset, 0);
}

static void the_shortest_round_trip_stays(void **state)
{
    struct clock_estimate estimate = CLOCK_ESTIMATE_NONE;
    (void)state;
    clock_estimate_add(&estimate, &(struct clock_exchange){1000, 1500, 1500, 1400});
    assert_int_equal(estimate.offset, 300);
    clock_estimate_add(&estimate, &(struct clock_exchange){2000, 2420, 2420, 2040});
    assert_int_equal(estimate.offset, 400);
    assert_int_equal(estimate.bound, 21);
    assert_int_equal(estimate.at, 2040);
    clock_estimate_add(&estimate, &(struct clock_exchange){3000, 3900, 3900, 3042});
    assert_int_equal(estimate.offset, 400); /* longer by 2 ns */
    clock_estimate_add(&estimate, &(struct clock_exchange){4000, 4900, 4900, 4040});
    assert_int_equal(estimate.at, 2040); /* as long: the earlier one stays */
}

static void assert_left_out(const struct clock_exchange *exchange)
{
    struct clock_estimate estimate = CLOCK_ESTIMATE_NONE;
    clock_estimate_add(&estimate, exchange);
    if (estimate.bound != CLOCK_NEVER || estimate.offset)
        fail_msg("%" PRId64 ", %" PRId64 ", %" PRId64 ", %" PRId64 " gave %" PRId64
                 " within %" PRId64,
                 exchange->sent, exchange->remote_received, exchange->remote_sent,
                 exchange->received, estimate.offset, estimate.bound);
}

static void exchanges_that_run_backwards_are_left_out(void **state)
{
    static const struct clock_exchange cases[] = {
        {1000, 5000, 4999, 1200}, /* the remote sent before it received */
        {1000, 5000, 5000, 999},  /* it was received before it was sent */
        {1000, 5000, 5201, 1200}, /* the remote took longer than all */
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_left_out(&cases[i]);
    struct clock_estimate estimate = CLOCK_ESTIMATE_NONE;
    clock_estimate_add(&estimate, &(struct clock_exchange){1000, 5000, 5200, 1200});
    assert_int_equal(estimate.bound, 1);
}

/* What a broken or hostile daemon may say: differences of these do not fit into 64 bits. */
static void exchanges_that_cannot_be_are_left_out(void **state)
{
    static const struct clock_exchange cases[] = {
        {1000, INT64_MAX, INT64_MIN, 1200}, {1000, INT64_MIN, INT64_MAX, 1200},
        {1000, INT64_MIN, INT64_MIN, 1200}, {-1000, INT64_MAX, INT64_MAX, -800},
        {1000, -2, INT64_MAX, 1200},        {1000, INT64_MIN + 1000, 1200, 1200},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_left_out(&cases[i]);
}

/* Whatever the path does, the true offset is within the bound, and never worse with time. */
static void the_true_offset_is_within_the_bound(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i += 10) {
        int64_t offset = (int64_t)random_bits() >> (2 + random_below(50));
        int64_t now = (int64_t)(random_bits() >> 4), last = CLOCK_NEVER;
        struct clock_estimate estimate = CLOCK_ESTIMATE_NONE;
        for (int j = 0; j < 10; j++) {
            int64_t there = (int64_t)(random_bits() >> (30 + random_below(34)));
            int64_t back = (int64_t)(random_bits() >> (30 + random_below(34)));
            int64_t held = (int64_t)(random_bits() >> (30 + random_below(34)));
            clock_estimate_add(&estimate, &(struct clock_exchange){
                                              .sent = now,
                                              .remote_received = now + there + offset,
                                              .remote_sent = now + there + held + offset,
                                              .received = now + there + held + back,
                                          });
            assert_true(estimate.bound <= last);
            assert_true(estimate.bound <= (there + back) / 2 + 1);
            assert_true(llabs(estimate.offset - offset) <= estimate.bound);
            last = estimate.bound;
            now += there + held + back;
        }
    }
}

/* The same with paths as symmetric as can be: then the error is at most the rounding. */
static void a_symmetric_path_gives_the_offset(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        int64_t offset = (int64_t)random_bits() >> (2 + random_below(50));
        int64_t way = (int64_t)(random_bits() >> (30 + random_below(34)));
        struct clock_estimate estimate = CLOCK_ESTIMATE_NONE;
        clock_estimate_add(&estimate, &(struct clock_exchange){
                                          .sent = 1000,
                                          .remote_received = 1000 + way + offset,
                                          .remote_sent = 1000 + way + offset,
                                          .received = 1000 + 2 * way,
                                      });
        assert_int_equal(estimate.offset, offset);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_never_runs_backwards),
        cmocka_unit_test(clocks_are_the_system_s),
        cmocka_unit_test(a_shifted_clock_is_ahead_and_gains),
        cmocka_unit_test(timers_fire_when_the_shifted_clock_is_there),
        cmocka_unit_test(a_shifted_clock_never_runs_backwards),
        cmocka_unit_test(offsets_of_known_exchanges),
        cmocka_unit_test(there_is_no_bound_before_an_exchange),
        cmocka_unit_test(the_shortest_round_trip_stays),
        cmocka_unit_test(exchanges_that_run_backwards_are_left_out),
        cmocka_unit_test(exchanges_that_cannot_be_are_left_out),
        cmocka_unit_test(the_true_offset_is_within_the_bound),
        cmocka_unit_test(a_symmetric_path_gives_the_offset),
    };
    seed_random();
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
