/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests numbers as people write them: parsing, its refusals, formatting and scaling. */
#include "number.c"

#include "unit.h"

enum { ROUNDS = 200000 };

/* Numbers of every length, and those around the limits. */
static int64_t random_number(void)
{
    static const int64_t corners[] = {0, 1, -1, INT64_MAX, INT64_MIN, INT64_MAX - 1, INT64_MIN + 1};
    if (random_below(16) == 0)
        return corners[random_below(COUNT(corners))];
    return (int64_t)random_bits() >> random_below(64);
}

typedef bool parser(const char *text, int64_t *value, struct fail *fail);

struct good {
    const char *text;
    int64_t value;
};

static void assert_taken(parser *parse, const struct good *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct fail fail = {0};
        int64_t value = 42;
        if (!parse(cases[i].text, &value, &fail) || value != cases[i].value)
            fail_msg("'%s' gave %" PRId64 " (%s)", cases[i].text, value, fail.text);
        assert_string_equal(fail.text, "");
    }
}

struct bad {
    const char *text;
    const char *reason; /* a part of the sentence, which also quotes the text */
};

static void assert_sentence(const struct bad *bad, const char *sentence)
{
    char quoted[128];
    snprintf(quoted, sizeof quoted, "'%s'", bad->text);
    if (!strstr(sentence, quoted) || !strstr(sentence, bad->reason))
        fail_msg("'%s' was refused with: %s", bad->text, sentence);
}

static void assert_refused(parser *parse, const struct bad *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct fail fail = {0};
        int64_t value = 42;
        if (parse(cases[i].text, &value, &fail))
            fail_msg("'%s' was taken as %" PRId64, cases[i].text, value);
        assert_sentence(&cases[i], fail.text);
        assert_false(parse(cases[i].text, &value, NULL));
    }
}

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

static void bytes(void **state)
{
    static const struct good cases[] = {
        {"0", 0},
        {"8192", 8192},
        {"64k", 65536},
        {"1.5M", 1572864},
        {".5k", 512},
        {"5.", 5},
        {"1G", INT64_C(1) << 30},
        {"2T", INT64_C(2) << 40},
        {"8192B", 8192},
        {"64KiB", 65536},
        {"64kB", 64000},
        {"1.5MiB", 1572864},
        {"1.5MB", 1500000},
        {"1GiB", INT64_C(1) << 30},
        {"1GB", 1000000000},
        {"2TiB", INT64_C(2) << 40},
        {"2TB", 2000000000000},
        {"0.0009765625k", 1},
        {"999999999999999999", 999999999999999999},
        {"8388607T", INT64_MAX - (INT64_C(1) << 40) + 1},
        {"0.000000000000T", 0},
    };
    (void)state;
    assert_taken(number_parse_bytes, cases, COUNT(cases));
}

static void bytes_that_are_none(void **state)
{
    static const struct bad cases[] = {
        {"1.0001k", "'1.0001k' is not a whole number of bytes"},
        {"0.00000000000000001T", "is not a whole number of bytes"},
        {"8192.5", "is not a whole number of bytes"},
        {"", "not a number"},
        {"k", "not a number"},
        {".", "not a number"},
        {".k", "not a number"},
        {"+1", "not a number"},
        {" 1", "not a number"},
        {"1K", "unknown unit 'K'; use k, M, G or T (powers of 1024; KiB is the same as k), or kB, "
               "MB, GB or "
               "TB (powers of 1000)"},
        {"1KB", "unknown unit 'KB'"},
        {"1kiB", "unknown unit 'kiB'"},
        {"1b", "unknown unit 'b'"},
        {"0.5B", "is not a whole number of bytes"},
        {"1.0001kB", "is not a whole number of bytes"},
        {"1m", "unknown unit 'm'"},
        {"1kk", "unknown unit 'kk'"},
        {"1 k", "unknown unit ' k'"},
        {"1.2.3", "unknown unit '.3'"},
        {"1,5", "unknown unit ',5'"},
        {"0x10", "unknown unit 'x10'"},
        {"1e3", "has an exponent"},
        {"1e", "unknown unit"},
        {"1e-", "unknown unit"},
        {"1E+5", "has an exponent"},
        {"1\xc2\xb5", "unknown unit '\xc2\xb5'"},
        {"-1", "is negative"},
        {"-0", "is negative"},
        {"-", "is negative"},
        {"1000000000000000000", "more than 18 digits"},
        {"1.000000000000000000", "more than 18 digits"},
        {"8388608T", "is too large"},
        {"999999999999999999k", "is too large"},
    };
    (void)state;
    assert_refused(number_parse_bytes, cases, COUNT(cases));
}

