/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/flow/flow*.c and sampler.c: a flow from its start to its last report, by a clock of
 * the test's own, and what it makes of a kernel that refuses. */
#include "framing_message.h"

#include "daemon/flow/flow.c"
#include "daemon/flow/flow_access.c"
#include "daemon/flow/flow_drain.c"
#include "daemon/flow/flow_end.c"
#include "daemon/flow/flow_peer.c"
#include "daemon/flow/flow_run.c"
#include "daemon/flow/flow_start.c"
#include "daemon/flow/sampler.c"

#include "flow_by_clock.h"

/* A flow whose rate nobody keeps would measure something else: it fails before it sends. */
static void a_kernel_that_does_not_pace_fails_the_flow(void **state)
{
    int pipe_ends[2];
    (void)state;
    ends[SOURCE].rate = 1000000;
    ends[SOURCE].kernel_pacing = 1;
    assert_int_equal(pipe(pipe_ends), 0);
    struct flow *flow = running_flow(SOURCE, pipe_ends[1]); /* which is no socket */
    flow->run_start = flow->tx.start = now_is;
    flow->tx.started = false;
    intervals_begin(&flow->intervals, now_is, NS_PER_SEC, flow->tx.to);
    worker_update_now(&worker);
    run_running(flow);
    assert_int_equal(flow->state, FLOW_DONE);
    assert_int_equal(flow->fd, -1);
    assert_non_null(strstr(flow->error, "the kernel refuses to pace the connection (--pacing)"));
    assert_true(list_empty(&flow->task.link));
    close(pipe_ends[0]);
    give_up(flow);
}

static void a_kernel_that_paces_lets_the_flow_run(void **state)
{
    int peer;
    uint64_t rate = 0;
    socklen_t size = sizeof rate;
    (void)state;
    ends[SOURCE].rate = 1000000;
    ends[SOURCE].kernel_pacing = 1;
    struct flow *flow = flow_and_peer(SOURCE, &peer);
    flow->run_start = flow->tx.start = now_is;
    flow->tx.started = false;
    intervals_begin(&flow->intervals, now_is, 0, flow->tx.to);
    worker_update_now(&worker);
    run_running(flow);
    assert_int_equal(flow->state, FLOW_RUNNING);
    assert_int_equal(getsockopt(flow->fd, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, &size), 0);
    assert_int_equal(rate, 1000000 / 8);
    flow_detach(flow);
    close(peer);
    give_up(flow);
}

static void a_flow_keeps_to_its_schedule(void **state)
{
    int peer;
    (void)state;
    struct flow *flow = ready_flow(&peer, START + NS_PER_SEC);
    assert_int_equal(timers_first(&worker.timers), START + NS_PER_SEC);
    run_until(START + NS_PER_SEC - 1);
    assert_int_equal(flow->state, FLOW_READY);
    run_until(START + NS_PER_SEC);
    assert_int_equal(flow->state, FLOW_RUNNING);
    run_until(START + 2 * NS_PER_SEC - 1); /* the delay */
    assert_int_equal(read_all(peer), 0);
    run_until(START + 2 * NS_PER_SEC);
    assert_int_equal(read_all(peer), 1000); /* the first block at once, */
    run_until(START + 2 * NS_PER_SEC + NS_PER_SEC / 8 - 1);
    assert_int_equal(read_all(peer), 0);
    run_until(START + 2 * NS_PER_SEC + NS_PER_SEC / 8);
    assert_int_equal(read_all(peer), 1000); /* each further one when it is due */
    run_until(START + 4 * NS_PER_SEC - 1);
    assert_int_equal(read_all(peer), 14 * 1000);
    assert_int_equal(flow->state, FLOW_RUNNING);
    run_until(START + 4 * NS_PER_SEC);
    assert_int_equal(flow->state, FLOW_DRAINING);
    assert_int_equal(read_all(peer), 0);
    assert_int_equal(flow->tx.bytes, 16 * 1000);
    hear();
    assert_int_equal(told_count, 7);
    check_row(0, REPORT_START, 0, 0);
    for (int i = 1; i <= 6; i++)
        check_row((size_t)i, REPORT_INTERVAL, 500 * (i - 1), 500 * i);
    finish_flow(flow, peer);
}

