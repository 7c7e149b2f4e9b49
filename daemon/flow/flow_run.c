/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A flow from its start to its last report: what is due, what has come, what follows from it. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "flow/flow_state.h"
#include "log.h"
#include "flow/sampler.h"

static struct flow *of_timer(struct timer *timer)
{
    return container_of(timer, struct flow, timer);
}

static struct flow *of_watch(struct watch *watch)
{
    return container_of(watch, struct flow, watch);
}

static struct flow *of_task(struct task *task)
{
    return container_of(task, struct flow, task);
}

static void sample_if_due(struct flow *flow)
{
    if (flow->worker->now < intervals_due(&flow->intervals))
        return;
    worker_update_now(flow->worker);
    sampler_interval(flow, flow->worker->now);
    intervals_pass(&flow->intervals, flow->worker->now);
}

static void start_sending(struct flow *flow)
{
    const struct endpoint_settings *own = flow_own(flow);
    pacer_start(&flow->pacer, own->kernel_pacing ? 0 : own->rate, flow->tx.start);
    struct fail fail;
    if (own->kernel_pacing && !flow->transport->pace(flow->fd, own->rate, &fail))
        flow_fail(flow, fail.code, "%s", fail.text);
}

void flow_stop_congested(struct flow *flow)
{
    flow->congested = flow->worker->now;
    flow->tx.stop = clock_earlier(flow->tx.stop, flow->worker->now);
    direction_tick(&flow->tx, flow->worker->now);
}

void flow_end_tx(struct flow *flow)
{
    worker_update_now(flow->worker);
    direction_stop(&flow->tx, flow->worker->now, settings_ask_responses(flow_other(flow)));
}

void flow_check_volume(struct flow *flow, int64_t bytes, int64_t blocks)
{
    if (flow->rx.stopped || flow->volume_time != METRIC_ABSENT ||
        !settings_volume_reached(flow_other(flow), bytes, blocks))
        return;
    worker_update_now(flow->worker);
    /* It may have come before the start by this host's clock: then the time is not known. */
    if (flow->worker->now > flow->rx.start)
        flow->volume_time = flow->worker->now - flow->rx.start;
    direction_stop(&flow->rx, flow->worker->now, settings_ask_responses(flow_own(flow)));
}

/* With -C: when the framing has to find out whether the full socket has kept it from sending for
 * too long. */
static int64_t congestion_deadline(const struct flow *flow)
{
    if (!flow_sending(flow) || flow->writable || !flow_stops_on_congestion(flow))
        return CLOCK_NEVER;
    return pacer_due(&flow->pacer) + PACER_DEPTH + 1;
}

/* What the sender does from now on. It was busy until this very moment if it has just sent, so the
 * time is read again then. */
static void note_sender(struct flow *flow, bool after_turn)
{
    enum sender_state state = SENDER_RUNS;
    if (!flow_transport_can(flow, TRANSPORT_STREAM))
        return;
    if (!flow_sending(flow))
        state = SENDER_OFF;
    else if (!flow->writable)
        state = SENDER_BLOCKED;
    else if (flow->framing->due && !flow->framing->due(flow))
        state = SENDER_IDLE;
    if (state == flow->sender_time.state)
        return;
    if (after_turn)
        worker_update_now(flow->worker);
    sender_time_enter(&flow->sender_time, state, flow->worker->now);
}

static void run_running(struct flow *flow)
{
    bool was_sending = flow_sending(flow);
    int64_t now = flow->worker->now;
    direction_tick(&flow->tx, now);
    direction_tick(&flow->rx, now);
    sampler_omit(flow, now);
    if (flow_sending(flow) && !was_sending)
        start_sending(flow);
    if (flow->state == FLOW_DONE)
        return;
    flow->writable |= now >= congestion_deadline(flow);
    sample_if_due(flow);
    if (now >= flow->intervals.end && flow->intervals.over)
        flow_start_draining(flow);
    else
        flow_check_early_eof(flow, now);
    if (flow->state != FLOW_DONE)
        worker_queue(flow->worker, &flow->task);
}

