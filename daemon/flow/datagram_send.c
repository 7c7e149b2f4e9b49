/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Datagrams go out at absolute deadlines: what a stall has made due is sent up to a burst of
 * DATAGRAM_DEPTH, or as its format says, and the rest is counted as not offered. A datagram that
 * the host's own queue drops was never sent: the next one has its number. */
#include <errno.h>
#include <string.h>

#include "flow/datagram.h"
#include "flow/flow_state.h"
#include "number.h"

#define END_FIRST (50 * NS_PER_MS)
#define END_LAST  (500 * NS_PER_MS)

/* A nonce in the data is renewed so often, and so is the proof that has to show it. */
#define NONCE_TIME NS_PER_SEC

/* Datagrams of one stall that are counted one by one. */
enum { SKIPPED_MAX = 4096 };

/* What one call sends. */
struct volley {
    uint8_t headers[DATAGRAM_TRAIN_MAX][DATAGRAM_HEADER_SIZE];
    struct iovec parts[2 * DATAGRAM_TRAIN_MAX];
    size_t count, size;
    uint32_t answer; /* bytes that each asks for */
    int64_t due, sent;
};

static bool is_paced(const struct flow *flow)
{
    return settings_are_paced(flow_own(flow));
}

static uint64_t random_nonce(void)
{
    uint8_t bytes[SECRET_SIZE];
    secret_make(bytes);
    return get_be64(bytes) | 1; /* never 0 */
}

size_t datagram_fitting_size(const struct flow *flow)
{
    enum { ETHERNET_MTU = 1500 };
    int64_t values[METRICS];
    values[METRIC_path_mtu] = METRIC_ABSENT;
    flow->transport->sample(flow->connection, flow->fd, false, values);
    int64_t mtu = values[METRIC_path_mtu];
    if (mtu == METRIC_ABSENT || mtu > ETHERNET_MTU)
        mtu = ETHERNET_MTU;
    return (size_t)mtu - flow->transport->overhead(flow->fd);
}

void datagram_send_control(struct flow *flow, enum datagram_kind kind,
                           const uint64_t values[CONTROL_VALUES])
{
    uint8_t bytes[CONTROL_SIZE];
    struct control control = {.kind = kind, .from = flow->endpoint};
    if (values)
        memcpy(control.values, values, sizeof control.values);
    control_encode(&datagram_state_of(flow)->keys, &control, bytes);
    flow_send(flow, &(struct iovec){bytes, sizeof bytes}, 1);
}

static void renew_nonce(struct datagram_state *state, int64_t now)
{
    if (state->nonce_at && now - state->nonce_at < NONCE_TIME)
        return;
    state->nonces[1] = state->nonces[0];
    state->nonces[0] = random_nonce();
    state->nonce_at = now;
}

/* All of a volley have one size and one time, and ask for answers of one size. */
static void begin_volley(struct flow *flow, struct volley *volley, int64_t due, uint32_t answer)
{
    volley->count = 0;
    volley->due = due;
    volley->answer = answer;
    renew_nonce(flow->datagrams, flow->worker->now);
}

static void add_datagram(struct flow *flow, struct volley *volley, size_t size, int64_t now)
{
    struct datagram_state *state = flow->datagrams;
    const struct datagram_header header = {state->next + volley->count, now, state->nonces[0],
                                           volley->answer};
    uint8_t *bytes = volley->headers[volley->count];
    size_t header_size = state->format->header_size;
    state->format->encode(state->own_tag, &header, bytes);
    bool checked = flow->settings.check_data;
    const uint8_t *payload =
        worker_payload(flow->worker, checked || flow->settings.enumerate,
                       checked ? datagram_numbers_at(header.sequence) : header_size);
    struct iovec *parts = &volley->parts[2 * volley->count++];
    parts[0] = (struct iovec){bytes, header_size};
    parts[1] = (struct iovec){(void *)payload, size - header_size};
    volley->size = size;
    volley->sent = now;
}

