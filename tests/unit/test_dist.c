/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests the text form of distributions: exact both ways, and what is refused. */
#include "dist.c"

#include <stdint.h>

#include "mem.h"
#include "unit.h"

enum { ROUNDS = 100000 };

static void constants(void **state)
{
    static const struct {
        const char *text;
        double value;
    } cases[] = {
        {"C:8192", 8192},   {"C:0", 0},       {"C:1.5", 1.5},
        {"C:1e9", 1e9},     {"C:.5", .5},     {"C:1073741824", 1073741824},
        {"C:1e308", 1e308}, {"C:0040", 40.0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct dist dist = {.kind = DIST_CONSTANT, .a = 42, .b = 42};
        assert_true(dist_parse(cases[i].text, &dist, NULL));
        struct dist expected = dist_constant(cases[i].value);
        assert_true(dist_equal(&dist, &expected));
    }
}

static void all_kinds(void **state)
{
    static const struct {
        const char *text;
        struct dist dist;
    } cases[] = {
        {"U:40:10000", {DIST_UNIFORM, 40, 10000}},
        {"U:5:5", {DIST_UNIFORM, 5, 5}},
        {"E:0.01", {DIST_EXPONENTIAL, 0.01, 0}},
        {"N:2000:50", {DIST_NORMAL, 2000, 50}},
        {"N:0.008:0", {DIST_NORMAL, 0.008, 0}},
        {"L:9055:115.17", {DIST_LOGNORMAL, 9055, 115.17}},
        {"P:1.5:1000", {DIST_PARETO, 1.5, 1000}},
        {"W:1000:0.5", {DIST_WEIBULL, 1000, 0.5}},
        {"F:0", {DIST_EMPIRICAL, 0, 0}},
        {"F:15", {DIST_EMPIRICAL, 15, 0}},
        {"F:1e+300", {DIST_EMPIRICAL, 1e300, 0}}, /* whether there is such a table is asked later */
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[DIST_TEXT_MAX];
        struct dist dist;
        assert_true(dist_parse(cases[i].text, &dist, NULL));
        assert_true(dist_equal(&dist, &cases[i].dist));
        dist_format(&dist, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void texts_that_are_none(void **state)
{
    static const struct {
        const char *text, *reason;
    } cases[] = {
        {"", "'' is not a distribution: it must begin with C:, U:, E:, N:, L:, P:, W: or F:"},
        {"C", "'C' is not a distribution"},
        {"8192", "'8192' is not a distribution"},
        {"c:8192", "'c:8192' is not a distribution"},
        {"X:1", "'X:1' is not a distribution"},
        {" C:1", "' C:1' is not a distribution"},
        {"CC:1", "'CC:1' is not a distribution"},
        {":1", "':1' is not a distribution"},
        {"C:", "'' is not a number"},
        {"C:x", "'x' is not a number"},
        {"C:1 ", "'1 ' is not a number"},
        {"C:nan", "'nan' is not a number"},
        {"C:inf", "'inf' is not a number"},
        {"C:1e999", "'1e999' is not a number"},
        {"C:0x10", "'0x10' is not a number"},
        {"C:1,2", "'1,2' is not a number"},
        {"C:1:2", "constant distribution takes 1 number"},
        {"C:1:", "constant distribution takes 1 number"},
        {"C::", "constant distribution takes 1 number"},
        {"C:-5", "'C:-5': the first parameter must not be below 0"},
        {"U:1", "uniform distribution takes 2 numbers"},
        {"U:2:1", "'U:2:1': the minimum is above the maximum"},
        {"U:-1:1", "'U:-1:1': the first parameter must not be below 0"},
        {"U:1:2:3", "'2:3' is not a number"},
        {"E:0", "'E:0': the first parameter must be above 0"},
        {"E:1:2", "exponential distribution takes 1 number"},
        {"N:1", "normal distribution takes 2 numbers"},
        {"N:1:-1", "'N:1:-1': the second parameter must not be below 0"},
        {"L:0:1", "'L:0:1': the first parameter must be above 0"},
        {"L:1:-.1", "'L:1:-.1': the second parameter must not be below 0"},
        {"P:0:1", "'P:0:1': the first parameter must be above 0"},
        {"P:1:0", "'P:1:0': the second parameter must be above 0"},
        {"W:0:1", "'W:0:1': the first parameter must be above 0"},
        {"W:1:0", "'W:1:0': the second parameter must be above 0"},
        {"F:1.5", "'F:1.5' is not the number of a table"},
        {"F:-1", "'F:-1': the first parameter must not be below 0"},
        {"F:table", "'table' is not a number"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct dist dist;
        struct fail fail = {0};
        if (dist_parse(cases[i].text, &dist, &fail) || !strstr(fail.text, cases[i].reason))
            fail_msg("'%s' gave: %s", cases[i].text, fail.text);
        assert_false(dist_parse(cases[i].text, &dist, NULL));
    }
}

static void one_number_too_many_is_quoted(void **state)
{
    struct dist dist;
    struct fail fail = {0};
    (void)state;
    assert_false(dist_parse("C:1:2", &dist, &fail));
    assert_non_null(strstr(fail.text, "'C:1:2'"));
    assert_null(strstr(fail.text, "as in 'C:1:2'")); /* that is no example to follow */
}

static void texts_that_are_too_long(void **state)
{
    char text[DIST_TEXT_MAX + 3] = "C:";
    struct dist dist;
    struct fail fail = {0};
    (void)state;
    memset(text + 2, '0', DIST_TEXT_MAX);
    assert_false(dist_parse(text, &dist, &fail));
    assert_non_null(strstr(fail.text, "is too long"));
    assert_non_null(strstr(fail.text, text));
    text[DIST_TEXT_MAX + 1] = '\0';
    assert_true(dist_parse(text, &dist, &fail));
    assert_true(dist.a == 0);
}

static void the_shortest_form_is_written(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "C:0"},         {-0.0, "C:-0"},
        {8192, "C:8192"},   {1048576, "C:1048576"},
        {1.5, "C:1.5"},     {0.1, "C:0.1"},
        {-2.25, "C:-2.25"}, {1073741824, "C:1073741824"},
        {1e9, "C:1e+09"},   {1.0 / 3, "C:0.3333333333333333"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[DIST_TEXT_MAX];
        struct dist dist = dist_constant(cases[i].value);
        dist_format(&dist, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void random_doubles_survive_bit_for_bit(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        char text[DIST_TEXT_MAX];
        uint64_t bits = random_bits();
        struct dist dist = {.kind = DIST_CONSTANT}, read;
        memcpy(&dist.a, &bits, sizeof dist.a);
        dist.a = dist.a < 0 ? -dist.a : dist.a;
        if (dist.a - dist.a != 0) /* not finite */
            continue;
        dist_format(&dist, text);
        assert_true(dist_parse(text, &read, NULL));
        assert_memory_equal(&read.a, &dist.a, sizeof dist.a);
        assert_true(dist_equal(&read, &dist));
    }
}

static void every_part_counts_in_a_comparison(void **state)
{
    struct dist one = dist_constant(5), other = dist_constant(5);
    (void)state;
    assert_true(dist_equal(&one, &other));
    other.a = 5.000001;
    assert_false(dist_equal(&one, &other));
    other = one;
    other.b = 1;
    assert_false(dist_equal(&one, &other));
    other = one;
    other.kind = DIST_CONSTANT + 1;
    assert_false(dist_equal(&one, &other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constants),
        cmocka_unit_test(all_kinds),
        cmocka_unit_test(texts_that_are_none),
        cmocka_unit_test(one_number_too_many_is_quoted),
        cmocka_unit_test(texts_that_are_too_long),
        cmocka_unit_test(the_shortest_form_is_written),
        cmocka_unit_test(random_doubles_survive_bit_for_bit),
        cmocka_unit_test(every_part_counts_in_a_comparison),
    };
    seed_random();
    return cmocka_run_group_tests_name("dist", tests, NULL, NULL);
}
