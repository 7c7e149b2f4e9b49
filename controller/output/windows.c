/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/windows.h"

#include <math.h>
#include <stdlib.h>

#include "clock.h"
#include "mem.h"

/* So many windows may wait for an end that does not report, before they are shown without it. */
enum { WAIT = 5, SLOTS = WAIT + 3 };

/* What one end has reported of a window. */
struct slot {
    bool filled;
    int64_t elapsed, rx_bytes, retransmitted, distinct, lost, jitter;
    int64_t cwnd, srtt, min_rtt, unacked, delivery_rate;
    struct tally block_rtt;
};

struct end {
    struct slot slots[SLOTS]; /* of window w at w % SLOTS */
    int64_t reached;          /* the first window that is not complete */
    bool finished;
};

struct windows {
    const struct plan *plan;
    int64_t step;
    struct end *ends; /* ENDPOINTS for each flow */
    int64_t next;     /* the window to hand over */
    int64_t end;      /* of the run as planned */
    int64_t newest;   /* the last one that anything is known of, -1: none */
    struct window_row *rows;
};

struct windows *windows_new(const struct plan *plan, int64_t step)
{
    struct windows *windows = mem_new(1, sizeof *windows);
    windows->plan = plan;
    windows->step = step;
    windows->ends = mem_new(ENDPOINTS * plan->count, sizeof *windows->ends);
    windows->rows = mem_new(ENDPOINTS * plan->count, sizeof *windows->rows);
    windows->newest = -1;
    windows->end = plan_end(plan);
    for (size_t i = 0; i < plan->count; i++)
        if (plan->flows[i].settings.late_connect)
            windows->end = INT64_MAX;
    return windows;
}

void windows_free(struct windows *windows)
{
    if (!windows)
        return;
    free(windows->ends);
    free(windows->rows);
    free(windows);
}

static struct end *find_end(struct windows *windows, const struct report *report)
{
    return &windows->ends[ENDPOINTS * (size_t)report->key[REPORT_FLOW] +
                          (size_t)report->key[REPORT_ENDPOINT]];
}

static void fill(struct slot *slot, int64_t elapsed, const int64_t delta[METRICS])
{
    if (!slot->filled)
        *slot = (struct slot){.filled = true,
                              .rx_bytes = METRIC_ABSENT,
                              .retransmitted = METRIC_ABSENT,
                              .distinct = METRIC_ABSENT,
                              .lost = METRIC_ABSENT};
    slot->elapsed += elapsed;
    slot->rx_bytes = metric_sum(slot->rx_bytes, delta[METRIC_rx_bytes]);
    slot->retransmitted = metric_sum(slot->retransmitted, delta[METRIC_total_retrans]);
    slot->distinct = metric_sum(slot->distinct, delta[METRIC_datagrams_distinct]);
    slot->lost = metric_sum(slot->lost, delta[METRIC_datagrams_lost]);
    slot->jitter = delta[METRIC_jitter_last];
    slot->cwnd = delta[METRIC_cwnd];
    slot->srtt = delta[METRIC_srtt];
    slot->min_rtt = delta[METRIC_min_rtt];
    slot->unacked = delta[METRIC_unacked];
    slot->delivery_rate = delta[METRIC_delivery_rate];
    const int64_t *rtt = &delta[METRIC_rtt_count];
    if (rtt[0] > 0 && rtt[1] != METRIC_ABSENT && rtt[3] != METRIC_ABSENT)
        tally_merge(&slot->block_rtt, &(struct tally){rtt[0], rtt[1], rtt[2], rtt[3]});
}

/* The last window of a flow, which takes what comes after the end of its schedule as well; with a
 * late connection it is not known. */
static int64_t last_window(const struct windows *windows, int64_t flow)
{
    const struct plan_flow *planned = &windows->plan->flows[flow];
    int64_t end = settings_schedule(planned->ends).end;
    return planned->settings.late_connect || end <= 0 ? INT64_MAX : (end - 1) / windows->step;
}

/* A row belongs to the window that has its middle. It completes that window if its end is so near
 * the window's that no further row can have its middle within; the last window is complete when the
 * end is finished. */
