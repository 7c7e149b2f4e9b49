/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table on the screen: flowgrind's, readable by people and by gnuplot. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "output/cell.h"
#include "clock.h"
#include "log.h"
#include "mem.h"
#include "number.h"
#include "output/histograms.h"
#include "output/output_options.h"
#include "output/sink.h"
#include "output/status.h"
#include "output/summary_table.h"
#include "output/summary_text.h"
#include "output/writer.h"

enum { ROWS_PER_HEAD = 25, GAP = 2, ID_WIDTH = 3, SUMMARY_WIDTH = 118 };

struct screen {
    struct sink sink;
    const struct output_options *options;
    struct cell_style style;
    struct buffer out;
    struct writer *writer;
    unsigned time_places;
    size_t id_width, begin_width, end_width;
    size_t widths[COLUMNS_MAX];
    unsigned rows; /* since the head */
};

static struct screen *of(struct sink *sink)
{
    return (struct screen *)sink;
}

static struct sink *screen_open(const struct output_options *options, const char *target,
                                struct fail *fail)
{
    (void)target, (void)fail;
    if (options->quiet || options->takes_stdout || options->live || output_wants_table(options))
        return NULL;
    struct screen *screen = mem_new(1, sizeof *screen);
    screen->options = options;
    screen->style = (struct cell_style){
        .symbolic = !options->numbers,
        .is_screen = true,
        .megabytes = options->megabytes,
        .bytes = options->bytes,
    };
    screen->id_width = ID_WIDTH;
    screen->writer = writer_new(STDOUT_FILENO);
    return &screen->sink;
}

/* A reader that has seen enough is no news. */
static void complain(int error)
{
    if (error != EPIPE)
        log_warning("can't write to the screen: %s", fail_errno(error));
}

static void screen_flush(struct sink *sink)
{
    struct screen *screen = of(sink);
    if (screen->out.length)
        status_clear();
    if (writer_put(screen->writer, &screen->out) || sink->broken)
        return;
    sink->broken = sink->deserted = true;
    complain(writer_error(screen->writer));
}

/* Milliseconds; for short intervals microseconds, as in the log. */
static unsigned places_of(int64_t interval)
{
    return interval < 10 * NS_PER_MS ? 6 : 3;
}

static void screen_start(struct sink *sink, const struct sink_run *run)
{
    struct screen *screen = of(sink);
    const struct plan *plan = run->plan;
    char date[64], interval[NUMBER_TEXT_MAX];
    time_t seconds = run->wall_start / NS_PER_SEC;
    struct tm local;
    localtime_r(&seconds, &local);
    strftime(date, sizeof date, "%Y-%m-%d-%H:%M:%S", &local);
    number_format_seconds(interval, plan->flows[0].settings.interval);
    screen->time_places = places_of(plan->flows[0].settings.interval);
    buffer_printf(&screen->out,
                  "# Date: %s, controlling host = %s, number of flows = %zu, reporting interval = "
                  "%ss, [through] = %s (%s)\n",
                  date, run->controller, plan->count, interval,
                  screen->style.megabytes ? "2**20 bytes/second" : "10**6 bit/second",
                  PACKAGE_STRING);
    if (run->options->title)
        buffer_printf(&screen->out, "# Title: %s\n", run->options->title);
    screen_flush(sink);
}

static void put_right(struct buffer *out, const char *text, size_t width)
{
    buffer_printf(out, "%*s", (int)(width + GAP), text);
}

static void put_unit(struct buffer *out, const char *unit, size_t width)
{
    char text[CELL_MAX] = "";
    if (!strcmp(unit, "1"))
        unit = "#";
    else if (!strcmp(unit, "1/s"))
        unit = "#/s";
    if (strcmp(unit, "-"))
        snprintf(text, sizeof text, "[%s]", unit);
    put_right(out, text, width);
}

static void put_head(struct screen *screen)
{
    const struct output_options *options = screen->options;
    struct buffer *out = &screen->out;
    buffer_printf(out, "# %*s", (int)screen->id_width, "ID");
    if (options->show_interval) {
        put_right(out, "begin", screen->begin_width);
        put_right(out, "end", screen->end_width);
    }
    for (size_t i = 0; i < options->column_count; i++)
        put_right(out, options->columns[i]->head, screen->widths[i]);
    buffer_printf(out, "\n# %*s", (int)screen->id_width, "");
    if (options->show_interval) {
        put_unit(out, "s", screen->begin_width);
        put_unit(out, "s", screen->end_width);
    }
    for (size_t i = 0; i < options->column_count; i++)
        put_unit(out, cell_unit(options->columns[i], &screen->style), screen->widths[i]);
    buffer_text(out, "\n");
    screen->rows = 0;
}

