/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests common/number.c: bytes, seconds and rates, with their units. */
#include "number.c"

#include "number_texts.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes),
        cmocka_unit_test(bytes_that_are_none),
        cmocka_unit_test(seconds),
        cmocka_unit_test(seconds_that_are_none),
        cmocka_unit_test(rates),
        cmocka_unit_test(rates_that_are_none),
        cmocka_unit_test(random_texts_agree_with_long_multiplication),
    };
    seed_random();
    return cmocka_run_group_tests_name("number_units", tests, NULL, NULL);
}