/* Whether every direction has come to its end, one of them at least by its volume. */
static bool is_complete(const struct flow *flow)
{
    return flow->state == FLOW_RUNNING && direction_has_stopped(&flow->tx) &&
           direction_has_stopped(&flow->rx) &&
           (settings_have_volume(&flow->ends[SOURCE]) ||
            settings_have_volume(&flow->ends[DESTINATION]));
}

/* The measured time of all directions is over. */
static void end_now(struct flow *flow)
{
    int64_t now = flow->worker->now;
    direction_cut(&flow->tx, now);
    direction_cut(&flow->rx, now);
    intervals_cut(&flow->intervals, now);
    closing_forgive(&flow->closing);
    flow_advance(flow, now);
}

/* What follows from what has just been sent, read, or reached. */
static void progress(struct flow *flow)
{
    if (flow->state != FLOW_RUNNING && flow->state != FLOW_DRAINING)
        return;
    flow_end_sending_if_due(flow);
    if (is_complete(flow) && flow_is_drained(flow))
        end_now(flow); /* which drains, and comes here again */
    if (flow->state != FLOW_DRAINING)
        return;
    bool drained = flow_is_drained(flow);
    if (drained || flow->worker->now >= flow->closing.deadline)
        flow_finish_drained(flow, drained);
}

static int64_t framing_wakes(const struct flow *flow)
{
    return flow->framing->wakes ? flow->framing->wakes(flow) : CLOCK_NEVER;
}

static int64_t next_deadline(struct flow *flow)
{
    if (flow->state == FLOW_READY)
        return flow->run_start ? flow->run_start : CLOCK_NEVER;
    if (flow->state == FLOW_DRAINING)
        return clock_earlier(flow_drain_deadline(flow), framing_wakes(flow));
    if (flow->state != FLOW_RUNNING)
        return flow->deadline;
    int64_t next = clock_earlier(direction_next(&flow->tx), direction_next(&flow->rx));
    next = clock_earlier(next, framing_wakes(flow));
    next = clock_earlier(next, clock_earlier(intervals_due(&flow->intervals), flow->intervals.end));
    next = clock_earlier(next, clock_earlier(flow->closing.early, flow_expected_deadline(flow)));
    next = clock_earlier(next, congestion_deadline(flow));
    if (is_complete(flow))
        next = clock_earlier(next, flow_drain_deadline(flow));
    if (!flow_sending(flow) || !flow->writable)
        return next;
    int64_t send = flow->framing->next_send(flow);
    if (send > flow->worker->now)
        return clock_earlier(next, send);
    worker_queue(flow->worker, &flow->task);
    return next;
}

void flow_rearm(struct flow *flow)
{
    if (flow->state != FLOW_DONE)
        timers_set(&flow->worker->timers, &flow->timer, next_deadline(flow));
}

void flow_advance(struct flow *flow, int64_t now)
{
    if (flow->state == FLOW_READY && flow->run_start && now >= flow->run_start) {
        flow_begin(flow);
        return;
    }
    if (flow->state < FLOW_READY) {
        if (now >= flow->deadline)
            flow->protocol->timeout(flow);
        return;
    }
    if (flow->state == FLOW_RUNNING)
        run_running(flow);
    flow_check_expected(flow);
    note_sender(flow, false);
    if (flow->state != FLOW_DONE && now >= framing_wakes(flow))
        flow->framing->wake(flow);
    progress(flow);
    flow_rearm(flow);
}

static void on_timer(struct timer *timer, int64_t now)
{
    struct flow *flow = of_timer(timer);
    flow_log(LOG_LEVEL_TRACE, flow, "timer");
    flow_advance(flow, now);
}

static void check_hangup(struct flow *flow, uint32_t events)
{
    if (!(events & (EPOLLERR | EPOLLHUP)))
        return;
    int error = flow->transport->take_error(flow->fd);
    if (error)
        flow_socket_error(flow, error);
    else if (flow->state == FLOW_READY && flow_transport_can(flow, TRANSPORT_STREAM))
        flow_socket_error(flow, ECONNRESET);
}

