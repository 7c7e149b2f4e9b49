/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "results/limits.h"

#include <math.h>
#include <stdlib.h>

#include "clock.h"
#include "mem.h"

/* The kernel's clocks go in steps of a jiffy, up to 10 ms. */
#define WINDOW_LEAST (100 * NS_PER_MS)
#define WINDOW_HALF  (WINDOW_LEAST / 2)

/* Bursts into a small buffer are seen in a third of the windows or so. */
#define STARVED_WINDOWS 16
#define STARVED_LEAST   0.1

const struct limit_info limits_list[LIMITS] = {
#define LIMIT(name, words, sentence) {#name, words},
#include "results/limits.def"
#undef LIMIT
};

/* ---- spans of time */

struct span {
    int64_t begin, end; /* ns after the common instant */
};

/* In order, and none touches the next: as long as nothing changes there is one. */
struct limit_spans {
    struct span *list;
    size_t count, room;
};

static void spans_add(struct limit_spans **spans, int64_t begin, int64_t end)
{
    if (!*spans)
        *spans = mem_new(1, sizeof **spans);
    struct limit_spans *all = *spans;
    struct span *last = all->count ? &all->list[all->count - 1] : NULL;
    if (last && begin <= last->end) {
        last->end = end > last->end ? end : last->end;
        return;
    }
    if (all->count == all->room) {
        all->room = all->room ? 2 * all->room : 4;
        all->list = mem_grow(all->list, all->room, sizeof *all->list);
    }
    all->list[all->count++] = (struct span){begin, end};
}

/* How long both were. */
static double spans_common(const struct limit_spans *one, const struct limit_spans *other)
{
    double sum = 0;
    for (size_t i = 0, j = 0; one && other && i < one->count && j < other->count;) {
        const struct span *a = &one->list[i], *b = &other->list[j];
        int64_t begin = a->begin > b->begin ? a->begin : b->begin;
        int64_t end = a->end < b->end ? a->end : b->end;
        if (end > begin)
            sum += (double)(end - begin);
        a->end < b->end ? i++ : j++;
    }
    return sum;
}

static void spans_free(struct limit_spans *spans)
{
    if (spans)
        free(spans->list);
    free(spans);
}

/* ---- the verdict */

/* Comparisons with what is absent are false. */
static double value_of(int64_t value)
{
    return value == METRIC_ABSENT ? NAN : (double)value;
}

static double byte_rate(const struct limit_window *window)
{
    return value_of(window->acked) * NS_PER_SEC / (double)window->elapsed;
}

static bool is_between(double value, double low, double high)
{
    return value >= low && value <= high;
}

/* Bytes a round trip, in bytes a second. */
static double per_rtt(int64_t bytes, const struct limit_window *window)
{
    return value_of(bytes) * 1e6 / value_of(window->srtt);
}

/* The socket was full, but all that was in it had been sent, and the congestion window had room. */
static bool is_starved(const struct limit_window *window)
{
    return value_of(window->blocked) >= 0.5 * (double)window->elapsed &&
           value_of(window->notsent) < 2 * value_of(window->mss) &&
           value_of(window->unacked) < 0.8 * value_of(window->cwnd);
}

/* A buffer that is far larger than what was sent in a round trip is not what fills. */
static bool is_send_buffer(const struct limit_window *window)
{
    bool clock = value_of(window->sndbuf_limited) * NS_PER_US >= 0.1 * (double)window->elapsed;
    return clock || (window->history.starved >= STARVED_LEAST &&
                     byte_rate(window) >= 0.5 * per_rtt(window->send_buffer, window));
}

static bool is_paced(const struct limit_window *window)
{
    return byte_rate(window) >= 0.9 * value_of(window->max_pacing_rate) &&
           value_of(window->unacked) < 0.8 * value_of(window->cwnd);
}

/* Mathis, Semke, Mahdavi, Ott 1997: MSS / RTT * 1.22 / sqrt(p). It holds in the mean: of a single
 * window three times as much, or a third, is no surprise. */
