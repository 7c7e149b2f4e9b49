/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A flow from its start to its last report: what is due, what has come, what follows from it. */
#include <errno.h>
#include <sys/epoll.h>

#include "flow.h"
#include "log.h"
#include "sampler.h"
#include "sockopt.h"

/* A peer that closes before its time may have been stopped, as we shall be in a moment: so long we
 * wait before we call it a failure. */
#define EARLY_EOF_GRACE (2 * NS_PER_SEC)

/* How often a draining flow looks whether all is acknowledged, where nothing tells it. */
#define DRAIN_POLL_FIRST NS_PER_MS
#define DRAIN_POLL_LAST  (16 * NS_PER_MS)

/* Rows that are made up for after a standstill, at most; each has its true, short length. */
enum { CATCH_UP_MAX = 1000 };

static struct flow *of_timer(struct timer *timer)
{
    return (struct flow *)((char *)timer - offsetof(struct flow, timer));
}

static struct flow *of_watch(struct watch *watch)
{
    return (struct flow *)((char *)watch - offsetof(struct flow, watch));
}

static struct flow *of_task(struct task *task)
{
    return (struct flow *)((char *)task - offsetof(struct flow, task));
}

static int64_t earlier(int64_t one, int64_t other)
{
    return one < other ? one : other;
}

static void direction_tick(struct direction *direction, int64_t now)
{
    if (!direction->opened && now >= direction->from) {
        direction->opened = true;
        direction->opened_at = now;
    }
    if (direction->active && !direction->started && now >= direction->start) {
        direction->started = true;
        direction->started_at = now;
    }
    if (direction->started && !direction->stopped && now >= direction->stop) {
        direction->stopped = true;
        direction->stopped_at = now;
    }
    if (direction->opened && !direction->closed && now >= direction->to) {
        direction->closed = true;
        direction->closed_at = now;
    }
}

static int64_t direction_next(const struct direction *direction)
{
    int64_t next = CLOCK_NEVER;
    if (direction->active && !direction->started)
        next = direction->start;
    else if (direction->active && !direction->stopped)
        next = direction->stop;
    if (!direction->opened && direction->from < next)
        next = direction->from;
    else if (direction->opened && !direction->closed && direction->to < next)
        next = direction->to;
    return next;
}

/* Reports at the deadline; the next one follows the deadline, not the clock: a late report makes
 * the one after it shorter, and none is left out. */
static void sample_if_due(struct flow *flow)
{
    int64_t due = earlier(flow->next_sample, flow->end);
    if (flow->sampled_end || flow->worker->now < due)
        return;
    worker_clock(flow->worker);
    sampler_interval(flow, flow->worker->now);
    flow->sampled_end = due == flow->end;
    int64_t missed = (flow->worker->now - flow->next_sample) / flow->settings.interval;
    if (missed > CATCH_UP_MAX) {
        /* The process was stopped for long: so many rows of no length tell nobody anything. */
        flow->rows_skipped += missed;
        flow->next_sample += missed * flow->settings.interval;
    }
    flow->next_sample += flow->settings.interval;
}

static void start_draining(struct flow *flow)
{
    flow_log(LOG_LEVEL_INFO, flow, "stopped, %s",
             flow->stop_asked ? "as it was asked to" : "its time is over");
    flow->state = FLOW_DRAINING;
    flow->early_eof_deadline = CLOCK_NEVER;
    flow->drain_deadline = flow->worker->now + flow->settings.drain;
    flow->drain_poll = DRAIN_POLL_FIRST;
}

static void start_sending(struct flow *flow)
{
    const struct endpoint_settings *own = flow_own_settings(flow);
    pacer_start(&flow->pacer, own->kernel_pacing ? 0 : own->rate, flow->tx.start);
    if (own->kernel_pacing)
        flow->transport->pace(flow->fd, own->rate);
}

void flow_stop_congested(struct flow *flow)
{
    flow->congested = flow->worker->now;
    flow->tx.stop = earlier(flow->tx.stop, flow->worker->now);
    direction_tick(&flow->tx, flow->worker->now);
}

/* With -C: when the framing has to find out whether the full socket has kept it from sending for
 * too long. */
static int64_t congestion_deadline(const struct flow *flow)
{
    if (!flow_sending(flow) || flow->writable || !flow_stops_on_congestion(flow))
        return CLOCK_NEVER;
    return pacer_due(&flow->pacer) + PACER_DEPTH + 1;
}

static void run_running(struct flow *flow)
{
    bool was_sending = flow_sending(flow);
    int64_t now = flow->worker->now;
    direction_tick(&flow->tx, now);
    direction_tick(&flow->rx, now);
    if (flow_sending(flow) && !was_sending)
        start_sending(flow);
    flow->writable |= now >= congestion_deadline(flow);
    sample_if_due(flow);
    if (flow->rx.stopped)
        flow->early_eof_deadline = CLOCK_NEVER; /* it was early by the clocks' error only */
    if (now >= flow->end && flow->sampled_end)
        start_draining(flow);
    else if (now >= flow->early_eof_deadline)
        flow_fail(flow, FAULT_CONNECT, "the %s closed the connection %.3f s before the end",
                  endpoint_name(flow->endpoint == SOURCE ? DESTINATION : SOURCE),
                  (double)(flow->end - now + EARLY_EOF_GRACE) / NS_PER_SEC);
    if (flow->state != FLOW_DONE)
        worker_queue(flow->worker, &flow->task);
}

