/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Number, minimum, maximum and sum of values as they come. */
#ifndef FLOWRIG_TALLY_H
#define FLOWRIG_TALLY_H

#include <stdint.h>

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

/* The same values, counted for the interval and for the whole flow. */
struct series {
    struct tally interval, total;
};

static inline void series_add(struct series *series, int64_t value)
{
    tally_add(&series->interval, value);
    tally_add(&series->total, value);
}

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
