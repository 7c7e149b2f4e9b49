/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/results/clockfit.c: in simulated exchanges with noise, asymmetric paths, drift
 * and wander the true clock is within the bound, and the bound is no wider than it has to be. */
#include "controller/results/clockfit.c"

#include "mem.h"
#include "unit.h"

enum { TRIALS = 400 };

/* A clock that is seen: its offset at local time 0, its drift, and a wander that stays within what
 * clockfit.h allows: a rate that swings by less than half of it to either side. */
struct truth {
    double drift;
    int64_t offset;
    double swing, period; /* ppm / 1e6, ns */
};

static double random_real(double low, double high)
{
    return low + (high - low) * ((double)(random_bits() >> 11) / 0x1p53);
}

static int64_t remote_at(const struct truth *truth, int64_t local)
{
    double angle = 2 * 3.14159265358979 * (double)local / truth->period;
    double wander = truth->swing * truth->period / (2 * 3.14159265358979) * (1 - cos(angle));
    return local + truth->offset + llround((double)local * truth->drift + wander);
}

static double drift_at(const struct truth *truth, int64_t local)
{
    return truth->drift + truth->swing * sin(2 * 3.14159265358979 * (double)local / truth->period);
}

/* A path: fixed delays, and exponential noise on top of them. */
struct path {
    double there, back, noise;
};

static int64_t delay(double fixed, double noise)
{
    return llround(fixed - noise * log(1 - random_real(0, 1)));
}

/* An exchange that begins at local time `now`; gives when it is over. */
static int64_t add_exchange(struct clockfit *fit, const struct truth *truth,
                            const struct path *path, int64_t now)
{
    int64_t came = now + delay(path->there, path->noise);
    int64_t went = came + delay(0, 5000);
    int64_t back = went + delay(path->back, path->noise);
    assert_true(clockfit_add(fit, &(struct clock_exchange){
                                      .sent = now,
                                      .remote_received = remote_at(truth, came),
                                      .remote_sent = remote_at(truth, went),
                                      .received = back,
                                  }));
    return back;
}

static struct truth random_truth(void)
{
    return (struct truth){
        .drift = random_real(-400e-6, 400e-6),
        .offset = (int64_t)random_bits() >> (3 + random_below(50)),
        .swing = random_real(0, CLOCKFIT_WANDER / 2),
        .period = random_real(1, 1000) * 1e9,
    };
}

static struct path random_path(void)
{
    double scale = exp(random_real(log(2e3), log(1e8)));
    return (struct path){scale * random_real(0, 1), scale * random_real(0, 1),
                         scale * random_real(0, 3)};
}

static void assert_holds(const struct clockfit *fit, const struct truth *truth, int64_t at)
{
    struct clock_estimate estimate;
    assert_true(clockfit_estimate(fit, at, &estimate));
    int64_t offset = remote_at(truth, at) - at;
    if (estimate.left_out || llabs(estimate.offset - offset) > estimate.bound)
        fail_msg("at %" PRId64 ": %" PRId64 " within %" PRId64 ", but it is off by %" PRId64
                 ", %zu left out",
                 at, estimate.offset, estimate.bound, estimate.offset - offset, estimate.left_out);
    double drift = drift_at(truth, at) * 1e9;
    if (fabs((double)estimate.drift_ppb - drift) > (double)estimate.drift_bound_ppb)
        fail_msg("drift %" PRId64 " within %" PRId64 " ppb, but it is %.0f", estimate.drift_ppb,
                 estimate.drift_bound_ppb, drift);
}

/* The bound as it is extrapolated: what a daemon does between two estimates. */
static void assert_holds_later(const struct clockfit *fit, const struct truth *truth, int64_t at,
                               int64_t later)
{
    struct clock_estimate estimate;
    assert_true(clockfit_estimate(fit, at, &estimate));
    double after = (double)later / 1e9;
    double offset = (double)estimate.drift_ppb * after -
                    (double)(remote_at(truth, at + later) - at - later - estimate.offset);
    double bound = (double)estimate.bound + (double)estimate.drift_bound_ppb * after;
    if (fabs(offset) > bound + 1)
        fail_msg("%.0f s later: off by %.0f, bound %.0f", after, offset, bound);
}

