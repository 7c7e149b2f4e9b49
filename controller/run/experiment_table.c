/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/experiment_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "mem.h"
#include "output/terminal.h"
#include "output/text_table.h"
#include "results/compare.h"

/* A ratio over all directions that know both parts. */
struct share {
    int64_t part, whole;
};

static void add_share(struct share *share, int64_t part, int64_t whole)
{
    if (part == METRIC_ABSENT || whole == METRIC_ABSENT || whole <= 0)
        return;
    share->part += part;
    share->whole += whole;
}

static double share_value(const struct share *share)
{
    return share->whole ? (double)share->part / (double)share->whole : (double)NAN;
}

void experiment_figures(const struct summary *summary, struct run_figures *figures)
{
    struct share retransmitted = {0}, lost = {0};
    double rtt = 0;
    size_t rtts = 0;
    for (int i = 0; i < RUN_FIGURES; i++)
        figures->value[i] = NAN;
    for (size_t i = 0; i < ENDPOINTS * summary->count; i++) {
        const struct summary_direction *direction =
            &summary->flows[i / ENDPOINTS].directions[i % ENDPOINTS];
        if (!direction->exists)
            continue;
        add_share(&retransmitted, direction->retransmitted, direction->sent);
        add_share(&lost, direction->datagrams_lost, direction->datagrams_sent);
        if (direction->min_rtt == METRIC_ABSENT)
            continue;
        rtt += (double)direction->min_rtt / NS_PER_SEC;
        rtts++;
    }
    figures->value[RUN_GOODPUT] = summary->total.goodput;
    figures->value[RUN_RETRANSMITTED] = share_value(&retransmitted);
    figures->value[RUN_LOST] = share_value(&lost);
    figures->value[RUN_MIN_RTT] = rtts ? rtt / (double)rtts : (double)NAN;
}

void experiment_add(struct cell_samples *cell, const struct run_figures *figures)
{
    for (int i = 0; i < RUN_FIGURES; i++) {
        if (!isfinite(figures->value[i]))
            continue;
        cell->values[i] = mem_grow(cell->values[i], cell->counts[i] + 1, sizeof(double));
        cell->values[i][cell->counts[i]++] = figures->value[i];
    }
}

void experiment_free(struct cell_samples *cells, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (int k = 0; k < RUN_FIGURES; k++)
            free(cells[i].values[k]);
    free(cells);
}

static char *figure_text(enum run_figure figure, double value, double largest)
{
    char text[2 * FIGURE_MAX];
    run_figure_text(figure, value, largest, text);
    return mem_strdup(text);
}

/* "4.9 to 5.1 Mbit/s" of the mean; "-" below two samples. */
static char *interval_text(enum run_figure figure, const struct compare_group *group)
{
    double half = compare_half_width(group, 0.95);
    char low[2 * FIGURE_MAX], high[2 * FIGURE_MAX];
    if (!isfinite(half))
        return mem_strdup("-");
    run_figure_text(figure, group->mean - half, group->mean, low);
    run_figure_text(figure, group->mean + half, group->mean, high);
    return mem_printf("%s to %s", low, high);
}

/* Mean, median and interval of each of these. */
static const enum run_figure shown[] = {RUN_GOODPUT, RUN_MIN_RTT, RUN_RETRANSMITTED, RUN_LOST};

enum { SHOWN = COUNT(shown), PER_FIGURE = 3, FIRST = 2, CELL_COLUMNS = FIRST + SHOWN * PER_FIGURE };

static void add_row(struct text_table *table, char *label, const struct cell_samples *cell)
{
    char *cells[CELL_COLUMNS] = {label};
    cells[1] = cell->failed ? mem_printf("%zu (%zu failed)", cell->runs, cell->failed)
                            : mem_printf("%zu", cell->runs);
    for (size_t i = 0; i < SHOWN; i++) {
        enum run_figure figure = shown[i];
        struct compare_group group = compare_describe(cell->values[figure], cell->counts[figure]);
        char **at = &cells[FIRST + i * PER_FIGURE];
        at[0] = figure_text(figure, group.mean, group.mean);
        at[1] = figure_text(figure, group.median, group.median);
        at[2] = interval_text(figure, &group);
    }
    text_table_add(table, cells);
}

void experiment_print(const struct planfile *plan, const struct cell_samples *cells, FILE *out)
{
    struct text_column heads[CELL_COLUMNS] = {
        {"cell", true, 1},
        {"runs", false, 1},
        {"goodput", false, 1},
        {"median", false, 1},
        {"95 % interval", false, 1},
        {"min RTT", false, 2},
        {"median RTT", false, 2},
        {"95 % interval of RTT", false, 2},
        {"retransmitted", false, 3},
        {"median retransmitted", false, 3},
        {"95 % interval of retransmitted", false, 3},
        {"lost", false, 3},
        {"median lost", false, 3},
        {"95 % interval of lost", false, 3},
    };
    struct text_table table = {.columns = heads, .column_count = CELL_COLUMNS};
    for (size_t i = 0; i < plan->cells; i++)
        add_row(&table, planfile_label(plan, i), &cells[i]);
    text_table_drop_empty(&table, heads);
    text_table_print(&table, out, terminal_look(fileno(out)).width);
}
