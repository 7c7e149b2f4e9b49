/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tally.h"

const int tally_percentiles[TALLY_PERCENTILES] = {500, 900, 990, 999};

void series_turn(struct series *series)
{
    tally_merge(&series->total, &series->interval);
    series->interval = (struct tally){0};
    if (!series->total_spread) {
        series->total_spread = series->interval_spread;
        series->interval_spread = NULL;
    } else if (series->interval_spread) {
        histogram_merge(series->total_spread, series->interval_spread);
        histogram_clear(series->interval_spread);
    }
}

void series_free(struct series *series)
{
    histogram_free(series->interval_spread);
    histogram_free(series->total_spread);
    *series = (struct series){0};
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
