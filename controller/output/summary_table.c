/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/summary_table.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "mem.h"
#include "output/figure.h"
#include "output/summary_limits.h"
#include "output/summary_lines.h"
#include "output/table_columns.h"

enum { CELLS = 17, CELL_ROOM = 64, GAP = 2 };

struct row {
    char cells[CELLS][CELL_ROOM];
};

/* A table on its way: as many rows as directions, and how wide each column has to be. */
struct layout {
    struct summary_lines lines;
    unsigned kinds; /* of flows: a set of enum table_of */
    int widths[CELLS];
    bool shown[CELLS];
};

struct source {
    const struct summary_flow *flow;
    size_t index;
    enum endpoint sender;
};

/* ---- cells */

static void put_flow(const struct layout *layout, const struct source *from, char *text)
{
    (void)layout;
    snprintf(text, CELL_ROOM, "%zu", from->index);
}

static void put_from(const struct layout *layout, const struct source *from, char *text)
{
    (void)layout;
    snprintf(text, CELL_ROOM, "%.40s", from->flow->ends[0].flow->at[from->sender].host);
}

static void put_to(const struct layout *layout, const struct source *from, char *text)
{
    (void)layout;
    snprintf(text, CELL_ROOM, "%.40s", from->flow->ends[0].flow->at[1 - from->sender].host);
}

static void put_algorithm(const struct layout *layout, const struct source *from, char *text)
{
    (void)layout;
    results_info(from->flow->ends[from->sender].result, "congestion_control", text, CELL_ROOM);
}

static const struct summary_direction *direction_of(const struct source *from)
{
    return &from->flow->directions[from->sender];
}

static void put_goodput(const struct layout *layout, const struct source *from, char *text)
{
    figure_format(direction_of(from)->goodput / layout->lines.unit->size, text);
}

static void put_volume_time(const struct layout *layout, const struct source *from, char *text)
{
    int64_t time = direction_of(from)->volume_time;
    (void)layout;
    if (time != METRIC_ABSENT)
        figure_format((double)time / NS_PER_SEC, text);
}

static void put_retransmitted(const struct layout *layout, const struct source *from, char *text)
{
    (void)layout;
    figure_bytes(direction_of(from)->retransmitted, text);
}

static void put_percent(const struct layout *layout, const struct source *from, char *text)
{
    double percent = summary_share(direction_of(from)->retransmitted, direction_of(from)->sent);
    (void)layout;
    if (isnan(percent))
        snprintf(text, CELL_ROOM, "-");
    else
        snprintf(text, CELL_ROOM, "%.*f", SUMMARY_PERCENT_PLACES, percent);
}

static void put_lost(const struct layout *layout, const struct source *from, char *text)
{
    (void)layout;
    if (direction_of(from)->datagrams_lost != METRIC_ABSENT)
        snprintf(text, CELL_ROOM, "%" PRId64, direction_of(from)->datagrams_lost);
}

static void put_loss(const struct layout *layout, const struct source *from, char *text)
{
    double loss =
        summary_share(direction_of(from)->datagrams_lost, direction_of(from)->datagrams_sent);
    (void)layout;
    if (!isnan(loss))
        snprintf(text, CELL_ROOM, "%.*f", SUMMARY_LOSS_PLACES, loss);
}

static void put_jitter(const struct layout *layout, const struct source *from, char *text)
{
    (void)layout;
    figure_milliseconds(direction_of(from)->jitter, text);
}

static void put_limit(const struct layout *layout, const struct source *from, char *text)
{
    (void)layout;
    summary_limit(direction_of(from), text, CELL_ROOM);
}

static void put_srtt(const struct layout *layout, const struct source *from, char *text)
{
    (void)layout;
    figure_microseconds(direction_of(from)->srtt, text);
}

static void put_min_rtt(const struct layout *layout, const struct source *from, char *text)
{
    (void)layout;
    figure_microseconds(direction_of(from)->min_rtt, text);
}

/* A figure of the sender's blocks, in ns. */
static int64_t of_blocks(const struct source *from, enum metric metric)
{
    const struct endpoint_result *result = from->flow->ends[from->sender].result;
    return result->finished && result->final.value[METRIC_rtt_count] > 0
               ? result->final.value[metric]
               : METRIC_ABSENT;
}

static void put_block_min(const struct layout *layout, const struct source *from, char *text)
{
    (void)layout;
    figure_milliseconds(of_blocks(from, METRIC_rtt_min), text);
}

static void put_block_mean(const struct layout *layout, const struct source *from, char *text)
{
    int64_t sum = of_blocks(from, METRIC_rtt_sum), count = of_blocks(from, METRIC_rtt_count);
    (void)layout;
    figure_milliseconds(sum == METRIC_ABSENT ? sum : sum / count, text);
}

static void put_block_p99(const struct layout *layout, const struct source *from, char *text)
{
    (void)layout;
    figure_milliseconds(of_blocks(from, METRIC_rtt_p99), text);
}

