/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/summary_datagrams.h"

#include <inttypes.h>

#include "clock.h"

static void put_count(struct buffer *line, const char *label, int64_t count)
{
    if (count != METRIC_ABSENT)
        buffer_printf(line, ", %s = %" PRId64 " [#]", label, count);
}

static double percent(int64_t part, int64_t whole)
{
    return 100.0 * (double)part / (double)whole;
}

/* What is only of interest where there is any. */
static void put_some(struct buffer *line, const char *label, int64_t count)
{
    if (count > 0)
        put_count(line, label, count);
}

static void put_unanswered(const int64_t *value, struct buffer *line)
{
    int64_t unanswered = value[METRIC_datagrams_unanswered];
    int64_t answered = value[METRIC_rx_responses] + value[METRIC_rx_responses_tail];
    if (unanswered == METRIC_ABSENT)
        return;
    buffer_printf(line, ", unanswered = %" PRId64 "/%" PRId64 " [#]", unanswered,
                  unanswered + answered);
    put_some(line, "repeated answers", value[METRIC_datagrams_answers_repeated]);
}

static void put_sent(const int64_t *value, struct buffer *line)
{
    put_count(line, "datagrams sent", value[METRIC_datagrams_sent]);
    put_some(line, "dropped by the sender's queue", value[METRIC_datagrams_queue_dropped]);
    put_some(line, "not offered", value[METRIC_datagrams_not_offered]);
    put_some(line, "longest burst", value[METRIC_longest_burst]);
    put_unanswered(value, line);
}

/* Of what is lost, that which the receiver's socket has dropped; the rest got lost on its way. */
static void put_lost(const int64_t *value, const struct summary_direction *direction,
                     struct buffer *line)
{
    int64_t sent = direction->datagrams_sent, lost = direction->datagrams_lost;
    int64_t dropped = direction->datagrams_dropped;
    int64_t late = value[METRIC_datagrams_late] > 0 ? value[METRIC_datagrams_late] : 0;
    if (sent == METRIC_ABSENT) {
        buffer_printf(line, ", lost >= %" PRId64 " [#] (how many were sent is not known)",
                      value[METRIC_datagrams_lost]);
        return;
    }
    buffer_printf(line, ", lost = %" PRId64 "/%" PRId64 " [#] (%.4f %%)", lost, sent,
                  sent ? percent(lost, sent) : 0.0);
    if (lost && dropped == METRIC_ABSENT)
        buffer_text(line, " (some by the receiver's socket)");
    else if (lost)
        buffer_printf(line, " (%" PRId64 " dropped by the receiver's socket)", dropped);
    put_some(line, "late", late);
}

static void put_runs(const int64_t *value, struct buffer *line)
{
    int64_t runs = value[METRIC_loss_runs];
    int64_t late = value[METRIC_datagrams_late] > 0 ? value[METRIC_datagrams_late] : 0;
    if (runs > 0)
        buffer_printf(line, ", loss runs = %" PRId64 "/%.2f/%" PRId64 " [#] (count/mean/longest)",
                      runs, (double)(value[METRIC_datagrams_lost] - late) / (double)runs,
                      value[METRIC_loss_run_max]);
}

static void put_reordered(const int64_t *value, struct buffer *line)
{
    int64_t reordered = value[METRIC_datagrams_reordered];
    if (reordered <= 0)
        return;
    buffer_printf(line,
                  ", reordered = %" PRId64 " [#] (%.4f %%), of these by 3 or more = %" PRId64
                  " [#], extent = %" PRId64 " [#] (max)",
                  reordered, percent(reordered, value[METRIC_datagrams_distinct]),
                  value[METRIC_datagrams_reordered_3], value[METRIC_reorder_extent_max]);
    if (value[METRIC_reorder_late_max] != METRIC_ABSENT)
        buffer_printf(line, ", late time = %.3f [ms] (max)",
                      (double)value[METRIC_reorder_late_max] / NS_PER_MS);
}

static void put_received(const int64_t *value, const struct summary_direction *direction,
                         struct buffer *line)
{
    int64_t time = value[METRIC_rx_time];
    put_count(line, "datagrams received", value[METRIC_datagrams_received]);
    put_lost(value, direction, line);
    put_runs(value, line);
    put_some(line, "duplicates", value[METRIC_datagrams_duplicate]);
    put_reordered(value, line);
    put_some(line, "too old to tell", value[METRIC_datagrams_old]);
    put_some(line, "foreign", value[METRIC_datagrams_foreign]);
    put_count(line, "corrupted", value[METRIC_datagrams_corrupted]);
    if (time > 0)
        buffer_printf(line, ", datagrams/s = %.2f [#]",
                      (double)value[METRIC_rx_requests] * NS_PER_SEC / (double)time);
}

static void put_seen(const struct endpoint_result *result, const char *label, const char *name,
                     struct buffer *line)
{
    char value[256];
    results_info(result, name, value, sizeof value);
    if (*value)
        buffer_printf(line, ", %s = %s", label, value);
}

void summary_datagrams(const struct summary_endpoint *own, const struct summary_direction *received,
                       struct buffer *line)
{
    const int64_t *value = own->result->final.value;
    if (value[METRIC_datagrams_sent] != METRIC_ABSENT)
        put_sent(value, line);
    if (value[METRIC_datagrams_received] == METRIC_ABSENT)
        return;
    put_received(value, received, line);
    put_seen(own->result, "DSCP seen", "dscp_seen", line);
    put_seen(own->result, "ECN seen", "ecn_seen", line);
    put_seen(own->result, "TTL seen", "ttl_seen", line);
}
