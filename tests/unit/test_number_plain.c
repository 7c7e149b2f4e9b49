/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests common/number.c: whole numbers, ranges and real numbers, which have no unit. */
#include "number.c"

#include "number_texts.h"

static void whole_numbers(void **state)
{
    static const struct good cases[] = {
        {"0", 0},
        {"-0", 0},
        {"7", 7},
        {"-3", -3},
        {"007", 7},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
        {"0000000000000000000000000000001", 1},
    };
    (void)state;
    assert_taken(number_parse_int, cases, COUNT(cases));
}

static void ranges(void **state)
{
    static const struct {
        const char *text;
        int64_t first, last;
        const char *sentence;
    } cases[] = {
        {"1", 1, 1, NULL},
        {"1-99", 1, 99, NULL},
        {"7-7", 7, 7, NULL},
        {"007-8", 7, 8, NULL},
        {"8-7", 0, 0, "'8-7': the end is below the start"},
        {"0", 0, 0, "'0' is not within 1 to 99"},
        {"0-5", 0, 0, "'0-5' is not within 1 to 99"},
        {"99-100", 0, 0, "'99-100' is not within 1 to 99"},
        {"", 0, 0, "'' is not a whole number"},
        {"-", 0, 0, "'' is not a whole number"},
        {"-5", 0, 0, "'' is not a whole number"},
        {"5-", 0, 0, "'' is not a whole number"},
        {"5--6", 0, 0, "'5--6': the end is below the start"},
        {"1-2-3", 0, 0, "'2-3' is not a whole number"},
        {"1 -2", 0, 0, "'1 ' is not a whole number"},
        {"1-99999999999999999999", 0, 0, "'99999999999999999999' is too large"},
        {"99999999999999999999999999999999999999-1", 0, 0,
         "'9999999999999999999999999999999' is too large"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t first, last;
        struct fail fail = {0};
        bool good = number_parse_range(cases[i].text, 1, 99, &first, &last, &fail);
        assert_int_equal(good, !cases[i].sentence);
        assert_string_equal(fail.text, cases[i].sentence ? cases[i].sentence : "");
        if (good) {
            assert_int_equal(first, cases[i].first);
            assert_int_equal(last, cases[i].last);
        }
    }
}

static void whole_numbers_that_are_none(void **state)
{
    static const struct bad cases[] = {
        {"", "not a whole number"},        {"-", "not a whole number"},
        {"--1", "not a whole number"},     {"+1", "not a whole number"},
        {" 1", "not a whole number"},      {"1 ", "not a whole number"},
        {"1\n", "not a whole number"},     {"- 1", "not a whole number"},
        {"x", "not a whole number"},       {"5x", "not a whole number"},
        {"0x10", "not a whole number"},    {"1e3", "not a whole number"},
        {"1.0", "not a whole number"},     {"\xef\xbc\x91", "not a whole number"},
        {"1-2", "not a whole number"},     {"99999999999999999999x", "not a whole number"},
        {"9223372036854775808", "large"},  {"-9223372036854775809", "large"},
        {"99999999999999999999", "large"},
    };
    (void)state;
    assert_refused(number_parse_int, cases, COUNT(cases));
}

static void codes_may_be_hexadecimal(void **state)
{
    static const struct good good[] = {
        {"0", 0},
        {"46", 46},
        {"-3", -3},
        {"010", 10},
        {"0x0", 0},
        {"0x2e", 46},
        {"0X2E", 46},
        {"0x00ff", 255},
        {"0xffffffff", UINT32_MAX},
        {"0xfffffffffffffff", INT64_MAX >> 3},
    };
    static const struct bad bad[] = {
        {"", "not a whole number"},      {"0x", "not a whole number"},
        {"0xg", "not a whole number"},   {"0x1 ", "not a whole number"},
        {"-0x1", "not a whole number"},  {"0x-1", "not a whole number"},
        {"0x+1", "not a whole number"},  {"0x 1", "not a whole number"},
        {"0x0x1", "not a whole number"}, {"x1", "not a whole number"},
        {"2e", "not a whole number"},    {"0x1000000000000000", "large"},
    };
    (void)state;
    assert_taken(number_parse_code, good, COUNT(good));
    assert_refused(number_parse_code, bad, COUNT(bad));
}

static void whole_numbers_forget_errno(void **state)
{
    int64_t value;
    (void)state;
    errno = ERANGE;
    assert_true(number_parse_int("5", &value, NULL));
    assert_int_equal(value, 5);
}

static void random_whole_numbers_come_back(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        char text[32];
        int64_t number = random_number(), read = 0;
        snprintf(text, sizeof text, "%" PRId64, number);
        assert_true(number_parse_int(text, &read, NULL));
        assert_int_equal(read, number);
    }
}

static void reals(void **state)
{
    static const struct {
        const char *text;
        double value;
    } cases[] = {
        {"0", 0},           {"-0", -0.0},
        {"1.5", 1.5},       {"-1.5", -1.5},
        {".5", .5},         {"-.5", -.5},
        {"5.", 5},          {"00.5", .5},
        {"1e3", 1000},      {"1E+3", 1000},
        {"1e-3", .001},     {"1.7976931348623157e308", 1.7976931348623157e308},
        {"-1e308", -1e308}, {"4.9406564584124654e-324", 0x1p-1074},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        double value = 42;
        assert_true(number_parse_real(cases[i].text, &value, NULL));
        assert_memory_equal(&value, &cases[i].value, sizeof value);
    }
}

static void reals_that_are_none(void **state)
{
    static const char *const cases[] = {
        "",     "-",     ".",      "-.",       "+1",    " 1",     "1 ",   "nan",   "-nan",  "inf",
        "-inf", "1e309", "-1e999", "infinity", "0x10",  "0X1p3",  "1x",   "1,5",   "e5",    "1e",
        "--1",  "1.2.3", "1e5.5",  "1\n",      "1 000", "-0x1p3", "0x.8", "1e5e5", "1 e 5",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bad bad = {cases[i], "is not a number"};
        struct fail fail = {0};
        double value = 42;
        if (number_parse_real(cases[i], &value, &fail))
            fail_msg("'%s' was taken as %g", cases[i], value);
        assert_sentence(&bad, fail.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_numbers),
        cmocka_unit_test(ranges),
        cmocka_unit_test(whole_numbers_that_are_none),
        cmocka_unit_test(codes_may_be_hexadecimal),
        cmocka_unit_test(whole_numbers_forget_errno),
        cmocka_unit_test(random_whole_numbers_come_back),
        cmocka_unit_test(reals),
        cmocka_unit_test(reals_that_are_none),
    };
    seed_random();
    return cmocka_run_group_tests_name("number_plain", tests, NULL, NULL);
}
