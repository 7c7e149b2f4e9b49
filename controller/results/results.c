/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "results/results.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "info.h"
#include "mem.h"
#include "printable.h"

struct results *results_new(size_t count)
{
    struct results *results = mem_new(1, sizeof *results);
    results->flows = mem_new(count, sizeof *results->flows);
    results->count = count;
    return results;
}

void results_free(struct results *results)
{
    if (!results)
        return;
    for (size_t i = 0; i < results->count; i++) {
        for (int end = 0; end < ENDPOINTS; end++) {
            struct endpoint_result *result = &results->flows[i].ends[end];
            limits_free(&result->limits);
            free(result->info);
            free(result->error);
            free(result->stopped);
            for (int k = 0; k < SERIES; k++)
                histogram_free(result->histograms[k]);
        }
    }
    free(results->flows);
    free(results);
}

/* The text of a section, printable, in new memory. Only in the lines "name=value" of the info
 * a line break separates: anywhere else it would begin a line of the daemon's making in the log. */
static char *section_text(const struct report_row *row, uint32_t type)
{
    const struct report_section *section = report_section(row, type);
    if (!section)
        return NULL;
    char *text = mem_printf("%.*s", (int)section->length, (const char *)section->data);
    if (type == REPORT_SECTION_INFO)
        printable_lines(text);
    else
        printable(text);
    return text;
}

static void replace_text(char **text, char *with)
{
    if (!with)
        return;
    free(*text);
    *text = with;
}

/* The histogram of a series in a final report. One that can't be read is left out, and what the
 * report says of its percentiles stays. */
static void take_histogram(struct endpoint_result *result, const struct report_row *row, int series)
{
    struct fail fail;
    const int64_t *key = row->report.key;
    const struct report_section *section =
        report_section(row, (uint32_t)(REPORT_SECTION_HISTOGRAM + series));
    histogram_free(result->histograms[series]);
    result->histograms[series] = NULL;
    if (!section)
        return;
    struct histogram *histogram = histogram_decode(section->data, section->length, &fail);
    int64_t count = row->report.value[series_list[series].count];
    if (histogram && (int64_t)histogram_count(histogram) != count) {
        fail_set(&fail, 0, "a histogram has %" PRIu64 " values, but there were %" PRId64,
                 histogram_count(histogram), count);
        histogram_free(histogram);
        histogram = NULL;
    }
    if (!histogram)
        log_warning("%s of flow %" PRId64 ", %s: %s", series_list[series].field, key[REPORT_FLOW],
                    endpoint_name((enum endpoint)key[REPORT_ENDPOINT]), fail.text);
    result->histograms[series] = histogram;
}

/* Counters begin at 0 with the start row, whose own are the kernel's. After a gap the difference is
 * not that of the interval, and absent. */
static void take_difference(struct endpoint_result *result, const struct report *report, bool gap,
                            int64_t delta[METRICS])
{
    memcpy(delta, report->value, sizeof report->value);
    for (size_t k = 0; k < metric_counters_count; k++) {
        enum metric i = metric_counters[k];
        int64_t value = report->value[i];
        if (value == METRIC_ABSENT)
            continue;
        if (gap || __builtin_sub_overflow(value, result->before[i], &delta[i]))
            delta[i] = METRIC_ABSENT;
        result->before[i] = value;
    }
}

static void count_row(struct endpoint_result *result, int64_t number)
{
    if (!result->joined)
        result->missing += number - result->next_number;
    result->joined = false;
    result->next_number = number + 1;
}