static bool is_loss(const struct limit_window *window)
{
    const struct limit_history *history = &window->history;
    double lost = value_of(history->retransmitted) / value_of(history->sent);
    double allowed = 1.22 * per_rtt(window->mss, window) / sqrt(lost);
    return history->reduced_by == REDUCED_BY_LOSS && lost >= 0.002 &&
           is_between(byte_rate(window) / allowed, 1.0 / 3, 3);
}

static enum limit judge_network(const struct limit_window *window)
{
    double filled = value_of(window->unacked) / value_of(window->cwnd);
    double stretched = value_of(window->srtt) / value_of(window->min_rtt);
    if (window->history.reduced_by == REDUCED_BY_MARKS)
        return LIMIT_ecn;
    if (window->ssthresh == METRIC_INFINITE && !window->model_based && filled >= 0.9)
        return LIMIT_slow_start;
    if (stretched >= 1.25)
        return LIMIT_queue;
    if (is_loss(window))
        return LIMIT_loss;
    return window->model_based || filled >= 0.8 ? LIMIT_network : LIMIT_unclear;
}

enum limit limits_judge(const struct limit_window *window)
{
    double elapsed = (double)window->elapsed, blocked = value_of(window->blocked) / elapsed,
           idle = value_of(window->idle) / elapsed;
    if (idle > 0.1)
        return LIMIT_application;
    if (1 - idle - blocked >= 0.5)
        return LIMIT_cpu;
    if (value_of(window->rwnd_limited) * NS_PER_US >= 0.3 * elapsed)
        return is_between(byte_rate(window) / per_rtt(window->snd_wnd, window), 0.75, 1.25)
                   ? LIMIT_receive_window
                   : LIMIT_receiver;
    if (is_send_buffer(window))
        return LIMIT_send_buffer;
    if (is_paced(window))
        return LIMIT_pacing;
    return blocked >= 0.5 ? judge_network(window) : LIMIT_unclear;
}

/* ---- rows */

static void add_row(struct limit_window *window, int64_t elapsed, const int64_t delta[METRICS])
{
    window->elapsed += elapsed;
    window->blocked = metric_plus(window->blocked, delta[METRIC_tx_blocked]);
    window->idle = metric_plus(window->idle, delta[METRIC_tx_idle]);
    window->rwnd_limited = metric_plus(window->rwnd_limited, delta[METRIC_rwnd_limited]);
    window->sndbuf_limited = metric_plus(window->sndbuf_limited, delta[METRIC_sndbuf_limited]);
    window->acked = metric_plus(window->acked, delta[METRIC_bytes_acked]);
    window->retransmitted = metric_plus(window->retransmitted, delta[METRIC_total_retrans]);
    window->sent = metric_plus(window->sent, delta[METRIC_data_segs_out]);
    window->marked = metric_plus(window->marked, delta[METRIC_delivered_ce]);
    window->cwnd = delta[METRIC_cwnd];
    window->unacked = delta[METRIC_unacked];
    window->ssthresh = delta[METRIC_ssthresh];
    window->mss = delta[METRIC_snd_mss];
    window->notsent = delta[METRIC_notsent];
    window->snd_wnd = delta[METRIC_snd_wnd];
    window->send_buffer = delta[METRIC_send_buffer];
    window->srtt = delta[METRIC_srtt];
    window->min_rtt = delta[METRIC_min_rtt];
    window->max_pacing_rate = delta[METRIC_max_pacing_rate];
}

/* The history includes the window. */
static void close_window(struct limits *limits)
{
    struct limit_window *window = &limits->window;
    struct limit_history *history = &limits->history;
    history->retransmitted = metric_plus(history->retransmitted, window->retransmitted);
    history->sent = metric_plus(history->sent, window->sent);
    if (window->marked > 0)
        history->reduced_by = REDUCED_BY_MARKS;
    else if (window->retransmitted > 0)
        history->reduced_by = REDUCED_BY_LOSS;
    history->starved += ((is_starved(window) ? 1 : 0) - history->starved) / STARVED_WINDOWS;
    window->history = *history;
}