static void a_late_worker_makes_the_next_row_shorter(void **state)
{
    int peer;
    (void)state;
    struct flow *flow = ready_flow(&peer, START);
    run_until(START);
    now_is = START + 700 * NS_PER_MS; /* nothing happens until then */
    run_until(now_is);
    run_until(START + 1000 * NS_PER_MS);
    hear();
    assert_int_equal(told_count, 3);
    check_row(1, REPORT_INTERVAL, 0, 700);
    check_row(2, REPORT_INTERVAL, 700, 1000);
    finish_flow(flow, peer);
}

static void a_drained_flow_reports_its_last(void **state)
{
    int peer;
    (void)state;
    struct flow *flow = ready_flow(&peer, START);
    run_until(START + 3 * NS_PER_SEC);
    assert_int_equal(flow->state, FLOW_DRAINING);
    assert_true(flow->tx_ended); /* half-closed: it owes nothing */
    assert_int_equal(flow->closing.deadline, START + 3 * NS_PER_SEC + flow->settings.drain);
    hear();
    /* The peer reads to the end and closes, and the kernel says that all is acknowledged. */
    read_all(peer);
    shutdown(peer, SHUT_WR);
    struct pollfd hangup = {.fd = flow->fd, .events = POLLRDHUP};
    assert_int_equal(poll(&hangup, 1, 10000), 1);
    flow->watch.ready(&flow->watch, EPOLLIN | EPOLLRDHUP);
    run_until(START + 3 * NS_PER_SEC + 50 * NS_PER_MS);
    assert_int_equal(flow->state, FLOW_DONE);
    hear();
    assert_int_equal(told_count, 2);
    assert_int_equal(told[0].kind, REPORT_FINAL);
    assert_string_equal(told[0].error, "");
    assert_int_equal(told[1].type, RING_DONE);
    assert_int_equal(told[1].code, 0);
    assert_int_equal(timers_first(&worker.timers), CLOCK_NEVER);
    finish_flow(flow, peer);
}

static void draining_ends_at_its_deadline(void **state)
{
    int peer;
    (void)state;
    flow_settings.drain = 2 * NS_PER_SEC;
    struct flow *flow = ready_flow(&peer, START);
    run_until(START + 5 * NS_PER_SEC - 1); /* the peer never closes */
    assert_int_equal(flow->state, FLOW_DRAINING);
    run_until(START + 5 * NS_PER_SEC);
    assert_int_equal(flow->state, FLOW_DONE);
    hear();
    assert_int_equal(told[told_count - 2].kind, REPORT_FINAL);
    assert_int_equal(told[told_count - 2].end, 5 * NS_PER_SEC);
    assert_int_equal(told[told_count - 1].code, 0); /* which is no failure */
    finish_flow(flow, peer);
}

static void a_stop_ends_it_with_what_it_has(void **state)
{
    int peer;
    (void)state;
    struct flow *flow = ready_flow(&peer, START);
    run_until(START + 1700 * NS_PER_MS);
    hear();
    size_t before = told_count;
    flow_stop(flow, NS_PER_SEC, mem_strdup("somebody"));
    run_until(START + 1700 * NS_PER_MS);
    assert_int_equal(flow->state, FLOW_DRAINING);
    assert_int_equal(flow->closing.deadline, START + 2700 * NS_PER_MS);
    assert_true(flow->tx.stopped);
    flow_stop(flow, NS_PER_SEC / 10, mem_strdup("somebody else"));
    assert_int_equal(flow->closing.deadline, START + 1800 * NS_PER_MS);
    assert_string_equal(flow->stopped, "somebody"); /* the first cause stays */
    hear();
    assert_int_equal(told_count, 1);
    assert_int_equal(told[0].begin, 1500 * NS_PER_MS);
    assert_int_equal(told[0].end, 1700 * NS_PER_MS);
    assert_int_equal(told[0].number, before);
    run_until(START + 1800 * NS_PER_MS);
    assert_int_equal(flow->state, FLOW_DONE);
    finish_flow(flow, peer);
}