bool results_know(struct results *results, const struct report_row *row,
                  const struct endpoint_result **failed)
{
    *failed = NULL;
    const int64_t *key = row->report.key;
    if (key[REPORT_FLOW] < 0 || key[REPORT_FLOW] >= (int64_t)results->count ||
        key[REPORT_ENDPOINT] < 0 || key[REPORT_ENDPOINT] >= ENDPOINTS)
        return false;
    struct endpoint_result *result = &results->flows[key[REPORT_FLOW]].ends[key[REPORT_ENDPOINT]];
    bool known = key[REPORT_KIND] == REPORT_START   ? result->started
                 : key[REPORT_KIND] == REPORT_FINAL ? result->finished
                                                    : key[REPORT_END] <= result->logged_end;
    /* No log has it, unless as a part of what comes at the end. */
    for (int i = 0; known && key[REPORT_KIND] == REPORT_FINAL && i < SERIES; i++)
        take_histogram(result, row, i);
    if (known && key[REPORT_KIND] == REPORT_FINAL && !result->error) {
        result->error = section_text(row, REPORT_SECTION_ERROR);
        *failed = result->error ? result : NULL;
    }
    if (known && key[REPORT_NUMBER] >= result->next_number && key[REPORT_NUMBER] < INT64_MAX)
        count_row(result, key[REPORT_NUMBER]);
    return known;
}

struct endpoint_result *results_take(struct results *results, const struct report_row *row,
                                     int64_t delta[METRICS], struct fail *fail)
{
    const struct report *report = &row->report;
    int64_t flow = report->key[REPORT_FLOW], end = report->key[REPORT_ENDPOINT];
    if (flow < 0 || flow >= (int64_t)results->count || end < 0 || end >= ENDPOINTS) {
        fail_set(fail, 0,
                 "received a report for flow %" PRId64 ", endpoint %" PRId64
                 ", which is not part of this run",
                 flow, end);
        return NULL;
    }
    struct endpoint_result *result = &results->flows[flow].ends[end];
    int64_t number = report->key[REPORT_NUMBER], kind = report->key[REPORT_KIND];
    if (!report_has_sane_time(report) || number < result->next_number || number == INT64_MAX ||
        kind < 0 || kind >= REPORT_KINDS) {
        fail_set(fail, 0,
                 "a report of flow %" PRId64 " is invalid: number %" PRId64 ", kind %" PRId64, flow,
                 number, kind);
        return NULL;
    }
    bool gap = number != result->next_number;
    count_row(result, number);
    replace_text(&result->info, section_text(row, REPORT_SECTION_INFO));
    switch (report->key[REPORT_KIND]) {
    case REPORT_START:
        result->started = true;
        result->start = *report;
        result->start_late = report->key[REPORT_BEGIN];
        break;
    case REPORT_INTERVAL:
        result->intervals++;
        take_difference(result, report, gap, delta);
        break;
    case REPORT_FINAL:
        result->finished = true;
        result->final = *report;
        replace_text(&result->error, section_text(row, REPORT_SECTION_ERROR));
        result->stopped_there = report_section(row, REPORT_SECTION_STOPPED);
        replace_text(&result->stopped, section_text(row, REPORT_SECTION_STOPPED));
        for (int i = 0; i < SERIES; i++)
            take_histogram(result, row, i);
        break;
    }
    return result;
}

void results_set_error(struct endpoint_result *result, const char *text)
{
    if (!result->error)
        result->error = mem_strdup(text);
}

void results_set_stopped(struct endpoint_result *result, const char *text)
{
    if (!result->stopped)
        result->stopped = mem_strdup(text);
}

bool results_were_cut(const struct endpoint_result *result, const struct plan_flow *planned,
                      enum endpoint end)
{
    const int64_t *value = result->final.value;
    const int64_t times[] = {value[METRIC_tx_time], value[METRIC_rx_time]};
    const struct endpoint_settings *senders[] = {&planned->ends[end], &planned->ends[1 - end]};
    for (int i = 0; i < 2; i++) {
        int64_t wanted = senders[i]->duration - senders[i]->omit;
        bool volume = settings_have_volume(senders[i]);
        if (senders[i]->duration && (times[i] == METRIC_ABSENT || (!volume && times[i] < wanted)))
            return true;
        if (volume && i == 1 && value[METRIC_volume_time] == METRIC_ABSENT)
            return true;
    }
    return false;
}

const char *results_error(const struct endpoint_result *result)
{
    return result->error ? result->error : result->finished ? NULL : "no final report came";
}