static void the_bound_holds_in_every_trial(void **state)
{
    (void)state;
    for (int trial = 0; trial < TRIALS; trial++) {
        struct truth truth = random_truth();
        struct path path = random_path();
        struct clockfit fit = {0};
        int64_t now = 0, gap = (int64_t)exp(random_real(log(1e5), log(2e9)));
        size_t rounds = 1 + random_below(150);
        for (size_t i = 0; i < rounds; i++) {
            now = add_exchange(&fit, &truth, &path, now) + delay(0, (double)gap);
            if (random_below(10) == 0) {
                assert_holds(&fit, &truth, now);
                assert_holds_later(&fit, &truth, now, delay(0, 1e9));
            }
        }
        assert_holds(&fit, &truth, now);
        assert_holds(&fit, &truth, now / 2); /* looking back after the run */
        assert_holds(&fit, &truth, 0);
    }
}

/* Wherever the whole difference between the ways lies, it is within the bound: half of it. */
static void an_asymmetric_path_stays_within_the_bound(void **state)
{
    static const struct path paths[] = {{5e6, 15e6, 0}, {15e6, 5e6, 0}, {20e6, 0, 0}, {0, 20e6, 0}};
    struct truth truth = {.drift = 50e-6, .offset = 3 * NS_PER_SEC, .period = 1e9};
    (void)state;
    for (size_t i = 0; i < COUNT(paths); i++) {
        struct clockfit fit = {0};
        struct clock_estimate estimate;
        int64_t now = 0;
        for (int round = 0; round < 30; round++)
            now = add_exchange(&fit, &truth, &paths[i], now) + NS_PER_SEC;
        assert_holds(&fit, &truth, now);
        clockfit_estimate(&fit, now, &estimate);
        double error = (double)(estimate.offset - (remote_at(&truth, now) - now));
        assert_true(fabs(error - (paths[i].there - paths[i].back) / 2) < 0.3e6);
        /* In a second without exchanges the drift, hardly known here, adds to it. */
        assert_true(estimate.bound >= 9990000 && estimate.bound < 10600000);
    }
}

/* A bound that holds because it is huge is of no use: 50 us of noise over 10 s leave less than a
 * round trip's half and a few ppm. */
static void the_bound_is_tight(void **state)
{
    struct path path = {30e3, 30e3, 50e3};
    (void)state;
    for (int trial = 0; trial < 50; trial++) {
        struct truth truth = random_truth();
        struct clockfit fit = {0};
        struct clock_estimate estimate;
        int64_t now = 0;
        for (int i = 0; i < 60; i++)
            now = add_exchange(&fit, &truth, &path, now) + 200 * NS_PER_MS;
        assert_holds(&fit, &truth, now);
        clockfit_estimate(&fit, now, &estimate);
        assert_true(estimate.bound < 80000);
        assert_true(estimate.drift_bound_ppb < 25000);
    }
}

/* More exchanges never make it worse as long as none is thinned out. */
static void the_bound_never_grows_with_an_exchange(void **state)
{
    (void)state;
    for (int trial = 0; trial < TRIALS; trial++) {
        struct truth truth = random_truth();
        struct path path = random_path();
        struct clockfit fit = {0};
        struct clock_estimate before = {.bound = CLOCK_NEVER - 2}, after;
        int64_t now = 0, at = 20 * NS_PER_SEC;
        for (int i = 0; i < CLOCKFIT_RECENT; i++) {
            now = add_exchange(&fit, &truth, &path, now) + NS_PER_SEC;
            assert_true(clockfit_estimate(&fit, at, &after));
            assert_true(after.bound <= before.bound + 2);
            before = after;
        }
    }
}

