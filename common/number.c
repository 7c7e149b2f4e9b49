/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mem.h"
#include "number.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

/* Digits that always fit into an int64_t. */
enum { DIGITS_MAX = 18 };

static const int64_t powers_of_ten[] = {
    1,
    10,
    100,
    1000,
    10000,
    100000,
    1000000,
    10000000,
    100000000,
    1000000000,
    10000000000,
    100000000000,
    1000000000000,
    10000000000000,
    100000000000000,
    1000000000000000,
    10000000000000000,
    100000000000000000,
    1000000000000000000,
};

/* A decimal number as it was written: digits * 10^-places, exact. */
struct decimal {
    int64_t digits;
    unsigned places;
};

/* Reads the digits at *text and moves it past them. */
static bool take_decimal(const char **text, struct decimal *number, struct fail *fail)
{
    const char *at = *text;
    unsigned count = 0;
    bool point = false;
    *number = (struct decimal){0};
    for (;; at++) {
        if (*at == '.' && !point) {
            point = true;
            continue;
        }
        if (*at < '0' || *at > '9')
            break;
        if (++count > DIGITS_MAX)
            return fail_set(fail, 0, "'%s' has more than %d digits", *text, DIGITS_MAX);
        number->digits = number->digits * 10 + (*at - '0');
        number->places += point;
    }
    if (!count)
        return fail_set(fail, 0, "'%s' is not a number", *text);
    *text = at;
    return true;
}

static bool not_negative(const char *text, struct fail *fail)
{
    if (text[0] != '-')
        return true;
    return fail_set(fail, 0, "'%s' is negative", text);
}

/* number * multiplier / divisor, rounded to the nearest; false where it is too large. */
static bool scale_decimal(struct decimal number, int64_t multiplier, int64_t divisor,
                          const char *text, int64_t *value, struct fail *fail)
{
    __int128 scaled = (__int128)number.digits * multiplier;
    __int128 by = (__int128)powers_of_ten[number.places] * divisor;
    scaled = (scaled + by / 2) / by;
    if (scaled > INT64_MAX)
        return fail_set(fail, 0, "'%s' is too large", text);
    *value = (int64_t)scaled;
    return true;
}

bool number_parse_int(const char *text, int64_t *value, struct fail *fail)
{
    const char *digits = text[0] == '-' ? text + 1 : text;
    char *end;
    errno = 0;
    if (*digits < '0' || *digits > '9')
        return fail_set(fail, 0, "'%s' is not a whole number", text);
    long long number = strtoll(text, &end, 10);
    if (*end)
        return fail_set(fail, 0, "'%s' is not a whole number", text);
    if (errno == ERANGE)
        return fail_set(fail, 0, "'%s' is too large", text);
    *value = number;
    return true;
}

bool number_parse_range(const char *text, int64_t least, int64_t most, int64_t *first,
                        int64_t *last, struct fail *fail)
{
    char low[32];
    const char *high = strchr(text, '-');
    size_t length = high ? (size_t)(high - text) : strlen(text);
    snprintf(low, sizeof low, "%.*s", (int)length, text);
    if (!number_parse_int(low, first, fail) || !number_parse_int(high ? high + 1 : low, last, fail))
        return false;
    if (*first > *last)
        return fail_set(fail, 0, "'%s': the end is below the start", text);
    return (*first >= least && *last <= most) ||
           fail_set(fail, 0, "'%s' is not within %lld to %lld", text, (long long)least,
                    (long long)most);
}

/* A word after a number, and what it multiplies by. */
struct unit {
    const char *name;
    int64_t multiplier, divisor;
};

static const struct unit *find_unit(const struct unit *units, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(units[i].name, name))
            return &units[i];
    return NULL;
}

/* "e3" of "1e3". */
static bool is_exponent(const char *rest)
{
    if (*rest != 'e' && *rest != 'E')
        return false;
    rest++;
    rest += *rest == '+' || *rest == '-';
    return *rest >= '0' && *rest <= '9';
}

static bool parse_with_units(const char *text, const struct unit *units, size_t count,
                             const char *expected, int64_t *value, struct fail *fail)
{
    struct decimal number;
    const char *rest = text;
    if (!not_negative(text, fail) || !take_decimal(&rest, &number, fail))
        return false;
    const struct unit *unit = find_unit(units, count, rest);
    if (!unit && is_exponent(rest))
        return fail_set(fail, 0, "'%s' has an exponent: write its zeros, or a unit", text);
    if (!unit)
        return fail_set(fail, 0, "'%s' has an unknown unit '%s'; %s", text, rest, expected);
    return scale_decimal(number, unit->multiplier, unit->divisor, text, value, fail);
}

