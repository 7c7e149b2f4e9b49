/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The end of a flow whose peer says how much it has sent, and when it has stopped. */
#include "flow/flow_state.h"

/* So long nothing may come, and so long it may take in all. */
#define EXPECTED_SILENCE  (200 * NS_PER_MS)
#define EXPECTED_PATIENCE (3 * NS_PER_SEC)

static bool is_over(const struct flow *flow, int64_t now)
{
    const struct expectation *expected = &flow->expected;
    return flow->rx_eof || now >= flow_expected_deadline(flow) ||
           (expected->bytes != METRIC_ABSENT && flow->rx.bytes >= expected->bytes);
}

int64_t flow_expected_deadline(const struct flow *flow)
{
    const struct expectation *expected = &flow->expected;
    if (!expected->told || flow->state != FLOW_RUNNING)
        return CLOCK_NEVER;
    int64_t heard =
        expected->last_read > expected->told_at ? expected->last_read : expected->told_at;
    return clock_earlier(heard + EXPECTED_SILENCE, expected->told_at + EXPECTED_PATIENCE);
}

/* A stream ends with its last byte. Of datagrams, which may be far apart, the last one is no end:
 * it is when the peer has told of it, or later. */
static int64_t end_of_reading(const struct flow *flow)
{
    const struct expectation *expected = &flow->expected;
    if (flow_transport_can(flow, TRANSPORT_STREAM) || expected->last_read > expected->told_at)
        return expected->last_read;
    return expected->told_at;
}

void flow_check_expected(struct flow *flow)
{
    if (!flow->expected.told || flow->state != FLOW_RUNNING || !is_over(flow, flow->worker->now))
        return;
    if (flow->rx.bytes)
        direction_stop(&flow->rx, end_of_reading(flow), false);
    flow_stop(flow, 0, NULL);
}

void flow_expect(struct flow *flow, int64_t bytes)
{
    bool starts = flow->state == FLOW_READY && flow->run_start; /* in this very moment */
    if ((flow->state != FLOW_RUNNING && !starts) || flow->stop_asked)
        return;
    worker_update_now(flow->worker);
    flow->expected.told = true;
    flow->expected.bytes = bytes;
    flow->expected.told_at = flow->worker->now;
    flow_check_expected(flow);
    flow_rearm(flow);
}