static void seconds(void **state)
{
    static const struct good cases[] = {
        {"10", 10000000000},
        {"0.5", 500000000},
        {"20ms", 20000000},
        {"150us", 150000},
        {"500ns", 500},
        {"10s", 10000000000},
        {"5min", 300000000000},
        {"1h", 3600000000000},
        {"0.05", 50000000},
        {"1.5ns", 2},
        {"0.5ns", 1},
        {"0.49999999ns", 0},
        {"0.0000000005", 1},
        {"0.00000000049", 0},
        {"0.1h", 360000000000},
        {"2562047h", 9223369200000000000},
        {"9223372036.8547758", 9223372036854775800},
    };
    (void)state;
    assert_taken(number_parse_seconds, cases, COUNT(cases));
}

static void seconds_that_are_none(void **state)
{
    static const struct bad cases[] = {
        {"", "not a number"},
        {"s", "not a number"},
        {"1m", "unknown unit 'm'; use s, ms, us, ns, min or h"},
        {"1S", "unknown unit 'S'"},
        {"1sec", "unknown unit 'sec'"},
        {"1 s", "unknown unit ' s'"},
        {"1us2", "unknown unit 'us2'"},
        {"-1s", "is negative"},
        {"inf", "not a number"},
        {"2562048h", "is too large"},
        {"9223372037", "is too large"},
        {"9223372036.854775807", "more than 18 digits"},
    };
    (void)state;
    assert_refused(number_parse_seconds, cases, COUNT(cases));
}

static void rates(void **state)
{
    static const struct good cases[] = {
        {"0", 0},
        {"10", 10},
        {"10b", 10},
        {"10B", 80},
        {"1z", 1},
        {"1zb", 1},
        {"1zB", 8},
        {"1k", 1024},
        {"1kb", 1024},
        {"1kB", 8192},
        {"10M", 10485760},
        {"10Mb", 10485760},
        {"1.5MB", 12582912},
        {"1G", 1073741824},
        {"1GB", 8589934592},
        {"1bit", 1},
        {"3Byte", 24},
        {"3byte/s", 24},
        {"640kbit/s", 640000},
        {"10Mbit", 10000000},
        {"10Mbit/s", 10000000},
        {"1.5GByte", 12000000000},
        {"1.5Gbyte", 12000000000},
        {"1.5GByte/s", 12000000000},
        {"10Mbps", 10000000},
        {"10bps", 10},
        {"1.5GB/s", 12000000000},
        {"1kB/s", 8000},
        {"2Tbit", 2000000000000},
        {"1TByte", 8000000000000},
        {"0.5bit", 1},
        {"0.49", 0},
        {"0.4B", 3},
        {"1152921TByte", 9223368000000000000},
    };
    (void)state;
    assert_taken(number_parse_rate, cases, COUNT(cases));
}

static void rates_that_are_none(void **state)
{
    static const struct bad cases[] = {
        {"", "not a number"},
        {"Mbit", "not a number"},
        {"-1M", "is negative"},
        {"1T", "unknown unit 'T'; use z, k, M or G"},
        {"1Tb", "unknown unit 'Tb'"},
        {"1TB", "unknown unit 'TB'"},
        {"1zbit", "unknown unit 'zbit'"},
        {"1K", "unknown unit 'K'"},
        {"1mbit", "unknown unit 'mbit'"},
        {"1kbits", "unknown unit 'kbits'"},
        {"1kbit/", "unknown unit 'kbit/'"},
        {"1kk", "unknown unit 'kk'"},
        {"1Mz", "unknown unit 'Mz'"},
        {"1b/s", "unknown unit 'b/s'"},
        {"1/s", "unknown unit '/s'"},
        {"10 Mbit", "unknown unit ' Mbit'"},
        {"1152922TByte", "is too large"},
        {"999999999999999999GB", "is too large"},
        {"1234567890123456789", "more than 18 digits"},
    };
    (void)state;
    assert_refused(number_parse_rate, cases, COUNT(cases));
}

/* An independent reading: whole and fractional part are multiplied apart. Returns -1 where the
 * result does not fit. */
