/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A report: one row of one endpoint, and its form on the wire.
 *
 * Packed, a row is a multiple of eight bytes: its length in bytes and the number of its sections,
 * 32 bits each, little-endian; a bit for each column (the keys, then the metrics), from the lowest
 * of the first byte on, that says whether it is there; the columns that are, and zeros up to a
 * multiple of eight; the sections. A column is a number of one to ten bytes, seven bits in each,
 * the lowest first, and the eighth set in all but the last; 0, -1, 1, -2 are the numbers 0, 1,
 * 2, 3. Most columns are absent or small: so a row has a fifth of the bytes that it would have
 * otherwise. A section has its type and length, 32 bits each, and its bytes, padded to a multiple
 * of eight. Readers find columns by name (the schema), skip what they don't know, and take what is
 * missing as absent. */
#ifndef FLOWRIG_REPORT_H
#define FLOWRIG_REPORT_H

#include <stddef.h>
#include <stdint.h>

#include "fail.h"
#include "metrics.h"

enum report_kind {
    REPORT_INTERVAL,
    REPORT_FINAL,
    REPORT_START, /* counters hold the kernel's own values: the baseline of the later rows */
    REPORT_KINDS, /* of a flow's rows */
    /* Belongs to no flow (REPORT_FLOW is -1): a figure of the host in a section; REPORT_NUMBER
     * counts such rows. */
    REPORT_HOST = REPORT_KINDS,
};

/* The keys of a row, in the order of its first columns. */
enum report_key {
    REPORT_FLOW,
    REPORT_ENDPOINT, /* enum endpoint */
    REPORT_SUBFLOW,  /* 0 is the connection */
    REPORT_KIND,     /* enum report_kind */
    REPORT_NUMBER,   /* of this flow, endpoint and subflow: 0, 1, 2 without gaps */
    REPORT_BEGIN,    /* ns after the run's start instant */
    REPORT_END,
    REPORT_KEYS
};

enum { REPORT_COLUMNS = REPORT_KEYS + METRICS };

enum report_section_type {
    REPORT_SECTION_INFO = 1,    /* "name=value" lines about the connection, UTF-8 */
    REPORT_SECTION_ERROR = 2,   /* a sentence: why the flow failed */
    REPORT_SECTION_STOPPED = 3, /* a sentence: who or what stopped the flow before its time */
    REPORT_SECTION_HOST = 4,    /* figures of the host: hoststats.h */
    /* And on: the histogram of each series (enum series_id), as common/histogram.h has it; in a
     * final report, of the whole flow, where there are values. */
    REPORT_SECTION_HISTOGRAM = 16,
};

enum { REPORT_SECTION_NAME_MAX = 40 };
/* Writes what a type of section is called: "info", "error", "stopped", "rtt_histogram"; a type that
 * is not known, by its number. */
void report_section_name(uint32_t type, char name[REPORT_SECTION_NAME_MAX]);

struct report {
    int64_t key[REPORT_KEYS];
    int64_t value[METRICS];
};

/* A report without values: the keys are 0, every metric is absent. */
void report_init(struct report *report);

/* Whether its times may be added and subtracted. */
bool report_has_sane_time(const struct report *report);

struct report_section {
    uint32_t type;
    uint32_t length;
    const void *data;
};

/* Name, unit, kind and sentence of column `index`, keys first. */
const char *report_column_name(size_t index);
const char *report_column_unit(size_t index);
const char *report_column_kind(size_t index);
const char *report_column_help(size_t index);

/* The length of a row as report_pack() writes it, in bytes. */
size_t report_packed_size(const struct report *report, const struct report_section *sections,
                          size_t count);
/* Writes report_packed_size() bytes. */
void report_pack(const struct report *report, const struct report_section *sections, size_t count,
                 void *bytes);

/* How the columns of a sender lie: for each of its columns the place in our struct report. */
struct report_layout {
    size_t columns;
    int16_t place[512]; /* of REPORT_COLUMNS, or -1 */
};

/* The layout of rows that this program packs itself. */
void report_layout_own(struct report_layout *layout);
/* Adds the sender's next column; returns false when there are too many. */
bool report_layout_add(struct report_layout *layout, const char *name);

enum { REPORT_SECTIONS_MAX = 32 };

/* A row read back; the sections point into the bytes that it was read from. */
struct report_row {
    struct report report;
    struct report_section sections[REPORT_SECTIONS_MAX];
    size_t section_count;
};

/* Reads the row at `bytes`, of which `length` are there, and gives its length in *used. Refuses
 * what does not add up; sections beyond REPORT_SECTIONS_MAX are left out. */
bool report_unpack(const void *bytes, size_t length, const struct report_layout *layout,
                   struct report_row *row, size_t *used, struct fail *fail);

/* The section of that type, or NULL. */
const struct report_section *report_section(const struct report_row *row, uint32_t type);

#endif
