/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers to datagrams, and the round trips that they show. An answer goes out when its request is
 * read, is sent once, and is never larger than what it answers. */
#include <errno.h>

#include "flow/datagram.h"
#include "flow/flow_state.h"

/* Answers of one flow that are waited for: older ones are given up. */
enum { ASKED_MAX = 1 << 20 };

/* A datagram that asks for an answer; its number is that of the first one plus its place. */
struct asked {
    int64_t due, sent; /* sent is CLOCK_NEVER once it is answered */
};

static const struct asked *first_asked(const struct datagram_state *state)
{
    return fifo_at(&state->asked, 0, sizeof(struct asked));
}

/* Forgets what is answered, or came too late: an answer to it counts no more. */
static void forget(struct flow *flow)
{
    struct datagram_state *state = flow->datagrams;
    while (state->asked.count) {
        int64_t sent = first_asked(state)->sent;
        if (sent != CLOCK_NEVER && flow->worker->now - sent < flow->settings.late &&
            state->asked.count < ASKED_MAX)
            return;
        state->awaited -= sent != CLOCK_NEVER;
        fifo_drop(&state->asked);
        state->asked_from++;
    }
}

void datagram_note_asked(struct flow *flow, uint64_t sequence, int64_t due, int64_t sent)
{
    struct datagram_state *state = flow->datagrams;
    forget(flow);
    if (!account_take(&flow->memory, (int64_t)fifo_growth(&state->asked, sizeof(struct asked))))
        return; /* it fails at the end of this turn */
    if (!state->asked.count)
        state->asked_from = sequence;
    *(struct asked *)fifo_add(&state->asked, sizeof(struct asked)) = (struct asked){due, sent};
    state->asked_count++;
    state->awaited++;
    state->answers_until = sent + flow->settings.late;
}

bool datagram_take_answer(struct flow *flow, const struct datagram_answer *answer,
                          const struct datagram *datagram)
{
    struct datagram_state *state = flow->datagrams;
    int64_t now = datagram->arrived;
    if (answer->sequence >= state->next || !state->asked_count)
        return false;
    forget(flow);
    uint64_t place = answer->sequence - state->asked_from;
    struct asked *asked =
        place < state->asked.count ? fifo_at(&state->asked, place, sizeof(struct asked)) : NULL;
    if (!asked || asked->sent == CLOCK_NEVER) {
        state->answers_repeated += asked != NULL;
        return true; /* late, or a duplicate */
    }
    if (answer->echoed != asked->sent)
        return false;
    direction_add_bytes(&flow->rx, (int64_t)datagram->size);
    direction_add_block(&flow->rx, true);
    series_add(&flow->rtt, now - asked->sent);
    if (settings_are_paced(flow_own(flow)))
        series_add(&flow->rtt_due, now - asked->due);
    if (answer->held >= 0 && answer->held <= now - asked->sent)
        series_add(&flow->hold, answer->held);
    asked->sent = CLOCK_NEVER;
    state->awaited--;
    state->answered++;
    return true;
}

void datagram_answer(struct flow *flow, const struct datagram_header *header,
                     const struct datagram *datagram)
{
    struct datagram_state *state = flow->datagrams;
    uint8_t bytes[DATAGRAM_HEADER_SIZE];
    size_t size = header->answer < datagram->size ? header->answer : datagram->size;
    if (size < DATAGRAM_HEADER_SIZE || !settings_ask_responses(flow_other(flow)))
        return;
    worker_update_now(flow->worker);
    const struct datagram_answer answer = {header->sequence, header->sent,
                                           flow->worker->now - datagram->arrived};
    datagram_answer_encode(state->own_tag, &answer, bytes);
    const uint8_t *payload =
        worker_payload(flow->worker, flow->settings.enumerate, DATAGRAM_HEADER_SIZE);
    const struct iovec parts[2] = {{bytes, sizeof bytes},
                                   {(void *)payload, size - DATAGRAM_HEADER_SIZE}};
    if (flow->transport->send_batch(flow->connection, flow->fd, parts, 2, 1) < 0) {
        if (errno == ENOBUFS || errno == EAGAIN)
            state->queue_dropped++;
        return; /* the path's errors are the receiver's to tell */
    }
    direction_add_bytes(&flow->tx, (int64_t)size);
    direction_add_block(&flow->tx, true);
}

int64_t datagram_awaited(const struct flow *flow)
{
    const struct datagram_state *state = flow->datagrams;
    return state && state->awaited && flow->worker->now < state->answers_until ? state->awaited : 0;
}