bool results_lack_volume(const struct flow_result *flow, const struct plan_flow *planned,
                         enum endpoint receiver)
{
    const struct endpoint_settings *sender = &planned->ends[1 - receiver];
    const struct endpoint_result *to = &flow->ends[receiver];
    return settings_have_volume(sender) && to->finished &&
           !settings_volume_reached(sender, to->final.value[METRIC_rx_bytes],
                                    to->final.value[METRIC_rx_requests]);
}

bool results_are_empty(const struct flow_result *flow, const struct plan_flow *planned,
                       enum endpoint receiver)
{
    const struct endpoint_result *from = &flow->ends[1 - receiver], *to = &flow->ends[receiver];
    return planned->ends[1 - receiver].duration && from->finished && to->finished &&
           from->final.value[METRIC_tx_bytes] > 0 && to->final.value[METRIC_rx_bytes] == 0 &&
           to->final.value[METRIC_rx_tail] == 0;
}

void results_info(const struct endpoint_result *result, const char *name, char *value, size_t size)
{
    info_find(result->info, name, value, size);
}

int64_t results_received(const struct endpoint_result *receiver)
{
    return receiver->intervals ? receiver->before[METRIC_rx_bytes] : METRIC_ABSENT;
}

double results_goodput(const struct endpoint_result *receiver)
{
    int64_t bytes = receiver->final.value[METRIC_rx_bytes];
    int64_t time = receiver->final.value[METRIC_rx_time];
    if (!receiver->finished || bytes == METRIC_ABSENT || time == METRIC_ABSENT || time <= 0)
        return NAN;
    return (double)bytes * 8 * NS_PER_SEC / (double)time;
}

double results_fairness(const double *values, size_t count)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < count; i++) {
        sum += values[i];
        squares += values[i] * values[i];
    }
    return count && squares > 0 ? sum * sum / ((double)count * squares) : NAN;
}

/* The four slots of a tally. */
static void merge_slots(struct tally *into, const int64_t *slots)
{
    struct tally tally = {slots[0], slots[1], slots[2], slots[3]};
    tally_merge(into, &tally);
}

void results_merge(const struct results *results, enum series_id series,
                   struct results_series *merged)
{
    *merged = (struct results_series){0};
    for (size_t i = 0; i < results->count; i++) {
        for (int end = 0; end < ENDPOINTS; end++) {
            const struct endpoint_result *result = &results->flows[i].ends[end];
            const int64_t *slots = &result->final.value[series_list[series].count];
            if (!histogram_count(result->histograms[series])) {
                merged->without += result->finished && slots[0] > 0 && slots[1] != METRIC_ABSENT;
                continue;
            }
            if (!merged->histogram)
                merged->histogram = histogram_new();
            histogram_merge(merged->histogram, result->histograms[series]);
            merge_slots(&merged->tally, slots);
        }
    }
}

static int by_value(const void *one, const void *other)
{
    double a = *(const double *)one, b = *(const double *)other;
    return a < b ? -1 : a > b;
}

static void sum_endpoint(const struct endpoint_result *result, bool late_connect,
                         struct results_total *total)
{
    /* When a late connection is there says nothing of the common start. */
    if (result->started && !late_connect) {
        int64_t start = result->start_late;
        if (!total->started || start < total->first_start)
            total->first_start = start;
        if (!total->started || start > total->last_start)
            total->last_start = start;
        total->started++;
    }
    if (result->finished)
        total->retransmitted =
            metric_sum(total->retransmitted, result->final.value[METRIC_bytes_retrans]);
}

/* Widens the time of all directions by that of one. */
static void sum_time(const struct endpoint_result *receiver, const struct plan_flow *planned,
                     enum endpoint sender, struct results_total *total)
{
    struct flow_schedule schedule = settings_schedule(planned->ends);
    int64_t base = planned->settings.late_connect
                       ? receiver->start.key[REPORT_BEGIN] - planned->ends[SOURCE].delay
                       : 0;
    int64_t opened = base + schedule.from[sender] + planned->ends[sender].omit;
    int64_t closed = opened + receiver->final.value[METRIC_rx_time];
    if (total->directions == 1 || opened < total->first_opened)
        total->first_opened = opened;
    if (total->directions == 1 || closed > total->last_closed)
        total->last_closed = closed;
}