static bool is_receivers(enum limit limit)
{
    return limit == LIMIT_receive_window || limit == LIMIT_receiver;
}

static void take_sent(struct limits *limits, const struct report *report,
                      const int64_t delta[METRICS], const struct limit_about *about)
{
    struct limit_window *window = &limits->window;
    int64_t begin = report->key[REPORT_BEGIN], end = report->key[REPORT_END];
    window->model_based = about->model_based;
    add_row(window, end - begin, delta);
    if (window->elapsed < WINDOW_LEAST)
        return;
    close_window(limits);
    bool counts = end - window->elapsed >= about->from;
    enum limit limit = limits_judge(window);
    if (counts)
        limits->share[limit] += (double)window->elapsed;
    if (counts && is_receivers(limit))
        spans_add(&limits->window_full, end - window->elapsed, end);
    if (counts && limit == LIMIT_receive_window && window->snd_wnd >= limits->snd_wnd) {
        limits->snd_wnd = window->snd_wnd;
        limits->srtt = window->srtt;
    }
    *window = (struct limit_window){0};
}

/* Half of the receive buffer or more holds what was not read: as it is when a row is taken. */
static void take_received(struct limits *limits, const struct report *report,
                          const int64_t delta[METRICS])
{
    int64_t begin = report->key[REPORT_BEGIN], end = report->key[REPORT_END];
    limits->unread_elapsed += end - begin;
    if (value_of(delta[METRIC_receive_queue]) >= value_of(delta[METRIC_receive_buffer]) / 2)
        limits->unread_for += end - begin;
    if (limits->unread_elapsed < WINDOW_LEAST)
        return;
    if (2 * limits->unread_for >= limits->unread_elapsed)
        spans_add(&limits->unread, end - limits->unread_elapsed, end);
    limits->unread_elapsed = limits->unread_for = 0;
}

void limits_take(struct limits *limits, const struct report *report, const int64_t delta[METRICS],
                 const struct limit_about *about)
{
    if (report->key[REPORT_END] <= report->key[REPORT_BEGIN])
        return;
    if (delta[METRIC_tx_blocked] != METRIC_ABSENT)
        take_sent(limits, report, delta, about);
    take_received(limits, report, delta);
}

void limits_free(struct limits *limits)
{
    spans_free(limits->window_full);
    spans_free(limits->unread);
}

void limits_sum_up(const struct limits *sender, const struct limits *receiver,
                   struct limit_shares *shares)
{
    double time[LIMITS];
    *shares = (struct limit_shares){.snd_wnd = METRIC_ABSENT, .srtt = METRIC_ABSENT};
    for (int i = 0; i < LIMITS; i++)
        time[i] = sender->share[i];
    if (sender->window.elapsed >= WINDOW_HALF) {
        struct limit_window window = sender->window;
        window.history = sender->history;
        time[limits_judge(&window)] += (double)window.elapsed;
    }
    double unread = spans_common(sender->window_full, receiver->unread);
    for (int i = LIMIT_receive_window; i <= LIMIT_receiver; i++) {
        double moved = unread < time[i] ? unread : time[i];
        time[i] -= moved;
        time[LIMIT_receiving_application] += moved;
        unread -= moved;
    }
    for (int i = 0; i < LIMITS; i++)
        shares->judged += time[i];
    for (int i = 0; i < LIMITS && shares->judged > 0; i++) {
        shares->share[i] = time[i] / shares->judged;
        if (time[i] > time[shares->most])
            shares->most = (enum limit)i;
    }
    if (time[LIMIT_receive_window] > 0) {
        shares->snd_wnd = sender->snd_wnd;
        shares->srtt = sender->srtt;
    }
}
