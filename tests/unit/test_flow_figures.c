/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/flow/flow*.c and sampler.c: what the final report of a flow says, and what its peer
 * may send, by a clock of the test's own. */
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

/* ---- figures of the final report ---- */

static struct report_row last_row;

/* The final report among what is told, whose bytes are gone. */
static int64_t *final_values(void)
{
    struct report_layout layout;
    const struct ring_entry *entry;
    size_t used;
    bool found = false;
    report_layout_own(&layout);
    for (; (entry = ring_peek(worker.ring)); ring_pop(worker.ring)) {
        struct report_row row;
        if (entry->type != RING_ROW)
            continue;
        assert_true(report_unpack(entry->data, entry->size, &layout, &row, &used, NULL));
        if (row.report.key[REPORT_KIND] != REPORT_FINAL)
            continue;
        last_row = row;
        found = true;
    }
    assert_true(found);
    return last_row.report.value;
}

static void late_flows_count_from_when_they_connect(void **state)
{
    int peer;
    (void)state;
    flow_settings.late_connect = 1;
    struct flow *flow = ready_flow(&peer, START);
    run_until(START + NS_PER_SEC + NS_PER_SEC / 5); /* it took 200 ms to connect */
    assert_int_equal(flow->state, FLOW_RUNNING);
    flow_detach(flow);
    flow->state = FLOW_READY;
    hear();
    flow_begin(flow);
    assert_int_equal(flow->tx.start, now_is);
    assert_int_equal(flow->tx.stop, now_is + 2 * NS_PER_SEC);
    assert_int_equal(flow->intervals.end, now_is + 2 * NS_PER_SEC);
    assert_int_equal(flow->intervals.next, now_is + NS_PER_SEC / 2);
    finish_flow(flow, peer);
}

static void the_final_report_has_what_was_sent_and_when(void **state)
{
    int peer;
    (void)state;
    struct flow *flow = ready_flow(&peer, START);
    flow->connect_time = 1234;
    flow->exchange_time = 5678;
    run_until(START + 60 * NS_PER_SEC);
    int64_t *value = final_values();
    assert_int_equal(value[METRIC_tx_bytes], 16 * 1000);
    assert_int_equal(value[METRIC_tx_requests], 16);
    assert_int_equal(value[METRIC_tx_tail], 0);
    assert_int_equal(value[METRIC_rx_bytes], 0);
    assert_int_equal(value[METRIC_tx_time], 2 * NS_PER_SEC);
    assert_int_equal(value[METRIC_rx_time], METRIC_ABSENT); /* nothing was to come */
    assert_int_equal(value[METRIC_connect_time], 1234);
    assert_int_equal(value[METRIC_exchange_time], 5678);
    assert_int_equal(value[METRIC_omitted], METRIC_ABSENT);
    assert_int_equal(value[METRIC_rows_skipped], 0);
    assert_int_equal(value[METRIC_status], 'c' << 8 | 'o');
    finish_flow(flow, peer);
}

static void the_beginning_can_be_left_out(void **state)
{
    int peer;
    (void)state;
    ends[SOURCE].omit = NS_PER_SEC;
    struct flow *flow = ready_flow(&peer, START);
    run_until(START + 2 * NS_PER_SEC - 1);
    assert_int_equal(flow->tx.omitted_at, 0);
    run_until(START + 2 * NS_PER_SEC);
    assert_int_equal(flow->tx.omitted_at, START + 2 * NS_PER_SEC);
    run_until(START + 60 * NS_PER_SEC);
    int64_t *value = final_values();
    assert_int_equal(flow->tx.bytes, 16 * 1000);
    assert_int_equal(value[METRIC_tx_bytes], 8 * 1000);
    assert_int_equal(value[METRIC_tx_requests], 8);
    assert_int_equal(value[METRIC_tx_time], NS_PER_SEC);
    assert_int_equal(value[METRIC_omitted], NS_PER_SEC);
    finish_flow(flow, peer);
}

static void what_came_after_the_time_is_apart(void **state)
{
    int peer;
    int64_t value[METRICS];
    (void)state;
    struct flow *flow = ready_flow(&peer, START);
    run_until(START);
    flow->tx.requests = 1, flow->tx.responses = 2, flow->rx.requests = 3, flow->rx.responses = 4;
    flow->tx.tail_requests = 5, flow->tx.tail_responses = 6;
    flow->rx.tail_requests = 7, flow->rx.tail_responses = 8;
    flow->framing->count(flow, value);
    flow->framing->count_tail(flow, value);
    assert_int_equal(value[METRIC_tx_requests], 1);
    assert_int_equal(value[METRIC_tx_responses], 2);
    assert_int_equal(value[METRIC_rx_requests], 3);
    assert_int_equal(value[METRIC_rx_responses], 4);
    assert_int_equal(value[METRIC_tx_requests_tail], 5);
    assert_int_equal(value[METRIC_tx_responses_tail], 6);
    assert_int_equal(value[METRIC_rx_requests_tail], 7);
    assert_int_equal(value[METRIC_rx_responses_tail], 8);
    finish_flow(flow, peer);
}

