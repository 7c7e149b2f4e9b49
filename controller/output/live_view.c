/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/live_view.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "mem.h"
#include "output/figure.h"

enum { HEAD_LINES = 3, FOOT_LINES = 2, WIDE = 110, WIDEST = 160, CELL = 96 };

struct live_view *live_view_new(struct live_model *model, const char *title, bool megabytes)
{
    struct live_view *view = mem_new(1, sizeof *view);
    *view = (struct live_view){.model = model, .title = title, .megabytes = megabytes, .page = 1};
    view->open = mem_new(model->host_count, sizeof *view->open);
    view->lines = mem_new(model->count + model->host_count, sizeof *view->lines);
    view->order = mem_new(model->count, sizeof *view->order);
    for (size_t i = 0; i < model->count; i++)
        view->order[i] = i;
    return view;
}

void live_view_free(struct live_view *view)
{
    if (!view)
        return;
    free(view->open);
    free(view->lines);
    free(view->order);
    free(view);
}

/* ---- drawing */

struct drawing {
    struct live_view *view;
    const struct live_canvas *canvas;
    const struct figure_unit *unit;
    int y, x;
    unsigned style;
};

static void put(struct drawing *at, int width, const char *text)
{
    int room = at->canvas->width - at->x;
    if (room > 0 && at->y >= 0 && at->y < at->canvas->height)
        at->canvas->put(at->canvas->context, at->y, at->x, width < room ? width : room, text,
                        at->style);
    at->x += width + 1;
}

static void put_right(struct drawing *at, int width, const char *text)
{
    char cell[CELL];
    snprintf(cell, sizeof cell, "%*s", width, text);
    put(at, width, cell);
}