static void a_clock_that_was_set_is_noticed(void **state)
{
    struct path path = {30e3, 30e3, 10e3};
    struct truth truth = {.drift = 20e-6, .offset = NS_PER_SEC, .period = 1e9};
    (void)state;
    for (int64_t step = -50 * NS_PER_MS; step <= 50 * NS_PER_MS; step += 100 * NS_PER_MS) {
        struct clockfit fit = {0};
        struct clock_estimate estimate;
        int64_t now = 0;
        for (int i = 0; i < 40; i++)
            now = add_exchange(&fit, &truth, &path, now) + NS_PER_SEC;
        assert_holds(&fit, &truth, now);
        truth.offset += step;
        for (int i = 0; i < 5; i++)
            now = add_exchange(&fit, &truth, &path, now) + NS_PER_SEC;
        assert_true(clockfit_estimate(&fit, now, &estimate));
        assert_int_equal(estimate.left_out, 40);
        assert_true(llabs(estimate.offset - (remote_at(&truth, now) - now)) <= estimate.bound);
    }
}

static void offsets_of_known_exchanges(void **state)
{
    static const struct {
        struct clock_exchange exchange; /* sent, remote_received, remote_sent, received */
        int64_t offset, bound;
    } cases[] = {
        {{1000, 1000, 1000, 1000}, 0, 0},
        {{1000, 1100, 1100, 1200}, 0, 100},
        {{1000, 6100, 6100, 1200}, 5000, 100},
        {{6000, 1100, 1100, 6200}, -5000, 100},
        {{1000, 6100, 6400, 1500}, 5000, 100}, /* the 300 ns that the remote took do not count */
        {{1000, 6000, 6000, 1200}, 4900, 100}, /* all delay on the way back */
        {{1000, 6200, 6200, 1200}, 5100, 100}, /* all delay on the way there */
        {{0, INT64_MAX / 2, INT64_MAX / 2, 0}, INT64_MAX / 2, 0},
        {{INT64_MAX / 2, 0, 0, INT64_MAX / 2}, -(INT64_MAX / 2), 0},
        {{0, INT64_MAX - 9, INT64_MAX - 9, 0}, INT64_MAX - 9, 0}, /* the sum would not fit */
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct clockfit fit = {0};
        struct clock_estimate estimate;
        assert_true(clockfit_add(&fit, &cases[i].exchange));
        assert_true(clockfit_estimate(&fit, cases[i].exchange.received, &estimate));
        assert_true(llabs(estimate.offset - cases[i].offset) <= 1);
        assert_true(estimate.bound >= cases[i].bound && estimate.bound <= cases[i].bound + 4);
        assert_int_equal(clockfit_round_trip(&fit), 2 * cases[i].bound);
    }
}

/* Of two neighbours the more exact one is kept, wherever it stands. */
static void the_shorter_round_trips_are_kept(void **state)
{
    (void)state;
    struct clockfit fit = {.spacing = 1000, .kept_count = 7};
    static const int64_t round_trips[7] = {10, 20, 40, 30, 50, 50, 60}, kept[4] = {10, 30, 50, 60};
    for (size_t i = 0; i < fit.kept_count; i++)
        fit.kept[i] = (struct clockfit_point){.sent = (int64_t)i * 1000, .high = round_trips[i]};
    thin_out(&fit);
    assert_int_equal(fit.kept_count, COUNT(kept));
    assert_int_equal(fit.spacing, 2000);
    for (size_t i = 0; i < fit.kept_count; i++)
        assert_int_equal(round_trip(&fit.kept[i]), kept[i]);
    assert_int_equal(fit.kept[2].sent, 4000); /* of equals the first */
}

/* Within the spacing a better exchange takes the place of a worse one, and never the reverse. */
static void the_best_of_a_spacing_is_kept(void **state)
{
    (void)state;
    static const int64_t round_trips[] = {50, 60, 40, 45};
    struct clockfit fit = {.spacing = 1000};
    for (size_t i = 0; i < COUNT(round_trips); i++)
        keep(&fit, &(struct clockfit_point){.sent = (int64_t)i, .high = round_trips[i]});
    assert_int_equal(fit.kept_count, 1);
    assert_int_equal(round_trip(&fit.kept[0]), 40);
    keep(&fit, &(struct clockfit_point){.sent = 2000, .high = 90});
    assert_int_equal(fit.kept_count, 2);
}