static bool widen(size_t *width, size_t needed)
{
    if (needed <= *width)
        return false;
    *width = needed;
    return true;
}

/* A column is as wide as its head, its unit in brackets, and everything it has held. */
static bool widen_column(struct screen *screen, size_t index, size_t length)
{
    const struct column *column = screen->options->columns[index];
    size_t head = strlen(column->head), unit = strlen(cell_unit(column, &screen->style)) + 2;
    size_t needed = head > unit ? head : unit;
    return widen(&screen->widths[index], needed > length ? needed : length);
}

static size_t format_time(const struct screen *screen, int64_t ns, char text[CELL_MAX])
{
    int64_t step = NS_PER_SEC;
    for (unsigned i = 0; i < screen->time_places; i++)
        step /= 10;
    return number_format_fixed(text, number_scale(ns, 1, step), screen->time_places);
}

static void screen_interval(struct sink *sink, const struct report *report,
                            const int64_t delta[METRICS])
{
    struct screen *screen = of(sink);
    const struct output_options *options = screen->options;
    static char cells[COLUMNS_MAX][CELL_MAX];
    char id[CELL_MAX], begin[CELL_MAX], end[CELL_MAX];
    int64_t elapsed = report->key[REPORT_END] - report->key[REPORT_BEGIN];
    size_t length = (size_t)snprintf(id, sizeof id, "%" PRId64, report->key[REPORT_FLOW]);
    bool changed = widen(&screen->id_width, length);
    if (options->show_interval) {
        length = format_time(screen, report->key[REPORT_BEGIN], begin);
        changed |= widen(&screen->begin_width, length > 5 ? length : 5);
        length = format_time(screen, report->key[REPORT_END], end);
        changed |= widen(&screen->end_width, length > 5 ? length : 5);
    }
    for (size_t i = 0; i < options->column_count; i++) {
        length = cell_format(options->columns[i], delta, elapsed, &screen->style, cells[i]);
        changed |= widen_column(screen, i, length);
    }
    if (changed || screen->rows == ROWS_PER_HEAD)
        put_head(screen);
    screen->rows++;
    buffer_printf(&screen->out, "%c %*s",
                  endpoint_capital((enum endpoint)report->key[REPORT_ENDPOINT]),
                  (int)screen->id_width, id);
    if (options->show_interval) {
        put_right(&screen->out, begin, screen->begin_width);
        put_right(&screen->out, end, screen->end_width);
    }
    for (size_t i = 0; i < options->column_count; i++)
        put_right(&screen->out, cells[i], screen->widths[i]);
    buffer_text(&screen->out, "\n");
}

static void screen_event(struct sink *sink, const struct report *report,
                         const struct endpoint_result *result)
{
    (void)sink, (void)report, (void)result; /* the summary says it */
}

static void put_line(void *context, const char *text)
{
    struct screen *screen = context;
    buffer_printf(&screen->out, "%s%s\n", *text ? "# " : "", text);
}

static void screen_note(struct sink *sink, const struct note *note)
{
    note_text(note, put_line, of(sink));
}

static void screen_histogram(struct sink *sink, const struct histogram_about *about,
                             const struct histogram *histogram)
{
    histogram_text(about, histogram, put_line, of(sink));
}

static void screen_summary(struct sink *sink, const struct summary *summary)
{
    struct screen *screen = of(sink);
    struct terminal terminal = {.width = SUMMARY_WIDTH};
    if (screen->options->summary == SUMMARY_DEFAULT || screen->options->summary == SUMMARY_FULL) {
        summary_text(summary, screen->style.megabytes, put_line, screen);
        return;
    }
    put_line(screen, "");
    summary_table(summary, &terminal, screen->options, put_line, screen);
}

static bool screen_close(struct sink *sink, bool used)
{
    (void)used;
    screen_flush(sink);
    int error = writer_close(of(sink)->writer);
    if (error && !sink->broken)
        complain(error);
    buffer_free(&of(sink)->out);
    free(of(sink));
    return !error || error == EPIPE;
}

const struct sink_ops sink_screen = {
    .name = "screen",
    .open = screen_open,
    .start = screen_start,
    .interval = screen_interval,
    .event = screen_event,
    .note = screen_note,
    .histogram = screen_histogram,
    .summary = screen_summary,
    .flush = screen_flush,
    .close = screen_close,
};
