/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sampler.h"

#include <stdlib.h>
#include <string.h>

static void set_keys(const struct flow *flow, struct report *report, enum report_kind kind,
                     int64_t begin, int64_t end)
{
    report->key[REPORT_FLOW] = flow->id;
    report->key[REPORT_ENDPOINT] = flow->endpoint;
    report->key[REPORT_KIND] = kind;
    report->key[REPORT_NUMBER] = flow->row_number;
    report->key[REPORT_BEGIN] = begin - flow->run_start;
    report->key[REPORT_END] = end - flow->run_start;
}

static void emit(struct flow *flow, const struct report *report,
                 const struct report_section *sections, size_t count)
{
    size_t size = report_packed_size(sections, count);
    struct ring_entry *entry = worker_reserve(flow->worker, RING_ROW, size);
    flow->row_number++;
    if (!entry) {
        flow_count_lost(flow);
        return;
    }
    entry->flow = flow;
    report_pack(report, sections, count, entry->data);
    worker_push(flow->worker);
}

/* In stream mode no block is seen: full blocks follow from the bytes. */
static int64_t stream_blocks(const struct endpoint_settings *sender, int64_t bytes)
{
    return bytes / (int64_t)sender->request_size.a;
}

static void set_counters(const struct flow *flow, int64_t *value)
{
    bool stream = flow->framing == &framing_stream;
    value[METRIC_tx_bytes] = flow->tx.bytes;
    value[METRIC_rx_bytes] = flow->rx.bytes;
    value[METRIC_tx_requests] =
        stream ? stream_blocks(flow_own_settings(flow), flow->tx.bytes) : flow->tx.requests;
    value[METRIC_rx_requests] =
        stream ? stream_blocks(flow_peer_settings(flow), flow->rx.bytes) : flow->rx.requests;
    value[METRIC_tx_responses] = flow->tx.responses;
    value[METRIC_rx_responses] = flow->rx.responses;
}

static void set_tail(const struct flow *flow, int64_t *value)
{
    const struct direction *tx = &flow->tx, *rx = &flow->rx;
    bool stream = flow->framing == &framing_stream;
    value[METRIC_tx_tail] = tx->tail_bytes;
    value[METRIC_rx_tail] = rx->tail_bytes;
    value[METRIC_tx_requests_tail] = tx->tail_requests;
    value[METRIC_rx_requests_tail] = rx->tail_requests;
    value[METRIC_tx_responses_tail] = tx->tail_responses;
    value[METRIC_rx_responses_tail] = rx->tail_responses;
    if (!stream)
        return;
    const struct endpoint_settings *own = flow_own_settings(flow), *peer = flow_peer_settings(flow);
    value[METRIC_tx_requests_tail] =
        stream_blocks(own, tx->bytes + tx->tail_bytes) - value[METRIC_tx_requests];
    value[METRIC_rx_requests_tail] =
        stream_blocks(peer, rx->bytes + rx->tail_bytes) - value[METRIC_rx_requests];
}

/* Elapsed time over blocks: all that stream mode can say of the inter-arrival time. */
static void set_stream_iat(int64_t *value, int64_t blocks, int64_t elapsed)
{
    value[METRIC_iat_count] = blocks;
    value[METRIC_iat_min] = value[METRIC_iat_max] = METRIC_ABSENT;
    value[METRIC_iat_sum] = blocks ? elapsed : METRIC_ABSENT;
}

static char direction_letter(const struct flow *flow, const struct direction *direction, bool fault)
{
    if (fault)
        return 'f';
    if (!direction->active)
        return 'o';
    if (!direction->started)
        return 'd';
    if (direction->stopped || flow->state > FLOW_RUNNING)
        return 'c';
    return direction->bytes ? 'n' : 'l';
}

static int64_t status_of(const struct flow *flow, bool fault)
{
    return direction_letter(flow, &flow->tx, fault) << 8 | direction_letter(flow, &flow->rx, fault);
}

