/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which rows a live view lists, and in which order. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "output/live_view.h"

const char *live_row_words(const struct live_row *row)
{
    static const char *const states[] = {"waiting", "", "ended", "stopped", "failed"};
    if (row->state != LIVE_RUNNING)
        return states[row->state];
    return row->limit == LIVE_UNKNOWN ? "-" : limits_list[row->limit].words;
}

bool live_row_has(const struct live_view *view, const struct live_row *row, const char *text)
{
    char number[32];
    snprintf(number, sizeof number, "%zu", row->flow);
    return !*text || strcasestr(number, text) ||
           strcasestr(view->model->hosts[row->hosts[0]], text) ||
           strcasestr(view->model->hosts[row->hosts[1]], text) ||
           strcasestr(live_row_words(row), text);
}

static bool belongs(const struct live_view *view, const struct live_row *row, size_t host)
{
    return host == SIZE_MAX || row->hosts[view->grouping == LIVE_BY_DESTINATION] == host;
}

static double plus(double one, double other)
{
    return isnan(one) ? other : isnan(other) ? one : one + other;
}

size_t live_sum(const struct live_view *view, size_t host, struct live_row *sum)
{
    size_t count = 0;
    *sum = (struct live_row){.goodput = NAN,
                             .rtt = NAN,
                             .min_rtt = NAN,
                             .cwnd = METRIC_ABSENT,
                             .unacked = METRIC_ABSENT,
                             .again = METRIC_ABSENT,
                             .received = METRIC_ABSENT,
                             .limit = LIVE_UNKNOWN};
    live_history_clear(&sum->goodputs);
    live_history_clear(&sum->rtts);
    for (size_t i = 0; i < view->model->count; i++) {
        const struct live_row *row = &view->model->rows[i];
        if (!belongs(view, row, host) || !live_row_has(view, row, view->filter))
            continue;
        count++;
        sum->goodput = plus(sum->goodput, row->goodput);
        sum->again = metric_sum(sum->again, row->again);
        sum->received = metric_sum(sum->received, row->received);
        live_history_add(&sum->goodputs, &row->goodputs);
    }
    return count;
}

/* Figures sort with the largest first, what is unknown last. */
static int by_figure(double one, double other)
{
    if (isnan(one) || isnan(other))
        return isnan(one) - isnan(other);
    return one > other ? -1 : one < other;
}

static double again_of(const struct live_row *row)
{
    return row->again == METRIC_ABSENT ? NAN : (double)row->again;
}

static int compare(const struct live_view *view, const struct live_row *one,
                   const struct live_row *other)
{
    char **hosts = view->model->hosts;
    switch (view->sort) {
    case LIVE_BY_FROM:
        return strcmp(hosts[one->hosts[0]], hosts[other->hosts[0]]);
    case LIVE_BY_TO:
        return strcmp(hosts[one->hosts[1]], hosts[other->hosts[1]]);
    case LIVE_BY_GOODPUT:
        return by_figure(one->goodput, other->goodput);
    case LIVE_BY_RTT:
        return by_figure(one->rtt, other->rtt);
    case LIVE_BY_AGAIN:
        return by_figure(again_of(one), again_of(other));
    case LIVE_BY_LIMIT:
        return strcmp(live_row_words(one), live_row_words(other));
    case LIVE_BY_FLOW:
    case LIVE_SORTS:
        break;
    }
    return 0;
}

static int by_sort(const void *one, const void *other, void *context)
{
    const struct live_view *view = context;
    size_t a = *(const size_t *)one, b = *(const size_t *)other;
    int order = compare(view, &view->model->rows[a], &view->model->rows[b]);
    if (!order)
        order = a < b ? -1 : a > b;
    return view->reverse ? -order : order;
}

static void add_rows(struct live_view *view, size_t host)
{
    for (size_t i = 0; i < view->model->count; i++) {
        const struct live_row *row = &view->model->rows[view->order[i]];
        if (belongs(view, row, host) && live_row_has(view, row, view->filter))
            view->lines[view->count++] = (struct live_line){false, view->order[i]};
    }
}

static void add_groups(struct live_view *view)
{
    struct live_row sum;
    for (size_t host = 0; host < view->model->host_count; host++) {
        if (!live_sum(view, host, &sum))
            continue;
        view->lines[view->count++] = (struct live_line){true, host};
        if (view->open[host])
            add_rows(view, host);
    }
}

void live_list(struct live_view *view, int64_t now)
{
    if (!view->sorted_at || now - view->sorted_at >= NS_PER_SEC) {
        qsort_r(view->order, view->model->count, sizeof *view->order, by_sort, view);
        view->sorted_at = now ? now : 1;
    }
    view->count = 0;
    if (view->grouping)
        add_groups(view);
    else
        add_rows(view, SIZE_MAX);
    if (view->cursor >= view->count)
        view->cursor = view->count ? view->count - 1 : 0;
}