static void a_stop_before_the_start_needs_no_row(void **state)
{
    int peer;
    (void)state;
    struct flow *flow = ready_flow(&peer, START + NS_PER_SEC);
    flow_stop(flow, NS_PER_SEC, NULL);
    assert_int_equal(flow->state, FLOW_DONE);
    assert_int_equal(flow->fd, -1);
    hear();
    assert_int_equal(told_count, 2);
    assert_string_equal(told[0].error, "the flow was stopped before it started");
    assert_int_equal(told[1].type, RING_DONE);
    run_until(START + 10 * NS_PER_SEC);
    hear();
    assert_int_equal(told_count, 0);
    finish_flow(flow, peer);
}

static void a_peer_that_closes_early_is_a_failure(void **state)
{
    int peer;
    (void)state;
    struct flow *flow = reading_flow(&peer);
    run_until(START + 500 * NS_PER_MS);
    leave(flow, peer);
    assert_true(flow->rx_eof);
    run_until(START + 2500 * NS_PER_MS - 1);
    assert_int_equal(flow->state, FLOW_RUNNING);
    run_until(START + 2500 * NS_PER_MS);
    assert_int_equal(flow->state, FLOW_DONE);
    assert_string_equal(flow->error, "the source closed the connection 2.500 s before the end");
    hear();
    assert_string_equal(told[told_count - 2].error, flow->error);
    assert_int_equal(told[told_count - 1].type, RING_DONE);
    assert_int_not_equal(told[told_count - 1].code, 0);
    finish_flow(flow, peer);
}

static void clocks_that_differ_are_none(void **state)
{
    int peer;
    (void)state;
    struct flow *flow = reading_flow(&peer);
    run_until(START + 2900 * NS_PER_MS);
    leave(flow, peer); /* 100 ms before the end by this end's clock */
    run_until(START + 3000 * NS_PER_MS);
    assert_null(flow->error);
    run_until(START + 6 * NS_PER_SEC);
    assert_int_equal(flow->state, FLOW_DONE);
    assert_null(flow->error);
    finish_flow(flow, peer);
}

static void nor_is_a_peer_that_stops_on_congestion(void **state)
{
    int peer;
    (void)state;
    ends[SOURCE].rate = 1000000;
    ends[SOURCE].stop_on_congestion = 1;
    struct flow *flow = reading_flow(&peer);
    run_until(START + 100 * NS_PER_MS);
    leave(flow, peer);
    run_until(START + 2900 * NS_PER_MS);
    assert_int_equal(flow->state, FLOW_RUNNING);
    assert_null(flow->error);
    finish_flow(flow, peer);
}

static void a_row_without_room_is_told_once(void **state)
{
    int peer;
    int64_t lost;
    (void)state;
    ring_free(worker.ring);
    worker.ring = ring_new(1);
    struct flow *flow = ready_flow(&peer, START);
    run_until(START + 3 * NS_PER_SEC);
    const struct ring_entry *entry = ring_peek(worker.ring);
    assert_int_equal(entry->type, RING_LOST);
    ring_pop(worker.ring);
    assert_null(ring_peek(worker.ring));
    run_until(START + 60 * NS_PER_SEC);
    entry = ring_peek(worker.ring);
    assert_int_equal(entry->type, RING_DONE);
    memcpy(&lost, entry->data, sizeof lost);
    assert_int_equal(lost, 8); /* the first, six intervals, the last */
    ring_pop(worker.ring);
    finish_flow(flow, peer);
}

static void a_flow_that_waits_connects_at_its_time(void **state)
{
    int peer;
    (void)state;
    flow_settings.late_connect = 1;
    ends[SOURCE].delay = NS_PER_SEC;
    struct flow *flow = flow_and_peer(SOURCE, &peer);
    flow->state = FLOW_WAITING;
    flow->deadline = CLOCK_NEVER;
    flow_start(flow, START + 5 * NS_PER_SEC);
    assert_int_equal(timers_first(&worker.timers), START + 6 * NS_PER_SEC);
    assert_int_equal(flow->state, FLOW_WAITING);
    flow_detach(flow);
    close(peer);
    give_up(flow);
}

