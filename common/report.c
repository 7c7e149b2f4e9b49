/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "mem.h"
#include "put.h"
#include "varint.h"

enum { ROW_HEAD = 8, SECTION_HEAD = 8 };

static const struct {
    const char *name, *unit, *help;
} keys[REPORT_KEYS] = {
    [REPORT_FLOW] = {"flow", "1", "number of the flow in the run"},
    [REPORT_ENDPOINT] = {"endpoint", "1", "0 source, 1 destination"},
    [REPORT_SUBFLOW] = {"subflow", "1", "0 the connection itself"},
    [REPORT_KIND] = {"kind", "1",
                     "0 interval, 1 final, 2 start (counters are the baseline), 3 of the "
                     "host: no flow's"},
    [REPORT_NUMBER] = {"number", "1", "counts the rows of this endpoint from 0 without gaps"},
    [REPORT_BEGIN] = {"begin", "ns",
                      "start of the interval covered by the row, after the start of "
                      "the run"},
    [REPORT_END] = {"end", "ns",
                    "end of the interval covered by the row, after the start of the "
                    "run"},
};

void report_init(struct report *report)
{
    memset(report->key, 0, sizeof report->key);
    for (size_t i = 0; i < METRICS; i++)
        report->value[i] = METRIC_ABSENT;
}

bool report_has_sane_time(const struct report *report)
{
    int64_t begin = report->key[REPORT_BEGIN], end = report->key[REPORT_END];
    int64_t most = INT64_MAX / 4;
    return begin >= -most && begin <= most && end >= -most && end <= most;
}

const char *report_column_name(size_t index)
{
    return index < REPORT_KEYS ? keys[index].name : metrics[index - REPORT_KEYS].field;
}

const char *report_column_unit(size_t index)
{
    return index < REPORT_KEYS ? keys[index].unit : metrics[index - REPORT_KEYS].unit;
}

const char *report_column_kind(size_t index)
{
    return index < REPORT_KEYS ? "key" : metric_kind_name(metrics[index - REPORT_KEYS].kind);
}

const char *report_column_help(size_t index)
{
    return index < REPORT_KEYS ? keys[index].help : metrics[index - REPORT_KEYS].help;
}

void report_section_name(uint32_t type, char name[REPORT_SECTION_NAME_MAX])
{
    uint32_t series = type - REPORT_SECTION_HISTOGRAM;
    static const char *const texts[] = {[REPORT_SECTION_INFO] = "info",
                                        [REPORT_SECTION_ERROR] = "error",
                                        [REPORT_SECTION_STOPPED] = "stopped",
                                        [REPORT_SECTION_HOST] = "host"};
    if (type < COUNT(texts) && texts[type])
        snprintf(name, REPORT_SECTION_NAME_MAX, "%s", texts[type]);
    else if (series < SERIES)
        snprintf(name, REPORT_SECTION_NAME_MAX, "%s_histogram", series_list[series].field);
    else
        snprintf(name, REPORT_SECTION_NAME_MAX, "section_%" PRIu32, type);
}

static size_t padded(size_t length)
{
    return (length + 7) & ~(size_t)7;
}