/* The length of the time in which bytes are counted, absent where none are. */
static int64_t counted_time(const struct direction *direction, int64_t now)
{
    if (direction->active) {
        if (!direction->started)
            return METRIC_ABSENT;
        return (direction->stopped ? direction->stopped_at : now) - direction->started_at;
    }
    if (!direction->opened || direction->from == direction->to)
        return METRIC_ABSENT;
    return (direction->closed ? direction->closed_at : now) - direction->opened_at;
}

static void set_delay(const struct flow *flow, const struct tally *delays, int64_t bound,
                      int64_t *value)
{
    tally_report(delays, &value[METRIC_delay_count]);
    if (delays->count)
        value[METRIC_delay_bound] = bound;
    if (flow->delay.total.count)
        value[METRIC_delay_negative] = flow->delay_negative;
}

void sampler_start(struct flow *flow)
{
    struct report report;
    report_init(&report);
    set_keys(flow, &report, REPORT_START, flow->began, flow->began);
    flow->transport->sample(flow->fd, &flow->tcpinfo, true, report.value);
    struct report_section info = {REPORT_SECTION_INFO, (uint32_t)flow->info.length,
                                  flow->info.data};
    emit(flow, &report, &info, 1);
    buffer_free(&flow->info);
    flow->last_sample = flow->began;
}

void sampler_interval(struct flow *flow, int64_t now)
{
    struct report report;
    report_init(&report);
    int64_t *value = report.value;
    set_keys(flow, &report, REPORT_INTERVAL, flow->last_sample, now);
    set_counters(flow, value);
    tally_report(&flow->rtt.interval, &value[METRIC_rtt_count]);
    tally_report(&flow->iat.interval, &value[METRIC_iat_count]);
    set_delay(flow, &flow->delay.interval, flow->delay_bound, value);
    if (flow->framing == &framing_stream) {
        int64_t blocks = value[METRIC_rx_requests] - flow->stream_blocks;
        set_stream_iat(value, blocks, now - flow->last_sample);
        flow->stream_blocks += blocks;
    }
    value[METRIC_status] = status_of(flow, false);
    flow->transport->sample(flow->fd, &flow->tcpinfo, false, value);
    emit(flow, &report, NULL, 0);
    flow->delay_bound = 0;
    flow->rtt.interval = flow->iat.interval = flow->delay.interval = (struct tally){0};
    flow->last_sample = now;
}

void sampler_final(struct flow *flow, int64_t now, const char *error)
{
    struct report report;
    struct report_section sections[2];
    struct buffer lines = {0};
    size_t count = 0;
    report_init(&report);
    int64_t *value = report.value;
    int64_t began = flow->began ? flow->began : now;
    set_keys(flow, &report, REPORT_FINAL, began, now);
    value[METRIC_status] = status_of(flow, error != NULL);
    value[METRIC_connect_time] = flow->connect_time;
    value[METRIC_exchange_time] = flow->exchange_time;
    value[METRIC_rows_skipped] = flow->rows_skipped;
    if (flow->began) {
        set_counters(flow, value);
        set_tail(flow, value);
        tally_report(&flow->rtt.total, &value[METRIC_rtt_count]);
        tally_report(&flow->iat.total, &value[METRIC_iat_count]);
        set_delay(flow, &flow->delay.total, flow->delay_bound_so_far, value);
        value[METRIC_tx_time] = counted_time(&flow->tx, now);
        value[METRIC_rx_time] = counted_time(&flow->rx, now);
        if (flow->framing == &framing_stream && value[METRIC_rx_time] != METRIC_ABSENT)
            set_stream_iat(value, value[METRIC_rx_requests], value[METRIC_rx_time]);
    }
    if (flow->fd >= 0) {
        if (flow->began)
            flow->transport->sample(flow->fd, &flow->tcpinfo, false, value);
        value[METRIC_tx_unacked] = flow->transport->unacked(flow->fd);
        value[METRIC_interface_mtu] = sock_interface_mtu(flow->fd);
        flow->transport->describe(flow->fd, &lines);
        sections[count++] =
            (struct report_section){REPORT_SECTION_INFO, (uint32_t)lines.length, lines.data};
    }
    if (error)
        sections[count++] =
            (struct report_section){REPORT_SECTION_ERROR, (uint32_t)strlen(error), error};
    emit(flow, &report, sections, count);
    buffer_free(&lines);
}
