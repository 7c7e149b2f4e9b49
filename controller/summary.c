/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "summary.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "mem.h"
#include "number.h"

/* What the line of one endpoint is made of. */
struct part {
    struct buffer line;
    const struct sink_run *run;
    const struct plan_flow *flow;
    enum endpoint end;
    const struct endpoint_result *result;
    const int64_t *value; /* of the final report */
    const struct clocksync *clocks;
    int64_t now; /* the instant at which clocks are compared, local CLOCK_MONOTONIC */
};

static const struct endpoint_settings *own(const struct part *part)
{
    return &part->flow->ends[part->end];
}

static const struct plan *plan_of(const struct part *part)
{
    return part->run->options->plan;
}

/* The test address, then the control address where it differs, then the daemon's system. */
static void put_place(struct part *part)
{
    const struct plan_place *place = &part->flow->at[part->end];
    const struct describe_reply *daemon = &part->run->daemons[place->daemon];
    buffer_printf(&part->line, "%s", place->host);
    if (strcmp(place->host, place->control) || place->port != PROTOCOL_PORT) {
        char text[PROTOCOL_HOST_MAX + 16];
        plan_daemon_text(&plan_of(part)->daemons[place->daemon], text);
        buffer_printf(&part->line, "/%s", text);
    }
    buffer_printf(&part->line, " (%s %s)", daemon->os, daemon->os_release);
}

static void put_info(struct part *part, const char *label, const char *name, int64_t requested)
{
    char value[64];
    results_info(part->result, name, value, sizeof value);
    if (*value)
        buffer_printf(&part->line, ", %s = %s/%" PRId64 " [B] (real/req)", label, value, requested);
}

static void put_size(struct part *part, const char *label, enum metric metric, const char *note)
{
    if (part->value[metric] != METRIC_ABSENT)
        buffer_printf(&part->line, ", %s = %" PRId64 "%s [B]", label, part->value[metric], note);
}

/* Well-known MTUs, as flowgrind names them. */
static const char *mtu_name(int64_t mtu)
{
    static const struct {
        int mtu;
        const char *name;
    } names[] = {
        {65536, " (Linux loopback)"}, {9000, " (Ethernet jumbo frames)"},
        {1500, " (Ethernet/PPP)"},    {1492, " (PPPoE)"},
        {1420, " (WireGuard)"},       {1280, " (IPv6 minimum)"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].mtu == mtu)
            return names[i].name;
    return " (unknown)";
}

static void put_connection(struct part *part)
{
    char name[64];
    put_info(part, "sbuf", "send_buffer", own(part)->send_buffer);
    put_info(part, "rbuf", "receive_buffer", own(part)->receive_buffer);
    put_size(part, "SMSS", METRIC_snd_mss, "");
    put_size(part, "PMTU", METRIC_path_mtu, "");
    put_size(part, "Interface MTU", METRIC_interface_mtu,
             mtu_name(part->value[METRIC_interface_mtu]));
    results_info(part->result, "congestion_control", name, sizeof name);
    if (*name)
        buffer_printf(&part->line, ", CC = %s", name);
    if (part->value[METRIC_connect_time] == METRIC_ABSENT &&
        part->value[METRIC_exchange_time] != METRIC_ABSENT)
        buffer_printf(&part->line, ", handshake with exchange = %.3f [ms]",
                      (double)part->value[METRIC_exchange_time] / NS_PER_MS);
    else if (part->value[METRIC_connect_time] != METRIC_ABSENT)
        buffer_printf(&part->line, ", handshake = %.3f [ms], exchange = %.3f [ms]",
                      (double)part->value[METRIC_connect_time] / NS_PER_MS,
                      (double)part->value[METRIC_exchange_time] / NS_PER_MS);
}

static double seconds(int64_t ns)
{
    return (double)ns / NS_PER_SEC;
}

static double rate(const struct part *part, int64_t bytes, int64_t time)
{
    if (bytes == METRIC_ABSENT || time == METRIC_ABSENT || time <= 0)
        return 0;
    double per_second = (double)bytes / seconds(time);
    return part->run->options->megabytes ? per_second / (1 << 20) : per_second * 8 / 1e6;
}

