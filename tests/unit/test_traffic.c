/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/flow/traffic.c: what seeds repeat, when rates vary, and what needs no random
 * numbers. */
#include "daemon/flow/traffic.c"

#include "traffic_draws.h"

#if HAVE_GSL

/* ---- seeds */

static void take(struct traffic traffic, struct traffic_block *blocks, int count)
{
    for (int i = 0; i < count; i++) {
        blocks[i] = traffic_peek(&traffic, 0);
        traffic_drop(&traffic);
    }
    traffic_free(&traffic);
}

static int equal_blocks(const struct traffic_block *one, const struct traffic_block *other,
                        int count)
{
    int equal = 0;
    for (int i = 0; i < count; i++)
        equal += one[i].request_size == other[i].request_size;
    return equal;
}

static void draw_all_from_wide(void)
{
    settings.request_size = settings.response_size =
        (struct dist){DIST_UNIFORM, 40, (double)(1 << 29)};
    settings.gap = (struct dist){DIST_EXPONENTIAL, 0.01, 0};
    settings.rate = 0;
}

static void seeds_repeat(void **state)
{
    struct traffic_block one[500], other[500];
    (void)state;
    draw_all_from_wide();
    for (int64_t seed = 0; seed < 20; seed++) {
        take(start(seed, seed, seed % 2), one, COUNT(one));
        take(start(seed, seed, seed % 2), other, COUNT(other));
        for (size_t i = 0; i < COUNT(one); i++) {
            assert_int_equal(one[i].request_size, other[i].request_size);
            assert_int_equal(one[i].response_size, other[i].response_size);
            assert_int_equal(one[i].gap, other[i].gap);
        }
    }
}

static void others_differ(void **state)
{
    struct traffic_block first[500], other[500];
    (void)state;
    draw_all_from_wide();
    take(start(1, 0, SOURCE), first, COUNT(first));
    take(start(1, 0, DESTINATION), other, COUNT(other));
    assert_in_range(equal_blocks(first, other, COUNT(first)), 0, 1);
    for (int64_t i = 1; i < 100; i++) {
        take(start(1 + i, 0, SOURCE), other, COUNT(other));
        assert_in_range(equal_blocks(first, other, COUNT(first)), 0, 1);
        take(start(1, i, SOURCE), other, COUNT(other));
        assert_in_range(equal_blocks(first, other, COUNT(first)), 0, 1);
    }
    int same = 0;
    for (size_t i = 0; i < COUNT(first); i++)
        same += first[i].request_size == first[i].response_size;
    assert_in_range(same, 0, 1);
}

/* What one thing draws does not depend on whether others are drawn. */
static void parameters_draw_apart(void **state)
{
    struct traffic_block all[500], alone[500];
    (void)state;
    draw_all_from_wide();
    take(start(7, 3, SOURCE), all, COUNT(all));
    settings.response_size = dist_constant(0);
    settings.gap = dist_constant(0);
    take(start(7, 3, SOURCE), alone, COUNT(alone));
    assert_int_equal(equal_blocks(all, alone, COUNT(all)), COUNT(all));
}

static void peeking_changes_nothing(void **state)
{
    struct traffic_block expected[3000];
    (void)state;
    draw_all_from_wide();
    take(start(5, 5, SOURCE), expected, COUNT(expected));
    struct traffic traffic = start(5, 5, SOURCE);
    for (size_t at = 0; at + 100 < COUNT(expected);) {
        size_t index = random_below(100);
        struct traffic_block block = traffic_peek(&traffic, index);
        assert_int_equal(block.request_size, expected[at + index].request_size);
        assert_int_equal(block.response_size, expected[at + index].response_size);
        assert_int_equal(block.gap, expected[at + index].gap);
        if (index < 50) {
            traffic_peek(&traffic, 0);
            traffic_drop(&traffic);
            at++;
        }
    }
    traffic_free(&traffic);
}

/* ---- rates that vary */

