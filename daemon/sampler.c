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
    size_t size = report_packed_size(report, sections, count);
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

static void set_series(const struct flow *flow, enum report_kind kind, int64_t *value)
{
    for (int i = 0; i < SERIES; i++) {
        const struct series *series = &flow->series[i];
        bool whole = kind == REPORT_FINAL;
        const struct tally *tally = whole ? &series->total : &series->interval;
        tally_report(tally, &value[series_list[i].count]);
        tally_report_percentiles(tally, whole ? series->total_spread : series->interval_spread,
                                 &value[series_list[i].p50]);
    }
}

static void turn_series(struct flow *flow)
{
    for (int i = 0; i < SERIES; i++)
        series_turn(&flow->series[i]);
}

/* Writes the histograms into `bytes` and gives how many sections they are. */
static size_t add_histograms(const struct flow *flow, struct buffer bytes[SERIES],
                             struct report_section *sections)
{
    size_t count = 0;
    for (int i = 0; i < SERIES; i++) {
        if (!histogram_count(flow->series[i].total_spread))
            continue;
        histogram_encode(flow->series[i].total_spread, &bytes[i]);
        sections[count++] = (struct report_section){(uint32_t)(REPORT_SECTION_HISTOGRAM + i),
                                                    (uint32_t)bytes[i].length, bytes[i].data};
    }
    return count;
}

/* Elapsed time over blocks: all that stream mode can say of the inter-arrival time. */
static void set_stream_iat(int64_t *value, int64_t blocks, int64_t elapsed)
{
    value[METRIC_iat_count] = blocks;
    value[METRIC_iat_min] = value[METRIC_iat_max] = METRIC_ABSENT;
    value[METRIC_iat_sum] = blocks ? elapsed : METRIC_ABSENT;
}

/* Whether anything is to travel in the direction: blocks of its sender's own, or the responses that
 * its receiver asks for. */
static bool carries(const struct direction *direction, const struct endpoint_settings *receiver)
{
    return direction->active ||
           (settings_ask_responses(receiver) && direction->from != direction->to);
}

/* flowgrind's letters (its page's last section): what the direction is doing at the report's time,
 * and l or n by what has moved since the last one. */
static char direction_letter(const struct flow *flow, const struct direction *direction,
                             const struct endpoint_settings *receiver, int64_t moved)
{
    if (!carries(direction, receiver))
        return 'o';
    if (!(direction->active ? direction->started : direction->opened))
        return 'd';
    if (direction_is_over(direction) || flow->state > FLOW_RUNNING)
        return 'c';
    return moved ? 'n' : 'l';
}

static int64_t status_of(const struct flow *flow, bool fault)
{
    if (fault)
        return 'f' << 8 | 'f';
    const struct endpoint_settings *own = flow_own_settings(flow), *peer = flow_peer_settings(flow);
    int64_t sent = direction_fresh_bytes(&flow->tx), read = direction_fresh_bytes(&flow->rx);
    return direction_letter(flow, &flow->tx, peer, sent) << 8 |
           direction_letter(flow, &flow->rx, own, read);
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
    if (delays->count)
        value[METRIC_delay_bound] = bound;
    if (flow->delay.total.count || flow->delay.interval.count)
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
    set_counters(flow, now, value);
    set_series(flow, REPORT_INTERVAL, value);
    set_delay(flow, &flow->delay.interval, flow->delay_bound, value);
    if (flow->framing == &framing_stream) {
        int64_t blocks = value[METRIC_rx_requests] - flow->stream_blocks;
        set_stream_iat(value, blocks, now - flow->last_sample);
        flow->stream_blocks += blocks;
    }
    value[METRIC_status] = status_of(flow, flow->error != NULL);
    flow->transport->sample(flow->fd, &flow->tcpinfo, false, value);
    emit(flow, &report, NULL, 0);
    turn_series(flow);
    flow->tx.reported = flow->tx.bytes;
    flow->rx.reported = flow->rx.bytes;
    flow->delay_bound = 0;
    flow->last_sample = now;
}

void sampler_final(struct flow *flow, int64_t now, const char *error)
{
    struct final_row *final = mem_new(1, sizeof *final);
    report_init(&final->report);
    int64_t *value = final->report.value;
    int64_t began = flow->began ? flow->began : now;
    sampler_forget_final(flow);
    flow->final = final;
    final->error = error ? mem_strdup(error) : NULL;
    set_keys(flow, &final->report, REPORT_FINAL, began, now);
    value[METRIC_status] = status_of(flow, error != NULL);
    value[METRIC_connect_time] = flow->connect_time;
    value[METRIC_exchange_time] = flow->exchange_time;
    value[METRIC_rows_skipped] = flow->rows_skipped;
    if (flow->began) {
        set_counters(flow, now, value);
        set_tail(flow, value);
        turn_series(flow);
        set_series(flow, REPORT_FINAL, value);
        if (flow->congested)
            value[METRIC_congested] = flow->congested - flow->tx.started_at;
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
        value[METRIC_interface_mtu] = mtucache_of(&flow->worker->mtus, flow->fd, now);
        flow_describe(flow, &final->info);
    }
}

static void add_dump(struct final_row *final, const struct dump *dump,
                     const struct dump_result *result)
{
    buffer_printf(&final->info, "dump=%s\n", dump_name(dump));
    if (!result)
        return;
    final->report.value[METRIC_dump_packets] = result->packets;
    final->report.value[METRIC_dump_dropped] = result->dropped;
    if (result->note[0])
        buffer_printf(&final->info, "dump_note=%s\n", result->note);
}

void sampler_send_final(struct flow *flow, const struct dump_result *dump)
{
    struct final_row *final = flow->final;
    struct report_section sections[SERIES + 2];
    struct buffer histograms[SERIES] = {0};
    if (!final)
        return;
    size_t count = add_histograms(flow, histograms, sections);
    if (flow->dump)
        add_dump(final, flow->dump, dump);
    if (final->info.length)
        sections[count++] = (struct report_section){
            REPORT_SECTION_INFO, (uint32_t) final->info.length, final->info.data};
    if (final->error)
        sections[count++] = (struct report_section){REPORT_SECTION_ERROR,
                                                    (uint32_t)strlen(final->error), final->error};
    emit(flow, &final->report, sections, count);
    for (int i = 0; i < SERIES; i++)
        buffer_free(&histograms[i]);
    sampler_forget_final(flow);
}

void sampler_forget_final(struct flow *flow)
{
    if (!flow->final)
        return;
    buffer_free(&flow->final->info);
    free(flow->final->error);
    free(flow->final);
    flow->final = NULL;
}
