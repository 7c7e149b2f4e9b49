/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "results/summary.h"

#include <math.h>
#include <stdlib.h>

#include "mem.h"

static double rate(int64_t bytes, int64_t time)
{
    if (bytes == METRIC_ABSENT || time == METRIC_ABSENT || time <= 0)
        return NAN;
    return (double)bytes * 8 * NS_PER_SEC / (double)time;
}

/* A counter with what was counted while draining. */
static int64_t whole(const int64_t *value, enum metric counted, enum metric tail)
{
    int64_t sum = metric_sum(value[counted], value[tail]);
    return sum == METRIC_ABSENT ? 0 : sum;
}

static void count_blocks(struct summary_endpoint *endpoint)
{
    const int64_t *value = endpoint->result->final.value;
    endpoint->requests_out = whole(value, METRIC_tx_requests, METRIC_tx_requests_tail);
    endpoint->requests_in = whole(value, METRIC_rx_requests, METRIC_rx_requests_tail);
    endpoint->responses_out = whole(value, METRIC_tx_responses, METRIC_tx_responses_tail);
    endpoint->responses_in = whole(value, METRIC_rx_responses, METRIC_rx_responses_tail);
}

static void compute_rates(struct summary_endpoint *endpoint)
{
    const int64_t *value = endpoint->result->final.value;
    endpoint->tx_rate = rate(value[METRIC_tx_bytes], value[METRIC_tx_time]);
    endpoint->rx_rate = rate(value[METRIC_rx_bytes], value[METRIC_rx_time]);
    endpoint->transactions = NAN;
    if (value[METRIC_rx_responses] > 0 && value[METRIC_tx_time] > 0)
        endpoint->transactions =
            (double)value[METRIC_rx_responses] * NS_PER_SEC / (double)value[METRIC_tx_time];
}

/* When a late connection is there says nothing of the common start. */
static void compare_clocks(struct summary_endpoint *endpoint, const struct summary_source *source)
{
    const struct endpoint_result *result = endpoint->result;
    const struct plan_place *at = endpoint->flow->at;
    endpoint->start_known = result->started && !endpoint->flow->settings.late_connect &&
                            result->start_bound != CLOCK_NEVER;
    endpoint->clock_known = endpoint->end == DESTINATION &&
                            at[SOURCE].daemon != at[DESTINATION].daemon &&
                            clocksync_map(source->clocks, at[DESTINATION].daemon, at[SOURCE].daemon,
                                          source->now, &endpoint->clock);
    endpoint->drift_known = endpoint->clock_known && source->clocks->mode == CLOCK_MODE_ESTIMATE;
}

static void sum_up_endpoint(struct summary_endpoint *endpoint, const struct summary_source *source)
{
    size_t daemon = endpoint->flow->at[endpoint->end].daemon;
    endpoint->daemon = &source->plan->daemons[daemon];
    endpoint->host = &source->hosts[daemon];
    count_blocks(endpoint);
    compute_rates(endpoint);
    compare_clocks(endpoint, source);
}

static int64_t final_value(const struct endpoint_result *result, enum metric metric)
{
    return result->finished ? result->final.value[metric] : METRIC_ABSENT;
}

/* Datagrams sent: as the receiver was told, else as the sender's own report has it. What came too
 * late is lost. */
static void sum_up_datagrams(struct summary_direction *direction,
                             const struct endpoint_result *from, const struct endpoint_result *to)
{
    int64_t told = final_value(to, METRIC_datagrams_peer_sent);
    int64_t distinct = final_value(to, METRIC_datagrams_distinct);
    int64_t late = final_value(to, METRIC_datagrams_late);
    int64_t count = final_value(to, METRIC_jitter_count), sum = final_value(to, METRIC_jitter_sum);
    direction->datagrams_sent =
        told != METRIC_ABSENT ? told : final_value(from, METRIC_datagrams_sent);
    direction->datagrams_lost =
        metric_plus(metric_plus(direction->datagrams_sent, late > 0 ? late : 0),
                    distinct == METRIC_ABSENT ? distinct : -distinct);
    direction->datagrams_dropped = final_value(to, METRIC_datagrams_dropped);
    direction->jitter = count > 0 && sum != METRIC_ABSENT ? sum / count : METRIC_ABSENT;
}

