/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/live_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "mem.h"
#include "printable.h"

enum { LEVELS = 8 };

/* The number of the host, which is added if it is new. */
static size_t find_host(struct live_model *model, const char *name)
{
    char *copy = mem_strdup(name);
    printable(copy);
    for (size_t i = 0; i < model->host_count; i++) {
        if (!strcmp(model->hosts[i], copy)) {
            free(copy);
            return i;
        }
    }
    model->hosts = mem_grow(model->hosts, model->host_count + 1, sizeof *model->hosts);
    model->hosts[model->host_count] = copy;
    return model->host_count++;
}

void live_history_clear(struct live_history *history)
{
    for (int i = 0; i < LIVE_HISTORY; i++)
        history->value[i] = NAN;
}

static void add_row(struct live_model *model, size_t flow, int sender)
{
    const struct plan_flow *planned = &model->plan->flows[flow];
    struct live_row *row = &model->rows[model->count];
    *row = (struct live_row){
        .flow = flow,
        .sender = (enum endpoint)sender,
        .two_way = planned->ends[1 - sender].duration > 0,
        .stream = transport_traits[planned->settings.transport].capabilities & TRANSPORT_STREAM,
        .hosts = {find_host(model, planned->at[sender].host),
                  find_host(model, planned->at[1 - sender].host)},
        .goodput = NAN,
        .rtt = NAN,
        .min_rtt = NAN,
        .cwnd = METRIC_ABSENT,
        .unacked = METRIC_ABSENT,
        .again = METRIC_ABSENT,
        .received = METRIC_ABSENT,
        .limit = LIVE_UNKNOWN,
    };
    live_history_clear(&row->goodputs);
    live_history_clear(&row->rtts);
    model->row_of[ENDPOINTS * flow + (size_t)sender] = model->count++;
}

struct live_model *live_model_new(const struct plan *plan, int64_t step)
{
    struct live_model *model = mem_new(1, sizeof *model);
    size_t ends = ENDPOINTS * plan->count;
    model->plan = plan;
    model->rows = mem_new(ends, sizeof *model->rows);
    model->row_of = mem_new(ends, sizeof *model->row_of);
    model->limits = mem_new(ends, sizeof *model->limits);
    model->model_based = mem_new(ends, sizeof *model->model_based);
    model->windows = windows_new(plan, step);
    for (size_t i = 0; i < ends; i++) {
        model->row_of[i] = SIZE_MAX;
        if (plan->flows[i / ENDPOINTS].ends[i % ENDPOINTS].duration > 0)
            add_row(model, i / ENDPOINTS, i % ENDPOINTS);
    }
    return model;
}

void live_model_free(struct live_model *model)
{
    if (!model)
        return;
    for (size_t i = 0; i < ENDPOINTS * model->plan->count; i++)
        limits_free(&model->limits[i]);
    for (size_t i = 0; i < model->host_count; i++)
        free(model->hosts[i]);
    windows_free(model->windows);
    free(model->hosts);
    free(model->rows);
    free(model->row_of);
    free(model->limits);
    free(model->model_based);
    free(model);
}

static size_t end_of(const struct report *report)
{
    return ENDPOINTS * (size_t)report->key[REPORT_FLOW] + (size_t)report->key[REPORT_ENDPOINT];
}

/* The row of the direction that this end sends, or receives; NULL: there is none. */
static struct live_row *row_of(struct live_model *model, size_t end, bool receives)
{
    size_t row = model->row_of[receives ? end ^ 1 : end];
    return row == SIZE_MAX ? NULL : &model->rows[row];
}

/* A flow that the window does not have has no figures now. */
static void clear_newest(struct live_row *row, size_t place)
{
    row->goodputs.value[place] = row->rtts.value[place] = NAN;
    row->goodput = row->rtt = row->min_rtt = NAN;
    row->cwnd = row->unacked = METRIC_ABSENT;
}

static void take_window(struct live_model *model, const struct window_row *rows, size_t count)
{
    size_t place = (size_t)(model->window++ % LIVE_HISTORY);
    for (size_t i = 0; i < model->count; i++)
        clear_newest(&model->rows[i], place);
    for (size_t i = 0; i < count; i++) {
        const struct window_row *from = &rows[i];
        struct live_row *row = row_of(model, ENDPOINTS * from->flow + from->sender, false);
        int64_t time = row->stream ? from->srtt : from->jitter;
        row->goodput = row->goodputs.value[place] = from->goodput;
        row->rtt = row->rtts.value[place] =
            time == METRIC_ABSENT ? NAN : (double)time / (row->stream ? 1e3 : 1e6);
        row->min_rtt = from->min_rtt == METRIC_ABSENT ? NAN : (double)from->min_rtt / 1e3;
        row->cwnd = from->cwnd;
        row->unacked = from->unacked;
    }
}