static void put_spark(struct drawing *at, int width, const struct live_history *history)
{
    static const char *const blocks[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const plain[] = {" ", "_", ".", ":", "-", "=", "+", "*", "#"};
    int levels[LIVE_HISTORY];
    char text[3 * LIVE_HISTORY + 1] = "";
    live_levels(history, at->view->model->window, width, levels);
    for (int i = 0; i < width; i++)
        strcat(text, (at->canvas->blocks ? blocks : plain)[levels[i]]);
    put(at, width, text);
}

static void put_figure(struct drawing *at, int width, double value)
{
    char text[FIGURE_MAX];
    figure_format(value, text);
    put_right(at, width, text);
}

static void put_ms(struct drawing *at, int width, double ms)
{
    char text[FIGURE_MAX];
    figure_milliseconds(isnan(ms) ? METRIC_ABSENT : (int64_t)(ms * NS_PER_MS), text);
    put_right(at, width, text);
}

static void put_count(struct drawing *at, int width, int64_t value)
{
    char text[FIGURE_MAX] = "-";
    if (value != METRIC_ABSENT)
        snprintf(text, sizeof text, "%lld", (long long)value);
    put_right(at, width, text);
}

static int spark_width(const struct live_canvas *canvas)
{
    return canvas->width >= WIDEST ? 24 : canvas->width >= WIDE ? 12 : 10;
}

static bool only_datagrams(const struct live_model *model)
{
    for (size_t i = 0; i < model->count; i++)
        if (model->rows[i].stream)
            return false;
    return true;
}

static void put_head_cell(struct drawing *at, int width, const char *text, bool left,
                          enum live_sort sort)
{
    char cell[CELL];
    unsigned style = at->style;
    snprintf(cell, sizeof cell, "%*s", left ? -width : width, text);
    at->style |= sort == at->view->sort ? LIVE_REVERSE : LIVE_PLAIN;
    put(at, width, cell);
    at->style = style;
}

static void put_column_heads(struct drawing *at)
{
    char goodput[CELL];
    bool datagrams = only_datagrams(at->view->model);
    int spark = spark_width(at->canvas), width = at->canvas->width;
    snprintf(goodput, sizeof goodput, "%s", at->unit->name);
    put_head_cell(at, 7, "flow", false, LIVE_BY_FLOW);
    if (width >= WIDE) {
        put_head_cell(at, 16, "from", true, LIVE_BY_FROM);
        put_head_cell(at, 16, "to", true, LIVE_BY_TO);
    }
    put_head_cell(at, 8, goodput, false, LIVE_BY_GOODPUT);
    put_head_cell(at, spark, "goodput", true, LIVE_SORTS);
    put_head_cell(at, 7, datagrams ? "jitt/ms" : "srtt/ms", false, LIVE_BY_RTT);
    put_head_cell(at, spark, datagrams ? "jitter" : "srtt", true, LIVE_SORTS);
    put_head_cell(at, 8, datagrams ? "lost" : "retrans", false, LIVE_BY_AGAIN);
    if (width >= WIDE)
        put_head_cell(at, 6, "cwnd", false, LIVE_SORTS);
    if (width >= WIDEST) {
        put_head_cell(at, 7, "min RTT", false, LIVE_SORTS);
        put_head_cell(at, 9, "in flight", false, LIVE_SORTS);
        put_head_cell(at, 10, "received", false, LIVE_SORTS);
    }
    put_head_cell(at, width - at->x, "limited by", true, LIVE_BY_LIMIT);
}

/* From the goodput on: of a flow or of a host. */
static void put_figures(struct drawing *at, const struct live_row *row, const char *words)
{
    char bytes[FIGURE_MAX];
    int spark = spark_width(at->canvas), width = at->canvas->width;
    put_figure(at, 8, row->goodput / at->unit->size);
    put_spark(at, spark, &row->goodputs);
    put_ms(at, 7, row->rtt);
    put_spark(at, spark, &row->rtts);
    put_count(at, 8, row->again);
    if (width >= WIDE)
        put_count(at, 6, row->cwnd);
    if (width >= WIDEST) {
        put_ms(at, 7, row->min_rtt);
        put_count(at, 9, row->unacked);
        figure_bytes(row->received, bytes);
        put_right(at, 10, bytes);
    }
    put(at, width - at->x, words);
}

static void put_row(struct drawing *at, const struct live_row *row)
{
    char text[FIGURE_MAX];
    snprintf(text, sizeof text, "%zu%s", row->flow,
             !row->two_way           ? ""
             : row->sender == SOURCE ? " >"
                                     : " <");
    put_right(at, 7, text);
    if (at->canvas->width >= WIDE) {
        put(at, 16, at->view->model->hosts[row->hosts[0]]);
        put(at, 16, at->view->model->hosts[row->hosts[1]]);
    }
    put_figures(at, row, live_row_words(row));
}

static void put_group(struct drawing *at, size_t host)
{
    struct live_row sum;
    const struct live_view *view = at->view;
    char text[CELL], words[CELL];
    size_t count = live_sum(view, host, &sum);
    snprintf(text, sizeof text, "%c %5zu", view->open[host] ? '-' : '+', count);
    snprintf(words, sizeof words, "%s %s", view->grouping == LIVE_BY_SOURCE ? "from" : "to",
             view->model->hosts[host]);
    put(at, 7, text);
    if (at->canvas->width >= WIDE)
        put(at, 33, words);
    put_figures(at, &sum, words);
}

static void put_line(struct drawing *at, size_t index)
{
    const struct live_line *line = &at->view->lines[index];
    const struct live_row *row = line->is_group ? NULL : &at->view->model->rows[line->index];
    at->x = 0;
    at->style = index == at->view->cursor    ? LIVE_REVERSE
                : line->is_group             ? LIVE_BOLD
                : row->state >= LIVE_STOPPED ? LIVE_BAD
                                             : LIVE_PLAIN;
    if (at->style == LIVE_REVERSE) { /* between the cells, too */
        put(at, at->canvas->width, "");
        at->x = 0;
    }
    if (line->is_group)
        put_group(at, line->index);
    else
        put_row(at, row);
}

/* What the whole run is and does. */
static void put_totals(struct drawing *at, const char *progress)
{
    struct live_row sum;
    struct live_view *view = at->view;
    char text[2 * CELL], rate[FIGURE_MAX], bytes[FIGURE_MAX];
    int room = at->canvas->width - (int)strlen(progress);
    size_t count = live_sum(view, SIZE_MAX, &sum);
    at->style = LIVE_BOLD;
    put(at, room > 1 ? room - 1 : 0, view->title);
    put(at, (int)strlen(progress), progress);
    at->y++;
    at->x = 0;
    at->style = LIVE_PLAIN;
    const struct figure_unit *unit =
        figure_rate_unit(isnan(sum.goodput) ? 0 : sum.goodput, view->megabytes);
    figure_format(sum.goodput / unit->size, rate);
    figure_bytes(sum.received, bytes);
    snprintf(text, sizeof text, "%zu shown, goodput %s %s, received %s%s%s", count, rate,
             unit->name, bytes, *view->filter ? ", filter: " : "", view->filter);
    put(at, at->canvas->width, text);
    at->y++;
    at->x = 0;
}

/* The unit that suits the fastest flow there is. */
static const struct figure_unit *choose_unit(const struct live_view *view)
{
    double largest = 0;
    for (size_t i = 0; i < view->model->count; i++)
        for (int j = 0; j < LIVE_HISTORY; j++)
            if (view->model->rows[i].goodputs.value[j] > largest)
                largest = view->model->rows[i].goodputs.value[j];
    return figure_rate_unit(largest, view->megabytes);
}

static void put_foot(struct drawing *at, const char *message)
{
    const struct live_view *view = at->view;
    char text[4 * CELL] = "";
    if (*message) {
        snprintf(text, sizeof text, "%s", message);
    } else if (view->count && !view->lines[view->cursor].is_group) {
        const struct live_row *row = &view->model->rows[view->lines[view->cursor].index];
        snprintf(text, sizeof text, "flow %zu: %.120s > %.120s: %s", row->flow,
                 view->model->hosts[row->hosts[0]], view->model->hosts[row->hosts[1]],
                 live_row_words(row));
    }
    at->y = at->canvas->height - FOOT_LINES;
    at->x = 0;
    at->style = LIVE_PLAIN;
    put(at, at->canvas->width, text);
    at->y++;
    at->x = 0;
    at->style = LIVE_REVERSE;
    if (view->typing)
        snprintf(text, sizeof text, "%s: %s_   (Enter: keep, Esc: drop)",
                 view->typing == LIVE_FILTER ? "Filter" : "Search",
                 view->typing == LIVE_FILTER ? view->filter : view->search);
    else
        snprintf(text, sizeof text,
                 "F1/h Help  F3// Search  F4/\\ Filter  F5/t Group  F6/> Sort  "
                 "F10/q Quit");
    put(at, at->canvas->width, "");
    at->x = 0;
    put(at, at->canvas->width, text);
}

static void put_help(struct drawing *at)
{
    static const char *const lines[] = {
        "Up, Down, k, j    select a line         F3, /   search flow, host, limit",
        "PgUp, PgDn, b, f  one page              F4, \\  only lines with a text",
        "Home, End, g, G   first, last line      F5, t   group by source, destination",
        "F6, >, <          column to sort by     Enter   list a host's flows, or not",
        "I                 reverse the order     Ctrl-C  stop the run",
        "F10, q            close the view; the run goes on",
        "",
        "Figures are of the last 0.25 s, or of -i if that is longer; \"limited by\"",
        "is of the last second; retrans (segments), lost (datagrams) and received",
        "are of the whole run. -: not known.",
        "A sparkline goes from 0 to its own largest value; a gap: no value.",
        "",
        "Press a key.",
    };
    for (size_t i = 0; i < COUNT(lines); i++, at->y++) {
        at->x = 0;
        put(at, at->canvas->width, lines[i]);
    }
}

void live_view_draw(struct live_view *view, int64_t now, const char *progress, const char *message,
                    const struct live_canvas *canvas)
{
    struct drawing at = {.view = view, .canvas = canvas, .unit = choose_unit(view)};
    view->page = canvas->height - HEAD_LINES - FOOT_LINES;
    if (view->page < 1)
        view->page = 1;
    live_list(view, now);
    if (view->cursor < view->top)
        view->top = view->cursor;
    if (view->cursor >= view->top + (size_t)view->page)
        view->top = view->cursor - (size_t)view->page + 1;
    if (view->top + (size_t)view->page > view->count)
        view->top = view->count > (size_t)view->page ? view->count - (size_t)view->page : 0;
    put_totals(&at, progress);
    if (view->help) {
        put_help(&at);
    } else {
        at.style = LIVE_BOLD;
        put_column_heads(&at);
        for (int i = 0; i < view->page && view->top + (size_t)i < view->count; i++) {
            at.y = HEAD_LINES + i;
            put_line(&at, view->top + (size_t)i);
        }
    }
    put_foot(&at, message);
}