static void put_rates(struct part *part)
{
    const int64_t *value = part->value;
    if (own(part)->duration && value[METRIC_tx_time] != METRIC_ABSENT)
        buffer_printf(&part->line, ", duration = %.3f/%.3f [s] (real/req)",
                      seconds(value[METRIC_tx_time]), seconds(own(part)->duration));
    if (own(part)->delay)
        buffer_printf(&part->line, ", delay = %.3f [s]", seconds(own(part)->delay));
    buffer_printf(&part->line, ", through = %.6f/%.6f [%s] (out/in)",
                  rate(part, value[METRIC_tx_bytes], value[METRIC_tx_time]),
                  rate(part, value[METRIC_rx_bytes], value[METRIC_rx_time]),
                  part->run->options->megabytes ? "MiB/s" : "Mbit/s");
    if (value[METRIC_rx_responses] > 0 && value[METRIC_tx_time] > 0)
        buffer_printf(&part->line, ", transactions/s = %.2f [#]",
                      (double)value[METRIC_rx_responses] / seconds(value[METRIC_tx_time]));
}

/* A counter with what was counted while draining. */
static int64_t whole(const struct part *part, enum metric counted, enum metric tail)
{
    int64_t first = part->value[counted], second = part->value[tail];
    return (first == METRIC_ABSENT ? 0 : first) + (second == METRIC_ABSENT ? 0 : second);
}

static void put_blocks(struct part *part, const char *label, enum metric out, enum metric out_tail,
                       enum metric in, enum metric in_tail)
{
    int64_t sent = whole(part, out, out_tail), received = whole(part, in, in_tail);
    if (sent || received)
        buffer_printf(&part->line, ", %s blocks = %" PRId64 "/%" PRId64 " [#] (out/in)", label,
                      sent, received);
}

static double milliseconds(int64_t ns)
{
    return (double)ns / NS_PER_MS;
}

static const char *const series_labels[SERIES] = {
    [SERIES_rtt] = "RTT",     [SERIES_rtt_due] = "RTT from when due",
    [SERIES_hold] = "hold",   [SERIES_iat] = "IAT",
    [SERIES_delay] = "delay",
};

/* `tally` is count, min, max, sum; `percentiles` are p50, p90, p99, p99.9; absent where they are.
 */
static void put_series(struct buffer *line, const char *label, const int64_t *tally,
                       const int64_t *percentiles)
{
    if (tally[0] <= 0 || tally[3] == METRIC_ABSENT)
        return;
    double average = (double)tally[3] / (double)tally[0] / NS_PER_MS;
    if (tally[1] == METRIC_ABSENT)
        buffer_printf(line, "%s = %.3f [ms] (avg)", label, average);
    else
        buffer_printf(line, "%s = %.3f/%.3f/%.3f [ms] (min/avg/max)", label, milliseconds(tally[1]),
                      average, milliseconds(tally[2]));
    if (percentiles[0] != METRIC_ABSENT)
        buffer_printf(line, ", %.3f/%.3f/%.3f/%.3f [ms] (p50/p90/p99/p99.9)",
                      milliseconds(percentiles[0]), milliseconds(percentiles[1]),
                      milliseconds(percentiles[2]), milliseconds(percentiles[3]));
}

static void put_all_series(struct part *part)
{
    for (int i = 0; i < SERIES; i++) {
        size_t before = part->line.length;
        if (i == SERIES_rtt_due && !settings_are_paced(own(part)))
            continue; /* the same as from the send */
        buffer_text(&part->line, ", ");
        put_series(&part->line, series_labels[i], &part->value[series_list[i].count],
                   &part->value[series_list[i].p50]);
        if (part->line.length == before + 2)
            part->line.length = before;
    }
}

static void put_tail(struct part *part)
{
    static const struct {
        enum metric metric;
        const char *label;
    } figures[] = {
        {METRIC_tx_tail, "sent after the end"},
        {METRIC_rx_tail, "read while draining"},
        {METRIC_tx_unacked, "never acknowledged"},
        {METRIC_rows_skipped, "intervals skipped"},
    };
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        int64_t value = part->value[figures[i].metric];
        if (value != METRIC_ABSENT && value > 0)
            buffer_printf(&part->line, ", %s = %" PRId64 " [%s]", figures[i].label, value,
                          figures[i].metric == METRIC_rows_skipped ? "#" : "B");
    }
}