bool number_parse_code(const char *text, int64_t *value, struct fail *fail)
{
    if (text[0] != '0' || (text[1] != 'x' && text[1] != 'X'))
        return number_parse_int(text, value, fail);
    size_t digits = strspn(text + 2, "0123456789abcdefABCDEF");
    if (!digits || text[2 + digits])
        return fail_set(fail, 0, "'%s' is not a whole number", text);
    if (digits > 15)
        return fail_set(fail, 0, "'%s' is too large", text);
    *value = strtoll(text, NULL, 16);
    return true;
}

bool number_parse_bytes(const char *text, int64_t *value, struct fail *fail)
{
    static const struct unit units[] = {
        {"", 1, 1},
        {"B", 1, 1},
        {"k", INT64_C(1) << 10, 1},
        {"KiB", INT64_C(1) << 10, 1},
        {"kB", 1000, 1},
        {"M", INT64_C(1) << 20, 1},
        {"MiB", INT64_C(1) << 20, 1},
        {"MB", 1000000, 1},
        {"G", INT64_C(1) << 30, 1},
        {"GiB", INT64_C(1) << 30, 1},
        {"GB", 1000000000, 1},
        {"T", INT64_C(1) << 40, 1},
        {"TiB", INT64_C(1) << 40, 1},
        {"TB", 1000000000000, 1},
    };
    struct decimal number;
    const char *rest = text;
    if (!parse_with_units(text, units, COUNT(units),
                          "use k, M, G or T (powers of 1024; KiB is the same as k), or kB, MB, GB "
                          "or TB (powers of 1000)",
                          value, fail) ||
        !take_decimal(&rest, &number, fail))
        return false;
    __int128 exact = (__int128)number.digits * find_unit(units, COUNT(units), rest)->multiplier;
    return exact == (__int128)*value * powers_of_ten[number.places] ||
           fail_set(fail, 0, "'%s' is not a whole number of bytes", text);
}

bool number_parse_seconds(const char *text, int64_t *nanoseconds, struct fail *fail)
{
    static const struct unit units[] = {
        {"", NS_PER_SEC, 1},         {"s", NS_PER_SEC, 1}, {"ms", NS_PER_MS, 1},
        {"us", NS_PER_US, 1},        {"ns", 1, 1},         {"min", 60 * NS_PER_SEC, 1},
        {"h", 3600 * NS_PER_SEC, 1},
    };
    return parse_with_units(text, units, COUNT(units), "use s, ms, us, ns, min or h", nanoseconds,
                            fail);
}

bool number_parse_rate(const char *text, int64_t *bits_per_second, struct fail *fail)
{
    /* flowgrind's letters are powers of 1024, words are SI: both are in use, so both are here. */
    static const struct {
        char letter;
        int64_t binary, decimal;
    } prefixes[] = {
        {'z', 1, 0},
        {'k', INT64_C(1) << 10, 1000},
        {'M', INT64_C(1) << 20, 1000000},
        {'G', INT64_C(1) << 30, 1000000000},
        {'T', 0, 1000000000000},
    };
    static const struct {
        const char *name;
        int64_t bits;
        bool is_word;
    } units[] = {
        {"", 1, false},      {"b", 1, false},   {"B", 8, false},     {"bit", 1, true},
        {"bit/s", 1, true},  {"Byte", 8, true}, {"Byte/s", 8, true}, {"byte", 8, true},
        {"byte/s", 8, true}, {"bps", 1, true},  {"B/s", 8, true},
    };
    struct decimal number;
    const char *rest = text;
    if (!not_negative(text, fail) || !take_decimal(&rest, &number, fail))
        return false;
    size_t prefix = COUNT(prefixes);
    for (size_t i = 0; i < COUNT(prefixes); i++)
        if (rest[0] == prefixes[i].letter)
            prefix = i;
    const char *name = prefix < COUNT(prefixes) ? rest + 1 : rest;
    for (size_t i = 0; i < COUNT(units); i++) {
        if (strcmp(name, units[i].name))
            continue;
        int64_t factor = 1;
        if (prefix < COUNT(prefixes))
            factor = units[i].is_word ? prefixes[prefix].decimal : prefixes[prefix].binary;
        if (!factor)
            break;
        return scale_decimal(number, factor * units[i].bits, 1, text, bits_per_second, fail);
    }
    if (is_exponent(rest))
        return fail_set(fail, 0, "'%s' has an exponent: write its zeros, or a unit", text);
    return fail_set(fail, 0,
                    "'%s' has an unknown unit '%s'; use z, k, M or G (powers of 1024) with b for "
                    "bit/s or B for byte/s, or SI units such as 10Mbit, 10Mbps or 1.5GB/s",
                    text, rest);
}

