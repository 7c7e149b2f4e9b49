/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "iperf/iperf3_output.h"

#include <inttypes.h>
#include <stdio.h>

#include "clock.h"

enum { CELL_MAX = 32 };

static bool is_known(int64_t value)
{
    return value != METRIC_ABSENT && value != METRIC_INFINITE;
}

/* What is absent is a dash. */
static void write_whole(char cell[CELL_MAX], int64_t value)
{
    if (is_known(value))
        snprintf(cell, CELL_MAX, "%" PRId64, value);
    else
        snprintf(cell, CELL_MAX, "-");
}

/* Of microseconds, in ms. */
static void write_time(char cell[CELL_MAX], int64_t value)
{
    if (is_known(value))
        snprintf(cell, CELL_MAX, "%.3f", (double)value / 1e3);
    else
        snprintf(cell, CELL_MAX, "-");
}

/* Of nanoseconds, in ms. */
static void write_jitter(char cell[CELL_MAX], int64_t value)
{
    if (is_known(value))
        snprintf(cell, CELL_MAX, "%.6f", (double)value / 1e6);
    else
        snprintf(cell, CELL_MAX, "-");
}

static void write_rate(char cell[CELL_MAX], int64_t bytes, int64_t time)
{
    if (time > 0)
        snprintf(cell, CELL_MAX, "%.2f", 8e3 * (double)bytes / (double)time);
    else
        snprintf(cell, CELL_MAX, "-");
}

/* What a line is about. */
struct line {
    size_t index;
    int64_t begin, end, bytes, retransmits;
    int64_t lost, packets; /* of datagrams */
    const int64_t *value;  /* gauges */
    const char *remark;
};

static void add_line(struct buffer *text, const struct line *line)
{
    char rate[CELL_MAX], retransmits[CELL_MAX], cwnd[CELL_MAX], rtt[CELL_MAX], rcv_rtt[CELL_MAX];
    write_rate(rate, line->bytes, line->end - line->begin);
    write_whole(retransmits, line->retransmits);
    write_whole(cwnd, line->value[METRIC_cwnd]);
    write_time(rtt, line->value[METRIC_srtt]);
    write_time(rcv_rtt, line->value[METRIC_rcv_rtt]);
    buffer_printf(text, "[%3" PRId64 "] %8.2f-%-8.2f %14" PRId64 " %10s %6s %8s %9s %9s%s%s\n",
                  iperf3_stream_id(line->index), (double)line->begin / NS_PER_SEC,
                  (double)line->end / NS_PER_SEC, line->bytes, rate, retransmits, cwnd, rtt,
                  rcv_rtt, *line->remark ? "  " : "", line->remark);
}

/* Of datagrams, likewise. */
static void add_datagram_line(struct buffer *text, const struct line *line)
{
    char rate[CELL_MAX], jitter[CELL_MAX], lost[CELL_MAX];
    write_rate(rate, line->bytes, line->end - line->begin);
    write_jitter(jitter, line->value[METRIC_jitter_last]);
    write_whole(lost, line->lost);
    buffer_printf(text, "[%3" PRId64 "] %8.2f-%-8.2f %14" PRId64 " %10s %9s %9s %9" PRId64 "%s%s\n",
                  iperf3_stream_id(line->index), (double)line->begin / NS_PER_SEC,
                  (double)line->end / NS_PER_SEC, line->bytes, rate, jitter, lost, line->packets,
                  *line->remark ? "  " : "", line->remark);
}

static void add_row(struct iperf3_output *output, const struct line *line)
{
    if (output->datagrams)
        add_datagram_line(&output->text, line);
    else
        add_line(&output->text, line);
}

static void add_head(struct iperf3_output *output)
{
    struct buffer *text = &output->text;
    if (output->datagrams) {
        buffer_printf(text, "%-5s %17s %14s %10s %9s %9s %9s\n", "[ ID]", "interval, s", "bytes",
                      "Mbit/s", "jitter,ms", "lost", "datagrams");
        return;
    }
    buffer_printf(text, "%-5s %17s %14s %10s %6s %8s %9s %9s\n", "[ ID]", "interval, s", "bytes",
                  "Mbit/s", "retr", "cwnd", "rtt, ms", "rcv_rtt");
}

static void begin(struct iperf3_output *output)
{
    if (output->text.length)
        return;
    buffer_printf(&output->text, "flowd %s\n", PACKAGE_VERSION);
    add_head(output);
}

/* Counters of the connection since the last line. */
static int64_t since(int64_t value, int64_t *shown)
{
    if (!is_known(value))
        return METRIC_ABSENT;
    int64_t difference = value - *shown;
    *shown = value;
    return difference;
}

void iperf3_output_interval(struct iperf3_output *output, size_t index,
                            struct iperf3_stream *stream, const struct report *report)
{
    if (!output->wanted)
        return;
    begin(output);
    const int64_t *value = report->value;
    int64_t bytes =
        since(value[stream->reverse ? METRIC_tx_bytes : METRIC_rx_bytes], &stream->shown_bytes);
    int64_t retransmits = since(value[METRIC_total_retrans], &stream->shown_retransmits);
    const struct iperf3_stream row = {
        .reverse = stream->reverse, .datagrams = true, .report = *report};
    int64_t packets = since(iperf3_stream_packets(&row), &stream->shown_packets);
    int64_t lost = since(iperf3_stream_lost(&row), &stream->shown_lost);
    if (output->text.length >= IPERF3_OUTPUT_MAX) {
        output->cut = true;
        return;
    }
    add_row(output, &(struct line){
                        .index = index,
                        .begin = report->key[REPORT_BEGIN],
                        .end = report->key[REPORT_END],
                        .bytes = bytes == METRIC_ABSENT ? 0 : bytes,
                        .retransmits = stream->reverse ? retransmits : METRIC_ABSENT,
                        .lost = lost,
                        .packets = packets,
                        .value = value,
                        .remark = report->key[REPORT_BEGIN] < output->omit ? "(omitted)" : "",
                    });
}

const char *iperf3_output_finish(struct iperf3_output *output, const struct iperf3_stream *streams,
                                 size_t count)
{
    if (!output->wanted)
        return NULL;
    begin(output);
    if (output->cut)
        buffer_text(&output->text, "(the lines of further intervals are left out)\n");
    buffer_text(&output->text, "- - - - - - - - - - - - - - - - - - - - - - - - -\n");
    add_head(output);
    for (size_t i = 0; i < count; i++) {
        int64_t retransmits = iperf3_stream_retransmits(&streams[i]);
        add_row(output,
                &(struct line){
                    .index = i,
                    .end = iperf3_stream_time(&streams[i]),
                    .bytes = iperf3_stream_bytes(&streams[i]),
                    .retransmits = retransmits < 0 ? METRIC_ABSENT : retransmits,
                    .lost = streams[i].reverse
                                ? METRIC_ABSENT
                                : iperf3_stream_lost(&streams[i]) - streams[i].omitted.lost,
                    .packets = iperf3_stream_packets(&streams[i]) - streams[i].omitted.packets,
                    .value = streams[i].report.value,
                    .remark = streams[i].reverse ? "sender" : "receiver",
                });
    }
    buffer_add(&output->text, "", 1);
    return output->text.data;
}

void iperf3_output_free(struct iperf3_output *output)
{
    buffer_free(&output->text);
}
