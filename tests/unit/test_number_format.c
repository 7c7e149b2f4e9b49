/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests common/number.c: numbers as text, and numbers that are scaled and rounded. */
#include "number.c"

#include "number_texts.h"

static void fixed_point(void **state)
{
    static const struct {
        int64_t value;
        unsigned places;
        const char *text;
    } cases[] = {
        {0, 0, "0"},
        {9, 0, "9"},
        {10, 0, "10"},
        {-9, 0, "-9"},
        {0, 1, "0.0"},
        {0, 3, "0.000"},
        {-1234, 3, "-1.234"},
        {5, 3, "0.005"},
        {-5, 3, "-0.005"},
        {-50, 1, "-5.0"},
        {100, 0, "100"},
        {99, 0, "99"},
        {1000, 3, "1.000"},
        {999, 3, "0.999"},
        {INT64_MAX, 0, "9223372036854775807"},
        {INT64_MIN, 0, "-9223372036854775808"},
        {INT64_MIN, 9, "-9223372036.854775808"},
        {INT64_MIN, 18, "-9.223372036854775808"},
        {INT64_MIN, 19, "-0.9223372036854775808"},
        {INT64_MIN, 25, "-0.0000009223372036854775808"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[NUMBER_TEXT_MAX];
        size_t length = number_format_fixed(text, cases[i].value, cases[i].places);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(length, strlen(text));
    }
}

static void assert_formatted(int64_t value, unsigned places)
{
    char text[NUMBER_TEXT_MAX], expected[NUMBER_TEXT_MAX];
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
    uint64_t one = (uint64_t)powers_of_ten[places];
    int length =
        snprintf(expected, sizeof expected, "%s%" PRIu64, value < 0 ? "-" : "", rest / one);
    if (places)
        snprintf(expected + length, sizeof expected - (size_t)length, ".%0*" PRIu64, (int)places,
                 rest % one);
    assert_int_equal(number_format_fixed(text, value, places), strlen(expected));
    assert_string_equal(text, expected);
}

static void fixed_point_agrees_with_printf(void **state)
{
    (void)state;
    for (int64_t value = -12000; value <= 12000; value++)
        for (unsigned places = 0; places < 4; places++)
            assert_formatted(value, places);
    for (int i = 0; i < ROUNDS; i++)
        assert_formatted(random_number(), (unsigned)random_below(DIGITS_MAX + 1));
}

static void seconds_without_trailing_zeros(void **state)
{
    static const struct good cases[] = {
        {"0", 0},
        {"0.5", 500000000},
        {"10", 10000000000},
        {"100", 100000000000},
        {"10.05", 10050000000},
        {"0.000000001", 1},
        {"-0.000000001", -1},
        {"-10", -10000000000},
        {"9223372036.854775807", INT64_MAX},
        {"-9223372036.854775808", INT64_MIN},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[NUMBER_TEXT_MAX];
        assert_int_equal(number_format_seconds(text, cases[i].value), strlen(cases[i].text));
        assert_string_equal(text, cases[i].text);
    }
}

static void seconds_come_back(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        char text[NUMBER_TEXT_MAX];
        int64_t read, ns = (int64_t)(random_bits() >> (5 + random_below(59)));
        number_format_seconds(text, ns);
        assert_true(number_parse_seconds(text, &read, NULL));
        assert_int_equal(read, ns);
    }
}