/* The kernel has taken this many of them. */
static void count_sent(struct flow *flow, size_t count, const struct volley *volley)
{
    struct datagram_state *state = flow->datagrams;
    for (size_t i = 0; i < count && volley->answer; i++)
        datagram_note_asked(flow, state->next + i, volley->due, volley->sent);
    state->next += count;
    state->sent_bytes += (int64_t)(count * volley->size);
    direction_add_bytes(&flow->tx, (int64_t)(count * volley->size));
    flow->tx.requests += (int64_t)count;
}

static void too_large(struct flow *flow, size_t size)
{
    size_t fits = datagram_fitting_size(flow);
    flow_fail(flow, FAULT_CONNECT,
              "datagrams of %zu bytes (-S) exceed the path MTU: %zu bytes fit without "
              "fragmentation",
              size, fits);
}

/* Sends the volley; false where no more can be sent now. A drop in the host's own queue takes the
 * place of a datagram in time, but not its number. */
static bool fire(struct flow *flow, const struct volley *volley)
{
    struct datagram_state *state = flow->datagrams;
    ssize_t sent =
        flow->transport->send_batch(flow->connection, flow->fd, volley->parts, 2, volley->count);
    int error = sent < 0 ? errno : 0;
    flow_log(LOG_LEVEL_TRACE, flow, "sent %zd of %zu datagrams", sent, volley->count);
    if (sent > 0)
        count_sent(flow, (size_t)sent, volley);
    if (sent == (ssize_t)volley->count)
        return true;
    if (error == ENOBUFS)
        state->queue_dropped += state->trains ? (int64_t)volley->count : 1;
    else if (error == EMSGSIZE)
        too_large(flow, volley->size);
    else if (error && error != EAGAIN && error != EINTR)
        flow_socket_error(flow, error);
    if (error == EAGAIN)
        flow->writable = false;
    return error == ENOBUFS || (sent >= 0 && volley->count > 1);
}

/* An answer is no larger than what it answers, and has a header as well. */
static uint32_t answer_size(const struct flow *flow, int64_t asked, size_t size)
{
    if (!settings_ask_responses(flow_own(flow)) || asked <= 0)
        return 0;
    if (asked < DATAGRAM_HEADER_SIZE)
        return DATAGRAM_HEADER_SIZE;
    return (uint32_t)(asked < (int64_t)size ? asked : (int64_t)size);
}

/* The size of the next datagram: what is left of a volume may be less. */
static size_t shortened(const struct flow *flow, size_t size)
{
    const struct endpoint_settings *own = flow_own(flow);
    int64_t left = own->volume - flow->datagrams->sent_bytes;
    if (own->volume && left < (int64_t)size)
        size = left > 0 ? (size_t)left : 0;
    size_t least = flow->datagrams->format->header_size;
    return size < least ? least : size;
}

/* How many more of this size the volume has, of which the kernel is to take each. */
static int64_t left_of_volume(const struct flow *flow, size_t size)
{
    const struct endpoint_settings *own = flow_own(flow);
    const struct datagram_state *state = flow->datagrams;
    if (!settings_have_volume(own))
        return INT64_MAX;
    if (own->volume_blocks)
        return own->volume_blocks - (int64_t)state->next;
    int64_t left = own->volume - state->sent_bytes;
    return left <= 0 ? 0 : left < (int64_t)size ? 1 : left / (int64_t)size;
}

/* The whole volume was sent: then the sending ends. */
static bool ends_volume(struct flow *flow)
{
    if (left_of_volume(flow, 1) > 0)
        return false;
    flow_end_tx(flow);
    return true;
}

/* Without a rate: as much as the socket takes. */
static bool send_freely(struct flow *flow)
{
    struct datagram_state *state = flow->datagrams;
    struct volley volley;
    size_t bytes = 0;
    while (bytes < DATAGRAM_TURN) {
        if (ends_volume(flow))
            return false;
        size_t size = shortened(flow, state->size), most = DATAGRAM_TRAIN_BYTES / size;
        int64_t left = left_of_volume(flow, size);
        most = most < 1 ? 1 : most < DATAGRAM_TRAIN_MAX ? most : DATAGRAM_TRAIN_MAX;
        most = left < (int64_t)most ? (size_t)left : most;
        worker_update_now(flow->worker);
        begin_volley(flow, &volley, flow->worker->now,
                     answer_size(flow, settings_response_size(flow_own(flow)), size));
        while (volley.count < most)
            add_datagram(flow, &volley, size, flow->worker->now);
        if (!fire(flow, &volley))
            return false;
        bytes += most * size;
    }
    return true;
}

