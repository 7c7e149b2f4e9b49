/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The screen of a terminal: a table that fits its width, with one row a flow, direction and second.
 * Nothing in it wraps or jumps: columns have fixed widths, and those that do not fit are left out
 * and named. Many flows share one row. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "mem.h"
#include "output/figure.h"
#include "output/histogram_bars.h"
#include "output/histograms.h"
#include "output/output_options.h"
#include "output/sink.h"
#include "output/status.h"
#include "output/summary_table.h"
#include "output/summary_text.h"
#include "output/table_columns.h"
#include "output/terminal.h"
#include "output/windows.h"
#include "output/writer.h"

enum { ROWS_LEAST = 10, GAP = TABLE_GAP, TIME_WIDTH = TABLE_TIME_WIDTH };

struct table {
    struct sink sink;
    const struct output_options *options;
    const struct sink_run *run;
    struct terminal terminal;
    struct buffer out;
    struct writer *writer;
    struct windows *windows;
    const struct figure_unit *unit; /* of rates; NULL until the first one is known */
    bool together;                  /* one row for all flows */
    unsigned kinds;                 /* of flows: a set of enum table_of */
    int rows;                       /* since the head */
    double *sorted;                 /* room for a figure of each direction */
};

static struct table *of(struct sink *sink)
{
    return (struct table *)sink;
}

/* ---- lines */

static void put_line(void *context, const char *text)
{
    buffer_printf(&((struct table *)context)->out, "%s\n", text);
}

static void put_right(struct buffer *out, const char *text, int width)
{
    buffer_printf(out, "%*s", width + GAP, text);
}

static void begin_bold(struct table *table)
{
    if (table->terminal.colour)
        buffer_text(&table->out, "\033[1m");
}

static void end_bold(struct table *table)
{
    if (table->terminal.colour)
        buffer_text(&table->out, "\033[0m");
    buffer_text(&table->out, "\n");
}

static const char *unit_of(const struct table *table, const struct table_column *column)
{
    return column->unit ? column->unit : table->unit->name;
}

static void put_head(struct table *table)
{
    struct buffer *out = &table->out;
    int rank = table_fitting_rank(table->terminal.width, table->kinds);
    begin_bold(table);
    buffer_printf(out, "%*s", TIME_WIDTH, "time");
    for (int i = 0; i < TABLE_COLUMNS; i++)
        if (table_column_shown(&table_columns[i], rank, table->kinds))
            put_right(out, table_columns[i].head, table_columns[i].width);
    end_bold(table);
    buffer_printf(out, "%*s", TIME_WIDTH, "s");
    for (int i = 0; i < TABLE_COLUMNS; i++)
        if (table_column_shown(&table_columns[i], rank, table->kinds))
            put_right(out, unit_of(table, &table_columns[i]), table_columns[i].width);
    buffer_text(out, "\n");
    table->rows = 0;
}

static const char *const together_heads[] = {"sum", "min", "median", "max"};

/* Where no flow is TCP, loss and jitter take the place of retransmissions and RTT. */
static bool has_streams(const struct table *table)
{
    return table->kinds & TABLE_OF_STREAMS;
}

static void put_together_head(struct table *table)
{
    struct buffer *out = &table->out;
    begin_bold(table);
    buffer_printf(out, "%*s%*s", TIME_WIDTH, "time", 6 + GAP, "flows");
    for (size_t i = 0; i < COUNT(together_heads); i++)
        put_right(out, together_heads[i], 8);
    put_right(out, has_streams(table) ? "retrans" : "lost", 8);
    put_right(out, has_streams(table) ? "srtt" : "jitter", 8);
    end_bold(table);
    buffer_printf(out, "%*s%*s", TIME_WIDTH, "s", 6 + GAP, "");
    for (int i = 0; i < 4; i++)
        put_right(out, table->unit->name, 8);
    put_right(out, has_streams(table) ? "segments" : "datagr.", 8);
    put_right(out, "ms", 8);
    buffer_text(out, "\n");
    table->rows = 0;
}

static int by_value(const void *one, const void *other)
{
    double a = *(const double *)one, b = *(const double *)other;
    return a < b ? -1 : a > b;
}

/* The median of `count` sorted values. */
static double median(const double *sorted, size_t count)
{
    if (!count)
        return NAN;
    return count % 2 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

/* Of srtt, or of jitter, in ms. */
static double median_time(struct table *table, const struct window_row *rows, size_t count)
{
    size_t known = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t time = has_streams(table) ? rows[i].srtt : rows[i].jitter;
        if (time != METRIC_ABSENT)
            table->sorted[known++] = (double)time / (has_streams(table) ? 1000 : (double)NS_PER_MS);
    }
    qsort(table->sorted, known, sizeof *table->sorted, by_value);
    return median(table->sorted, known);
}

static void put_rate(struct table *table, double rate)
{
    char text[FIGURE_MAX];
    figure_format(rate / table->unit->size, text);
    put_right(&table->out, text, 8);
}