bool windows_add(struct windows *windows, const struct report *report, const int64_t delta[METRICS])
{
    int64_t begin = report->key[REPORT_BEGIN], ended = report->key[REPORT_END];
    int64_t elapsed = ended - begin, window = (begin + elapsed / 2) / windows->step;
    int64_t last = last_window(windows, report->key[REPORT_FLOW]);
    struct end *end = find_end(windows, report);
    if (window > last)
        window = last;
    if (elapsed <= 0 || begin < 0 || window < windows->next)
        return true; /* it was shown without */
    if (window >= windows->next + SLOTS && windows->newest >= windows->next)
        return false;
    if (window >= windows->next + SLOTS)
        windows->next = window - WAIT; /* nothing was there so far */
    fill(&end->slots[window % SLOTS], elapsed, delta);
    bool completes = window < last && ended + elapsed / 2 >= (window + 1) * windows->step;
    if (window + completes > end->reached)
        end->reached = window + completes;
    if (window > windows->newest)
        windows->newest = window;
    return true;
}

void windows_finish(struct windows *windows, const struct report *report)
{
    find_end(windows, report)->finished = true;
}

static bool sends(const struct windows *windows, size_t flow, int sender)
{
    return windows->plan->flows[flow].ends[sender].duration > 0;
}

static bool is_complete(const struct windows *windows, int64_t window)
{
    for (size_t i = 0; i < ENDPOINTS * windows->plan->count; i++)
        if (!windows->ends[i].finished && windows->ends[i].reached <= window)
            return false;
    return true;
}

static double bit_rate(int64_t bytes_per_second)
{
    return bytes_per_second == METRIC_ABSENT ? NAN : 8.0 * (double)bytes_per_second;
}

static struct window_row make_row(const struct slot *from, const struct slot *to)
{
    struct window_row row = {.goodput = NAN,
                             .delivery_rate = NAN,
                             .cwnd = METRIC_ABSENT,
                             .srtt = METRIC_ABSENT,
                             .min_rtt = METRIC_ABSENT,
                             .unacked = METRIC_ABSENT,
                             .retransmitted = METRIC_ABSENT,
                             .distinct = METRIC_ABSENT,
                             .lost = METRIC_ABSENT,
                             .jitter = METRIC_ABSENT};
    if (to->filled) {
        row.distinct = to->distinct;
        row.lost = to->lost;
        row.jitter = to->jitter;
    }
    if (to->filled && to->rx_bytes != METRIC_ABSENT)
        row.goodput = (double)to->rx_bytes * 8 * NS_PER_SEC / (double)to->elapsed;
    if (!from->filled)
        return row;
    row.cwnd = from->cwnd;
    row.srtt = from->srtt;
    row.min_rtt = from->min_rtt;
    row.unacked = from->unacked;
    row.retransmitted = from->retransmitted;
    row.delivery_rate = bit_rate(from->delivery_rate);
    row.block_rtt = from->block_rtt;
    return row;
}

static size_t make_rows(struct windows *windows, int64_t window)
{
    size_t count = 0;
    for (size_t i = 0; i < ENDPOINTS * windows->plan->count; i++) {
        size_t flow = i / ENDPOINTS;
        int sender = i % ENDPOINTS;
        const struct slot *from = &windows->ends[i].slots[window % SLOTS];
        const struct slot *to =
            &windows->ends[ENDPOINTS * flow + (size_t)(1 - sender)].slots[window % SLOTS];
        if (!sends(windows, flow, sender) || (!from->filled && !to->filled))
            continue;
        windows->rows[count] = make_row(from, to);
        windows->rows[count].flow = flow;
        windows->rows[count].sender = (enum endpoint)sender;
        windows->rows[count++].two_way = sends(windows, flow, 1 - sender);
    }
    return count;
}

bool windows_next(struct windows *windows, bool all, const struct window_row **rows, size_t *count,
                  int64_t *end)
{
    int64_t window = windows->next;
    if (window > windows->newest ||
        (!all && windows->newest - window < WAIT && !is_complete(windows, window)))
        return false;
    *count = make_rows(windows, window);
    *rows = windows->rows;
    *end = (window + 1) * windows->step;
    if (*end > windows->end)
        *end = windows->end;
    for (size_t i = 0; i < ENDPOINTS * windows->plan->count; i++)
        windows->ends[i].slots[window % SLOTS].filled = false;
    windows->next++;
    return true;
}
