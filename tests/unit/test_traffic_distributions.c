/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/flow/traffic.c: that what is drawn has the distribution that the manual names. The
 * distribution functions here are written with the C library alone, from their definitions. */
#include "daemon/flow/traffic.c"

#include "mem.h"
#include "traffic_draws.h"

#if HAVE_GSL

enum { DRAWS = 10000 };

/* ---- distribution functions */

static double uniform(double x, double low, double high)
{
    return x <= low ? 0 : x >= high ? 1 : (x - low) / (high - low);
}

static double exponential(double x, double mean, double unused)
{
    (void)unused;
    return x <= 0 ? 0 : 1 - exp(-x / mean);
}

static double normal(double x, double mean, double deviation)
{
    return erfc((mean - x) / (deviation * sqrt(2))) / 2;
}

/* E[X] = exp(zeta + sigma^2 / 2) and Var[X] = (exp(sigma^2) - 1) E[X]^2, solved for both. */
static double lognormal(double x, double mean, double deviation)
{
    double ratio = deviation / mean, sigma = sqrt(log(1 + ratio * ratio));
    return x <= 0 ? 0 : normal(log(x), log(mean) - sigma * sigma / 2, sigma);
}

static double pareto(double x, double shape, double scale)
{
    return x <= scale ? 0 : 1 - pow(scale / x, shape);
}

static double weibull(double x, double scale, double shape)
{
    return x <= 0 ? 0 : 1 - exp(-pow(x / scale, shape));
}

static double empirical(double x, double unused, double unused_too)
{
    (void)unused, (void)unused_too;
    return uniform(x, 100, 200) / 2 + uniform(x, 1000, 3000) / 2;
}

struct model {
    const char *name;
    struct dist dist;
    double (*share)(double x, double a, double b);
};

static const struct model models[] = {
    {"uniform", {DIST_UNIFORM, 40, 10000}, uniform},
    {"uniform gap", {DIST_UNIFORM, 0.005, 0.01}, uniform},
    {"exponential", {DIST_EXPONENTIAL, 1500, 0}, exponential},
    {"normal", {DIST_NORMAL, 2000, 50}, normal},
    {"normal gap", {DIST_NORMAL, 0.008, 0.001}, normal},
    {"lognormal", {DIST_LOGNORMAL, 9055, 115.17}, lognormal},
    {"wide lognormal", {DIST_LOGNORMAL, 20000, 40000}, lognormal},
    {"pareto", {DIST_PARETO, 1.2, 1000}, pareto},
    {"steep pareto", {DIST_PARETO, 7, 300}, pareto},
    {"weibull", {DIST_WEIBULL, 1000, 0.5}, weibull},
    {"steep weibull", {DIST_WEIBULL, 3000, 3}, weibull},
    {"empirical", {DIST_EMPIRICAL, 0, 0}, empirical},
};

/* ---- Kolmogorov and Smirnov: real-valued draws */

static int by_value(const void *one, const void *other)
{
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

/* The largest distance between the shares of the values and those of the model. */
static double distance(double *values, const struct model *model)
{
    double largest = 0;
    qsort(values, DRAWS, sizeof *values, by_value);
    for (int i = 0; i < DRAWS; i++) {
        double share = model->share(values[i], model->dist.a, model->dist.b);
        double above = (i + 1.0) / DRAWS - share, below = share - (double)i / DRAWS;
        largest = fmax(largest, fmax(above, below));
    }
    return largest;
}

/* What one in a hundred good samples exceeds. */
static double critical_distance(void)
{
    return 1.628 / sqrt(DRAWS);
}

static void draw_many(const struct model *model, int64_t seed, double *values)
{
    settings.gap = model->dist;
    struct traffic traffic = start(seed, 0, SOURCE);
    for (int i = 0; i < DRAWS; i++)
        values[i] = draw_value(&traffic.draws->of[GAP]);
    traffic_free(&traffic);
}

static void draws_have_their_distribution(void **state)
{
    static double values[DRAWS];
    (void)state;
    for (size_t i = 0; i < COUNT(models); i++) {
        int far = 0;
        /* Of ten samples at most one may be among the worst hundredth: 1 in 230 would fail. */
        for (int64_t seed = 1; seed <= 10; seed++) {
            draw_many(&models[i], seed, values);
            far += distance(values, &models[i]) > critical_distance();
        }
        if (far > 1)
            fail_msg("%s: %d of 10 samples are too far off", models[i].name, far);
    }
}

/* The test above sees what flowgrind does: lognormal draws that are normal, a variance for a
 * standard deviation, parameters that are swapped or those of the logarithm. */
static void other_distributions_are_seen(void **state)
{
    const struct {
        struct model is, claimed;
    } cases[] = {
        {{"", {DIST_NORMAL, 9055, 3000}, NULL}, {"", {0, 9055, 3000}, lognormal}},
        {{"", {DIST_LOGNORMAL, 9055, 3000}, NULL}, {"", {0, 9055, 3000}, normal}},
        {{"", {DIST_NORMAL, 2000, 50}, NULL}, {"", {0, 2000, sqrt(50)}, normal}},
        {{"", {DIST_NORMAL, 2000, 50}, NULL}, {"", {0, 2003, 50}, normal}},
        {{"", {DIST_WEIBULL, 3, 2}, NULL}, {"", {0, 2, 3}, weibull}},
        {{"", {DIST_PARETO, 3, 2}, NULL}, {"", {0, 2, 3}, pareto}},
        {{"", {DIST_EXPONENTIAL, 2, 0}, NULL}, {"", {0, 0.5, 0}, exponential}},
    };
    static double values[DRAWS];
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        draw_many(&cases[i].is, 1, values);
        if (distance(values, &cases[i].claimed) <= critical_distance())
            fail_msg("case %zu is not seen", i);
    }
}

