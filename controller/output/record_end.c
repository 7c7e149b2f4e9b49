/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The record that ends a run: its totals, and those of each flow. */
#include "clock.h"
#include "output/json.h"
#include "output/records.h"
#include "output/summary_limits.h"

/* Causes that had no share are left out. */
static json_t *new_limits(const struct limit_shares *limits)
{
    json_t *object = json_object();
    for (int i = 0; i < LIMITS; i++)
        if (limits->share[i] > 0)
            json_set_real(object, limits_list[i].name, limits->share[i]);
    return object;
}

json_t *record_direction(const struct summary_direction *direction, enum endpoint sender)
{
    json_t *object = json_object();
    json_object_set_new(object, "sender", json_string(endpoint_name(sender)));
    json_set_real(object, "goodput_bits_per_second", direction->goodput);
    json_set_integer(object, "received_bytes", direction->bytes);
    json_set_seconds(object, "seconds", direction->time);
    json_set_seconds(object, "volume_seconds", direction->volume_time);
    json_set_integer(object, "sent_bytes", direction->sent);
    json_set_integer(object, "retransmitted_bytes", direction->retransmitted);
    if (direction->srtt != METRIC_ABSENT)
        json_set_seconds(object, "srtt_seconds", direction->srtt * NS_PER_US);
    if (direction->min_rtt != METRIC_ABSENT)
        json_set_seconds(object, "min_rtt_seconds", direction->min_rtt * NS_PER_US);
    json_set_integer(object, "datagrams_sent", direction->datagrams_sent);
    json_set_integer(object, "datagrams_lost", direction->datagrams_lost);
    json_set_integer(object, "datagrams_dropped", direction->datagrams_dropped);
    json_set_seconds(object, "jitter_seconds", direction->jitter);
    if (direction->limits_known) {
        const char *most = limits_list[direction->limits.most].name;
        json_object_set_new(object, "limited_by", json_string(most));
        json_object_set_new(object, "limits", new_limits(&direction->limits));
    }
    return object;
}

static void set_stopped(const struct records *records, json_t *object,
                        const struct summary_flow *flow)
{
    json_t *stopped = json_object();
    for (int end = 0; end < ENDPOINTS; end++)
        json_set_text(records->hide, stopped, endpoint_name((enum endpoint)end),
                      flow->ends[end].result->stopped);
    if (json_object_size(stopped))
        json_object_set(object, "stopped", stopped);
    json_decref(stopped);
}

static void set_errors(const struct records *records, json_t *object,
                       const struct summary_flow *flow)
{
    json_t *errors = json_object();
    for (int end = 0; end < ENDPOINTS; end++) {
        json_set_text(records->hide, errors, endpoint_name((enum endpoint)end),
                      results_error(flow->ends[end].result));
    }
    if (json_object_size(errors))
        json_object_set(object, "errors", errors);
    json_decref(errors);
}

static void set_advice(const struct records *records, json_t *direction,
                       const struct summary_flow *flow, enum endpoint sender)
{
    struct buffer text = {0};
    summary_remedy(flow, sender, &text);
    buffer_add(&text, "", 1);
    json_set_text(records->hide, direction, "advice", text.data);
    buffer_free(&text);
}

static json_t *new_flow_summary(const struct records *records, const struct summary_flow *flow,
                                size_t index)
{
    json_t *object = json_object(), *directions = json_array();
    json_set_integer(object, "flow", (int64_t)index);
    for (int sender = 0; sender < ENDPOINTS; sender++) {
        if (!flow->directions[sender].exists)
            continue;
        json_t *direction = record_direction(&flow->directions[sender], (enum endpoint)sender);
        set_advice(records, direction, flow, (enum endpoint)sender);
        json_array_append_new(directions, direction);
    }
    json_object_set_new(object, "directions", directions);
    set_errors(records, object, flow);
    set_stopped(records, object, flow);
    return object;
}

static json_t *new_total(const struct summary *summary)
{
    const struct results_total *total = &summary->total;
    json_t *object = json_object();
    json_set_integer(object, "flows", (int64_t)summary->count);
    json_set_integer(object, "failed", (int64_t)total->failed);
    if (total->directions) {
        json_set_integer(object, "received_bytes", total->bytes);
        json_set_real(object, "goodput_bits_per_second", total->goodput);
        json_set_real(object, "flow_minimum_bits_per_second", total->minimum);
        json_set_real(object, "flow_median_bits_per_second", total->median);
        json_set_real(object, "flow_maximum_bits_per_second", total->maximum);
    }
    if (total->directions > 1)
        json_set_real(object, "fairness", total->fairness);
    json_set_integer(object, "retransmitted_bytes", total->retransmitted);
    if (total->started > 1)
        json_set_seconds(object, "start_skew_seconds", total->last_start - total->first_start);
    json_set_seconds(object, "clock_bound_seconds", summary->start_bound);
    return object;
}

void record_end(const struct records *records, const struct summary *summary, struct buffer *out)
{
    json_t *record = json_new_record("end");
    json_object_set_new(record, "complete", json_boolean(summary && !summary->status));
    if (summary) {
        json_t *flows = json_array();
        json_set_integer(record, "status", summary->status);
        json_object_set_new(record, "total", new_total(summary));
        for (size_t i = 0; i < summary->count; i++)
            json_array_append_new(flows, new_flow_summary(records, &summary->flows[i], i));
        json_object_set_new(record, "flows", flows);
    }
    json_put(record, out);
}