/* Datagrams come for the peer's protocol until the start. */
static bool is_exchanging(const struct flow *flow)
{
    return flow->state < FLOW_READY ||
           (flow->state == FLOW_READY && !flow_transport_can(flow, TRANSPORT_STREAM));
}

static void on_event(struct watch *watch, uint32_t events)
{
    struct flow *flow = of_watch(watch);
    flow_log(LOG_LEVEL_TRACE, flow, "socket events %#x", events);
    if (flow->state == FLOW_DONE) {
        if (flow->framing->linger)
            flow->framing->linger(flow);
        return;
    }
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        flow->peer_closed = true;
    if (flow->peer_closed || events & EPOLLIN)
        flow->readable = true;
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        flow->writable = true;
    if (is_exchanging(flow)) {
        flow->protocol->connected(flow);
        return;
    }
    check_hangup(flow, events);
    note_sender(flow, false);
    if (flow->state == FLOW_RUNNING || flow->state == FLOW_DRAINING)
        worker_queue(flow->worker, &flow->task);
}

/* One turn of reading. */
static bool receive(struct flow *flow)
{
    int64_t before = flow->rx.bytes;
    bool more = flow->framing->receive(flow);
    if (flow->renews_options && flow->state != FLOW_DONE)
        flow->transport->set(flow->fd, SOCKOPT_READ, flow_own(flow), NULL);
    if (!flow->protocol->has_daemon && flow->rx.bytes != before) {
        worker_update_now(flow->worker);
        flow->expected.last_read = flow->worker->now;
    }
    return more;
}

/* A turn: some reading and some sending, then the next flow has its turn. */
static void on_turn(struct task *task)
{
    struct flow *flow = of_task(task);
    bool more = false;
    if (is_exchanging(flow))
        flow->protocol->connected(flow);
    if (flow->state != FLOW_RUNNING && flow->state != FLOW_DRAINING)
        return;
    /* The last acknowledgments go out with the reads, so that the final report counts them. */
    if (flow->state == FLOW_DRAINING && flow->readable)
        flow->transport->flush_acks(flow->fd);
    /* After the end of data there is more to read of datagrams: what is said about the other
     * direction. */
    if (flow->readable && !(flow->rx_eof && flow_transport_can(flow, TRANSPORT_STREAM)))
        more |= receive(flow);
    if (flow->state != FLOW_DONE && flow->writable && !flow->tx_ended)
        more |= flow->framing->send(flow);
    flow_check_peer(flow);
    if (!flow->readable)
        flow_check_expected(flow);
    if (flow->memory.refused)
        flow_no_memory(flow);
    if (flow->state == FLOW_DONE)
        return;
    note_sender(flow, true);
    progress(flow);
    flow_rearm(flow);
    if (more && flow->state != FLOW_DONE)
        worker_queue(flow->worker, &flow->task);
}

void flow_stop(struct flow *flow, int64_t drain, char *why)
{
    if (flow->state == FLOW_DONE || flow->state == FLOW_DRAINING || flow->stop_asked) {
        free(why);
        why = NULL;
    }
    if (flow->state == FLOW_DONE)
        return;
    if (why)
        flow->stopped = why;
    worker_update_now(flow->worker);
    int64_t now = flow->worker->now;
    flow->settings.drain = clock_earlier(flow->settings.drain, drain);
    if (flow->state == FLOW_DRAINING)
        closing_shorten(&flow->closing, now, flow->settings.drain);
    flow_rearm(flow);
    if (flow->stop_asked)
        return;
    flow->stop_asked = true;
    if (flow->state == FLOW_RUNNING) {
        end_now(flow);
    } else if (flow->state != FLOW_DRAINING) {
        if (flow->run_start)
            sampler_final(flow, now, "the flow was stopped before it started");
        flow_detach(flow);
        flow_close_socket(flow);
        flow_finish(flow, 0);
    }
}

void flow_run_init(struct flow *flow)
{
    flow->timer.fire = on_timer;
    flow->watch.ready = on_event;
    flow->task.run = on_turn;
}