static void sum_unknown(const struct endpoint_result *receiver, struct results_total *total)
{
    total->unknown++;
    total->until = metric_sum(total->until, results_received(receiver));
}

/* Adds the flow's directions to `rates`, and gives the flow's own goodput: their sum. */
static double sum_flow(const struct flow_result *flow, const struct plan_flow *planned,
                       double *rates, struct results_total *total)
{
    double goodput = 0;
    for (int sender = 0; sender < ENDPOINTS; sender++) {
        const struct endpoint_result *receiver = &flow->ends[1 - sender];
        double rate = results_goodput(receiver);
        sum_endpoint(&flow->ends[sender], planned->settings.late_connect, total);
        if (planned->ends[sender].duration && !receiver->finished)
            sum_unknown(receiver, total);
        if (!planned->ends[sender].duration || isnan(rate))
            continue;
        rates[total->directions++] = rate;
        total->bytes = metric_plus(total->bytes, receiver->final.value[METRIC_rx_bytes]);
        sum_time(receiver, planned, sender, total);
        goodput += rate;
    }
    return goodput;
}

/* A flow is counted once, by the worst that can be said of it. */
static void count_verdict(const struct flow_result *flow, const struct plan_flow *planned,
                          struct results_total *total)
{
    bool failed = false, stopped = false, empty = false, partial = false;
    for (int end = 0; end < ENDPOINTS; end++) {
        const struct endpoint_result *result = &flow->ends[end];
        failed |= result->error || !result->finished || result->missing;
        stopped |= result->stopped != NULL;
        empty |= results_are_empty(flow, planned, (enum endpoint)end);
        partial |= results_lack_volume(flow, planned, (enum endpoint)end);
        int64_t time = result->finished ? result->final.value[METRIC_volume_time] : METRIC_ABSENT;
        total->volumes += settings_have_volume(&planned->ends[end]);
        total->volumes_read += time != METRIC_ABSENT;
        if (time != METRIC_ABSENT && time > total->volume_time)
            total->volume_time = time;
    }
    total->failed += failed;
    total->stopped += !failed && stopped;
    total->empty += !failed && !stopped && empty;
    total->partial += !failed && !stopped && !empty && partial;
}

void results_sum_up(const struct results *results, const struct plan *plan,
                    struct results_total *total)
{
    double *rates = mem_new(2 * results->count, sizeof *rates);
    double *flows = mem_new(results->count, sizeof *flows);
    size_t measured = 0;
    *total = (struct results_total){.retransmitted = METRIC_ABSENT,
                                    .until = METRIC_ABSENT,
                                    .goodput = NAN,
                                    .minimum = NAN,
                                    .median = NAN,
                                    .maximum = NAN};
    for (size_t i = 0; i < results->count; i++) {
        const struct flow_result *flow = &results->flows[i];
        size_t before = total->directions;
        double goodput = sum_flow(flow, &plan->flows[i], rates, total);
        if (total->directions > before)
            flows[measured++] = goodput;
        count_verdict(flow, &plan->flows[i], total);
    }
    if (total->last_closed > total->first_opened)
        total->goodput = (double)total->bytes * 8 * NS_PER_SEC /
                         (double)(total->last_closed - total->first_opened);
    qsort(flows, measured, sizeof *flows, by_value);
    if (measured) {
        total->minimum = flows[0];
        total->maximum = flows[measured - 1];
        total->median = measured % 2 ? flows[measured / 2]
                                     : (flows[measured / 2 - 1] + flows[measured / 2]) / 2;
    }
    total->fairness = results_fairness(rates, total->directions);
    free(rates);
    free(flows);
}
