/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/summary_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "clock.h"
#include "info.h"
#include "mem.h"
#include "number.h"
#include "output/summary_datagrams.h"
#include "output/summary_limits.h"
#include "output/summary_settings.h"
#include "output/summary_total.h"

/* What the line of one endpoint is made of. */
struct part {
    struct buffer line;
    const struct summary_endpoint *endpoint;
    const struct summary_direction *direction, *received; /* that it sends and receives in */
    const int64_t *value;                                 /* of the final report */
    bool megabytes;
    text_line *put;
    void *context;
};

static const struct endpoint_settings *own(const struct part *part)
{
    return &part->endpoint->flow->ends[part->endpoint->end];
}

static const struct flow_settings *flow_settings(const struct part *part)
{
    return &part->endpoint->flow->settings;
}

/* The test address, then the control address where it differs, then the daemon's system. */
static void put_place(struct part *part)
{
    const struct summary_endpoint *endpoint = part->endpoint;
    const struct plan_place *place = &endpoint->flow->at[endpoint->end];
    buffer_printf(&part->line, "%s", place->host);
    if (strcmp(place->host, place->control) || place->port != PROTOCOL_PORT) {
        char text[PROTOCOL_HOST_MAX + 16];
        plan_daemon_text(endpoint->daemon, text);
        buffer_printf(&part->line, "/%s", text);
    }
    buffer_printf(&part->line, " (%s %s)", endpoint->host->os, endpoint->host->os_release);
}

static void put_info(struct part *part, const char *label, enum info_id id, int64_t requested)
{
    char value[64];
    results_info(part->endpoint->result, infos[id].name, value, sizeof value);
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
    for (size_t i = 0; i < COUNT(names); i++)
        if (names[i].mtu == mtu)
            return names[i].name;
    return " (unknown)";
}

static bool is_stream(const struct part *part)
{
    return transport_traits[flow_settings(part)->transport].capabilities & TRANSPORT_STREAM;
}

/* The peer may have closed a connection that was made instead of agreeing to the flow. */
static void put_handshake(struct part *part)
{
    int64_t connect = part->value[METRIC_connect_time];
    int64_t exchange = part->value[METRIC_exchange_time];
    if (connect != METRIC_ABSENT)
        buffer_printf(&part->line, ", handshake = %.3f [ms]", (double)connect / NS_PER_MS);
    if (exchange != METRIC_ABSENT)
        buffer_printf(&part->line, ", %s = %.3f [ms]",
                      connect == METRIC_ABSENT && is_stream(part) ? "handshake with exchange"
                                                                  : "exchange",
                      (double)exchange / NS_PER_MS);
}

static void put_connection(struct part *part)
{
    char name[64], local[ADDRESS_TEXT_MAX];
    results_info(part->endpoint->result, "local", local, sizeof local);
    if (*local)
        buffer_printf(&part->line, ", local = %s", local);
    put_info(part, "sbuf", INFO_send_buffer, own(part)->send_buffer);
    put_info(part, "rbuf", INFO_receive_buffer, own(part)->receive_buffer);
    put_size(part, "SMSS", METRIC_snd_mss, "");
    put_size(part, "PMTU", METRIC_path_mtu, "");
    put_size(part, "Interface MTU", METRIC_interface_mtu,
             mtu_name(part->value[METRIC_interface_mtu]));
    results_info(part->endpoint->result, infos[INFO_congestion_control].name, name, sizeof name);
    if (*name)
        buffer_printf(&part->line, ", CC = %s", name);
    put_handshake(part);
}

static double seconds(int64_t ns)
{
    return (double)ns / NS_PER_SEC;
}

/* In the unit of the summary; flowgrind has 0 where nothing is known. */
static double rate(const struct part *part, double bits)
{
    if (isnan(bits))
        return 0;
    return part->megabytes ? bits / 8 / (1 << 20) : bits / 1e6;
}

/* What the peer's fixed volume took to be read here. */
static void put_volume(struct part *part)
{
    const struct endpoint_settings *peer = &part->endpoint->flow->ends[1 - part->endpoint->end];
    if (!settings_have_volume(peer))
        return;
    if (peer->volume)
        buffer_printf(&part->line, ", volume = %" PRId64 " [B]", peer->volume);
    else
        buffer_printf(&part->line, ", volume = %" PRId64 " [blocks]", peer->volume_blocks);
    if (part->value[METRIC_volume_time] != METRIC_ABSENT)
        buffer_printf(&part->line, " read after %.6f [s]",
                      seconds(part->value[METRIC_volume_time]));
    else
        buffer_text(&part->line, " (read after: unknown)");
}

