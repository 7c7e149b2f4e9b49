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

/* Without a rate or gaps there is nothing to keep. */
static void set_pace(const struct flow *flow, int64_t now, int64_t *value)
{
    if (!settings_are_paced(flow_own_settings(flow)) || !flow->tx.started)
        return;
    int64_t until = flow->tx.stopped && flow->tx.stopped_at < now ? flow->tx.stopped_at : now;
    value[METRIC_refused] = flow->tx.refused;
    value[METRIC_credit_lost] = pacer_lost(&flow->pacer, until);
}

static void set_counters(const struct flow *flow, int64_t now, int64_t *value)
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
    set_pace(flow, now, value);
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

/* Reports the tallies of the interval, which begin anew, or those of the whole flow. */
static void report_series(struct flow *flow, int64_t *value, bool total)
{
    const struct {
        struct series *series;
        enum metric first; /* of four */
    } all[] = {
        {&flow->rtt, METRIC_rtt_count},     {&flow->rtt_due, METRIC_rtt_due_count},
        {&flow->hold, METRIC_hold_count},   {&flow->iat, METRIC_iat_count},
        {&flow->delay, METRIC_delay_count},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct series *series = all[i].series;
        tally_report(total ? &series->total : &series->interval, &value[all[i].first]);
        if (!total)
            series->interval = (struct tally){0};
    }
}

void sampler_interval(struct flow *flow, int64_t now)
{
    struct report report;
    report_init(&report);
    int64_t *value = report.value;
    set_keys(flow, &report, REPORT_INTERVAL, flow->last_sample, now);
    set_counters(flow, now, value);
    report_series(flow, value, false);
    if (flow->framing == &framing_stream) {
        int64_t blocks = value[METRIC_rx_requests] - flow->stream_blocks;
        set_stream_iat(value, blocks, now - flow->last_sample);
        flow->stream_blocks += blocks;
    }
    value[METRIC_status] = status_of(flow, false);
    flow->transport->sample(flow->fd, &flow->tcpinfo, false, value);
    emit(flow, &report, NULL, 0);
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
        set_counters(flow, now, value);
        set_tail(flow, value);
        report_series(flow, value, true);
        if (flow->congested)
            value[METRIC_congested] = flow->congested - flow->tx.started_at;
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
