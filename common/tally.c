/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tally.h"

const int tally_percentiles[TALLY_PERCENTILES] = {500, 900, 990, 999};

static void move_spread(struct histogram **into, struct histogram **from)
{
    if (!*into) {
        *into = *from;
        *from = NULL;
    } else if (*from) {
        histogram_merge(*into, *from);
        histogram_clear(*from);
    }
}

void series_omit(struct series *series)
{
    series->total = (struct tally){0};
    if (series->total_spread)
        histogram_clear(series->total_spread);
    tally_merge(&series->omitted, &series->interval);
    series->interval = (struct tally){0};
    move_spread(&series->omitted_spread, &series->interval_spread);
}

struct tally series_interval(struct series *series, const struct histogram **spread)
{
    struct tally tally = series->omitted;
    tally_merge(&tally, &series->interval);
    *spread = series->interval_spread;
    if (!series->omitted.count)
        return tally;
    if (series->interval_spread)
        histogram_merge(series->omitted_spread, series->interval_spread);
    *spread = series->omitted_spread;
    return tally;
}

void series_turn(struct series *series)
{
    series->omitted = (struct tally){0};
    histogram_free(series->omitted_spread);
    series->omitted_spread = NULL;
    tally_merge(&series->total, &series->interval);
    series->interval = (struct tally){0};
    move_spread(&series->total_spread, &series->interval_spread);
}

void series_free(struct series *series)
{
    histogram_free(series->interval_spread);
    histogram_free(series->omitted_spread);
    histogram_free(series->total_spread);
    *series = (struct series){.account = series->account};
}

void tally_report_percentiles(const struct tally *tally, const struct histogram *spread,
                              int64_t *slots)
{
    for (int i = 0; i < TALLY_PERCENTILES; i++)
        slots[i] = METRIC_ABSENT;
    if (!histogram_count(spread))
        return;
    histogram_percentiles(spread, tally_percentiles, TALLY_PERCENTILES, slots);
    for (int i = 0; i < TALLY_PERCENTILES; i++) {
        slots[i] = slots[i] < tally->minimum ? tally->minimum : slots[i];
        slots[i] = slots[i] > tally->maximum ? tally->maximum : slots[i];
    }
}