static void put_rates(struct part *part)
{
    const struct summary_endpoint *endpoint = part->endpoint;
    if (own(part)->duration && part->value[METRIC_tx_time] != METRIC_ABSENT)
        buffer_printf(&part->line, ", duration = %.3f/%.3f [s] (real/req)",
                      seconds(part->value[METRIC_tx_time]), seconds(own(part)->duration));
    put_volume(part);
    if (part->value[METRIC_omitted] != METRIC_ABSENT)
        buffer_printf(&part->line, ", omitted = %.3f [s]", seconds(part->value[METRIC_omitted]));
    if (own(part)->delay)
        buffer_printf(&part->line, ", delay = %.3f [s]", seconds(own(part)->delay));
    buffer_printf(&part->line, ", through = %.6f/%.6f [%s] (out/in)", rate(part, endpoint->tx_rate),
                  rate(part, endpoint->rx_rate), part->megabytes ? "MiB/s" : "Mbit/s");
    if (!isnan(endpoint->transactions))
        buffer_printf(&part->line, ", transactions/s = %.2f [#]", endpoint->transactions);
}

static void put_blocks(struct part *part, const char *label, int64_t sent, int64_t received)
{
    if (sent || received)
        buffer_printf(&part->line, ", %s blocks = %" PRId64 "/%" PRId64 " [#] (out/in)", label,
                      sent, received);
}

static double milliseconds(int64_t ns)
{
    return (double)ns / NS_PER_MS;
}

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
        put_series(&part->line, series_list[i].label, &part->value[series_list[i].count],
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
    for (size_t i = 0; i < COUNT(figures); i++) {
        int64_t value = part->value[figures[i].metric];
        if (value != METRIC_ABSENT && value > 0)
            buffer_printf(&part->line, ", %s = %" PRId64 " [%s]", figures[i].label, value,
                          figures[i].metric == METRIC_rows_skipped ? "#" : "B");
    }
}

/* A file that the daemon wrote of the flow, and what is in it; the figures are absent where the
 * flow failed too early. */
struct written {
    const char *word, *items, *missing;
    enum info_id name, note;
    enum metric count, lost;
};

static const struct written dump = {
    "dump",         "packets",           "dropped",          INFO_dump,
    INFO_dump_note, METRIC_dump_packets, METRIC_dump_dropped};
static const struct written trace = {
    "trace", "events", "lost", INFO_trace, INFO_trace_note, METRIC_trace_events, METRIC_trace_lost};

