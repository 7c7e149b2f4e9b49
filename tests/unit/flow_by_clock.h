/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What tests of a flow by the test's own clock share: ends that run until an instant, and what they
 * have told. To be included after the flow's sources. */
#ifndef FLOWRIG_UNIT_FLOW_BY_CLOCK_H
#define FLOWRIG_UNIT_FLOW_BY_CLOCK_H

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

/* Lets the worker do what is due until `now`, at each instant that it asks for. */
static inline void run_until(int64_t now)
{
    while (timers_first(&worker.timers) <= now) {
        int64_t due = timers_first(&worker.timers);
        now_is = due > now_is ? due : now_is;
        worker_update_now(&worker);
        run_timers(&worker);
        run_tasks(&worker);
    }
    now_is = now;
    worker_update_now(&worker);
    run_tasks(&worker);
}

/* What the flow has told so far, oldest first. */
static struct told {
    enum ring_type type;
    int code;
    enum report_kind kind;
    int64_t begin, end, number;
    char error[128];
} told[64];
static size_t told_count;

static inline void hear(void)
{
    struct report_layout layout;
    const struct ring_entry *entry;
    report_layout_own(&layout);
    for (told_count = 0; (entry = ring_peek(worker.ring)); ring_pop(worker.ring)) {
        struct told *one = &told[told_count++];
        *one = (struct told){.type = (enum ring_type)entry->type, .code = entry->code};
        if (entry->type != RING_ROW)
            continue;
        struct report_row row;
        size_t used;
        assert_true(report_unpack(entry->data, entry->size, &layout, &row, &used, NULL));
        one->kind = (enum report_kind)row.report.key[REPORT_KIND];
        one->number = row.report.key[REPORT_NUMBER];
        one->begin = row.report.key[REPORT_BEGIN];
        one->end = row.report.key[REPORT_END];
        const struct report_section *error = report_section(&row, REPORT_SECTION_ERROR);
        if (error)
            snprintf(one->error, sizeof one->error, "%.*s", (int)error->length,
                     (const char *)error->data);
    }
}

static inline void check_row(size_t at, enum report_kind kind, int64_t begin_ms, int64_t end_ms)
{
    assert_true(at < told_count);
    assert_int_equal(told[at].type, RING_ROW);
    assert_int_equal(told[at].kind, kind);
    assert_int_equal(told[at].number, at);
    assert_int_equal(told[at].begin, begin_ms * NS_PER_MS);
    assert_int_equal(told[at].end, end_ms * NS_PER_MS);
}

/* A source that sends from 1 s to 3 s after the start, at 8 blocks/s, with a row each 500 ms; it is
 * ready, and begins at `start`. */
static inline struct flow *ready_flow(int *peer, int64_t start)
{
    ends[SOURCE].delay = NS_PER_SEC;
    ends[SOURCE].duration = 2 * NS_PER_SEC;
    ends[SOURCE].request_size = dist_constant(1000);
    ends[SOURCE].rate = 8 * 8 * 1000;
    flow_settings.summarize_only = 0;
    flow_settings.interval = NS_PER_SEC / 2;
    struct flow *flow = flow_and_peer(SOURCE, peer);
    fcntl(flow->fd, F_SETFL, O_NONBLOCK);
    flow->tx = flow->rx = (struct direction){0};
    flow->state = FLOW_READY;
    flow_start(flow, start);
    return flow;
}

static inline void finish_flow(struct flow *flow, int peer)
{
    flow_detach(flow);
    close(peer);
    give_up(flow);
}

/* The bytes that the peer has to read. */
static inline int64_t read_all(int peer)
{
    char bytes[1 << 16];
    int64_t all = 0;
    ssize_t got;
    while ((got = recv(peer, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
        all += got;
    return all;
}

/* The end that reads, of the same flow. */
static inline struct flow *reading_flow(int *peer)
{
    ends[SOURCE].duration = 3 * NS_PER_SEC;
    flow_settings.summarize_only = 0;
    flow_settings.interval = NS_PER_SEC;
    struct flow *flow = flow_and_peer(DESTINATION, peer);
    fcntl(flow->fd, F_SETFL, O_NONBLOCK);
    flow->tx = flow->rx = (struct direction){0};
    flow->state = FLOW_READY;
    flow_start(flow, START);
    run_until(START);
    return flow;
}

static inline void leave(struct flow *flow, int peer)
{
    shutdown(peer, SHUT_WR);
    struct pollfd hangup = {.fd = flow->fd, .events = POLLRDHUP};
    assert_int_equal(poll(&hangup, 1, 10000), 1);
    flow->watch.ready(&flow->watch, EPOLLIN | EPOLLRDHUP);
    run_tasks(&worker);
}

#endif
