/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "histograms.h"

#include <inttypes.h>
#include <stdio.h>

#include "number.h"

enum { EDGE_PLACES = 6 }; /* of ms: whole nanoseconds, as the edges are */

/* `whose` is the endpoint and the flow. */
static void write_histogram(struct sinks *sinks, const char *whose, enum series_id series,
                            const struct histogram *histogram)
{
    uint64_t count, seen = 0, all = histogram_count(histogram);
    if (!all)
        return;
    for (int bucket = -HISTOGRAM_END - 1;
         (bucket = histogram_next(histogram, bucket, &count)) < HISTOGRAM_END;) {
        int64_t lower, upper;
        char from[NUMBER_TEXT_MAX], to[NUMBER_TEXT_MAX];
        histogram_edges(bucket, &lower, &upper);
        number_format_fixed(from, lower, EDGE_PLACES);
        number_format_fixed(to, upper, EDGE_PLACES);
        seen += count;
        sinks_line(sinks, "histogram %s %s %s %s %" PRIu64 " %.6f", whose,
                   series_list[series].field, from, to, count, (double)seen / (double)all);
    }
}

static bool has_any(const struct results *results)
{
    for (size_t i = 0; i < results->count; i++)
        for (int end = 0; end < ENDPOINTS; end++)
            for (int k = 0; k < SERIES; k++)
                if (results->flows[i].ends[end].histograms[k])
                    return true;
    return false;
}

static void write_flow(struct sinks *sinks, const struct results *results, size_t flow)
{
    char whose[32];
    for (int end = 0; end < ENDPOINTS; end++) {
        snprintf(whose, sizeof whose, "%c %zu", end == SOURCE ? 'S' : 'D', flow);
        for (int k = 0; k < SERIES; k++)
            write_histogram(sinks, whose, (enum series_id)k,
                            results->flows[flow].ends[end].histograms[k]);
    }
    sinks_flush(sinks); /* many lines: they shall not pile up */
}

void histograms_write(struct sinks *sinks, const struct results *results)
{
    sinks_line(sinks, "%s", "");
    if (!has_any(results)) {
        sinks_line(sinks, "histogram: there is none: no block was seen one by one (message mode, "
                          "as with -A or -R, or --framing=message, does)");
        return;
    }
    sinks_line(sinks, "histogram: S|D id series lower upper [ms] count share");
    for (size_t i = 0; i < results->count; i++)
        write_flow(sinks, results, i);
    for (int k = 0; k < SERIES; k++) {
        struct results_series merged;
        results_merge(results, (enum series_id)k, &merged);
        if (merged.without)
            sinks_line(sinks,
                       "histogram: %s: those of %zu endpoints are lost (a flowctl that died had "
                       "them, or they could not be read), and so is that of all together",
                       series_list[k].field, merged.without);
        else
            write_histogram(sinks, "- -", (enum series_id)k, merged.histogram);
        histogram_free(merged.histogram);
    }
}