static size_t size_of(const struct flow *flow, const struct traffic_block *block)
{
    return shortened(flow, flow_own(flow)->fit_mtu ? flow->datagrams->size : block->request_size);
}

/* The next datagram, which the pacer and the traffic are past now. */
struct taken {
    size_t size;
    uint32_t answer;
    int64_t due;
    double length; /* ns until the one after it */
};

static struct taken take_next(struct flow *flow)
{
    flow->traffic.bytes = flow->datagrams->sent_bytes; /* of a volume, what was not sent is left */
    flow->traffic.blocks = (int64_t)flow->datagrams->next;
    struct traffic_block block = traffic_peek(&flow->traffic, 0);
    size_t size = size_of(flow, &block);
    struct taken taken = {size, answer_size(flow, block.response_size, size),
                          pacer_due(&flow->pacer), (double)block.gap};
    if (flow->pacer.rate)
        taken.length += 8e9 * (double)size / (double)flow->pacer.rate;
    pacer_take(&flow->pacer, (int64_t)size, block.gap, taken.due);
    traffic_drop(&flow->traffic);
    return taken;
}

/* What is not offered of one stall. */
struct skipped {
    int64_t count;
    double time; /* ns */
};

/* Counts the datagram as not offered, and of more than SKIPPED_MAX that are due before `until`,
 * which a rate beyond all machines makes due faster than they can be counted, the others by their
 * mean. */
static void skip(struct flow *flow, const struct taken *taken, struct skipped *skipped,
                 int64_t until)
{
    struct datagram_state *state = flow->datagrams;
    int64_t left = until - pacer_due(&flow->pacer);
    skipped->count++;
    skipped->time += taken->length;
    state->not_offered++;
    state->unreported = true;
    if (skipped->count < SKIPPED_MAX || left <= 0)
        return;
    double others = (double)left * (double)skipped->count / skipped->time;
    state->not_offered += number_from_real(others, 0, INT64_MAX / 2 - state->not_offered);
    pacer_skip(&flow->pacer, left);
}

/* How many may travel as a train at the rate: 1 ms of it. */
static size_t train_at_rate(const struct flow *flow, size_t size)
{
    int64_t rate = flow->pacer.rate;
    double count = (double)rate / 8e9 * (double)DATAGRAM_DEPTH / (double)size;
    size_t most = DATAGRAM_TRAIN_BYTES / size;
    most = most < DATAGRAM_TRAIN_MAX ? most : DATAGRAM_TRAIN_MAX;
    return !flow->datagrams->trains || count < 1 ? 1 : count < (double)most ? (size_t)count : most;
}

/* Those behind the first that go with it, though they are due within the next millisecond. */
static void fill_train(struct flow *flow, struct volley *volley, size_t size)
{
    size_t most = train_at_rate(flow, size);
    while (volley->count < most && pacer_due(&flow->pacer) < flow->tx.stop &&
           left_of_volume(flow, size) > (int64_t)volley->count) {
        take_next(flow);
        add_datagram(flow, volley, size, volley->sent);
    }
}

/* Sends one that is due, or a train of which it is the first. Returns how many they were. */
static int64_t send_taken(struct flow *flow, const struct taken *taken, bool *more)
{
    struct volley volley;
    begin_volley(flow, &volley, taken->due, taken->answer);
    add_datagram(flow, &volley, taken->size, flow->worker->now);
    fill_train(flow, &volley, taken->size);
    if (!flow->datagrams->trains)
        series_add(&flow->lateness, flow->worker->now - taken->due);
    *more = fire(flow, &volley);
    if (!*more && !flow->writable)
        flow->tx.refused += (int64_t)volley.count;
    return (int64_t)volley.count;
}

/* At a rate or with gaps: what is due now, each by itself, so that each drop is known. What becomes
 * due meanwhile has another turn. */