static void put_written(struct part *part, const struct written *kind)
{
    char name[DUMP_NAME_MAX], note[PROTOCOL_REASON_MAX];
    int64_t count = part->value[kind->count];
    results_info(part->endpoint->result, infos[kind->name].name, name, sizeof name);
    results_info(part->endpoint->result, infos[kind->note].name, note, sizeof note);
    if (*name)
        buffer_printf(&part->line, ", %s = %s", kind->word, name);
    if (*name && count != METRIC_ABSENT)
        buffer_printf(&part->line, " (%" PRId64 " %s, %" PRId64 " %s)", count, kind->items,
                      part->value[kind->lost], kind->missing);
    if (*note)
        buffer_printf(&part->line, ", note: %s", note);
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

/* When the endpoint really began. */
static void put_start(struct part *part)
{
    const struct endpoint_result *result = part->endpoint->result;
    if (part->endpoint->start_known)
        buffer_printf(
            &part->line,
            ", start = %+.3f/%.3f [ms] (offset from the common instant/clock uncertainty)",
            milliseconds(result->start_late), milliseconds(result->start_bound));
}

/* How the destination's clock differs from the source's, at the end of the run. */
static void put_clock(struct part *part)
{
    const struct clock_map *map = &part->endpoint->clock;
    if (part->endpoint->clock_known)
        buffer_printf(&part->line, ", clock = %+.6f/%.6f [ms] (ahead of S/bound)",
                      milliseconds(map->offset), milliseconds(map->bound));
    if (part->endpoint->drift_known)
        buffer_printf(&part->line, ", drift = %+.3f/%.3f [ppm] (against S/bound)",
                      (double)map->rate_ppb / 1000, (double)map->bound_ppb / 1000);
}

static void put_line(struct part *part)
{
    buffer_add(&part->line, "", 1);
    part->put(part->context, part->line.data);
    part->line.length = 0;
}

static void put_limits(struct part *part)
{
    if (!part->direction->limits_known)
        return;
    buffer_text(&part->line, ", limited by = ");
    summary_limits(part->direction, &part->line);
}

/* How busy the endpoint's worker and its host were. With --omit the two cover other times. */
static void put_cpu(struct part *part)
{
    const struct report *final = &part->endpoint->result->final;
    int64_t worker = final->value[METRIC_worker_cpu], host = final->value[METRIC_host_cpu];
    int64_t elapsed = final->key[REPORT_END] - final->key[REPORT_BEGIN];
    if (worker == METRIC_ABSENT || host == METRIC_ABSENT || elapsed <= 0 ||
        final->value[METRIC_omitted] != METRIC_ABSENT)
        return;
    buffer_printf(&part->line, ", CPU = %.1f/%.1f [%%] (worker/host)",
                  100 * (double)worker / (double)elapsed, (double)host / 1e4);
}

static void put_figures(struct part *part)
{
    const struct summary_endpoint *endpoint = part->endpoint;
    put_connection(part);
    put_rates(part);
    put_blocks(part, "request", endpoint->requests_out, endpoint->requests_in);
    put_blocks(part, "response", endpoint->responses_out, endpoint->responses_in);
    summary_datagrams(endpoint, part->received, &part->line);
    put_all_series(part);
    put_limits(part);
    put_cpu(part);
    put_delay_bound(part);
    put_start(part);
    put_clock(part);
    put_tail(part);
    put_written(part, &dump);
    put_written(part, &trace);
    summary_settings(part->endpoint, &part->line);
}

/* A goodput without a final report would be a guess; what the rows have is known. */
static void put_received(struct part *part)
{
    const struct summary_endpoint *endpoint = part->endpoint;
    int64_t bytes = results_received(endpoint->result);
    if (endpoint->flow->ends[1 - endpoint->end].duration && bytes != METRIC_ABSENT)
        buffer_printf(&part->line, ", received = %" PRId64 " [B] (in rows until then)", bytes);
}

static void write_endpoint(struct part *part, size_t index)
{
    const struct endpoint_result *result = part->endpoint->result;
    buffer_printf(&part->line, "ID %3zu %c: ", index, endpoint_capital(part->endpoint->end));
    put_place(part);
    if (result->finished)
        put_figures(part);
    else
        put_received(part);
    if (result->missing)
        buffer_printf(&part->line, ", %" PRId64 " reports missing", result->missing);
    if (result->stopped)
        buffer_printf(&part->line, ", %s%s",
                      !strncmp(result->stopped, "stopped ", 8) ? "" : "stopped: ", result->stopped);
    if (results_error(result))
        buffer_printf(&part->line, ", error: %s", results_error(result));
    put_line(part);
}

/* What all endpoints measured together; nothing where no blocks were seen. */
static void write_series(struct part *part, const struct summary *summary)
{
    struct buffer *line = &part->line;
    for (int i = 0; i < SERIES; i++) {
        const struct results_series *merged = &summary->series[i];
        int64_t tally[4], percentiles[TALLY_PERCENTILES];
        tally_report(&merged->tally, tally);
        tally_report_percentiles(&merged->tally, merged->histogram, percentiles);
        /* What some have measured would pass for what all have. */
        if (merged->histogram && !merged->without)
            buffer_text(line, line->length ? ", " : "all flows: ");
        if (!merged->without)
            put_series(line, series_list[i].label, tally, percentiles);
    }
    if (line->length)
        put_line(part);
}

/* What the kernels say of the clocks that the run has trusted. */
static void write_synchronised(struct part *part, const struct summary *summary)
{
    for (size_t i = 0; i < summary->clock_count; i++) {
        const struct clock_reply *last = summary->clocks[i].last;
        char text[PROTOCOL_HOST_MAX + 16];
        plan_daemon_text(summary->clocks[i].daemon, text);
        buffer_printf(&part->line,
                      "clock of %s: synchronised = %s, status = 0x%04" PRIx64
                      ", maxerror = %.3f [ms], esterror = %.3f [ms]",
                      text, last->synchronised ? "yes" : "no", (uint64_t)last->status,
                      (double)last->max_error_us / 1000, (double)last->est_error_us / 1000);
        put_line(part);
    }
}

void summary_text(const struct summary *summary, bool megabytes, text_line *put, void *context)
{
    struct part part = {.megabytes = megabytes, .put = put, .context = context};
    for (size_t i = 0; i < summary->count; i++) {
        put(context, "");
        for (int end = 0; end < ENDPOINTS; end++) {
            part.endpoint = &summary->flows[i].ends[end];
            part.direction = &summary->flows[i].directions[end];
            part.received = &summary->flows[i].directions[1 - end];
            part.value = part.endpoint->result->final.value;
            write_endpoint(&part, i);
        }
    }
    put(context, "");
    write_series(&part, summary);
    write_synchronised(&part, summary);
    summary_total(summary, megabytes, &part.line);
    put_line(&part);
    buffer_free(&part.line);
}