static void integers_of_doubles(void **state)
{
    static const struct {
        double value;
        int64_t least, most, result;
    } cases[] = {
        {0, 0, 10, 0},
        {0.4, 0, 10, 0},
        {0.5, 0, 10, 1},
        {0.49999999999999994, 0, 10, 0},
        {-0.5, -10, 10, -1},
        {-0.4, -10, 10, 0},
        {9.6, 0, 10, 10},
        {10.4, 0, 10, 10},
        {0.4, 1, 10, 1},
        {-1e300, 1, 10, 1},
        {1e300, 1, 10, 10},
        {INFINITY, -3, 10, 10},
        {-INFINITY, -3, 10, -3},
        {NAN, -3, 10, -3},
        {1e300, INT64_MIN, INT64_MAX, INT64_MAX},
        {-1e300, INT64_MIN, INT64_MAX, INT64_MIN},
        {0x1p63, INT64_MIN, INT64_MAX, INT64_MAX},
        {-0x1p63, INT64_MIN, INT64_MAX, INT64_MIN},
        {0x1.fffffffffffffp62, INT64_MIN, INT64_MAX, INT64_C(0x7ffffffffffffc00)},
        /* Bounds that no double has. */
        {0x1p62, 0, (INT64_C(1) << 62) - 1, (INT64_C(1) << 62) - 1},
        {0x1.fffffffffffffp61, (INT64_C(1) << 62) - 255, (INT64_C(1) << 62),
         (INT64_C(1) << 62) - 255},
        {0x1p62, INT64_C(0x40000000000000ff), INT64_MAX, INT64_C(0x40000000000000ff)},
        {1073741824, 1, 1 << 30, 1 << 30},
        {1073741825, 1, 1 << 30, 1 << 30},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(number_from_real(cases[i].value, cases[i].least, cases[i].most),
                         cases[i].result);
}

static void scaling(void **state)
{
    static const struct {
        int64_t value, multiplier, divisor, result;
    } cases[] = {
        {0, 5, 3, 0},
        {7, 1, 2, 4},
        {-7, 1, 2, -4},
        {4, 1, 3, 1},
        {5, 1, 3, 2},
        {-4, 1, 3, -1},
        {-5, 1, 3, -2},
        {1, 1, 3, 0},
        {-1, 1, 2, -1},
        {INT64_MAX, 1, 1, INT64_MAX},
        {INT64_MIN, 1, 1, INT64_MIN},
        {INT64_MIN, -1, 1, INT64_MAX},
        {INT64_MAX, INT64_MAX, 1, INT64_MAX},
        {INT64_MIN, INT64_MIN, 1, INT64_MAX},
        {INT64_MIN, INT64_MAX, 1, INT64_MIN},
        {INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX},
        {INT64_MIN, INT64_MAX, INT64_MAX, INT64_MIN},
        {INT64_MAX, 3, 4, 6917529027641081855},
        {INT64_MAX, 1, INT64_MAX, 1},
        {125000000, 8 * INT64_C(1000000000), 1000000000, 1000000000},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(number_scale(cases[i].value, cases[i].multiplier, cases[i].divisor),
                         cases[i].result);
}

static unsigned __int128 magnitude(int64_t value)
{
    return value < 0 ? -(unsigned __int128)value : (unsigned __int128)value;
}

static int64_t naive_scale(int64_t value, int64_t multiplier, int64_t divisor)
{
    unsigned __int128 product = magnitude(value) * magnitude(multiplier);
    unsigned __int128 by = magnitude(divisor), quotient = product / by;
    bool negative = (value < 0) != (multiplier < 0);
    if (product % by >= by - product % by)
        quotient++;
    if (quotient > (unsigned __int128)INT64_MAX + negative)
        return negative ? INT64_MIN : INT64_MAX;
    return negative ? (int64_t)(0 - (uint64_t)quotient) : (int64_t)quotient;
}

static void random_scaling_agrees_with_sign_and_magnitude(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        int64_t value = random_number(), multiplier = random_number();
        int64_t divisor = (int64_t)(random_bits() >> (1 + random_below(63)));
        if (divisor)
            assert_int_equal(number_scale(value, multiplier, divisor),
                             naive_scale(value, multiplier, divisor));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixed_point),
        cmocka_unit_test(fixed_point_agrees_with_printf),
        cmocka_unit_test(seconds_without_trailing_zeros),
        cmocka_unit_test(seconds_come_back),
        cmocka_unit_test(integers_of_doubles),
        cmocka_unit_test(scaling),
        cmocka_unit_test(random_scaling_agrees_with_sign_and_magnitude),
    };
    seed_random();
    return cmocka_run_group_tests_name("number_format", tests, NULL, NULL);
}
