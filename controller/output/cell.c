/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mem.h"
#include "output/cell.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "number.h"

static size_t put_text(char text[CELL_MAX], const char *word)
{
    size_t length = strlen(word);
    memcpy(text, word, length + 1);
    return length;
}

static int64_t power_of_ten(unsigned power)
{
    static const int64_t powers[] = {1,           10,           100,          1000,      10000,
                                     100000,      1000000,      10000000,     100000000, 1000000000,
                                     10000000000, 100000000000, 1000000000000};
    return powers[power < COUNT(powers) ? power : COUNT(powers) - 1];
}

/* The same where it may need more than 64 bits. */
static size_t put_large(const struct column *column, int64_t value, int64_t multiplier,
                        int64_t divisor, char text[CELL_MAX])
{
    __int128 scaled = (__int128)value * multiplier * power_of_ten(column->places);
    __int128 by = (__int128)divisor * power_of_ten(column->power);
    scaled = (scaled + (scaled < 0 ? -by / 2 : by / 2)) / by;
    if (scaled > INT64_MAX || scaled < INT64_MIN)
        return put_text(text, "inf");
    return number_format_fixed(text, (int64_t)scaled, column->places);
}

/* value * multiplier / divisor in the column's unit and with its places. */
static size_t put_scaled(const struct column *column, int64_t value, int64_t multiplier,
                         int64_t divisor, char text[CELL_MAX])
{
    int64_t more = 1, less = 1, product, rounded;
    if (column->places > column->power)
        more = power_of_ten(column->places - column->power);
    else
        less = power_of_ten(column->power - column->places);
    if (__builtin_mul_overflow(more, multiplier, &more) ||
        __builtin_mul_overflow(less, divisor, &less) ||
        __builtin_mul_overflow(value, more, &product) ||
        __builtin_add_overflow(product, product < 0 ? -(less / 2) : less / 2, &rounded))
        return put_large(column, value, multiplier, divisor, text);
    return number_format_fixed(text, less == 1 ? rounded : rounded / less, column->places);
}

static const char *symbol(int64_t value)
{
    switch (value) {
    case INT_MAX:
        return "INT_MAX";
    case USHRT_MAX:
        return "USHRT_MAX";
    case UINT_MAX:
        return "UINT_MAX";
    default:
        return NULL;
    }
}

/* Whether the metric counts segments, and can be shown in bytes. */
static bool is_window(enum metric metric)
{
    return !strcmp(metrics[metric].unit, "seg");
}

static size_t put_gauge(const struct column *column, const int64_t values[METRICS],
                        const struct cell_style *style, char text[CELL_MAX])
{
    int64_t value = values[column->metric];
    if (value == METRIC_INFINITE && !style->is_screen)
        return put_text(text, "inf");
    if (value == METRIC_INFINITE)
        value = INT_MAX; /* as the kernel has it */
    else if (style->bytes && is_window(column->metric) &&
             (values[METRIC_snd_mss] == METRIC_ABSENT ||
              __builtin_mul_overflow(value, values[METRIC_snd_mss], &value)))
        return put_text(text, "nan");
    /* Times are not such numbers. */
    const char *name = style->symbolic && !column->power ? symbol(value) : NULL;
    return name ? put_text(text, name) : put_scaled(column, value, 1, 1, text);
}

static size_t put_rate(const struct column *column, int64_t bytes, int64_t elapsed,
                       const struct cell_style *style, char text[CELL_MAX])
{
    if (elapsed <= 0)
        return put_text(text, "nan");
    if (!style->megabytes)
        return put_scaled(column, bytes, 8 * NS_PER_SEC, elapsed, text);
    double rate = (double)bytes * NS_PER_SEC / (double)elapsed / (1 << 20);
    return (size_t)snprintf(text, CELL_MAX, "%.*f", (int)column->places, rate);
}

static size_t put_tally(const struct column *column, const int64_t values[METRICS],
                        char text[CELL_MAX])
{
    const int64_t *tally = &values[column->metric]; /* count, min, max, sum */
    int64_t count = tally[0] == METRIC_ABSENT ? 0 : tally[0];
    if (column->form == COLUMN_AVG)
        return count && tally[3] != METRIC_ABSENT ? put_scaled(column, tally[3], 1, count, text)
                                                  : put_text(text, "inf");
    int64_t value = column->form == COLUMN_MIN ? tally[1] : tally[2];
    return count && value != METRIC_ABSENT ? put_scaled(column, value, 1, 1, text)
                                           : put_text(text, "inf");
}

static size_t put_word(const char *const *words, size_t count, int64_t value, char text[CELL_MAX])
{
    return put_text(text, value >= 0 && value < (int64_t)count && words[value] ? words[value]
                                                                               : "unknown");
}

static size_t put_options(int64_t bits, char text[CELL_MAX])
{
    static const char letters[] = "tsweEf"; /* TCPI_OPT_TIMESTAMPS, _SACK, _WSCALE, _ECN, ... */
    size_t length = 0;
    for (size_t i = 0; i < COUNT(letters) - 1; i++)
        if (bits >> i & 1)
            text[length++] = letters[i];
    if (!length)
        text[length++] = '-';
    text[length] = '\0';
    return length;
}

static size_t put_status(int64_t value, const struct cell_style *style, char text[CELL_MAX])
{
    char letters[2] = {(char)(value >> 8), (char)(value & 0xff)};
    (void)style;
    for (int i = 0; i < 2; i++)
        if (letters[i] < 'a' || letters[i] > 'z')
            letters[i] = '?';
    return (size_t)snprintf(text, CELL_MAX, "%c/%c", letters[0], letters[1]);
}

size_t cell_format(const struct column *column, const int64_t values[METRICS], int64_t elapsed,
                   const struct cell_style *style, char text[CELL_MAX])
{
    static const char *const ca_states[] = {"open", "disorder", "cwr", "recovery", "loss"};
    static const char *const tcp_states[] = {
        [1] = "established", [2] = "syn_sent",  [3] = "syn_recv", [4] = "fin_wait1",
        [5] = "fin_wait2",   [6] = "time_wait", [7] = "close",    [8] = "close_wait",
        [9] = "last_ack",    [10] = "listen",   [11] = "closing",
    };
    int64_t value = values[column->metric];
    if (column->form == COLUMN_MIN || column->form == COLUMN_AVG || column->form == COLUMN_MAX)
        return put_tally(column, values, text);
    if (value == METRIC_ABSENT)
        return put_text(text, "nan");
    switch (column->form) {
    case COLUMN_DELTA:
        return put_scaled(column, value, 1, 1, text);
    case COLUMN_PER_S:
        return elapsed > 0 ? put_scaled(column, value, NS_PER_SEC, elapsed, text)
                           : put_text(text, "nan");
    case COLUMN_BITRATE:
        return put_rate(column, value, elapsed, style, text);
    case COLUMN_BITS:
        return put_rate(column, value, NS_PER_SEC, style, text);
    case COLUMN_CA_STATE:
        return put_word(ca_states, COUNT(ca_states), value, text);
    case COLUMN_TCP_STATE:
        return put_word(tcp_states, COUNT(tcp_states), value, text);
    case COLUMN_STATUS:
        return put_status(value, style, text);
    case COLUMN_OPTIONS:
        return put_options(value, text);
    default:
        return put_gauge(column, values, style, text);
    }
}

const char *cell_unit(const struct column *column, const struct cell_style *style)
{
    bool is_rate = column->form == COLUMN_BITRATE || column->form == COLUMN_BITS;
    if (is_rate && style->megabytes)
        return "MiB/s";
    return style->bytes && is_window(column->metric) ? "B" : column->unit;
}
