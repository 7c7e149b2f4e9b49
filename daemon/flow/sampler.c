/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/sampler.h"

#include <stdlib.h>
#include <string.h>

#include "host/cpu_time.h"
#include "info.h"
#include "mem.h"
#include "net/mtucache.h"

/* Each worker asks for the MTUs of interfaces once in a while, for all of its flows. */
static const struct worker_local mtus = {.size = sizeof(struct mtucache)};

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

/* Without a rate or gaps there is nothing to keep. */
static void set_pace(const struct flow *flow, int64_t now, int64_t *value)
{
    if (!settings_are_paced(flow_own(flow)) || !flow->tx.started)
        return;
    int64_t until = flow->tx.stopped && flow->tx.stopped_at < now ? flow->tx.stopped_at : now;
    value[METRIC_refused] = flow->tx.refused;
    /* Datagrams that were not offered are counted instead. */
    if (flow_transport_can(flow, TRANSPORT_STREAM))
        value[METRIC_credit_lost] = pacer_lost(&flow->pacer, until);
}

static void set_sender_time(const struct flow *flow, int64_t now, int64_t *value)
{
    if (!flow->tx.started || !flow_transport_can(flow, TRANSPORT_STREAM))
        return;
    value[METRIC_tx_blocked] = sender_time_blocked(&flow->sender_time, now);
    value[METRIC_tx_idle] = sender_time_idle(&flow->sender_time, now);
}

static void set_counters(const struct flow *flow, int64_t now, int64_t *value)
{
    value[METRIC_tx_bytes] = flow->tx.bytes;
    value[METRIC_rx_bytes] = flow->rx.bytes;
    flow->framing->count(flow, value);
    set_pace(flow, now, value);
    set_sender_time(flow, now, value);
}

static void set_tail(const struct flow *flow, int64_t *value)
{
    value[METRIC_tx_tail] = flow->tx.tail_bytes;
    value[METRIC_rx_tail] = flow->rx.tail_bytes;
    flow->framing->count_tail(flow, value);
}

static void set_series(struct flow *flow, enum report_kind kind, int64_t *value)
{
    for (int i = 0; i < SERIES; i++) {
        struct series *series = &flow->series[i];
        const struct histogram *spread = series->total_spread;
        struct tally tally =
            kind == REPORT_FINAL ? series->total : series_interval(series, &spread);
        tally_report(&tally, &value[series_list[i].count]);
        tally_report_percentiles(&tally, spread, &value[series_list[i].p50]);
    }
}

static void turn_series(struct flow *flow)
{
    for (int i = 0; i < SERIES; i++)
        series_turn(&flow->series[i]);
}

/* Writes the histograms into `bytes` and returns how many sections they are. */
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
    const struct endpoint_settings *own = flow_own(flow), *peer = flow_other(flow);
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
        return (direction->stopped ? direction->stopped_at : now) -
               (direction->omitted_at ? direction->omitted_at : direction->started_at);
    }
    if (!direction->opened || direction->from == direction->to)
        return METRIC_ABSENT;
    return (direction->closed ? direction->closed_at : now) -
           (direction->omitted_at ? direction->omitted_at : direction->opened_at);
}

static void set_delay(const struct flow *flow, int64_t bound, int64_t *value)
{
    if (value[METRIC_delay_count] > 0)
        value[METRIC_delay_bound] = bound;
    if (flow->delay.total.count || flow->delay.interval.count)
        value[METRIC_delay_negative] = flow->delay_negative;
}

/* ---- what is left out of the final report (--omit) */

/* The counters of one direction that the endpoint keeps itself. */
static const enum metric sent_counters[] = {
    METRIC_tx_bytes,    METRIC_tx_requests, METRIC_tx_responses, METRIC_refused,
    METRIC_credit_lost, METRIC_tx_blocked,  METRIC_tx_idle};
static const enum metric read_counters[] = {METRIC_rx_bytes, METRIC_rx_requests,
                                            METRIC_rx_responses, METRIC_delay_negative};
static const enum series_id sent_series[] = {SERIES_rtt, SERIES_rtt_due, SERIES_hold};
static const enum series_id read_series[] = {SERIES_iat, SERIES_delay};