void flow_eof(struct flow *flow)
{
    flow->rx_eof = true;
    flow->peer_finished = true;
    /* With -C the peer may stop at any time. */
    if (flow->state == FLOW_RUNNING && !flow->stop_asked && !flow->rx.stopped &&
        !flow_peer_settings(flow)->flow_control)
        flow->early_eof_deadline = flow->worker->now + EARLY_EOF_GRACE;
}

static bool owes_responses(const struct flow *flow)
{
    return settings_ask_responses(flow_peer_settings(flow)) && !flow->peer_finished;
}

/* Half-closes when the endpoint's time is over and it owes nothing. */
static void end_sending_if_due(struct flow *flow)
{
    if (flow->tx_ended || !flow->tx.active || !flow->tx.stopped || !flow->framing->flushed(flow))
        return;
    if (owes_responses(flow) && !flow->settings.shutdown)
        return;
    flow->tx_ended = flow->transport->end_sending(flow->fd);
}

static bool has_received_all(const struct flow *flow)
{
    return flow->rx_eof || (!flow->rx.active && flow->framing->awaited(flow) == 0);
}

static bool has_sent_all(const struct flow *flow)
{
    return flow->tx.active ? flow->tx_ended : flow->framing->flushed(flow);
}

static bool is_drained(const struct flow *flow)
{
    if (!has_received_all(flow) || !has_sent_all(flow))
        return false;
    return flow->tx.active ? flow->transport->end_acknowledged(flow->fd)
                           : flow->transport->unacked(flow->fd) == 0;
}

/* What is still to come or to go is told by events of the socket, and so may be the end's
 * acknowledgment. Thousands of flows that looked for it would keep others from draining. */
static int64_t drain_deadline(struct flow *flow)
{
    bool told = flow->tx.active && flow->transport->tells_end;
    if (told || !has_received_all(flow) || !has_sent_all(flow))
        return flow->drain_deadline;
    int64_t poll = flow->worker->now + flow->drain_poll;
    flow->drain_poll = earlier(2 * flow->drain_poll, DRAIN_POLL_LAST);
    return earlier(poll, flow->drain_deadline);
}

static void finish(struct flow *flow, bool drained)
{
    flow->transport->flush_acks(flow->fd);
    worker_clock(flow->worker);
    flow_log(LOG_LEVEL_INFO, flow, "%s", drained ? "drained" : "not drained in time");
    sampler_final(flow, flow->worker->now, NULL);
    if (flow_is_dumped(flow) && !flow->tx_ended)
        flow->tx_ended = flow->transport->end_sending(flow->fd);
    flow_rest(flow);
    /* The socket stays until the session ends: others may want to look at it. */
    flow_conclude(flow, 0);
}

/* What follows from what has just been sent, read, or reached. */
static void progress(struct flow *flow)
{
    if (flow->state != FLOW_RUNNING && flow->state != FLOW_DRAINING)
        return;
    end_sending_if_due(flow);
    if (flow->state != FLOW_DRAINING)
        return;
    bool drained = is_drained(flow);
    if (drained || flow->worker->now >= flow->drain_deadline)
        finish(flow, drained);
}

static int64_t next_deadline(struct flow *flow)
{
    if (flow->state == FLOW_READY)
        return flow->run_start ? flow->run_start : CLOCK_NEVER;
    if (flow->state == FLOW_DRAINING)
        return drain_deadline(flow);
    if (flow->state != FLOW_RUNNING)
        return flow->deadline;
    int64_t next = earlier(direction_next(&flow->tx), direction_next(&flow->rx));
    next = earlier(next, earlier(flow->next_sample, flow->end));
    next = earlier(next, flow->early_eof_deadline);
    next = earlier(next, congestion_deadline(flow));
    if (!flow_sending(flow) || !flow->writable)
        return next;
    int64_t send = flow->framing->next_send(flow);
    if (send > flow->worker->now)
        return earlier(next, send);
    worker_queue(flow->worker, &flow->task);
    return next;
}

void flow_rearm(struct flow *flow)
{
    if (flow->state != FLOW_DONE)
        timers_set(&flow->worker->timers, &flow->timer, next_deadline(flow));
}

static void on_timer(struct timer *timer, int64_t now)
{
    struct flow *flow = of_timer(timer);
    flow_log(LOG_LEVEL_TRACE, flow, "timer");
    if (flow->state == FLOW_READY && flow->run_start && now >= flow->run_start) {
        flow_begin(flow);
        return;
    }
    if (flow->state < FLOW_READY) {
        if (now >= flow->deadline)
            flow->role->timeout(flow);
        return;
    }
    if (flow->state == FLOW_RUNNING)
        run_running(flow);
    progress(flow);
    flow_rearm(flow);
}

