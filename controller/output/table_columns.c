/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/table_columns.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>

#include "clock.h"
#include "metrics.h"

/* The figure that the column is about. */
static int64_t field_of(const struct table_column *column, const struct window_row *row)
{
    return *(const int64_t *)((const char *)row + column->field);
}

static void format_flow(const struct table_column *column, const struct figure_unit *unit,
                        const struct window_row *row, char text[FIGURE_MAX])
{
    (void)column, (void)unit;
    snprintf(text, FIGURE_MAX, "%zu%s", row->flow,
             !row->two_way           ? ""
             : row->sender == SOURCE ? " >"
                                     : " <");
}

static void format_goodput(const struct table_column *column, const struct figure_unit *unit,
                           const struct window_row *row, char text[FIGURE_MAX])
{
    (void)column;
    figure_format(row->goodput / unit->size, text);
}

static void format_delivery(const struct table_column *column, const struct figure_unit *unit,
                            const struct window_row *row, char text[FIGURE_MAX])
{
    (void)column;
    figure_format(row->delivery_rate / unit->size, text);
}

void table_format_count(int64_t value, char text[FIGURE_MAX])
{
    snprintf(text, FIGURE_MAX, "%lld", (long long)value);
    if (value == METRIC_ABSENT)
        snprintf(text, FIGURE_MAX, "-");
}

static void format_count(const struct table_column *column, const struct figure_unit *unit,
                         const struct window_row *row, char text[FIGURE_MAX])
{
    (void)unit;
    table_format_count(field_of(column, row), text);
}

static void format_us(const struct table_column *column, const struct figure_unit *unit,
                      const struct window_row *row, char text[FIGURE_MAX])
{
    (void)unit;
    figure_microseconds(field_of(column, row), text);
}

static void format_ns(const struct table_column *column, const struct figure_unit *unit,
                      const struct window_row *row, char text[FIGURE_MAX])
{
    (void)unit;
    figure_milliseconds(field_of(column, row), text);
}

static void format_block_mean(const struct table_column *column, const struct figure_unit *unit,
                              const struct window_row *row, char text[FIGURE_MAX])
{
    const struct tally *tally = &row->block_rtt;
    (void)column, (void)unit;
    figure_milliseconds(tally->count ? tally->sum / tally->count : METRIC_ABSENT, text);
}

static void format_block_max(const struct table_column *column, const struct figure_unit *unit,
                             const struct window_row *row, char text[FIGURE_MAX])
{
    (void)column, (void)unit;
    figure_milliseconds(row->block_rtt.count ? row->block_rtt.maximum : METRIC_ABSENT, text);
}

/* Of those that have arrived, or are known to be missing. */
static void format_loss(const struct table_column *column, const struct figure_unit *unit,
                        const struct window_row *row, char text[FIGURE_MAX])
{
    int64_t all = metric_plus(row->lost, row->distinct);
    (void)column, (void)unit;
    figure_format(all > 0 ? 100.0 * (double)row->lost / (double)all : NAN, text);
}

#define FIELD(name) offsetof(struct window_row, name)

const struct table_column table_columns[TABLE_COLUMNS] = {
    {"flow", "", 7, 1, TABLE_OF_ALL, format_flow, 0},
    {"goodput", NULL, 9, 1, TABLE_OF_ALL, format_goodput, 0},
    {"lost", "datagr.", 8, 2, TABLE_OF_DATAGRAMS, format_count, FIELD(lost)},
    {"loss", "%", 7, 2, TABLE_OF_DATAGRAMS, format_loss, 0},
    {"jitter", "ms", 7, 2, TABLE_OF_DATAGRAMS, format_ns, FIELD(jitter)},
    {"cwnd", "segments", 8, 3, TABLE_OF_STREAMS, format_count, FIELD(cwnd)},
    {"srtt", "ms", 7, 2, TABLE_OF_STREAMS, format_us, FIELD(srtt)},
    {"retrans", "segments", 8, 2, TABLE_OF_STREAMS, format_count, FIELD(retransmitted)},
    {"block RTT", "ms mean", 9, 2, TABLE_OF_BLOCKS, format_block_mean, 0},
    {"block RTT", "ms max", 9, 5, TABLE_OF_BLOCKS, format_block_max, 0},
    {"min RTT", "ms", 7, 4, TABLE_OF_STREAMS, format_us, FIELD(min_rtt)},
    {"in flight", "segments", 9, 6, TABLE_OF_STREAMS, format_count, FIELD(unacked)},
    {"delivery", NULL, 9, 7, TABLE_OF_STREAMS, format_delivery, 0},
};

enum { RANKS = 8 };

unsigned table_kinds(const struct plan *plan)
{
    unsigned kinds = TABLE_OF_ALL;
    for (size_t i = 0; i < plan->count; i++) {
        const struct plan_flow *flow = &plan->flows[i];
        bool stream = transport_traits[flow->settings.transport].capabilities & TRANSPORT_STREAM;
        kinds |= stream ? TABLE_OF_STREAMS : TABLE_OF_DATAGRAMS;
        for (int end = 0; end < ENDPOINTS; end++) {
            kinds |= settings_ask_responses(&flow->ends[end]) ? TABLE_OF_BLOCKS : 0;
            kinds |= settings_have_volume(&flow->ends[end]) ? TABLE_OF_VOLUMES : 0;
        }
    }
    return kinds;
}

int table_fitting_rank(int width, unsigned kinds)
{
    int used = TABLE_TIME_WIDTH, rank = 1;
    for (; rank < RANKS; rank++) {
        for (int i = 0; i < TABLE_COLUMNS; i++)
            if (table_columns[i].rank == rank && table_columns[i].of & kinds)
                used += TABLE_GAP + table_columns[i].width;
        if (used > width)
            break;
    }
    return rank - 1;
}

bool table_column_shown(const struct table_column *column, int rank, unsigned kinds)
{
    return (column->rank == 1 || column->rank <= rank) && column->of & kinds;
}
