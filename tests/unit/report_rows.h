/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What tests of common/report.c share: reports at random, and rows as report.h describes them. */
#ifndef FLOWRIG_UNIT_REPORT_ROWS_H
#define FLOWRIG_UNIT_REPORT_ROWS_H

#include "report.c"

#include "mem.h"
#include "unit.h"

enum { ROUNDS = 30000, ROW_MAX = 16384 };

static inline int64_t random_value(void)
{
    static const int64_t corners[] = {METRIC_ABSENT, METRIC_INFINITE, 0, -1, 1};
    return random_below(3) ? (int64_t)random_bits() : corners[random_below(COUNT(corners))];
}

static inline void random_report(struct report *report)
{
    for (size_t i = 0; i < REPORT_KEYS; i++)
        report->key[i] = random_value();
    for (size_t i = 0; i < METRICS; i++)
        report->value[i] = random_value();
}

static inline void assert_same_report(const struct report *one, const struct report *other)
{
    assert_memory_equal(one->key, other->key, sizeof one->key);
    assert_memory_equal(one->value, other->value, sizeof one->value);
}

/* Writes a row of these columns, as report.h describes it, without the help of report.c; sections
 * may follow. `there`: one bit for each, or NULL: all are. Returns its length. */
static inline size_t pack_columns(uint8_t *bytes, const int64_t *values, const bool *there,
                                  size_t count)
{
    size_t at = 8 + (count + 7) / 8;
    memset(bytes, 0, at);
    for (size_t i = 0; i < count; i++) {
        if (there && !there[i])
            continue;
        bytes[8 + i / 8] = (uint8_t)(bytes[8 + i / 8] + (1 << i % 8));
        /* 0, -1, 1, -2 ... are 0, 1, 2, 3 ... */
        uint64_t number = values[i] < 0 ? ~(uint64_t)values[i] * 2 + 1 : (uint64_t)values[i] * 2;
        do {
            uint64_t rest = number / 128;
            bytes[at++] = (uint8_t)(number % 128 + (rest ? 128 : 0));
            number = rest;
        } while (number);
    }
    while (at % 8)
        bytes[at++] = 0;
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(at >> 8 * i);
    return at;
}

/* Packs a random report with random sections, whose data lie in `data`. */
static inline size_t pack_random(struct report *report, struct report_section *sections,
                                 size_t *count, const uint8_t *data, void *bytes)
{
    *count = random_below(5);
    for (size_t i = 0; i < *count; i++)
        sections[i] = (struct report_section){(uint32_t)random_bits(), (uint32_t)random_below(70),
                                              data + random_below(64)};
    random_report(report);
    size_t size = report_packed_size(report, sections, *count);
    report_pack(report, sections, *count, bytes);
    return size;
}

#endif