static void check_hangup(struct flow *flow, uint32_t events)
{
    int error = 0;
    socklen_t length = sizeof error;
    if (!(events & (EPOLLERR | EPOLLHUP)))
        return;
    getsockopt(flow->fd, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error)
        flow_socket_error(flow, error);
    else if (flow->state == FLOW_READY)
        flow_socket_error(flow, ECONNRESET);
}

static void on_event(struct watch *watch, uint32_t events)
{
    struct flow *flow = of_watch(watch);
    flow_log(LOG_LEVEL_TRACE, flow, "socket events %#x", events);
    if (flow->state == FLOW_DONE)
        return;
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        flow->hung_up = true;
    if (flow->hung_up || events & EPOLLIN)
        flow->readable = true;
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        flow->writable = true;
    if (flow->state < FLOW_READY) {
        flow->role->connected(flow);
        return;
    }
    check_hangup(flow, events);
    if (flow->state == FLOW_RUNNING || flow->state == FLOW_DRAINING)
        worker_queue(flow->worker, &flow->task);
}

/* A turn: some reading and some sending, then the next flow has its turn. */
static void on_turn(struct task *task)
{
    struct flow *flow = of_task(task);
    bool more = false;
    if (flow->state != FLOW_RUNNING && flow->state != FLOW_DRAINING)
        return;
    /* The last acknowledgments go out with the reads, so that the final report counts them. */
    if (flow->state == FLOW_DRAINING && flow->readable)
        flow->transport->flush_acks(flow->fd);
    if (flow->readable && !flow->rx_eof) {
        more |= flow->framing->receive(flow);
        if (flow->renews_options && flow->state != FLOW_DONE)
            sockopt_set(flow->fd, AF_UNSPEC, SOCKOPT_READ, flow_own_settings(flow), NULL);
    }
    if (flow->state != FLOW_DONE && flow->writable && !flow->tx_ended)
        more |= flow->framing->send(flow);
    if (flow->state == FLOW_DONE)
        return;
    progress(flow);
    flow_rearm(flow);
    if (more && flow->state != FLOW_DONE)
        worker_queue(flow->worker, &flow->task);
}

void flow_begin(struct flow *flow)
{
    struct flow_schedule schedule = settings_schedule(flow->ends);
    struct direction *directions[ENDPOINTS] = {
        [SOURCE] = flow->endpoint == SOURCE ? &flow->tx : &flow->rx,
        [DESTINATION] = flow->endpoint == SOURCE ? &flow->rx : &flow->tx,
    };
    worker_clock(flow->worker);
    int64_t now = flow->worker->now;
    flow->base = flow->settings.late_connect ? now - flow->ends[SOURCE].delay : flow->run_start;
    for (int i = 0; i < ENDPOINTS; i++)
        *directions[i] = (struct direction){
            .active = flow->ends[i].duration > 0,
            .from = flow->base + schedule.from[i],
            .start = flow->base + schedule.start[i],
            .stop = flow->base + schedule.stop[i],
            .to = flow->base + schedule.to[i],
        };
    flow->end = flow->base + schedule.end;
    flow->state = FLOW_RUNNING;
    flow->deadline = CLOCK_NEVER;
    flow->began = now;
    flow_log(LOG_LEVEL_INFO, flow, "started, %.6f s after the start of the run",
             (double)(now - flow->run_start) / NS_PER_SEC);
    sampler_start(flow);
    flow->next_sample = (flow->settings.late_connect ? now : flow->base) + flow->settings.interval;
    if (flow->settings.summarize_only) {
        flow->next_sample = CLOCK_NEVER;
        flow->sampled_end = true;
    }
    flow->readable = flow->writable = true;
    worker_queue(flow->worker, &flow->task);
    on_timer(&flow->timer, now);
}

void flow_stop(struct flow *flow, int64_t drain)
{
    if (flow->state == FLOW_DONE)
        return;
    worker_clock(flow->worker);
    int64_t now = flow->worker->now;
    flow->settings.drain = earlier(flow->settings.drain, drain);
    if (flow->state == FLOW_DRAINING)
        flow->drain_deadline = earlier(flow->drain_deadline, now + flow->settings.drain);
    flow_rearm(flow);
    if (flow->stop_asked)
        return;
    flow->stop_asked = true;
    if (flow->state == FLOW_RUNNING) {
        struct direction *directions[] = {&flow->tx, &flow->rx};
        for (int i = 0; i < 2; i++) {
            directions[i]->stop = earlier(directions[i]->stop, now);
            directions[i]->to = earlier(directions[i]->to, now);
        }
        flow->end = now;
        flow->early_eof_deadline = CLOCK_NEVER;
        on_timer(&flow->timer, now);
    } else if (flow->state != FLOW_DRAINING) {
        if (flow->run_start)
            sampler_final(flow, now, "the flow was stopped before it began");
        flow_rest(flow);
        flow_close_socket(flow);
        flow_conclude(flow, 0);
    }
}

void flow_run_init(struct flow *flow)
{
    flow->timer.fire = on_timer;
    flow->watch.ready = on_event;
    flow->task.run = on_turn;
}