/* ---- what the peer may send, where it is held to the rate ---- */

static struct flow *held_flow(int *peer, int64_t rate)
{
    ends[SOURCE].rate = rate;
    ends[SOURCE].request_size = dist_constant(1000);
    struct flow *flow = reading_flow(peer);
    flow->holds_peer = true;
    return flow;
}

static void a_peer_is_held_to_its_rate(void **state)
{
    int peer;
    (void)state;
    struct flow *flow = held_flow(&peer, 80000); /* 10000 bytes a second, from START on */
    run_until(START + NS_PER_SEC);
    /* what it may send in one second, and what it may be ahead: one second, and a tenth of both;
     * and the block that it is in */
    int64_t allowed = 22000 + settings_block_cap(&ends[SOURCE]);
    flow->rx.bytes = allowed;
    flow_check_peer(flow);
    assert_null(flow->error);
    flow->rx.bytes++;
    flow_check_peer(flow);
    assert_non_null(flow->error);
    char expected[128];
    snprintf(expected, sizeof expected, "the peer has sent %lld bytes, but at most %lld",
             (long long)allowed + 1, (long long)allowed);
    assert_non_null(strstr(flow->error, expected));
    assert_int_equal(flow->state, FLOW_DONE);
    finish_flow(flow, peer);
}

static void a_peers_time_ends(void **state)
{
    int peer;
    (void)state;
    struct flow *flow = held_flow(&peer, 80000);
    flow->closing.early = CLOCK_NEVER;
    now_is = START + 100 * NS_PER_SEC; /* it was to stop after 3 s */
    worker_update_now(&worker);
    flow->rx.bytes = 40000;
    flow->rx.tail_bytes =
        4000 + settings_block_cap(&ends[SOURCE]); /* what comes while draining counts as well */
    flow_check_peer(flow);
    assert_null(flow->error);
    flow->rx.tail_bytes++;
    flow_check_peer(flow);
    assert_non_null(flow->error);
    finish_flow(flow, peer);
}

static void responses_that_were_asked_for_are_allowed(void **state)
{
    int peer;
    (void)state;
    ends[SOURCE].duration = 0;
    ends[DESTINATION].duration = 3 * NS_PER_SEC;
    ends[DESTINATION].response_size = dist_constant(500);
    struct flow *flow = flow_and_peer(DESTINATION, &peer);
    flow->holds_peer = true;
    flow->tx.requests = 3;
    flow->tx.tail_requests = 1;
    flow->rx.bytes = 4 * 500;
    flow_check_peer(flow);
    assert_null(flow->error);
    flow->rx.bytes++;
    flow_check_peer(flow);
    assert_non_null(flow->error);
    finish_flow(flow, peer);
}

static void who_is_not_bounded_is_not_held(void **state)
{
    int peer;
    (void)state;
    struct flow *flow = held_flow(&peer, 0);
    flow->rx.bytes = INT64_C(1) << 60;
    flow_check_peer(flow);
    assert_null(flow->error);
    flow->ends[SOURCE].rate = 80000;
    flow->holds_peer = false;
    flow_check_peer(flow);
    assert_null(flow->error);
    finish_flow(flow, peer);
}

static void the_reader_leaves_the_same_out(void **state)
{
    int peer;
    (void)state;
    ends[SOURCE].omit = NS_PER_SEC;
    flow_settings.drain = NS_PER_SEC;
    struct flow *flow = reading_flow(&peer);
    run_until(START + NS_PER_SEC - 1);
    flow->rx.bytes = 1000;
    flow->rx.requests = 1;
    run_until(START + NS_PER_SEC);
    flow->rx.bytes = 5000;
    flow->rx.requests = 5;
    run_until(START + 10 * NS_PER_SEC);
    int64_t *value = final_values();
    assert_int_equal(value[METRIC_rx_bytes], 4000);
    assert_int_equal(value[METRIC_rx_requests], 4);
    assert_int_equal(value[METRIC_rx_time], 2 * NS_PER_SEC);
    assert_int_equal(value[METRIC_omitted], NS_PER_SEC);
    assert_int_equal(value[METRIC_tx_time], METRIC_ABSENT);
    finish_flow(flow, peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(late_flows_count_from_when_they_connect),
        DRIVEN(the_final_report_has_what_was_sent_and_when),
        DRIVEN(the_beginning_can_be_left_out),
        DRIVEN(what_came_after_the_time_is_apart),
        DRIVEN(a_peer_is_held_to_its_rate),
        DRIVEN(a_peers_time_ends),
        DRIVEN(responses_that_were_asked_for_are_allowed),
        DRIVEN(who_is_not_bounded_is_not_held),
        DRIVEN(the_reader_leaves_the_same_out),
    };
    return cmocka_run_group_tests_name("flow_figures", tests, NULL, NULL);
}