static bool is_kernels(enum metric metric)
{
    for (size_t i = 0; i < COUNT(sent_counters); i++)
        if (sent_counters[i] == metric)
            return false;
    for (size_t i = 0; i < COUNT(read_counters); i++)
        if (read_counters[i] == metric)
            return false;
    return metrics[metric].kind == METRIC_KIND_COUNTER;
}

static void keep(struct flow *flow, const int64_t *value, enum metric metric)
{
    flow->omitted[metric] = value[metric] == METRIC_ABSENT ? 0 : value[metric];
}

/* The direction whose time is that of the kernel's figures: the endpoint's own, if it sends. */
static struct direction *main_direction(struct flow *flow)
{
    return flow->tx.active ? &flow->tx : &flow->rx;
}

/* What is not the endpoint's own: the kernel's figures of the connection, and the CPUs. */
static void sample(const struct flow *flow, int64_t now, int64_t *value)
{
    flow->transport->sample(flow->connection, flow->fd, false, value);
    int64_t used = cpu_time_thread();
    if (used != METRIC_ABSENT && flow->worker_cpu != METRIC_ABSENT)
        value[METRIC_worker_cpu] = used - flow->worker_cpu;
    value[METRIC_host_cpu] = cpu_time_host(now, flow->began);
}

static void omit(struct flow *flow, struct direction *direction, int64_t now)
{
    struct report report;
    bool sent = direction == &flow->tx;
    if (now < direction->omit)
        return;
    direction->omit = CLOCK_NEVER;
    direction->omitted_at = now;
    if (!flow->omitted)
        flow->omitted = mem_new(METRICS, sizeof *flow->omitted);
    report_init(&report);
    set_counters(flow, now, report.value);
    report.value[METRIC_delay_negative] = flow->delay_negative;
    for (size_t i = 0; i < (sent ? COUNT(sent_counters) : COUNT(read_counters)); i++)
        keep(flow, report.value, (sent ? sent_counters : read_counters)[i]);
    for (size_t i = 0; i < (sent ? COUNT(sent_series) : COUNT(read_series)); i++)
        series_omit(&flow->series[(sent ? sent_series : read_series)[i]]);
    if (!sent)
        flow->delay_bound_so_far = 0;
    if (direction != main_direction(flow))
        return;
    sample(flow, now, report.value);
    for (int i = 0; i < METRICS; i++)
        if (is_kernels((enum metric)i))
            keep(flow, report.value, (enum metric)i);
}

void sampler_omit(struct flow *flow, int64_t now)
{
    omit(flow, &flow->tx, now);
    omit(flow, &flow->rx, now);
}

/* A counter without what is left out. */
static int64_t without(const struct flow *flow, enum metric metric, const int64_t *value)
{
    return !flow->omitted || value[metric] == METRIC_ABSENT ? value[metric]
                                                            : value[metric] - flow->omitted[metric];
}

/* Leaves it out of what the endpoint has counted itself. */
static void leave_out(struct flow *flow, int64_t *value)
{
    const struct direction *direction = main_direction(flow);
    for (size_t i = 0; i < COUNT(sent_counters); i++)
        value[sent_counters[i]] = without(flow, sent_counters[i], value);
    for (size_t i = 0; i < COUNT(read_counters); i++)
        value[read_counters[i]] = without(flow, read_counters[i], value);
    if (direction->omitted_at)
        value[METRIC_omitted] = direction->omitted_at -
                                (direction->active ? direction->started_at : direction->opened_at);
}

/* The same over the whole time of the flow. */
static void sample_all(const struct flow *flow, int64_t now, int64_t *value)
{
    struct cpu_ticks ticks = cpu_time_ticks(now);
    sample(flow, now, value);
    value[METRIC_host_cpu] = cpu_time_share(&flow->host_cpu, &ticks);
    for (int i = 0; i < METRICS; i++)
        if (is_kernels((enum metric)i))
            value[i] = without(flow, (enum metric)i, value);
}

