/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers as people write them, read strictly: all of the text or nothing. Each function gives
 * false and a sentence without the option's name where the text is not such a number. */
#ifndef FLOWRIG_NUMBER_H
#define FLOWRIG_NUMBER_H

#include <stddef.h>
#include <stdint.h>

#include "fail.h"

/* A whole number, "-3". */
bool number_parse_int(const char *text, int64_t *value, struct fail *fail);
/* A range of whole numbers, "3-5", or one alone, from `least` (0 or more) to `most`. */
bool number_parse_range(const char *text, int64_t least, int64_t most, int64_t *first,
                        int64_t *last, struct fail *fail);
/* A whole number, or hexadecimal digits after 0x. */
bool number_parse_code(const char *text, int64_t *value, struct fail *fail);
/* Bytes: "8192", "64k", "1.5MiB", "100MB"; k, M, G and T (or KiB ...) are powers of 1024, kB, MB,
 * GB and TB powers of 1000; a whole number of them. */
bool number_parse_bytes(const char *text, int64_t *value, struct fail *fail);
/* Seconds to ns: "10", "0.5", or with a unit: "20ms", "150us", "500ns", "10s", "5min", "1h". */
bool number_parse_seconds(const char *text, int64_t *nanoseconds, struct fail *fail);
/* A rate to bit/s, rounded to the nearest. flowgrind's forms "#.#[z|k|M|G][b|B]" with powers of
 * 1024 (b bit/s, the default; B bytes/s), or SI forms with powers of 1000: "10Mbit", "10Mbps",
 * "1.5GByte", "1.5GB/s", "640kbit/s". */
bool number_parse_rate(const char *text, int64_t *bits_per_second, struct fail *fail);
/* Whether a rate that can be read has a letter for a power of 1024: "10M", "64kB". */
bool number_rate_is_binary(const char *text);
/* A finite number. */
bool number_parse_real(const char *text, double *value, struct fail *fail);

/* Room for any number that the functions below write. */
enum { NUMBER_TEXT_MAX = 48 };

/* Writes value * 10^-places in decimal with exactly `places` digits after the point, and gives
 * the length: number_format_fixed(b, -1234, 3) writes "-1.234". Ends with a NUL. */
size_t number_format_fixed(char *buffer, int64_t value, unsigned places);
/* ns as seconds without trailing zeros: "0.5". */
size_t number_format_seconds(char *buffer, int64_t nanoseconds);

/* `value` as a whole number: the nearest one from `least` to `most`, and `least` for NaN. Whatever
 * becomes an integer of a double comes through here: C leaves open what a cast makes of a value
 * that the type can't hold. */
int64_t number_from_real(double value, int64_t least, int64_t most);
/* value * multiplier / divisor, rounded to the nearest, saturating at the range of int64_t. */
int64_t number_scale(int64_t value, int64_t multiplier, int64_t divisor);

#endif