/* The value that the daemon has read, in the form of the setting. */
static void format_real(const struct setting *setting, const char *value,
                        char text[SETTING_TEXT_MAX])
{
    struct endpoint_settings real;
    int64_t number;
    if (setting->type == SETTING_NAME || !number_parse_int(value, &number, NULL)) {
        snprintf(text, SETTING_TEXT_MAX, "%s", *value ? value : "nan");
        return;
    }
    memcpy((char *)&real + setting->offset, &number, sizeof number);
    setting_format(setting, &real, text);
}

static void put_request(struct part *part, const struct setting *setting)
{
    char value[64], real[SETTING_TEXT_MAX], requested[SETTING_TEXT_MAX];
    results_info(part->result, setting->field, value, sizeof value);
    format_real(setting, value, real);
    setting_format(setting, own(part), requested);
    buffer_printf(&part->line, ", %s = %s/%s (real/req)", setting->name, real, requested);
}

/* Whether the daemon tells what became of the request; those for buffers, congestion control and
 * dumps are shown elsewhere. */
static bool is_read_back(const struct part *part, const struct setting *setting)
{
    static const char *const shown[] = {"send_buffer", "receive_buffer", "congestion_control",
                                        "dump"};
    char value[64];
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
        if (!strcmp(setting->field, shown[i]))
            return false;
    results_info(part->result, setting->field, value, sizeof value);
    return *value || setting->form == SETTING_FORM_SOCKOPT;
}

/* What an endpoint was asked for, as it came out: socket options, DSCP, CPU. */
static void put_requests(struct part *part)
{
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *setting = &settings_list[i];
        if (setting->scope == SCOPE_ENDPOINT && !setting_is_default(setting, own(part)) &&
            is_read_back(part, setting))
            put_request(part, setting);
    }
}

static void put_mptcp(struct part *part)
{
    char state[64];
    results_info(part->result, "mptcp", state, sizeof state);
    if (!strcmp(state, "yes"))
        buffer_text(&part->line, ", MPTCP in force");
    else if (!strcmp(state, "fallback"))
        buffer_text(&part->line, ", MPTCP fell back to TCP");
    else if (*state)
        buffer_text(&part->line, ", MPTCP (whether it is in force is not known)");
}

/* The dump's file and what is in it; the figures are absent where the flow failed too early. */
static void put_dump(struct part *part)
{
    char name[DUMP_NAME_MAX], note[PROTOCOL_REASON_MAX];
    int64_t packets = part->value[METRIC_dump_packets];
    results_info(part->result, "dump", name, sizeof name);
    results_info(part->result, "dump_note", note, sizeof note);
    if (*name)
        buffer_printf(&part->line, ", dump = %s", name);
    if (*name && packets != METRIC_ABSENT)
        buffer_printf(&part->line, " (%" PRId64 " packets, %" PRId64 " dropped)", packets,
                      part->value[METRIC_dump_dropped]);
    if (*note)
        buffer_printf(&part->line, ", note: %s", note);
}

/* How well the rate or the gaps were kept. */
static void put_paced(struct part *part)
{
    const int64_t *value = part->value;
    if (!settings_are_paced(own(part)))
        return;
    if (value[METRIC_refused] > 0)
        buffer_printf(&part->line, ", blocks refused by the socket = %" PRId64 " [#]",
                      value[METRIC_refused]);
    if (value[METRIC_congested] != METRIC_ABSENT)
        buffer_printf(&part->line, ", stopped by local congestion after %.3f [s]",
                      (double)value[METRIC_congested] / NS_PER_SEC);
    if (value[METRIC_credit_lost] > 0)
        buffer_printf(&part->line, ", not made up for = %.3f [ms]",
                      (double)value[METRIC_credit_lost] / NS_PER_MS);
}