void summary_of_direction(const struct endpoint_result *from, const struct endpoint_result *to,
                          struct summary_direction *direction)
{
    *direction = (struct summary_direction){
        .exists = true,
        .goodput = results_goodput(to),
        .bytes = final_value(to, METRIC_rx_bytes),
        .time = final_value(to, METRIC_rx_time),
        .volume_time = final_value(to, METRIC_volume_time),
        .retransmitted = final_value(from, METRIC_bytes_retrans),
        .sent = final_value(from, METRIC_bytes_sent),
        .srtt = final_value(from, METRIC_srtt),
        .min_rtt = final_value(from, METRIC_min_rtt),
    };
    sum_up_datagrams(direction, from, to);
}

static void sum_up_direction(struct summary_flow *flow, enum endpoint sender)
{
    summary_of_direction(flow->ends[sender].result, flow->ends[1 - sender].result,
                         &flow->directions[sender]);
    flow->directions[sender].exists = flow->ends[sender].flow->ends[sender].duration > 0;
}

static void sum_up_limits(struct summary_flow *flow, enum endpoint sender)
{
    struct summary_direction *direction = &flow->directions[sender];
    int64_t time = final_value(flow->ends[sender].result, METRIC_tx_time);
    limits_sum_up(&flow->ends[sender].result->limits, &flow->ends[1 - sender].result->limits,
                  &direction->limits);
    direction->limits_known = direction->exists && direction->limits.judged > 0 &&
                              time != METRIC_ABSENT &&
                              direction->limits.judged >= 0.9 * (double)time;
}

static void sum_up_flow(struct summary_flow *flow, size_t index,
                        const struct summary_source *source)
{
    for (int end = 0; end < ENDPOINTS; end++) {
        flow->ends[end].end = (enum endpoint)end;
        flow->ends[end].flow = &source->plan->flows[index];
        flow->ends[end].result = &source->results->flows[index].ends[end];
        sum_up_endpoint(&flow->ends[end], source);
    }
    for (int end = 0; end < ENDPOINTS; end++) {
        sum_up_direction(flow, (enum endpoint)end);
        sum_up_limits(flow, (enum endpoint)end);
    }
}

static void sum_up_losses(struct summary *summary)
{
    summary->datagrams_sent = summary->datagrams_lost = METRIC_ABSENT;
    for (size_t i = 0; i < ENDPOINTS * summary->count; i++) {
        const struct summary_direction *direction =
            &summary->flows[i / ENDPOINTS].directions[i % ENDPOINTS];
        if (!direction->exists || direction->datagrams_lost == METRIC_ABSENT)
            continue;
        summary->datagrams_sent = metric_sum(summary->datagrams_sent, direction->datagrams_sent);
        summary->datagrams_lost = metric_sum(summary->datagrams_lost, direction->datagrams_lost);
    }
}

static void keep_clocks(struct summary *summary, const struct summary_source *source)
{
    const struct clocksync *clocks = source->clocks;
    if (clocks->mode != CLOCK_MODE_SYNC)
        return;
    summary->clocks = mem_new(clocks->count, sizeof *summary->clocks);
    for (size_t i = 0; i < clocks->count; i++)
        if (clocks->daemons[i].known)
            summary->clocks[summary->clock_count++] =
                (struct summary_clock){&source->plan->daemons[i], &clocks->daemons[i].last};
}

struct summary *summary_new(const struct summary_source *source)
{
    struct summary *summary = mem_new(1, sizeof *summary);
    summary->plan = source->plan;
    summary->count = source->results->count;
    summary->start_bound = source->start_bound;
    summary->flows = mem_new(summary->count, sizeof *summary->flows);
    for (size_t i = 0; i < summary->count; i++)
        sum_up_flow(&summary->flows[i], i, source);
    for (int i = 0; i < SERIES; i++)
        results_merge(source->results, (enum series_id)i, &summary->series[i]);
    sum_up_losses(summary);
    keep_clocks(summary, source);
    results_sum_up(source->results, source->plan, &summary->total);
    return summary;
}

void summary_free(struct summary *summary)
{
    if (!summary)
        return;
    for (int i = 0; i < SERIES; i++)
        histogram_free(summary->series[i].histogram);
    free(summary->flows);
    free(summary->clocks);
    free(summary);
}