/* All flows of a window in one row. */
static void put_together(struct table *table, const struct window_row *rows, size_t count)
{
    char text[FIGURE_MAX];
    size_t known = 0;
    double all = 0, middle = median_time(table, rows, count);
    int64_t lost = METRIC_ABSENT;
    for (size_t i = 0; i < count; i++) {
        lost = metric_sum(lost, has_streams(table) ? rows[i].retransmitted : rows[i].lost);
        if (isnan(rows[i].goodput))
            continue;
        table->sorted[known++] = rows[i].goodput;
        all += rows[i].goodput;
    }
    qsort(table->sorted, known, sizeof *table->sorted, by_value);
    buffer_printf(&table->out, "%*zu", 6 + GAP, known);
    put_rate(table, known ? all : NAN);
    put_rate(table, known ? table->sorted[0] : NAN);
    put_rate(table, median(table->sorted, known));
    put_rate(table, known ? table->sorted[known - 1] : NAN);
    table_format_count(lost, text);
    put_right(&table->out, text, 8);
    figure_format(middle, text);
    put_right(&table->out, text, 8);
    buffer_text(&table->out, "\n");
}

static void put_flow(struct table *table, const struct window_row *row)
{
    char text[FIGURE_MAX];
    int rank = table_fitting_rank(table->terminal.width, table->kinds);
    for (int i = 0; i < TABLE_COLUMNS; i++) {
        if (!table_column_shown(&table_columns[i], rank, table->kinds))
            continue;
        table_columns[i].format(&table_columns[i], table->unit, row, text);
        put_right(&table->out, text, table_columns[i].width);
    }
    buffer_text(&table->out, "\n");
}

/* The unit is that of the first window, so that columns can be compared over the run. */
static void choose_unit(struct table *table, const struct window_row *rows, size_t count)
{
    double largest = 0, all = 0;
    for (size_t i = 0; i < count; i++) {
        all += isnan(rows[i].goodput) ? 0 : rows[i].goodput;
        if (rows[i].goodput > largest)
            largest = rows[i].goodput;
    }
    if (table->together)
        largest = all;
    if (!table->unit && largest > 0)
        table->unit = figure_rate_unit(largest, table->options->megabytes);
}

static void put_window(struct table *table, const struct window_row *rows, size_t count,
                       int64_t end)
{
    static const struct figure_unit none = {"bit/s", 1};
    bool guessed = false;
    choose_unit(table, rows, count);
    if (!table->unit) {
        table->unit = &none; /* all are zero, or absent */
        guessed = true;
    }
    if (table->rows >= table->terminal.height - 3 && table->rows >= ROWS_LEAST)
        table->rows = -1;
    if (table->rows < 0 && table->together)
        put_together_head(table);
    else if (table->rows < 0)
        put_head(table);
    for (size_t i = 0; i < (table->together ? 1 : count); i++) {
        buffer_printf(&table->out, "%*.1f", TIME_WIDTH, (double)end / NS_PER_SEC);
        if (table->together)
            put_together(table, rows, count);
        else
            put_flow(table, &rows[i]);
        table->rows++;
    }
    if (guessed) {
        table->unit = NULL;
        table->rows = -1; /* a head with the real unit follows */
    }
}

static void show_windows(struct table *table, bool all)
{
    const struct window_row *rows;
    size_t count;
    int64_t end;
    while (windows_next(table->windows, all, &rows, &count, &end))
        if (count)
            put_window(table, rows, count, end);
}

/* ---- the sink */

static struct sink *table_open(const struct output_options *options, const char *target,
                               struct fail *fail)
{
    (void)target, (void)fail;
    if (options->quiet || options->takes_stdout || options->live || !output_wants_table(options))
        return NULL;
    struct table *table = mem_new(1, sizeof *table);
    table->options = options;
    table->terminal = terminal_look(STDOUT_FILENO);
    table->writer = writer_new(STDOUT_FILENO);
    table->rows = -1;
    return &table->sink;
}

static void table_flush(struct sink *sink)
{
    struct table *table = of(sink);
    if (table->windows)
        show_windows(table, false);
    if (table->out.length)
        status_clear();
    if (writer_put(table->writer, &table->out) || sink->broken)
        return;
    sink->broken = sink->deserted = true;
    if (writer_error(table->writer) != EPIPE)
        log_warning("can't write to the screen: %s", fail_errno(writer_error(table->writer)));
}

/* At most one row a second, and no more often than there are reports. */
static int64_t window_length(const struct plan *plan)
{
    int64_t step = NS_PER_SEC;
    for (size_t i = 0; i < plan->count; i++)
        if (plan->flows[i].settings.interval > step)
            step = plan->flows[i].settings.interval;
    return step;
}

static size_t count_directions(const struct plan *plan)
{
    size_t count = 0;
    for (size_t i = 0; i < ENDPOINTS * plan->count; i++)
        count += plan->flows[i / ENDPOINTS].ends[i % ENDPOINTS].duration > 0;
    return count;
}