static bool send_due(struct flow *flow)
{
    struct datagram_state *state = flow->datagrams;
    struct skipped skipped = {0};
    int64_t rate, burst = 0, turn = flow->worker->now, depth = state->format->depth;
    bool more = true;
    if (traffic_new_rate(&flow->traffic, turn, &rate))
        pacer_change(&flow->pacer, rate, turn);
    while (more && burst < DATAGRAM_TRAIN_MAX && pacer_due(&flow->pacer) <= turn) {
        if (ends_volume(flow))
            return false;
        struct taken taken = take_next(flow);
        /* The next one is due as well, and the two would lie in one burst too long. */
        if (turn - taken.due > depth && pacer_due(&flow->pacer) <= turn) {
            skip(flow, &taken, &skipped, turn - depth);
            continue;
        }
        burst += send_taken(flow, &taken, &more);
        worker_update_now(flow->worker);
    }
    if (burst > state->longest_burst)
        state->longest_burst = burst;
    return flow->state != FLOW_DONE && flow->writable &&
           pacer_due(&flow->pacer) <= flow->worker->now;
}

bool datagram_send(struct flow *flow)
{
    struct datagram_state *state = datagram_state_of(flow);
    worker_update_now(flow->worker);
    if (!flow_sending(flow))
        return false;
    if (!state->consent_until)
        state->consent_until =
            state->format->controlled ? flow->worker->now + CONSENT_TIME : CLOCK_NEVER;
    if (flow->worker->now >= state->consent_until)
        return false; /* the timer says so */
    return is_paced(flow) ? send_due(flow) : send_freely(flow);
}

int64_t datagram_next_send(const struct flow *flow)
{
    if (!is_paced(flow))
        return CLOCK_NEVER;
    int64_t due = pacer_due(&flow->pacer);
    bool varies = flow_own(flow)->rate_spread && flow->traffic.next_rate < due;
    return varies ? flow->traffic.next_rate : due;
}

static bool tells_end(const struct flow *flow)
{
    const struct datagram_state *state = flow->datagrams;
    return flow->tx.active && flow->tx.stopped && !state->end_known && state->format->controlled;
}

/* What was due before the end, and this process did not come to. */
static void count_rest(struct flow *flow)
{
    struct skipped skipped = {0};
    while (is_paced(flow) && !settings_have_volume(flow_own(flow)) &&
           pacer_due(&flow->pacer) < flow->tx.stop) {
        struct taken taken = take_next(flow);
        skip(flow, &taken, &skipped, flow->tx.stop);
    }
}

static void tell_end(struct flow *flow)
{
    struct datagram_state *state = flow->datagrams;
    if (!state->end_nonce) {
        state->end_nonce = random_nonce();
        state->end_wait = END_FIRST;
        if (!flow->stop_asked)
            count_rest(flow);
    }
    datagram_send_control(flow, DATAGRAM_END,
                          (uint64_t[CONTROL_VALUES]){state->next, state->end_nonce});
    state->end_due = flow->worker->now + state->end_wait;
    state->end_wait = 2 * state->end_wait < END_LAST ? 2 * state->end_wait : END_LAST;
}

static bool is_unproven(const struct flow *flow)
{
    int64_t until = flow->datagrams->consent_until;
    return flow_sending(flow) && until && flow->worker->now >= until;
}

void datagram_send_wake(struct flow *flow)
{
    struct datagram_state *state = flow->datagrams;
    /* This process may have stood still, and the proofs lie in the socket. */
    if (is_unproven(flow))
        datagram_receive(flow);
    if (is_unproven(flow))
        flow_fail(
            flow, FAULT_CONNECT, "the %s has not confirmed its consent for %lld s: stopped sending",
            endpoint_name(endpoint_other(flow->endpoint)), (long long)(CONSENT_TIME / NS_PER_SEC));
    else if (tells_end(flow) && flow->worker->now >= state->end_due)
        tell_end(flow);
}

int64_t datagram_send_wakes(const struct flow *flow)
{
    const struct datagram_state *state = flow->datagrams;
    if (flow_sending(flow) && state->consent_until)
        return state->consent_until;
    int64_t answers = datagram_awaited(flow) ? state->answers_until : CLOCK_NEVER;
    return tells_end(flow) ? clock_earlier(state->end_due, answers) : answers;
}