static void a_flow_that_failed_before_the_start_reports_it(void **state)
{
    int peer;
    (void)state;
    struct flow *flow = flow_and_peer(SOURCE, &peer);
    flow->state = FLOW_READY;
    flow_fail(flow, FAULT_CONNECT, "it is %s", "gone");
    hear();
    assert_int_equal(told_count, 1);
    assert_int_equal(told[0].type, RING_FAILED);
    assert_int_equal(told[0].code, FAULT_CONNECT);
    flow_fail(flow, FAULT_SYSTEM, "once more"); /* the first failure stays */
    hear();
    assert_int_equal(told_count, 0);
    flow_start(flow, START); /* it was on its way */
    hear();
    assert_int_equal(told_count, 2);
    assert_int_equal(told[0].kind, REPORT_FINAL);
    assert_string_equal(told[0].error, "it is gone");
    assert_int_equal(told[1].type, RING_DONE);
    assert_int_equal(told[1].code, FAULT_CONNECT);
    close(peer);
    give_up(flow);
}

static void a_flow_that_fails_reports_what_it_has(void **state)
{
    int peer;
    (void)state;
    struct flow *flow = ready_flow(&peer, START);
    run_until(START + 1200 * NS_PER_MS);
    flow_fail(flow, FAULT_SYSTEM, "it broke");
    assert_int_equal(flow->fd, -1);
    hear();
    assert_int_equal(told_count, 6);
    check_row(3, REPORT_INTERVAL, 1000, 1200); /* up to now */
    assert_int_equal(told[4].kind, REPORT_FINAL);
    assert_string_equal(told[4].error, "it broke");
    assert_int_equal(told[5].code, FAULT_SYSTEM);
    run_until(START + 60 * NS_PER_SEC);
    hear();
    assert_int_equal(told_count, 0);
    finish_flow(flow, peer);
}

static void a_flow_is_not_drained_while_responses_are_awaited(void **state)
{
    int peer;
    (void)state;
    ends[SOURCE].response_size = dist_constant(40);
    struct flow *flow = ready_flow(&peer, START);
    run_until(START + 1200 * NS_PER_MS);
    assert_true(flow->framing->awaited(flow) > 0);
    flow->tx_ended = true;
    assert_false(has_received_all(flow));
    assert_false(flow_is_drained(flow));
    flow->message->asked.count = 0;
    assert_true(has_received_all(flow));
    finish_flow(flow, peer);
}

static void a_broken_connection_is_a_failure_unless_both_were_stopped(void **state)
{
    int peer;
    (void)state;
    struct flow *flow = ready_flow(&peer, START);
    run_until(START + 1200 * NS_PER_MS);
    flow_stop(flow, 5 * NS_PER_SEC, NULL);
    assert_int_equal(flow->state, FLOW_DRAINING);
    flow_socket_error(flow, ECONNRESET); /* the other end was quicker */
    assert_null(flow->error);
    assert_int_equal(flow->closing.deadline, now_is);
    finish_flow(flow, peer);
    flow = ready_flow(&peer, now_is);
    run_until(now_is);
    flow_socket_error(flow, ECONNRESET);
    assert_non_null(
        strstr(flow->error, "was reset before the end of the flow, by the destination"));
    finish_flow(flow, peer);
    flow = ready_flow(&peer, now_is);
    run_until(now_is);
    flow_socket_error(flow, ETIMEDOUT);
    assert_non_null(strstr(flow->error, strerror(ETIMEDOUT)));
    finish_flow(flow, peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(a_kernel_that_does_not_pace_fails_the_flow),
        DRIVEN(a_kernel_that_paces_lets_the_flow_run),
        DRIVEN(a_flow_keeps_to_its_schedule),
        DRIVEN(a_late_worker_makes_the_next_row_shorter),
        DRIVEN(a_drained_flow_reports_its_last),
        DRIVEN(draining_ends_at_its_deadline),
        DRIVEN(a_stop_ends_it_with_what_it_has),
        DRIVEN(a_stop_before_the_start_needs_no_row),
        DRIVEN(a_peer_that_closes_early_is_a_failure),
        DRIVEN(clocks_that_differ_are_none),
        DRIVEN(nor_is_a_peer_that_stops_on_congestion),
        DRIVEN(a_row_without_room_is_told_once),
        DRIVEN(a_flow_that_waits_connects_at_its_time),
        DRIVEN(a_flow_that_failed_before_the_start_reports_it),
        DRIVEN(a_flow_that_fails_reports_what_it_has),
        DRIVEN(a_flow_is_not_drained_while_responses_are_awaited),
        DRIVEN(a_broken_connection_is_a_failure_unless_both_were_stopped),
    };
    return cmocka_run_group_tests_name("flow_run", tests, NULL, NULL);
}