static void rates_have_mean_and_spread(void **state)
{
    static double values[DRAWS];
    (void)state;
    settings.rate = 10000000;
    settings.rate_spread = 3000000;
    struct traffic traffic = start(1, 0, SOURCE);
    for (int i = 0; i < DRAWS; i++) {
        int64_t rate, now = NS_PER_SEC + i * TRAFFIC_RATE_PERIOD;
        assert_true(traffic_new_rate(&traffic, now, &rate));
        assert_false(traffic_new_rate(&traffic, now, &rate));
        assert_false(traffic_new_rate(&traffic, now + TRAFFIC_RATE_PERIOD - 1, &rate));
        assert_int_equal(traffic.next_rate, now + TRAFFIC_RATE_PERIOD);
        values[i] = (double)rate;
    }
    struct model model = {"rate", {DIST_LOGNORMAL, 1e7, 3e6}, lognormal};
    assert_true(distance(values, &model) < critical_distance());
    traffic_free(&traffic);
}

/* ---- chi-square: sizes as they travel, rounded, redrawn and bounded */

/* The share of `size` among sizes: it is drawn at once, or after one to ten draws that were out of
 * bounds; where all eleven were, the bound that the last one was beyond is taken. */
static double size_share(const struct model *model, uint32_t size, uint32_t cap)
{
    const struct dist *dist = &model->dist;
    double below = model->share(BLOCK_HEADER_SIZE - 0.5, dist->a, dist->b);
    double above = 1 - model->share(cap + 0.5, dist->a, dist->b);
    double out = below + above, rounds = 0;
    for (int i = 0; i <= 10; i++)
        rounds += pow(out, i);
    double at =
        model->share(size + 0.5, dist->a, dist->b) - model->share(size - 0.5, dist->a, dist->b);
    return at * rounds + (size == BLOCK_HEADER_SIZE ? pow(out, 10) * below : 0) +
           (size == cap ? pow(out, 10) * above : 0);
}

/* What one in a thousand good samples exceeds (Wilson and Hilferty 1931). */
static double critical_chi_square(int freedom)
{
    double part = 2.0 / (9.0 * freedom);
    return freedom * pow(1 - part + 3.0902 * sqrt(part), 3);
}

/* Neighbouring sizes share a class until 30 are expected in it. */
static void check_sizes_against(const struct model *model, uint32_t cap, int draws,
                                const int *counts)
{
    double expected = 0, whole = 0, statistic = 0;
    int found = 0, classes = 0;
    for (uint32_t size = BLOCK_HEADER_SIZE; size <= cap; size++) {
        expected += draws * size_share(model, size, cap);
        found += counts[size];
        if (expected < 30 && size < cap)
            continue;
        if (expected >= 5) {
            statistic += (found - expected) * (found - expected) / expected;
            classes++;
        }
        whole += expected;
        expected = found = 0;
    }
    assert_true(fabs(whole - draws) < draws * 1e-9);
    assert_true(classes > 1);
    if (statistic > critical_chi_square(classes - 1))
        fail_msg("%s up to %u: chi-square is %.1f in %d classes", model->name, cap, statistic,
                 classes);
}