void live_model_take(struct live_model *model, const struct report *report,
                     const int64_t delta[METRICS])
{
    size_t end = end_of(report), count;
    const struct window_row *rows;
    struct live_row *sent = row_of(model, end, false), *got = row_of(model, end, true);
    while (!windows_add(model->windows, report, delta) &&
           windows_next(model->windows, true, &rows, &count, &model->end))
        take_window(model, rows, count);
    if (sent && sent->stream)
        sent->again = metric_sum(sent->again, delta[METRIC_total_retrans]);
    if (got && !got->stream)
        got->again = metric_sum(got->again, delta[METRIC_datagrams_lost]);
    if (got)
        got->received = metric_sum(got->received, delta[METRIC_rx_bytes]);
    limits_take(&model->limits[end], report, delta,
                &(struct limit_about){.model_based = model->model_based[end]});
}

static void end_row(struct live_row *row, const struct endpoint_result *result)
{
    enum live_state state = result->error     ? LIVE_FAILED
                            : result->stopped ? LIVE_STOPPED
                                              : LIVE_ENDED;
    if (row && state > row->state)
        row->state = state;
}

void live_model_event(struct live_model *model, const struct report *report,
                      const struct endpoint_result *result)
{
    char algorithm[SETTINGS_NAME_MAX];
    size_t end = end_of(report);
    if (report->key[REPORT_KIND] == REPORT_FINAL) {
        windows_finish(model->windows, report);
        end_row(row_of(model, end, false), result);
        end_row(row_of(model, end, true), result);
        return;
    }
    results_info(result, "congestion_control", algorithm, sizeof algorithm);
    model->model_based[end] = !strncmp(algorithm, "bbr", 3);
    for (int receives = 0; receives < 2; receives++) {
        struct live_row *row = row_of(model, end, receives);
        if (row && row->state == LIVE_WAITING)
            row->state = LIVE_RUNNING;
    }
}

static void forget_second(struct limits *limits)
{
    limits_free(limits);
    limits->window_full = limits->unread = NULL;
    memset(limits->share, 0, sizeof limits->share);
    limits->snd_wnd = limits->srtt = 0;
}

/* Once a second: what has limited each flow since the last time. */
static void judge(struct live_model *model)
{
    if (model->end / NS_PER_SEC == model->judged)
        return;
    model->judged = model->end / NS_PER_SEC;
    for (size_t i = 0; i < model->count; i++) {
        struct live_row *row = &model->rows[i];
        size_t end = ENDPOINTS * row->flow + row->sender;
        struct limit_shares shares;
        limits_sum_up(&model->limits[end], &model->limits[end ^ 1], &shares);
        row->limit = shares.judged > 0 ? (int)shares.most : LIVE_UNKNOWN;
    }
    for (size_t i = 0; i < ENDPOINTS * model->plan->count; i++)
        forget_second(&model->limits[i]);
}

bool live_model_update(struct live_model *model)
{
    const struct window_row *rows;
    size_t count;
    bool any = false;
    while (windows_next(model->windows, false, &rows, &count, &model->end)) {
        take_window(model, rows, count);
        judge(model);
        any = true;
    }
    return any;
}

void live_history_add(struct live_history *sum, const struct live_history *other)
{
    for (int i = 0; i < LIVE_HISTORY; i++)
        if (isnan(sum->value[i]))
            sum->value[i] = other->value[i];
        else if (!isnan(other->value[i]))
            sum->value[i] += other->value[i];
}

void live_levels(const struct live_history *history, int64_t windows, int width, int *levels)
{
    double largest = 0;
    int known = windows < LIVE_HISTORY ? (int)windows : LIVE_HISTORY;
    for (int i = 0; i < width; i++) {
        int back = width - i; /* 1: the newest */
        double value = NAN;
        if (back <= known)
            value = history->value[(windows - back) % LIVE_HISTORY];
        if (value > largest)
            largest = value;
    }
    for (int i = 0; i < width; i++) {
        int back = width - i;
        double value = NAN;
        if (back <= known)
            value = history->value[(windows - back) % LIVE_HISTORY];
        levels[i] = isnan(value) ? 0
                    : value <= 0 ? 1
                                 : 1 + (int)((LEVELS - 1) * value / largest + 0.5);
    }
}