/* Small numbers of either sign become small ones without. */
static uint64_t folded(int64_t value)
{
    return (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
}

static int64_t unfolded(uint64_t number)
{
    return (int64_t)(number >> 1 ^ -(number & 1));
}

static size_t map_size(size_t bits)
{
    return (bits + 7) / 8;
}

size_t report_packed_size(const struct report *report, const struct report_section *sections,
                          size_t count)
{
    size_t size = ROW_HEAD + map_size(REPORT_COLUMNS);
    for (size_t i = 0; i < REPORT_KEYS; i++)
        size += varint_size(folded(report->key[i]));
    for (size_t i = 0; i < METRICS; i++)
        if (report->value[i] != METRIC_ABSENT)
            size += varint_size(folded(report->value[i]));
    size = padded(size);
    for (size_t i = 0; i < count; i++)
        size += SECTION_HEAD + padded(sections[i].length);
    return size;
}

static uint8_t *put_column(uint8_t *map, uint8_t *at, size_t index, int64_t value)
{
    map[index / 8] |= (uint8_t)(1 << index % 8);
    return varint_put(at, folded(value));
}

void report_pack(const struct report *report, const struct report_section *sections, size_t count,
                 void *bytes)
{
    uint8_t *map = (uint8_t *)bytes + ROW_HEAD, *at = map + map_size(REPORT_COLUMNS);
    memset(map, 0, map_size(REPORT_COLUMNS));
    for (size_t i = 0; i < REPORT_KEYS; i++)
        at = put_column(map, at, i, report->key[i]);
    for (size_t i = 0; i < METRICS; i++)
        if (report->value[i] != METRIC_ABSENT)
            at = put_column(map, at, REPORT_KEYS + i, report->value[i]);
    while ((at - (uint8_t *)bytes) % 8)
        *at++ = 0;
    for (size_t i = 0; i < count; i++) {
        at = put_le32(at, sections[i].type);
        at = put_le32(at, sections[i].length);
        if (sections[i].length)
            memcpy(at, sections[i].data, sections[i].length);
        memset(at + sections[i].length, 0, padded(sections[i].length) - sections[i].length);
        at += padded(sections[i].length);
    }
    put_le32(put_le32(bytes, (uint32_t)(at - (uint8_t *)bytes)), (uint32_t)count);
}

void report_layout_own(struct report_layout *layout)
{
    *layout = (struct report_layout){0};
    for (size_t i = 0; i < REPORT_COLUMNS; i++)
        report_layout_add(layout, report_column_name(i));
}

bool report_layout_add(struct report_layout *layout, const char *name)
{
    if (layout->columns == sizeof layout->place / sizeof layout->place[0])
        return false;
    int16_t place = -1;
    for (size_t i = 0; i < REPORT_COLUMNS && place < 0; i++)
        if (!strcmp(report_column_name(i), name))
            place = (int16_t)i;
    layout->place[layout->columns++] = place;
    return true;
}

/* Gives where the columns end, or NULL where they don't before `end`. */
static const uint8_t *get_columns(const uint8_t *map, const uint8_t *end,
                                  const struct report_layout *layout, struct report *report)
{
    const uint8_t *at = map + map_size(layout->columns);
    for (size_t byte = 0; byte < layout->columns; byte += 8) {
        for (unsigned bits = map[byte / 8]; bits; bits &= bits - 1) {
            uint64_t number;
            size_t column = byte + (size_t)__builtin_ctz(bits);
            if (column >= layout->columns)
                break;
            at = varint_get(at, end, &number);
            if (!at)
                return NULL;
            int place = layout->place[column];
            if (place >= REPORT_KEYS)
                report->value[place - REPORT_KEYS] = unfolded(number);
            else if (place >= 0)
                report->key[place] = unfolded(number);
        }
    }
    return at;
}

static bool get_sections(const uint8_t *at, const uint8_t *end, uint32_t count,
                         struct report_row *row, struct fail *fail)
{
    row->section_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        /* Both sides are multiples of eight, so that a length that fits does so padded. */
        if (end - at < SECTION_HEAD || (size_t)(end - at) - SECTION_HEAD < get_le32(at + 4))
            return fail_set(fail, 0, "a section exceeds its report");
        struct report_section section = {get_le32(at), get_le32(at + 4), at + SECTION_HEAD};
        if (row->section_count < REPORT_SECTIONS_MAX)
            row->sections[row->section_count++] = section;
        at += SECTION_HEAD + padded(section.length);
    }
    return true;
}

bool report_unpack(const void *bytes, size_t length, const struct report_layout *layout,
                   struct report_row *row, size_t *used, struct fail *fail)
{
    size_t least = padded(ROW_HEAD + map_size(layout->columns));
    if (length < least)
        return fail_set(fail, 0, "%zu bytes are too few for a report", length);
    const uint8_t *row_begin = bytes, *end;
    size_t size = get_le32(row_begin);
    if (size < least || size > length || size % 8)
        return fail_set(fail, 0, "a report claims %zu bytes, but has %zu", size, length);
    report_init(&row->report);
    end = get_columns(row_begin + ROW_HEAD, row_begin + size, layout, &row->report);
    if (!end)
        return fail_set(fail, 0, "a column exceeds its report");
    *used = size;
    return get_sections(row_begin + padded((size_t)(end - row_begin)), row_begin + size,
                        get_le32(row_begin + 4), row, fail);
}

const struct report_section *report_section(const struct report_row *row, uint32_t type)
{
    for (size_t i = 0; i < row->section_count; i++)
        if (row->sections[i].type == type)
            return &row->sections[i];
    return NULL;
}