static void put_settings(struct part *part)
{
    put_requests(part);
    put_mptcp(part);
    if (own(part)->rate) {
        char text[NUMBER_TEXT_MAX];
        number_format_fixed(text, own(part)->rate, 6);
        buffer_printf(&part->line, ", rate = %s [Mbit/s]", text);
    }
    put_paced(part);
    if (settings_are_random(own(part)))
        buffer_printf(&part->line, ", random seed = %" PRId64, part->flow->settings.seed);
    if (part->flow->settings.late_connect)
        buffer_text(&part->line, ", late connecting");
    if (part->flow->settings.shutdown)
        buffer_text(&part->line, ", calling shutdown");
}

/* What the delays lack to be exact, and whether they contradict it. */
static void put_delay_bound(struct part *part)
{
    const int64_t *value = part->value;
    if (value[METRIC_delay_bound] == METRIC_ABSENT)
        return;
    buffer_printf(&part->line, ", delay bound = %.3f [ms]",
                  milliseconds(value[METRIC_delay_bound]));
    if (value[METRIC_delay_negative] > 0)
        buffer_printf(&part->line, ", delays below 0 = %" PRId64 " [#]",
                      value[METRIC_delay_negative]);
    if (value[METRIC_delay_min] != METRIC_ABSENT &&
        value[METRIC_delay_min] < -value[METRIC_delay_bound])
        buffer_text(&part->line, " (the bound did not hold: a clock was set or slewed)");
}

/* When the endpoint really began; with late connect that says nothing of the start. */
static void put_start(struct part *part)
{
    const struct endpoint_result *result = part->result;
    if (!result->started || part->flow->settings.late_connect || result->start_bound == CLOCK_NEVER)
        return;
    buffer_printf(&part->line, ", start = %+.3f/%.3f [ms] (after the common instant/clock bound)",
                  milliseconds(result->start_late), milliseconds(result->start_bound));
}

/* How the destination's clock differs from the source's, at the end of the run. */
static void put_clock(struct part *part)
{
    struct clock_map map;
    const struct plan_place *at = part->flow->at;
    if (part->end == SOURCE || at[SOURCE].daemon == at[DESTINATION].daemon ||
        !clocksync_map(part->clocks, at[DESTINATION].daemon, at[SOURCE].daemon, part->now, &map))
        return;
    buffer_printf(&part->line, ", clock = %+.6f/%.6f [ms] (ahead of S/bound)",
                  milliseconds(map.offset), milliseconds(map.bound));
    if (part->clocks->mode == CLOCK_MODE_ESTIMATE)
        buffer_printf(&part->line, ", drift = %+.3f/%.3f [ppm] (against S/bound)",
                      (double)map.rate_ppb / 1000, (double)map.bound_ppb / 1000);
}

static void write_endpoint(struct sinks *sinks, struct part *part, size_t index)
{
    part->line.length = 0;
    buffer_printf(&part->line, "ID %3zu %c: ", index, part->end == SOURCE ? 'S' : 'D');
    put_place(part);
    if (part->result->finished) {
        put_connection(part);
        put_rates(part);
        put_blocks(part, "request", METRIC_tx_requests, METRIC_tx_requests_tail, METRIC_rx_requests,
                   METRIC_rx_requests_tail);
        put_blocks(part, "response", METRIC_tx_responses, METRIC_tx_responses_tail,
                   METRIC_rx_responses, METRIC_rx_responses_tail);
        put_all_series(part);
        put_delay_bound(part);
        put_start(part);
        put_clock(part);
        put_tail(part);
        put_dump(part);
        put_settings(part);
    }
    if (part->result->missing)
        buffer_printf(&part->line, ", %" PRId64 " reports missing", part->result->missing);
    if (part->result->error)
        buffer_printf(&part->line, ", error: %s", part->result->error);
    else if (!part->result->finished)
        buffer_text(&part->line, ", error: no final report came");
    buffer_add(&part->line, "", 1);
    sinks_line(sinks, "%s", part->line.data);
}

