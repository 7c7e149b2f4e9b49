/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The figures of a report and the columns that show them; both come from metrics.def. */
#ifndef FLOWRIG_METRICS_H
#define FLOWRIG_METRICS_H

#include <stddef.h>
#include <stdint.h>

/* METRIC_<field>: the slot of a metric in a report. */
enum metric {
#define METRIC(field, ...) METRIC_##field,
#include "metrics.def"
    METRICS
};

/* A value that does not exist. Arithmetic on it is a bug. */
#define METRIC_ABSENT INT64_MIN
/* A threshold that is not there yet: larger than every value. */
#define METRIC_INFINITE INT64_MAX

enum metric_kind {
    METRIC_KIND_COUNTER,
    METRIC_KIND_GAUGE,
    METRIC_KIND_FINAL,
    METRIC_KIND_COUNT, /* the four slots of a tally, in this order */
    METRIC_KIND_MIN,
    METRIC_KIND_MAX,
    METRIC_KIND_SUM,
    METRIC_KIND_PERCENTILE, /* the four slots of a series, in ascending order */
};

struct metric_info {
    const char *field;
    enum metric_kind kind;
    const char *unit; /* "B", "ns", "us", "ms", "B/s", "ppm", "seg", "1" */
    const char *help;
};

extern const struct metric_info metrics[METRICS];

/* The metrics whose kind is COUNTER, in their order. */
extern const enum metric metric_counters[];
extern const size_t metric_counters_count;

/* The sum, or METRIC_ABSENT where one of them is, or where it has no room: a report may be false.
 */
static inline int64_t metric_plus(int64_t one, int64_t other)
{
    int64_t sum;
    return one == METRIC_ABSENT || other == METRIC_ABSENT ||
                   __builtin_add_overflow(one, other, &sum)
               ? METRIC_ABSENT
               : sum;
}

/* The sum of what there is: an absent value adds nothing. */
static inline int64_t metric_sum(int64_t one, int64_t other)
{
    return one == METRIC_ABSENT ? other : other == METRIC_ABSENT ? one : metric_plus(one, other);
}

/* SERIES_<field>: the tallies that have percentiles and a histogram. */
enum series_id {
#define PERCENTILES(field, ...) SERIES_##field,
#include "metrics.def"
    SERIES
};

struct series_info {
    const char *field;
    const char *label; /* in a summary */
    enum metric count; /* the first slot of the tally */
    enum metric p50;   /* the first slot of the percentiles */
};

extern const struct series_info series_list[SERIES];

/* "counter", "gauge", ... */
const char *metric_kind_name(enum metric_kind kind);

enum column_form {
    COLUMN_DELTA,
    COLUMN_PER_S,
    COLUMN_BITRATE,
    COLUMN_VALUE,
    COLUMN_BITS,
    COLUMN_MIN,
    COLUMN_AVG,
    COLUMN_MAX,
    COLUMN_CA_STATE,
    COLUMN_STATUS,
    COLUMN_TCP_STATE,
    COLUMN_OPTIONS,
};

/* Which end of a direction a column tells something about. */
enum column_side {
    COLUMN_SIDE_TX, /* the sender of requests */
    COLUMN_SIDE_RX, /* their receiver */
    COLUMN_SIDE_BOTH,
};

/* A column of screen and log. */
struct column {
    const char *name; /* in the log; no spaces */
    const char *head; /* on the screen */
    const char *unit;
    enum column_form form;
    enum metric metric; /* of a tally its first slot */
    unsigned places;
    unsigned power;
    enum column_side side;
    const char *group; /* of option -c */
    const char *help;
};

extern const struct column columns[];
extern const size_t columns_count;

/* The column called `name`, or NULL. */
const struct column *column_find(const char *name, size_t length);

#endif