static int64_t naive_product(uint64_t whole, uint64_t fraction, unsigned places,
                             uint64_t multiplier, bool *exact)
{
    unsigned __int128 one = 1;
    for (unsigned i = 0; i < places; i++)
        one *= 10;
    unsigned __int128 part = (unsigned __int128)fraction * multiplier;
    unsigned __int128 sum = (unsigned __int128)whole * multiplier + part / one;
    if (part % one * 2 >= one)
        sum++;
    *exact = part % one == 0;
    return sum > INT64_MAX ? -1 : (int64_t)sum;
}

static void assert_agrees(parser *parse, const char *unit, uint64_t multiplier)
{
    unsigned digits = (unsigned)random_below(DIGITS_MAX + 1);
    unsigned places = (unsigned)random_below(DIGITS_MAX - digits + 1);
    uint64_t whole = digits ? random_bits() % (uint64_t)powers_of_ten[digits] : 0;
    uint64_t fraction = places ? random_bits() % (uint64_t)powers_of_ten[places] : 0;
    char text[64], decimals[32];
    bool exact;
    int64_t value = 0, expected = naive_product(whole, fraction, places, multiplier, &exact);
    if (!digits && !places)
        return;
    snprintf(decimals, sizeof decimals, "%0*" PRIu64, (int)places, fraction);
    snprintf(text, sizeof text, "%.*" PRIu64 "%s%s%s", (int)digits, whole,
             places || random_below(2) ? "." : "", places ? decimals : "", unit);
    struct fail fail = {0};
    bool good = parse(text, &value, &fail);
    if (expected >= 0 && parse == number_parse_bytes && !exact) {
        if (good || !strstr(fail.text, "is not a whole number of bytes"))
            fail_msg("'%s' is taken for %" PRId64, text, value);
        return;
    }
    if (expected < 0 ? good || !strstr(fail.text, "is too large") : !good || value != expected)
        fail_msg("'%s' gave %d, %" PRId64 " instead of %" PRId64 ": %s", text, good, value,
                 expected, fail.text);
}

static void random_texts_agree_with_long_multiplication(void **state)
{
    static const struct {
        parser *parse;
        const char *unit;
        uint64_t multiplier;
    } units[] = {
        {number_parse_bytes, "", 1},
        {number_parse_bytes, "k", 1024},
        {number_parse_bytes, "T", UINT64_C(1) << 40},
        {number_parse_seconds, "", 1000000000},
        {number_parse_seconds, "ms", 1000000},
        {number_parse_seconds, "ns", 1},
        {number_parse_seconds, "h", 3600000000000},
        {number_parse_rate, "GB", UINT64_C(8) << 30},
        {number_parse_rate, "kbit", 1000},
        {number_parse_rate, "TByte/s", 8000000000000},
    };
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        size_t unit = random_below(COUNT(units));
        assert_agrees(units[unit].parse, units[unit].unit, units[unit].multiplier);
    }
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

static void fixed_point(void **state)
{
    static const struct {
        int64_t value;
        unsigned places;
        const char *text;
    } cases[] = {
        {0, 0, "0"},
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_numbers),
        cmocka_unit_test(ranges),
        cmocka_unit_test(whole_numbers_that_are_none),
        cmocka_unit_test(codes_may_be_hexadecimal),
        cmocka_unit_test(whole_numbers_forget_errno),
        cmocka_unit_test(random_whole_numbers_come_back),
        cmocka_unit_test(bytes),
        cmocka_unit_test(bytes_that_are_none),
        cmocka_unit_test(seconds),
        cmocka_unit_test(seconds_that_are_none),
        cmocka_unit_test(rates),
        cmocka_unit_test(rates_that_are_none),
        cmocka_unit_test(random_texts_agree_with_long_multiplication),
        cmocka_unit_test(reals),
        cmocka_unit_test(reals_that_are_none),
        cmocka_unit_test(fixed_point),
        cmocka_unit_test(fixed_point_agrees_with_printf),
        cmocka_unit_test(seconds_without_trailing_zeros),
        cmocka_unit_test(seconds_come_back),
        cmocka_unit_test(integers_of_doubles),
        cmocka_unit_test(scaling),
        cmocka_unit_test(random_scaling_agrees_with_sign_and_magnitude),
    };
    seed_random();
    return cmocka_run_group_tests_name("number", tests, NULL, NULL);
}