/* What all endpoints measured together; nothing where no blocks were seen. */
static void write_series(struct sinks *sinks, const struct results *results)
{
    struct buffer line = {0};
    for (int i = 0; i < SERIES; i++) {
        struct results_series merged;
        int64_t tally[4], percentiles[TALLY_PERCENTILES];
        results_merge(results, (enum series_id)i, &merged);
        tally_report(&merged.tally, tally);
        tally_report_percentiles(&merged.tally, merged.histogram, percentiles);
        /* What some have measured would pass for what all have. */
        if (merged.histogram && !merged.without)
            buffer_text(&line, line.length ? ", " : "all flows: ");
        if (!merged.without)
            put_series(&line, series_labels[i], tally, percentiles);
        histogram_free(merged.histogram);
    }
    if (line.length)
        sinks_line(sinks, "%.*s", (int)line.length, line.data);
    buffer_free(&line);
}

static void put_rate(char text[32], double bits, bool megabytes)
{
    if (isnan(bits))
        snprintf(text, 32, "nan");
    else
        snprintf(text, 32, "%.6f", megabytes ? bits / 8 / (1 << 20) : bits / 1e6);
}

static void write_total(struct sinks *sinks, const struct sink_run *run,
                        const struct results *results, int64_t bound)
{
    struct results_total total;
    bool megabytes = run->options->megabytes;
    const char *unit = megabytes ? "MiB/s" : "Mbit/s";
    char goodput[32], low[32], middle[32], high[32], retransmitted[32] = "nan", error[48] = "";
    results_sum_up(results, run->options->plan, &total);
    put_rate(goodput, total.goodput, megabytes);
    put_rate(low, total.minimum, megabytes);
    put_rate(middle, total.median, megabytes);
    put_rate(high, total.maximum, megabytes);
    if (total.retransmitted != METRIC_ABSENT)
        snprintf(retransmitted, sizeof retransmitted, "%" PRId64, total.retransmitted);
    if (bound != CLOCK_NEVER)
        snprintf(error, sizeof error, " (clocks known to %.3f ms)", (double)bound / NS_PER_MS);
    sinks_line(sinks,
               "total: flows = %zu, failed = %zu, goodput = %s [%s] (%" PRId64
               " B at the receivers), flow = %s/%s/%s [%s] (min/median/max), fairness = %.6f "
               "(Jain), retransmitted = %s [B], start skew = %.3f [ms]%s",
               results->count, total.failed, goodput, unit, total.bytes, low, middle, high, unit,
               total.fairness, retransmitted,
               (double)(total.last_start - total.first_start) / NS_PER_MS, error);
}

/* What the kernels say of the clocks that the run has trusted. */
static void write_synchronised(struct sinks *sinks, const struct sink_run *run,
                               const struct clocksync *clocks)
{
    for (size_t i = 0; clocks->mode == CLOCK_MODE_SYNC && i < clocks->count; i++) {
        const struct clock_reply *last = &clocks->daemons[i].last;
        char text[PROTOCOL_HOST_MAX + 16];
        if (!clocks->daemons[i].known)
            continue;
        plan_daemon_text(&run->options->plan->daemons[i], text);
        sinks_line(sinks,
                   "clock of %s: synchronised = %s, status = 0x%04" PRIx64
                   ", maxerror = %.3f [ms], esterror = %.3f [ms]",
                   text, last->synchronised ? "yes" : "no", (uint64_t)last->status,
                   (double)last->max_error_us / 1000, (double)last->est_error_us / 1000);
    }
}

void summary_write(struct sinks *sinks, const struct sink_run *run, const struct results *results,
                   const struct clocksync *clocks)
{
    struct part part = {.run = run, .clocks = clocks, .now = clock_now()};
    for (size_t i = 0; i < results->count; i++) {
        sinks_line(sinks, "%s", "");
        for (int end = 0; end < ENDPOINTS; end++) {
            part.flow = &run->options->plan->flows[i];
            part.end = end;
            part.result = &results->flows[i].ends[end];
            part.value = part.result->final.value;
            write_endpoint(sinks, &part, i);
        }
    }
    buffer_free(&part.line);
    sinks_line(sinks, "%s", "");
    write_series(sinks, results);
    write_synchronised(sinks, run, clocks);
    write_total(sinks, run, results, run->start_bound);
}