/* `rank` says which columns stay where there is little room, 1 first. */
static const struct {
    const char *head, *unit; /* NULL: the unit of rates */
    int rank;
    bool left;
    unsigned of; /* a set of enum table_of */
    void (*put)(const struct layout *, const struct source *, char *text);
} columns_list[CELLS] = {
    {"flow", "", 1, false, TABLE_OF_ALL, put_flow},
    {"from", "", 3, true, TABLE_OF_ALL, put_from},
    {"to", "", 3, true, TABLE_OF_ALL, put_to},
    {"algorithm", "", 4, true, TABLE_OF_STREAMS, put_algorithm},
    {"goodput", NULL, 1, false, TABLE_OF_ALL, put_goodput},
    {"read after", "s", 1, false, TABLE_OF_VOLUMES, put_volume_time},
    {"lost", "datagrams", 2, false, TABLE_OF_DATAGRAMS, put_lost},
    {"loss", "%", 2, false, TABLE_OF_DATAGRAMS, put_loss},
    {"jitter", "ms mean", 2, false, TABLE_OF_DATAGRAMS, put_jitter},
    {"retransmitted", "", 2, false, TABLE_OF_STREAMS, put_retransmitted},
    {"of sent", "%", 5, false, TABLE_OF_STREAMS, put_percent},
    {"srtt", "ms, end", 4, false, TABLE_OF_STREAMS, put_srtt},
    {"min RTT", "ms, end", 6, false, TABLE_OF_STREAMS, put_min_rtt},
    {"block RTT", "ms min", 7, false, TABLE_OF_BLOCKS, put_block_min},
    {"block RTT", "ms mean", 2, false, TABLE_OF_BLOCKS, put_block_mean},
    {"block RTT", "ms p99", 3, false, TABLE_OF_BLOCKS, put_block_p99},
    {"limited by", "share of time", 2, true, TABLE_OF_STREAMS, put_limit},
};
enum { RANKS = 8 };

/* ---- layout */

static void widen(int *width, const char *text)
{
    if ((int)strlen(text) > *width)
        *width = (int)strlen(text);
}

static const char *unit_of(const struct layout *layout, int column)
{
    return columns_list[column].unit ? columns_list[column].unit : layout->lines.unit->name;
}

/* Chooses the columns: by rank, as long as they fit. */
static void choose_columns(struct layout *layout, const struct row *rows, size_t count)
{
    int used = -GAP;
    bool fits = true;
    for (int i = 0; i < CELLS; i++) {
        widen(&layout->widths[i], columns_list[i].head);
        widen(&layout->widths[i], unit_of(layout, i));
        for (size_t k = 0; k < count; k++)
            widen(&layout->widths[i], rows[k].cells[i]);
    }
    for (int rank = 1; rank < RANKS && fits; rank++) {
        int more = 0;
        for (int i = 0; i < CELLS; i++)
            if (columns_list[i].rank == rank && columns_list[i].of & layout->kinds)
                more += layout->widths[i] + GAP;
        fits = used + more <= layout->lines.width || rank == 1;
        for (int i = 0; i < CELLS && fits; i++)
            if (columns_list[i].rank == rank)
                layout->shown[i] = columns_list[i].of & layout->kinds;
        used += more;
    }
}

static void put_cells(struct layout *layout, const char *(*cell)(const void *, int),
                      const void *row)
{
    for (int i = 0; i < CELLS; i++)
        if (layout->shown[i])
            buffer_printf(&layout->lines.line, "%*s%*s", layout->lines.line.length ? GAP : 0, "",
                          columns_list[i].left ? -layout->widths[i] : layout->widths[i],
                          cell(row, i));
    summary_lines_end(&layout->lines);
}

static const char *head_cell(const void *row, int column)
{
    (void)row;
    return columns_list[column].head;
}

static const char *unit_cell(const void *row, int column)
{
    return unit_of(row, column);
}

static const char *row_cell(const void *row, int column)
{
    return ((const struct row *)row)->cells[column];
}

static size_t make_rows(const struct layout *layout, struct row *rows)
{
    size_t count = 0;
    for (size_t i = 0; i < ENDPOINTS * layout->lines.summary->count; i++) {
        struct source from = {&layout->lines.summary->flows[i / ENDPOINTS], i / ENDPOINTS,
                              (enum endpoint)(i % ENDPOINTS)};
        if (!direction_of(&from)->exists)
            continue;
        for (int k = 0; k < CELLS; k++) {
            columns_list[k].put(layout, &from, rows[count].cells[k]);
            if (!rows[count].cells[k][0])
                snprintf(rows[count].cells[k], CELL_ROOM, "-");
        }
        count++;
    }
    return count;
}

static void put_table(struct layout *layout)
{
    struct row *rows = mem_new(ENDPOINTS * layout->lines.summary->count, sizeof *rows);
    size_t count = make_rows(layout, rows);
    choose_columns(layout, rows, count);
    put_cells(layout, head_cell, NULL);
    put_cells(layout, unit_cell, layout);
    for (size_t i = 0; i < count; i++)
        put_cells(layout, row_cell, &rows[i]);
    free(rows);
}

static double largest_rate(const struct summary *summary)
{
    double largest = summary->total.directions ? summary->total.goodput : 0;
    for (size_t i = 0; i < ENDPOINTS * summary->count; i++) {
        double rate = summary->flows[i / ENDPOINTS].directions[i % ENDPOINTS].goodput;
        if (rate > largest)
            largest = rate;
    }
    return largest;
}

void summary_table(const struct summary *summary, const struct terminal *terminal,
                   const struct output_options *options, text_line *put, void *context)
{
    struct layout layout = {
        .kinds = table_kinds(summary->plan),
        .lines = {.summary = summary,
                  .unit = figure_rate_unit(largest_rate(summary), options->megabytes),
                  .width = terminal->width,
                  .put = put,
                  .context = context},
    };
    if (options->summary != SUMMARY_TOTAL) {
        put_table(&layout);
        put(context, "");
    }
    summary_lines_errors(&layout.lines);
    if (options->summary != SUMMARY_TOTAL)
        summary_lines_remedies(&layout.lines);
    summary_lines_total(&layout.lines);
    buffer_free(&layout.lines.line);
}