static void sizes_have_their_distribution(void **state)
{
    static const struct {
        struct model model;
        uint32_t cap;
        int draws;
    } cases[] = {
        {{"uniform", {DIST_UNIFORM, 40, 10000}, uniform}, 10000, DRAWS},
        {{"narrow uniform", {DIST_UNIFORM, 60, 70}, uniform}, 8192, DRAWS},
        {{"normal", {DIST_NORMAL, 2000, 50}, normal}, 32000, DRAWS},
        {{"cut normal", {DIST_NORMAL, 100, 50}, normal}, 150, DRAWS},
        {{"exponential", {DIST_EXPONENTIAL, 300, 0}, exponential}, 1000, DRAWS},
        {{"lognormal", {DIST_LOGNORMAL, 9055, 115.17}, lognormal}, 100000, DRAWS},
        {{"cut lognormal", {DIST_LOGNORMAL, 500, 1000}, lognormal}, 600, DRAWS},
        {{"pareto", {DIST_PARETO, 1.2, 50}, pareto}, 400, DRAWS},
        {{"weibull", {DIST_WEIBULL, 100, 0.5}, weibull}, 2000, DRAWS},
        {{"empirical", {DIST_EMPIRICAL, 0, 0}, empirical}, 2000, DRAWS},
        /* Mostly out of bounds: nine or eleven redraws instead of ten would be seen. */
        {{"redrawn uniform", {DIST_UNIFORM, 0, 400}, uniform}, 50, 20 * DRAWS},
        {{"redrawn exponential", {DIST_EXPONENTIAL, 10, 0}, exponential}, 60, 20 * DRAWS},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int *counts = mem_new(100001, sizeof *counts);
        settings.request_size = cases[i].model.dist;
        settings.block_cap = cases[i].cap;
        struct traffic traffic = start(4711, (int64_t)i, SOURCE);
        for (int k = 0; k < cases[i].draws; k++) {
            uint32_t size = traffic_peek(&traffic, 0).request_size;
            assert_in_range(size, BLOCK_HEADER_SIZE, cases[i].cap);
            counts[size]++;
            traffic_drop(&traffic);
        }
        check_sizes_against(&cases[i].model, cases[i].cap, cases[i].draws, counts);
        traffic_free(&traffic);
        free(counts);
    }
}

/* What no draw can meet ends at the bound that is nearer. */
static void bounds_are_taken(void **state)
{
    static const struct {
        struct dist dist;
        int64_t cap;
        uint32_t size;
    } cases[] = {
        {{DIST_UNIFORM, 1, 2}, 1000, 40},         {{DIST_UNIFORM, 5000, 6000}, 1000, 1000},
        {{DIST_NORMAL, 1e9, 1}, 0, 8192},         {{DIST_PARETO, 1, 1e300}, 77, 77},
        {{DIST_LOGNORMAL, 1e-9, 0}, 77, 40},      {{DIST_WEIBULL, 1e-300, 1e-3}, 40, 40},
        {{DIST_PARETO, 1e-300, 1e300}, 500, 500}, /* infinite */
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        settings.request_size = cases[i].dist;
        settings.block_cap = cases[i].cap;
        struct traffic traffic = start(1, 0, SOURCE);
        for (int k = 0; k < 100; k++) {
            assert_int_equal(traffic_peek(&traffic, 0).request_size, cases[i].size);
            traffic_drop(&traffic);
        }
        traffic_free(&traffic);
    }
}

/* Numbers of any magnitude make a size within the bounds. */
static void parameters_of_any_magnitude(void **state)
{
    static const double some[] = {5e-324, 1e-308, 1e-9, 1, 1e9, 1e154, 1e308};
    (void)state;
    for (int kind = DIST_EXPONENTIAL; kind <= DIST_WEIBULL; kind++)
        for (size_t i = 0; i < COUNT(some); i++)
            for (size_t k = 0; k < COUNT(some); k++) {
                settings.request_size = settings.gap = (struct dist){kind, some[i], some[k]};
                struct traffic traffic = start(1, 0, SOURCE);
                for (int round = 0; round < 20; round++) {
                    struct traffic_block block = traffic_peek(&traffic, 0);
                    assert_in_range(block.request_size, 40, 8192);
                    assert_true(block.gap >= 0 && block.gap <= 86400 * NS_PER_SEC);
                    traffic_drop(&traffic);
                }
                traffic_free(&traffic);
            }
}

static void gaps_are_not_below_zero(void **state)
{
    int64_t sum = 0, least = INT64_MAX;
    (void)state;
    settings.gap = (struct dist){DIST_NORMAL, 0.001, 0.001};
    struct traffic traffic = start(3, 0, SOURCE);
    for (int i = 0; i < DRAWS; i++) {
        int64_t gap = traffic_peek(&traffic, 0).gap;
        assert_true(gap >= 0);
        least = gap < least ? gap : least;
        sum += gap;
        traffic_drop(&traffic);
    }
    /* The mean of the normal distribution without what is below 0: by its hazard at -1. */
    double expected = 1e6 + 1e6 * exp(-0.5) / sqrt(2 * acos(-1)) / normal(1, 0, 1);
    assert_true(fabs((double)sum / DRAWS - expected) < 4 * 0.8e6 / sqrt(DRAWS));
    assert_true(least < 10000);
    traffic_free(&traffic);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(draws_have_their_distribution), FRESH(other_distributions_are_seen),
        FRESH(sizes_have_their_distribution), FRESH(bounds_are_taken),
        FRESH(parameters_of_any_magnitude),   FRESH(gaps_are_not_below_zero),
        FRESH(rates_have_mean_and_spread),
    };
    int failed = cmocka_run_group_tests_name("traffic_distributions", tests, NULL, NULL);
    cdf_free(&table);
    return failed;
}

#else

int main(void)
{
    puts("1..0 # SKIP built without the GSL, which draws random numbers");
    return 0;
}

#endif
