/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/output/figure.c: figures as people read them. */
#include "controller/output/figure.c"

#include "mem.h"
#include "unit.h"

static void four_significant_digits(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0"},          {0.05, "0.0500"},  {0.12345, "0.1235"}, {0.99996, "1.000"},
        {1.2346, "1.235"}, {9.9996, "10.00"}, {12.344, "12.34"},   {99.996, "100.0"},
        {123.44, "123.4"}, {999.96, "1000"},  {1234.4, "1234"},    {12345.6, "12346"},
        {-1.5, "-1.500"},  {NAN, "-"},        {INFINITY, "-"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[FIGURE_MAX];
        figure_format(cases[i].value, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void rates_have_the_unit_of_the_largest(void **state)
{
    static const struct {
        double largest;
        const char *name;
    } cases[] = {
        {0, "bit/s"},    {9999, "bit/s"},   {10000, "kbit/s"}, {9.9e6, "kbit/s"},
        {1e7, "Mbit/s"}, {9.9e9, "Mbit/s"}, {1e10, "Gbit/s"},  {1e14, "Gbit/s"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_string_equal(figure_rate_unit(cases[i].largest, false)->name, cases[i].name);
    assert_string_equal(figure_rate_unit(1, true)->name, "MiB/s");
    assert_float_equal(figure_rate_unit(1, true)->size, 8388608, 0);
}

static void milliseconds_are_not_finer_than_microseconds(void **state)
{
    static const struct {
        int64_t ns;
        const char *text;
    } cases[] = {
        {METRIC_ABSENT, "-"}, {0, "0"}, {1000, "0.001"}, {1000000, "1.000"}, {40123000, "40.12"},
        {-250000, "-0.250"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[FIGURE_MAX];
        figure_milliseconds(cases[i].ns, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void bytes_choose_their_own_unit(void **state)
{
    static const struct {
        int64_t bytes;
        const char *text;
    } cases[] = {
        {METRIC_ABSENT, "-"},    {0, "0 B"},
        {999, "999 B"},          {1000, "1.000 kB"},
        {116500000, "116.5 MB"}, {999960000, "1.000 GB"},
        {INT64_MAX, "9223 PB"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[FIGURE_MAX];
        figure_bytes(cases[i].bytes, text);
        assert_string_equal(text, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(four_significant_digits),
        cmocka_unit_test(rates_have_the_unit_of_the_largest),
        cmocka_unit_test(milliseconds_are_not_finer_than_microseconds),
        cmocka_unit_test(bytes_choose_their_own_unit),
    };
    return cmocka_run_group_tests_name("figure", tests, NULL, NULL);
}
