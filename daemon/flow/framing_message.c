/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Message mode: each block begins with a header, and requests may ask for responses. */
#include <stdlib.h>

#include "mem.h"
#include "flow/message.h"

struct message_state *message_state_of(struct flow *flow)
{
    if (!flow->message)
        flow->message = mem_new(1, sizeof *flow->message);
    return flow->message;
}

static int64_t message_awaited(const struct flow *flow)
{
    return flow->message ? (int64_t)flow->message->asked.count : 0;
}

static void message_count(const struct flow *flow, int64_t value[METRICS])
{
    value[METRIC_tx_requests] = flow->tx.requests;
    value[METRIC_rx_requests] = flow->rx.requests;
    value[METRIC_tx_responses] = flow->tx.responses;
    value[METRIC_rx_responses] = flow->rx.responses;
}

static void message_count_tail(const struct flow *flow, int64_t value[METRICS])
{
    value[METRIC_tx_requests_tail] = flow->tx.tail_requests;
    value[METRIC_rx_requests_tail] = flow->rx.tail_requests;
    value[METRIC_tx_responses_tail] = flow->tx.tail_responses;
    value[METRIC_rx_responses_tail] = flow->rx.tail_responses;
}

/* Each one was measured. */
static void message_set_iat(int64_t blocks, int64_t elapsed, int64_t value[METRICS])
{
    (void)blocks, (void)elapsed, (void)value;
}

static void message_release(struct flow *flow)
{
    if (flow->message) {
        fifo_free(&flow->message->owed);
        fifo_free(&flow->message->asked);
    }
    free(flow->message);
    flow->message = NULL;
}

const struct framing framing_message = {
    .header_size = BLOCK_HEADER_SIZE,
    .receive = message_receive,
    .send = message_send,
    .flushed = message_flushed,
    .awaited = message_awaited,
    .due = message_due,
    .next_send = message_next_send,
    .count = message_count,
    .count_tail = message_count_tail,
    .set_iat = message_set_iat,
    .release = message_release,
};
