/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/histogram_bars.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "mem.h"
#include "output/figure.h"

enum { ROWS_MOST = 20, EDGE_WIDTH = 9, SHARE_WIDTH = 7, BAR_LEAST = 10 };

/* What ranges and percentiles are told in. */
static const struct figure_unit units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};

struct bars {
    const struct histogram *histogram;
    const struct figure_unit *unit;
    int step, first,
        last; /* buckets of a row; the first and last row: row r has buckets from r * step */
    uint64_t counts[ROWS_MOST], largest, all;
};

/* Rounds down, below zero as well: the buckets of negative values mirror the others. */
static int row_of(int bucket, int step)
{
    return bucket >= 0 ? bucket / step : -((-1 - bucket) / step) - 1;
}

static void choose_rows(struct bars *bars)
{
    uint64_t count;
    int lowest = histogram_next(bars->histogram, -HISTOGRAM_END - 1, &count), highest = lowest;
    for (int at = lowest; at < HISTOGRAM_END; at = histogram_next(bars->histogram, at, &count))
        highest = at;
    bars->step = 1;
    while (row_of(highest, bars->step) - row_of(lowest, bars->step) >= ROWS_MOST)
        bars->step *= 2;
    bars->first = row_of(lowest, bars->step);
    bars->last = row_of(highest, bars->step);
}

static void count_rows(struct bars *bars)
{
    uint64_t count;
    for (int at = -HISTOGRAM_END - 1;
         (at = histogram_next(bars->histogram, at, &count)) < HISTOGRAM_END;) {
        uint64_t *row = &bars->counts[row_of(at, bars->step) - bars->first];
        *row += count;
        bars->largest = *row > bars->largest ? *row : bars->largest;
        bars->all += count;
    }
}

static const struct figure_unit *unit_for(int64_t ns)
{
    double size = ns < 0 ? -(double)ns : (double)ns;
    const struct figure_unit *unit = units;
    while (unit < &units[3] && size >= 1e3 * unit->size)
        unit++;
    return unit;
}

static void put_heading(const struct bars *bars, const char *name, const int64_t *percentiles,
                        text_line *put, void *context)
{
    static const char *const names[TALLY_PERCENTILES] = {"median", "p90", "p99", "p99.9"};
    struct buffer line = {0};
    buffer_printf(&line, "%s, %" PRIu64 " value%s", name, bars->all, bars->all == 1 ? "" : "s");
    put(context, line.data);
    line.length = 0;
    for (int i = 0; i < TALLY_PERCENTILES; i++) {
        char text[FIGURE_MAX];
        figure_format((double)percentiles[i] / bars->unit->size, text);
        buffer_printf(&line, "%s %s %s", i ? "," : " ", names[i], text);
    }
    buffer_printf(&line, " %s", bars->unit->name);
    put(context, line.data);
    buffer_free(&line);
}

static void edge_text(const struct bars *bars, int64_t ns, char text[FIGURE_MAX])
{
    figure_format((double)ns / bars->unit->size, text);
}

static void share_text(double share, uint64_t count, char text[FIGURE_MAX])
{
    if (count && share < 0.0005)
        snprintf(text, FIGURE_MAX, "<0.1 %%");
    else
        snprintf(text, FIGURE_MAX, "%.1f %%", 100 * share);
}

static void put_row(const struct bars *bars, int row, int room, text_line *put, void *context)
{
    char from[FIGURE_MAX], to[FIGURE_MAX], share[FIGURE_MAX], bar[256], line[512];
    uint64_t count = bars->counts[row - bars->first];
    int64_t lower, upper, unused;
    histogram_edges(row * bars->step, &lower, &unused);
    histogram_edges((row + 1) * bars->step - 1, &unused, &upper);
    edge_text(bars, lower, from);
    edge_text(bars, upper, to);
    share_text((double)count / (double)bars->all, count, share);
    size_t length = (size_t)((double)count / (double)bars->largest * room + 0.5);
    memset(bar, '#', length);
    bar[length] = '\0';
    snprintf(line, sizeof line, "  %*s to %*s  %*s%s%s", EDGE_WIDTH, from, EDGE_WIDTH, to,
             SHARE_WIDTH, share, count ? "  " : "", count && !length ? "." : bar);
    put(context, line);
}

void histogram_bars(const struct histogram_about *about, const struct histogram *histogram,
                    int width, text_line *put, void *context)
{
    struct bars bars = {.histogram = histogram};
    int64_t percentiles[TALLY_PERCENTILES];
    int room = width - (2 + EDGE_WIDTH + 4 + EDGE_WIDTH + 2 + SHARE_WIDTH + 2);
    room = room < BAR_LEAST ? BAR_LEAST : room > 60 ? 60 : room;
    choose_rows(&bars);
    count_rows(&bars);
    histogram_percentiles(histogram, tally_percentiles, TALLY_PERCENTILES, percentiles);
    bars.unit = unit_for(percentiles[0]);
    put(context, "");
    put_heading(&bars, series_list[about->series].label, percentiles, put, context);
    for (int row = bars.first; row <= bars.last; row++)
        put_row(&bars, row, room, put, context);
}