/* A late draw does not move the instants of those that follow, and a standstill takes one rate. */
static void rates_keep_their_time(void **state)
{
    int64_t rate;
    (void)state;
    settings.rate = settings.rate_spread = 1000;
    struct traffic traffic = start(1, 0, SOURCE);
    assert_true(traffic_new_rate(&traffic, NS_PER_SEC, &rate));
    assert_true(traffic_new_rate(&traffic, NS_PER_SEC + TRAFFIC_RATE_PERIOD * 3 / 2, &rate));
    assert_int_equal(traffic.next_rate, NS_PER_SEC + 2 * TRAFFIC_RATE_PERIOD);
    assert_true(traffic_new_rate(&traffic, 10 * NS_PER_SEC + 1, &rate));
    assert_false(traffic_new_rate(&traffic, 10 * NS_PER_SEC + 2, &rate));
    assert_int_equal(traffic.next_rate, 10 * NS_PER_SEC + TRAFFIC_RATE_PERIOD);
    traffic_free(&traffic);
}

#endif

/* ---- without random numbers */

static void constants_are_constant(void **state)
{
    struct traffic traffic;
    (void)state;
    settings.request_size = dist_constant(1234);
    settings.response_size = dist_constant(40);
    settings.gap = dist_constant(0.0125);
    traffic_init(&traffic, &settings, NULL, 1, 0, SOURCE);
    assert_null(traffic.draws);
    for (size_t i = 0; i < 10; i++) {
        struct traffic_block block = traffic_peek(&traffic, i);
        int64_t rate;
        assert_int_equal(block.request_size, 1234);
        assert_int_equal(block.response_size, 40);
        assert_int_equal(block.gap, 12500000);
        assert_false(traffic_new_rate(&traffic, (int64_t)i * NS_PER_SEC, &rate));
        traffic_drop(&traffic);
    }
    traffic_free(&traffic);
}

static void tables_must_be_there(void **state)
{
    static const double numbers[] = {2, 15, 2147483648.0, 1e300};
    struct fail fail = {0};
    (void)state;
    for (size_t i = 0; i < COUNT(numbers); i++) {
        struct dist *all[] = {&settings.request_size, &settings.response_size, &settings.gap};
        for (size_t k = 0; k < COUNT(all); k++) {
            *all[k] = (struct dist){DIST_EMPIRICAL, numbers[i], 0};
            assert_false(traffic_check(&settings, 2, &fail));
#if HAVE_GSL
            assert_non_null(strstr(fail.text, "refers to a table, but only 2 were given"));
            assert_int_equal(fail.code, FAULT_BAD_CALL);
#endif
            *all[k] = dist_constant(100);
        }
    }
}

/* The peer must know what it may be asked for. */
static void responses_have_a_limit(void **state)
{
    static const struct {
        struct dist request, response;
        int64_t cap;
        uint32_t limit;
    } cases[] = {
        {{DIST_CONSTANT, 9000, 0}, {DIST_CONSTANT, 0, 0}, 0, 0},
        {{DIST_CONSTANT, 9000, 0}, {DIST_CONSTANT, 500, 0}, 0, 500},
        {{DIST_CONSTANT, 100, 0}, {DIST_EXPONENTIAL, 500, 0}, 0, 8192},
        {{DIST_CONSTANT, 9000, 0}, {DIST_EXPONENTIAL, 500, 0}, 0, 9000},
        {{DIST_CONSTANT, 100, 0}, {DIST_UNIFORM, 500, 20000.5}, 0, 20001},
        {{DIST_CONSTANT, 100, 0}, {DIST_UNIFORM, 500, 20000}, 1000, 1000},
        {{DIST_CONSTANT, 100, 0}, {DIST_LOGNORMAL, 9055, 115}, 100000, 100000},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        settings.request_size = cases[i].request;
        settings.response_size = cases[i].response;
        settings.block_cap = cases[i].cap;
        assert_int_equal(traffic_response_limit(&settings), cases[i].limit);
    }
    settings.duration = 0; /* who sends nothing asks for nothing */
    assert_int_equal(traffic_response_limit(&settings), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#if HAVE_GSL
        FRESH(seeds_repeat),
        FRESH(others_differ),
        FRESH(parameters_draw_apart),
        FRESH(peeking_changes_nothing),
        FRESH(rates_keep_their_time),
#endif
        FRESH(constants_are_constant),
        FRESH(tables_must_be_there),
        FRESH(responses_have_a_limit),
    };
    seed_random();
    int failed = cmocka_run_group_tests_name("traffic", tests, NULL, NULL);
#if HAVE_GSL
    cdf_free(&table);
#endif
    return failed;
}