/* The range of slopes has all that fit, and one more on either side that does not. */
static void the_range_of_drifts_is_not_too_narrow(void **state)
{
    (void)state;
    struct path path = {30e3, 30e3, 50e3};
    for (int trial = 0; trial < 50; trial++) {
        struct truth truth = random_truth();
        struct clockfit fit = {0};
        struct bounds bounds;
        size_t left_out;
        int64_t now = 0;
        for (int i = 0; i < CLOCKFIT_RECENT; i++)
            now = add_exchange(&fit, &truth, &path, now) + NS_PER_SEC;
        double slope = find_slope(&bounds, fit.recent, fit.recent_count, now, &left_out);
        assert_true(room(&bounds, slope) >= 0);
        for (int side = -1; side <= 1; side += 2) {
            double far = side * CLOCKFIT_DRIFT_MAX, found = edge(&bounds, slope, far);
            assert_true(found == far || room(&bounds, found) < 0);
            assert_true((found - slope) * side >= 0);
        }
    }
}

static void there_is_no_estimate_before_an_exchange(void **state)
{
    struct clockfit fit = {0};
    struct clock_estimate estimate;
    (void)state;
    assert_false(clockfit_estimate(&fit, 0, &estimate));
    assert_int_equal(clockfit_round_trip(&fit), 0);
}

/* What runs backwards, and what a broken or hostile daemon may say: differences of these do not
 * fit into 64 bits. */
static void exchanges_that_cannot_be_are_left_out(void **state)
{
    static const struct clock_exchange cases[] = {
        {1000, 5000, 4999, 1200}, /* the remote sent before it received */
        {1000, 5000, 5000, 999},  /* it was received before it was sent */
        {1000, 5000, 5201, 1200}, /* the remote took longer than all */
        {1000, INT64_MAX, INT64_MIN, 1200},
        {1000, INT64_MIN, INT64_MAX, 1200},
        {1000, INT64_MIN, INT64_MIN, 1200},
        {-1000, INT64_MAX, INT64_MAX, -800},
        {1000, -2, INT64_MAX, 1200},
        {1000, INT64_MIN + 1000, 1200, 1200},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct clockfit fit = {0};
        if (clockfit_add(&fit, &cases[i]) || fit.recent_count)
            fail_msg("case %zu was taken", i);
    }
}

/* A remote that lies in each exchange can't do more than be wrong. */
static void wild_exchanges_do_no_harm(void **state)
{
    (void)state;
    for (int trial = 0; trial < TRIALS; trial++) {
        struct clockfit fit = {0};
        struct clock_estimate estimate;
        int64_t now = 0, offset = 0;
        for (int i = 0; i < 100; i++) {
            if (random_below(5) == 0)
                offset = (int64_t)random_bits() >> (2 + random_below(60));
            clockfit_add(&fit, &(struct clock_exchange){
                                   .sent = now,
                                   .remote_received = now + offset,
                                   .remote_sent = now + offset + (int64_t)random_below(2000),
                                   .received = now + 1000 + (int64_t)random_below(1000),
                               });
            now += (int64_t)random_below(1000000000);
            if (clockfit_estimate(&fit, now, &estimate))
                assert_true(estimate.bound >= 0 && estimate.drift_bound_ppb >= 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bound_holds_in_every_trial),
        cmocka_unit_test(an_asymmetric_path_stays_within_the_bound),
        cmocka_unit_test(the_bound_is_tight),
        cmocka_unit_test(the_bound_never_grows_with_an_exchange),
        cmocka_unit_test(a_clock_that_was_set_is_noticed),
        cmocka_unit_test(offsets_of_known_exchanges),
        cmocka_unit_test(the_shorter_round_trips_are_kept),
        cmocka_unit_test(the_best_of_a_spacing_is_kept),
        cmocka_unit_test(the_range_of_drifts_is_not_too_narrow),
        cmocka_unit_test(there_is_no_estimate_before_an_exchange),
        cmocka_unit_test(exchanges_that_cannot_be_are_left_out),
        cmocka_unit_test(wild_exchanges_do_no_harm),
    };
    seed_random();
    return cmocka_run_group_tests_name("clockfit", tests, NULL, NULL);
}
