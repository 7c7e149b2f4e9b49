/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Message mode: each block begins with a header, and requests may ask for responses. */
#include <stdlib.h>

#include "mem.h"
#include "message.h"

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
    .name = "message",
    .header_size = BLOCK_HEADER_SIZE,
    .receive = message_receive,
    .send = message_send,
    .flushed = message_flushed,
    .awaited = message_awaited,
    .next_send = message_next_send,
    .release = message_release,
};