void sampler_start(struct flow *flow)
{
    struct report report;
    report_init(&report);
    set_keys(flow, &report, REPORT_START, flow->began, flow->began);
    flow->transport->sample(flow->connection, flow->fd, true, report.value);
    flow->worker_cpu = cpu_time_thread();
    flow->host_cpu = cpu_time_ticks(flow->began);
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
    set_delay(flow, flow->delay_bound, value);
    flow->framing->set_iat(value[METRIC_rx_requests] - flow->blocks_reported,
                           now - flow->last_sample, value);
    flow->blocks_reported = value[METRIC_rx_requests];
    value[METRIC_status] = status_of(flow, flow->error != NULL);
    sample(flow, now, value);
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
    flow_forget_final(flow);
    flow->final = final;
    final->error = error ? mem_strdup(error) : NULL;
    set_keys(flow, &final->report, REPORT_FINAL, began, now);
    value[METRIC_status] = status_of(flow, error != NULL);
    value[METRIC_connect_time] = flow->connect_time;
    value[METRIC_exchange_time] = flow->exchange_time;
    value[METRIC_rows_skipped] = flow->intervals.skipped;
    value[METRIC_volume_time] = flow->volume_time;
    if (flow->began) {
        set_counters(flow, now, value);
        set_tail(flow, value);
        leave_out(flow, value);
        turn_series(flow);
        set_series(flow, REPORT_FINAL, value);
        if (flow->congested)
            value[METRIC_congested] = flow->congested - flow->tx.started_at;
        set_delay(flow, flow->delay_bound_so_far, value);
        value[METRIC_delay_negative] = without(flow, METRIC_delay_negative, value);
        value[METRIC_tx_time] = counted_time(&flow->tx, now);
        value[METRIC_rx_time] = counted_time(&flow->rx, now);
        if (value[METRIC_rx_time] != METRIC_ABSENT)
            flow->framing->set_iat(value[METRIC_rx_requests], value[METRIC_rx_time], value);
    }
    if (flow->fd >= 0) {
        if (flow->began)
            sample_all(flow, now, value);
        value[METRIC_tx_unacked] = flow->transport->unacked(flow->fd);
        value[METRIC_interface_mtu] = mtucache_of(worker_local(flow->worker, &mtus), flow->fd, now);
        flow_describe(flow, &final->info);
    }
}

static void add_dump(struct final_row *final, const struct dump *dump)
{
    info_add_text(&final->info, INFO_dump, dump_name(dump));
    if (!final->dump_ended)
        return;
    final->report.value[METRIC_dump_packets] = final->dumped.packets;
    final->report.value[METRIC_dump_dropped] = final->dumped.dropped;
    if (final->dumped.note[0])
        info_add_text(&final->info, INFO_dump_note, final->dumped.note);
}

static void add_trace(struct final_row *final, const struct trace *trace)
{
    info_add_text(&final->info, INFO_trace, trace_name(trace));
    if (!final->trace_ended)
        return;
    final->report.value[METRIC_trace_events] = final->traced.events;
    final->report.value[METRIC_trace_lost] = final->traced.lost;
    if (final->traced.note[0])
        info_add_text(&final->info, INFO_trace_note, final->traced.note);
}

void sampler_send_final(struct flow *flow)
{
    struct final_row *final = flow->final;
    struct report_section sections[SERIES + 3];
    struct buffer histograms[SERIES] = {0};
    if (!final)
        return;
    size_t count = add_histograms(flow, histograms, sections);
    if (flow->dump)
        add_dump(final, flow->dump);
    if (flow->trace)
        add_trace(final, flow->trace);
    if (final->error)
        info_add_number(&final->info, INFO_fault, flow->final_code);
    if (final->info.length)
        sections[count++] = (struct report_section){
            REPORT_SECTION_INFO, (uint32_t) final->info.length, final->info.data};
    if (final->error)
        sections[count++] = (struct report_section){REPORT_SECTION_ERROR,
                                                    (uint32_t)strlen(final->error), final->error};
    if (flow->stopped)
        sections[count++] = (struct report_section){REPORT_SECTION_STOPPED,
                                                    (uint32_t)strlen(flow->stopped), flow->stopped};
    emit(flow, &final->report, sections, count);
    for (int i = 0; i < SERIES; i++)
        buffer_free(&histograms[i]);
    flow_forget_final(flow);
}
