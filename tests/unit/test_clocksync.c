/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/results/clocksync.c: how one simulated daemon sees the clock of another, by
 * exchanges of each with the controller. */
#include "controller/results/clocksync.c"

#include <math.h>

#include "unit.h"

enum { TRIALS = 300 };

/* A daemon's clock and the path to it. */
struct daemon {
    int64_t offset;
    double drift, there, back, noise;
};

static double random_real(double low, double high)
{
    return low + (high - low) * ((double)(random_bits() >> 11) / 0x1p53);
}

static int64_t clock_at(const struct daemon *daemon, int64_t local)
{
    return local + daemon->offset + llround((double)local * daemon->drift);
}

/* When this clock shows `time`: by Newton's method, as the drift is small. */
static int64_t local_at(const struct daemon *daemon, int64_t time)
{
    int64_t local = time - daemon->offset;
    for (int i = 0; i < 5; i++)
        local -= clock_at(daemon, local) - time;
    return local;
}

static struct daemon random_daemon(void)
{
    double scale = exp(random_real(log(2e3), log(5e7)));
    return (struct daemon){
        .offset = (int64_t)random_bits() >> (4 + random_below(40)),
        .drift = random_real(-400e-6, 400e-6),
        .there = scale * random_real(0, 1),
        .back = scale * random_real(0, 1),
        .noise = scale,
    };
}

static void exchange(struct clocksync *clocks, size_t index, const struct daemon *daemon,
                     int64_t now)
{
    int64_t came = now + llround(daemon->there + daemon->noise * random_real(0, 1));
    int64_t back = came + llround(daemon->back + daemon->noise * random_real(0, 1));
    struct clock_reply reply = {.received = clock_at(daemon, came), .sent = clock_at(daemon, came)};
    clocksync_add(clocks, index, now, back, &reply);
}

/* What a daemon makes of the peer's times, before and after the map was made, is within the bound
 * of the truth. */
static void maps_hold_between_two_daemons(void **state)
{
    (void)state;
    for (int trial = 0; trial < TRIALS; trial++) {
        struct clocksync *clocks = clocksync_new(2, CLOCK_MODE_ESTIMATE);
        struct daemon daemons[2] = {random_daemon(), random_daemon()};
        int64_t now = 0, rounds = 1 + (int64_t)random_below(40);
        for (int64_t i = 0; i < rounds; i++) {
            exchange(clocks, 0, &daemons[0], now);
            exchange(clocks, 1, &daemons[1], now + (int64_t)random_below(1000000));
            now += (int64_t)random_below(2000000000);
        }
        for (size_t own = 0; own < 2; own++) {
            const struct daemon *peer = &daemons[1 - own];
            struct clock_map map;
            assert_true(clocksync_map(clocks, own, 1 - own, now, &map));
            for (int i = 0; i < 20; i++) {
                int64_t instant = now + (int64_t)random_below(4000000000) - NS_PER_SEC, seen, bound;
                assert_true(clock_map_apply(&map, clock_at(peer, instant), &seen, &bound));
                int64_t error = seen - clock_at(&daemons[own], instant);
                if (llabs(error) > bound)
                    fail_msg("off by %" PRId64 ", bound %" PRId64, error, bound);
            }
        }
        clocksync_free(clocks);
    }
}

/* Where both paths are as lopsided as can be, the whole of both bounds is used, and the peer's is
 * one of its own seconds, of which ours may have more. */
static void bounds_add_up_in_our_own_time(void **state)
{
    (void)state;
    struct clocksync *clocks = clocksync_new(2, CLOCK_MODE_ESTIMATE);
    struct daemon ours = {.drift = 400e-6, .back = 2e8}, theirs = {.drift = -400e-6, .there = 2e8};
    struct clock_estimate own, peer;
    struct clock_map map;
    int64_t now = 0;
    for (int i = 0; i < 30; i++, now += NS_PER_SEC) {
        exchange(clocks, 0, &ours, now);
        exchange(clocks, 1, &theirs, now);
    }
    assert_true(clocksync_map(clocks, 0, 1, now, &map));
    assert_true(clockfit_estimate(&clocks->daemons[0].fit, now, &own));
    assert_true(clockfit_estimate(&clocks->daemons[1].fit, now, &peer));
    double rate = 1 + (double)(own.drift_ppb - peer.drift_ppb) / 1e9;
    assert_true(peer.bound > 90 * NS_PER_MS);
    assert_true((double)map.bound >= (double)own.bound + (double)peer.bound * rate);
    assert_true(map.bound < own.bound + peer.bound + peer.bound / 500 + 10);
    assert_true((double)map.bound_ppb >=
                ((double)own.drift_bound_ppb + (double)peer.drift_bound_ppb) * rate);
    assert_true(map.bound_ppb < (own.drift_bound_ppb + peer.drift_bound_ppb) * 502 / 500 + 10);
    clocksync_free(clocks);
}