bool number_rate_is_binary(const char *text)
{
    const char *unit = text + strspn(text, "0123456789.");
    return *unit && strchr("kMG", *unit) && (!unit[1] || (strchr("bB", unit[1]) && !unit[2]));
}

bool number_parse_real(const char *text, double *value, struct fail *fail)
{
    char *end;
    const char *digits = text[0] == '-' ? text + 1 : text;
    if ((*digits < '0' || *digits > '9') && *digits != '.')
        return fail_set(fail, 0, "'%s' is not a number", text);
    double number = strtod(text, &end);
    if (*end || strpbrk(text, "xX") || !isfinite(number))
        return fail_set(fail, 0, "'%s' is not a number", text);
    *value = number;
    return true;
}

static const char digit_pairs[] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445"
    "46474849505152535455565758596061626364656667686970717273747576777879808182838485868788899091"
    "9293949596979899";

/* Of a value up to 2**63. */
static unsigned count_digits(uint64_t value)
{
    unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1);
    unsigned least = bits * 1233 >> 12; /* log10(2) is about 1233 / 4096 */
    uint64_t next = least ? (uint64_t)powers_of_ten[least > DIGITS_MAX ? 0 : least] : 0;
    return least > DIGITS_MAX || value < next ? least : least + 1;
}

/* Writes the last `count` digits so that they end at `end`; returns what is left of the value. */
static uint64_t put_digits(char *end, uint64_t value, unsigned count)
{
    for (; count >= 2; count -= 2, value /= 100) {
        end -= 2;
        memcpy(end, digit_pairs + 2 * (value % 100), 2);
    }
    if (count) {
        *--end = (char)('0' + value % 10);
        value /= 10;
    }
    return value;
}

size_t number_format_fixed(char *buffer, int64_t value, unsigned places)
{
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    char *at = buffer;
    if (rest < 10 && value >= 0 && !places) { /* most are */
        buffer[0] = (char)('0' + rest);
        buffer[1] = '\0';
        return 1;
    }
    if (value < 0)
        *at++ = '-';
    unsigned digits = count_digits(rest);
    unsigned whole = digits > places ? digits - places : 1;
    if (places) {
        rest = put_digits(at + whole + 1 + places, rest, places);
        at[whole] = '.';
    }
    put_digits(at + whole, rest, whole);
    at += whole + (places ? places + 1 : 0);
    *at = '\0';
    return (size_t)(at - buffer);
}

size_t number_format_seconds(char *buffer, int64_t nanoseconds)
{
    size_t length = number_format_fixed(buffer, nanoseconds, 9);
    while (buffer[length - 1] == '0')
        length--;
    if (buffer[length - 1] == '.')
        length--;
    buffer[length] = '\0';
    return length;
}

int64_t number_from_real(double value, int64_t least, int64_t most)
{
    if (!(value > (double)least))
        return least;
    if (value >= (double)most)
        return most;
    int64_t whole = llround(value);
    /* The bounds may have been rounded as they became doubles. */
    return whole < least ? least : whole > most ? most : whole;
}

int64_t number_scale(int64_t value, int64_t multiplier, int64_t divisor)
{
    int64_t product, rounded;
    if (!__builtin_mul_overflow(value, multiplier, &product) && divisor > 0 &&
        !__builtin_add_overflow(product, product < 0 ? -(divisor / 2) : divisor / 2, &rounded))
        return rounded / divisor; /* as below, in a tenth of the time */
    __int128 scaled = (__int128)value * multiplier;
    __int128 half = divisor / 2;
    scaled = (scaled + (scaled < 0 ? -half : half)) / divisor;
    if (scaled > INT64_MAX)
        return INT64_MAX;
    return scaled < INT64_MIN ? INT64_MIN : (int64_t)scaled;
}
