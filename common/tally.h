/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Number, minimum, maximum, sum and percentiles of values as they come. */
#ifndef FLOWRIG_TALLY_H
#define FLOWRIG_TALLY_H

#include <stdint.h>

#include "histogram.h"
#include "metrics.h"

/* All-zero is an empty one. */
struct tally {
    int64_t count, minimum, maximum, sum;
};

static inline void tally_add(struct tally *tally, int64_t value)
{
    if (!tally->count || value < tally->minimum)
        tally->minimum = value;
    if (!tally->count || value > tally->maximum)
        tally->maximum = value;
    tally->count++;
    tally->sum += value;
}

static inline void tally_merge(struct tally *into, const struct tally *from)
{
    if (!from->count)
        return;
    if (!into->count || from->minimum < into->minimum)
        into->minimum = from->minimum;
    if (!into->count || from->maximum > into->maximum)
        into->maximum = from->maximum;
    into->count += from->count;
    if (__builtin_add_overflow(into->sum, from->sum, &into->sum)) /* a false report may be added */
        into->sum = from->sum < 0 ? INT64_MIN : INT64_MAX;
}

/* Values of one kind, counted for the interval and for the whole flow. Each value is counted once,
 * for the interval; series_turn() adds that up. All-zero is an empty one: histograms are allocated
 * with the first value. */
struct series {
    struct tally interval, total;
    struct histogram *interval_spread, *total_spread; /* NULL: empty */
    struct account *account; /* that they are charged to; borrowed, NULL: none */
    /* Of the interval, and not to be added to the total: what came before a series_omit(). */
    struct tally omitted;
    struct histogram *omitted_spread; /* NULL: empty */
};

/* Returns false where the value is left out: where its account refuses the room for it, which the
 * account notes, and where no sum would hold it, which is a false time of the peer. */
static inline bool series_add(struct series *series, int64_t value)
{
    int64_t sum;
    if (__builtin_add_overflow(series->interval.sum, value, &sum) ||
        __builtin_add_overflow(series->total.sum, sum, &sum))
        return false;
    if (!series->interval_spread)
        series->interval_spread = histogram_new();
    if (!histogram_add_charged(series->interval_spread, series->account, value))
        return false;
    tally_add(&series->interval, value);
    return true;
}

/* Begins the total anew: the interval keeps what it has. */
void series_omit(struct series *series);
/* The tally of the whole interval, and in *spread its histogram, which stays the series's. */
struct tally series_interval(struct series *series, const struct histogram **spread);
/* Ends the interval: the total has its values, too, and a new one begins. */
void series_turn(struct series *series);
/* Frees what it has allocated; it is empty then. */
void series_free(struct series *series);

/* The shares of percentiles in a report, in thousandths: p50, p90, p99, p99.9. */
enum { TALLY_PERCENTILES = 4 };
extern const int tally_percentiles[TALLY_PERCENTILES];

/* Writes the percentiles into the four slots of a report that begin at `slots`; absent where there
 * is no value. None is told outside of minimum and maximum, which are known exactly. */
void tally_report_percentiles(const struct tally *tally, const struct histogram *spread,
                              int64_t *slots);

/* Writes the tally into the four slots of a report that begin at `slots`; where nothing was
 * counted, minimum, maximum and sum are absent. */
static inline void tally_report(const struct tally *tally, int64_t *slots)
{
    slots[0] = tally->count;
    slots[1] = tally->count ? tally->minimum : METRIC_ABSENT;
    slots[2] = tally->count ? tally->maximum : METRIC_ABSENT;
    slots[3] = tally->count ? tally->sum : METRIC_ABSENT;
}

#endif