/* The same for the start: an instant told to a daemon, and when it was, looking back. */
static void starts_hold(void **state)
{
    (void)state;
    for (int trial = 0; trial < TRIALS; trial++) {
        struct clocksync *clocks = clocksync_new(1, CLOCK_MODE_NONE);
        struct daemon daemon = random_daemon();
        struct clock_estimate estimate;
        int64_t now = 0, bound;
        for (int i = 0; i < 30; i++, now += NS_PER_SEC)
            exchange(clocks, 0, &daemon, now);
        int64_t start = now + (int64_t)random_below(5000000000);
        int64_t told = clocksync_remote(clocks, 0, start);
        clockfit_estimate(&clocks->daemons[0].fit, start, &estimate);
        assert_true(llabs(local_at(&daemon, told) - start) <= estimate.bound + 2);
        for (int i = 0; i < 30; i++, now += NS_PER_SEC)
            exchange(clocks, 0, &daemon, now);
        int64_t was = clocksync_local(clocks, 0, told, start, &bound);
        assert_true(llabs(was - local_at(&daemon, told)) <= bound + bound / 1000 + 2);
        assert_true(bound <= estimate.bound + 2); /* more is known now */
        clocksync_free(clocks);
    }
}

static void a_clock_is_itself(void **state)
{
    struct clocksync *clocks = clocksync_new(2, CLOCK_MODE_ESTIMATE);
    struct clock_map map = {.bound = 5};
    (void)state;
    assert_true(clocksync_map(clocks, 1, 1, 12345, &map));
    assert_true(!map.offset && !map.bound && !map.rate_ppb && !map.bound_ppb);
    clocksync_free(clocks);
}

static void nothing_is_known_without_exchanges(void **state)
{
    struct daemon daemon = {.offset = 5};
    int64_t bound;
    (void)state;
    for (int mode = CLOCK_MODE_ESTIMATE; mode <= CLOCK_MODE_NONE; mode++) {
        struct clocksync *clocks = clocksync_new(2, (enum clock_mode)mode);
        struct clock_map map;
        assert_false(clocksync_map(clocks, 0, 1, 0, &map));
        assert_int_equal(clocksync_bound(clocks, 0), CLOCK_NEVER);
        exchange(clocks, 0, &daemon, 0);
        assert_false(clocksync_map(clocks, 0, 1, 0, &map));
        assert_false(clocksync_map(clocks, 1, 0, 0, &map));
        clocksync_local(clocks, 1, 77, 0, &bound);
        assert_int_equal(bound, CLOCK_NEVER);
        exchange(clocks, 1, &daemon, 0);
        assert_int_equal(clocksync_map(clocks, 0, 1, 0, &map), mode != CLOCK_MODE_NONE);
        assert_true(clocksync_bound(clocks, 0) < CLOCK_NEVER);
        clocksync_free(clocks);
    }
}

/* The monotonic clocks differ by anything; the wall clocks are taken to be one. */
static void trusted_clocks_map_by_the_wall(void **state)
{
    struct clocksync *clocks = clocksync_new(2, CLOCK_MODE_SYNC);
    struct clock_map map;
    int64_t seen, bound;
    (void)state;
    clocksync_add(
        clocks, 0, 0, 1000,
        &(struct clock_reply){
            .received = 500, .sent = 600, .wall = 1000600, .wall_error = 20, .max_error_us = 3});
    clocksync_add(clocks, 1, 0, 1000,
                  &(struct clock_reply){.received = 70500,
                                        .sent = 70600,
                                        .wall = 1000610,
                                        .wall_error = 30,
                                        .max_error_us = 4});
    assert_true(clocksync_map(clocks, 0, 1, 0, &map));
    assert_int_equal(map.rate_ppb, 0);
    /* At the wall's 1000700 the clock of 1 shows 70690, and that of 0 shows 700. */
    assert_true(clock_map_apply(&map, 70690, &seen, &bound));
    assert_int_equal(seen, 700);
    assert_int_equal(bound, 3000 + 4000 + 20 + 30);
    /* From there on each of the two kernels lets its error grow by 500 ppm. */
    assert_true(clock_map_apply(&map, 70600 + NS_PER_SEC, &seen, &bound));
    assert_int_equal(bound, 3000 + 4000 + 20 + 30 + 2 * 500000);
    clocksync_free(clocks);
}

/* What a broken or hostile daemon may say does no harm but to what is said of it. */
static void wild_replies_do_no_harm(void **state)
{
    (void)state;
    for (int mode = CLOCK_MODE_ESTIMATE; mode <= CLOCK_MODE_SYNC; mode++) {
        for (int trial = 0; trial < TRIALS; trial++) {
            struct clocksync *clocks = clocksync_new(2, (enum clock_mode)mode);
            struct clock_map map;
            int64_t bound;
            for (int i = 0; i < 5; i++) {
                int64_t time = (int64_t)random_bits();
                clocksync_add(clocks, (size_t)i % 2, i * 1000, i * 1000 + 500,
                              &(struct clock_reply){
                                  .received = time, .sent = time, .wall = (int64_t)random_bits()});
            }
            clocksync_map(clocks, 0, 1, 5000, &map);
            clocksync_remote(clocks, 0, INT64_MAX / 2);
            clocksync_local(clocks, 1, INT64_MIN, 5000, &bound);
            clocksync_free(clocks);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_hold_between_two_daemons),
        cmocka_unit_test(bounds_add_up_in_our_own_time),
        cmocka_unit_test(starts_hold),
        cmocka_unit_test(a_clock_is_itself),
        cmocka_unit_test(nothing_is_known_without_exchanges),
        cmocka_unit_test(trusted_clocks_map_by_the_wall),
        cmocka_unit_test(wild_replies_do_no_harm),
    };
    seed_random();
    return cmocka_run_group_tests_name("clocksync", tests, NULL, NULL);
}