/* What the rows do not show, in words that fit. */
static void put_left_out(struct table *table)
{
    int rank = table_fitting_rank(table->terminal.width, table->kinds);
    struct buffer names = {0};
    for (int i = 0; i < TABLE_COLUMNS && !table->together; i++)
        if (!table_column_shown(&table_columns[i], rank, table->kinds) &&
            table_columns[i].of & table->kinds)
            buffer_printf(&names, "%s%s", names.length ? ", " : "", table_columns[i].head);
    if (names.length)
        buffer_printf(&table->out, "not shown: %.*s\n", (int)names.length, names.data);
    buffer_free(&names);
}

static bool has_volume(const struct plan *plan)
{
    for (size_t i = 0; i < ENDPOINTS * plan->count; i++) {
        const struct endpoint_settings *end = &plan->flows[i / ENDPOINTS].ends[i % ENDPOINTS];
        if (end->volume || end->volume_blocks)
            return true;
    }
    return false;
}

/* What is measured, and for how long. */
static void put_heading(struct table *table)
{
    const struct sink_run *run = table->run;
    const struct plan *plan = run->plan;
    const struct plan_place *at = plan->flows[0].at;
    char *line = mem_printf("run %.8s: %zu flow%s, %s > %s%s", run->run_id, plan->count,
                            plan->count == 1 ? "" : "s", at[SOURCE].host, at[DESTINATION].host,
                            plan->count > 1 ? " ..." : "");
    char duration[32] = "";
    if (!has_volume(plan))
        snprintf(duration, sizeof duration, ", %.9g s", (double)plan_end(plan) / NS_PER_SEC);
    if (run->options->title)
        buffer_printf(&table->out, "%s\n", run->options->title);
    buffer_printf(&table->out, "%.*s%s\n", table->terminal.width - (int)strlen(duration), line,
                  duration);
    free(line);
    if (!plan->hosts_named)
        buffer_printf(&table->out, "%.*s\n", table->terminal.width,
                      "measured within this host; -H s=A,d=B names two hosts");
}

static void table_start(struct sink *sink, const struct sink_run *run)
{
    struct table *table = of(sink);
    const struct plan *plan = run->plan;
    size_t directions = count_directions(plan);
    table->run = run;
    table->windows = windows_new(plan, window_length(plan));
    table->sorted = mem_new(ENDPOINTS * plan->count, sizeof *table->sorted);
    table->together =
        directions > (size_t)(table->terminal.height > 30 ? table->terminal.height / 2 : 12);
    table->kinds = table_kinds(plan);
    put_heading(table);
    if (table->together)
        buffer_printf(&table->out, "%zu directions of flows share a row\n", directions);
    put_left_out(table);
    table_flush(sink);
}

static void table_interval(struct sink *sink, const struct report *report,
                           const int64_t delta[METRICS])
{
    struct table *table = of(sink);
    const struct window_row *rows;
    size_t count;
    int64_t end;
    while (!windows_add(table->windows, report, delta) &&
           windows_next(table->windows, true, &rows, &count, &end))
        if (count)
            put_window(table, rows, count, end);
}

static void table_event(struct sink *sink, const struct report *report,
                        const struct endpoint_result *result)
{
    (void)result; /* the summary says it */
    if (report->key[REPORT_KIND] == REPORT_FINAL)
        windows_finish(of(sink)->windows, report);
}

static void table_note(struct sink *sink, const struct note *note)
{
    /* Failures were said on standard error at once, and the summary says them again. */
    if (note->kind != NOTE_ERROR && note->kind != NOTE_FAILED)
        note_text(note, put_line, sink);
}

/* A screen has room for those of all endpoints together; the log has each of them, bucket by
 * bucket. */
static void table_histogram(struct sink *sink, const struct histogram_about *about,
                            const struct histogram *histogram)
{
    if (about->all)
        histogram_bars(about, histogram, of(sink)->terminal.width, put_line, sink);
}

static void table_summary(struct sink *sink, const struct summary *summary)
{
    struct table *table = of(sink);
    show_windows(table, true);
    buffer_text(&table->out, "\n");
    if (table->options->summary == SUMMARY_FULL)
        summary_text(summary, table->options->megabytes, put_line, table);
    else
        summary_table(summary, &table->terminal, table->options, put_line, table);
}

static bool table_close(struct sink *sink, bool used)
{
    struct table *table = of(sink);
    (void)used;
    table_flush(sink);
    int error = writer_close(table->writer);
    windows_free(table->windows);
    buffer_free(&table->out);
    free(table->sorted);
    free(table);
    return !error || error == EPIPE;
}

const struct sink_ops sink_table = {
    .name = "table",
    .open = table_open,
    .start = table_start,
    .interval = table_interval,
    .event = table_event,
    .note = table_note,
    .histogram = table_histogram,
    .summary = table_summary,
    .flush = table_flush,
    .close = table_close,
};
