/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "iperf/iperf3_results.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "iperf/iperf3_json.h"

int64_t iperf3_stream_id(size_t index)
{
    return index ? (int64_t)index + 2 : 1;
}

static int64_t known(int64_t value, int64_t otherwise)
{
    return value == METRIC_ABSENT || value == METRIC_INFINITE ? otherwise : value;
}

static int64_t bytes_of(const struct iperf3_stream *stream, const struct report *report)
{
    return known(report->value[stream->reverse ? METRIC_tx_bytes : METRIC_rx_bytes], 0);
}

static int64_t lost_of(const struct iperf3_stream *stream, const struct report *report)
{
    return stream->reverse ? 0 : known(report->value[METRIC_datagrams_lost], 0);
}

static int64_t packets_of(const struct iperf3_stream *stream, const struct report *report)
{
    if (stream->reverse)
        return known(report->value[METRIC_datagrams_sent], 0);
    return known(report->value[METRIC_datagrams_distinct], 0) + lost_of(stream, report);
}

int64_t iperf3_stream_bytes(const struct iperf3_stream *stream)
{
    return bytes_of(stream, &stream->report) - stream->omitted.bytes;
}

int64_t iperf3_stream_packets(const struct iperf3_stream *stream)
{
    return packets_of(stream, &stream->report);
}

int64_t iperf3_stream_lost(const struct iperf3_stream *stream)
{
    return lost_of(stream, &stream->report);
}

void iperf3_stream_omit(struct iperf3_stream *stream, const struct report *row, int64_t omit)
{
    if (!stream->datagrams || !omit || stream->omitted.end || row->key[REPORT_END] < omit)
        return;
    stream->omitted.end = row->key[REPORT_END];
    stream->omitted.bytes = bytes_of(stream, row);
    stream->omitted.packets = packets_of(stream, row);
    stream->omitted.lost = lost_of(stream, row);
}

int64_t iperf3_stream_retransmits(const struct iperf3_stream *stream)
{
    return stream->reverse ? known(stream->report.value[METRIC_total_retrans], -1) : -1;
}

int64_t iperf3_stream_time(const struct iperf3_stream *stream)
{
    int64_t time =
        known(stream->report.value[stream->reverse ? METRIC_tx_time : METRIC_rx_time], 0);
    return time > stream->omitted.end ? time - stream->omitted.end : 0;
}

static json_t *stream_object(const struct iperf3_stream *stream, size_t index, int64_t time)
{
    int64_t jitter = stream->reverse ? 0 : known(stream->report.value[METRIC_jitter_last], 0);
    return json_pack(
        "{s:I,s:I,s:I,s:f,s:I,s:I,s:I,s:I,s:i,s:f}", "id", (json_int_t)iperf3_stream_id(index),
        "bytes", (json_int_t)iperf3_stream_bytes(stream), "retransmits",
        (json_int_t)iperf3_stream_retransmits(stream), "jitter", (double)jitter / NS_PER_SEC,
        "errors", (json_int_t)iperf3_stream_lost(stream), "omitted_errors",
        (json_int_t)stream->omitted.lost, "packets", (json_int_t)iperf3_stream_packets(stream),
        "omitted_packets", (json_int_t)stream->omitted.packets, "start_time", 0, "end_time",
        (double)time / NS_PER_SEC);
}

/* All metrics of the final report that are there, by the names of flowlog(5). */
static json_t *own_figures(const struct iperf3_stream *stream, size_t index)
{
    json_t *object = json_pack("{s:I}", "id", (json_int_t)iperf3_stream_id(index));
    for (int i = 0; i < METRICS; i++) {
        int64_t value = stream->report.value[i];
        if (known(value, METRIC_ABSENT) != METRIC_ABSENT)
            json_object_set_new(object, metrics[i].field, json_integer(value));
    }
    return object;
}

/* 1: this end sends and its retransmits are real; -1: it only receives. */
static int has_retransmits(const struct iperf3_stream *streams, size_t count)
{
    int has = -1;
    for (size_t i = 0; i < count; i++)
        if (streams[i].reverse)
            has = iperf3_stream_retransmits(&streams[i]) >= 0 ? 1 : 0;
    return has;
}

/* Clients take the time of the first stream of each direction for that of all. */
static int64_t longest_time(const struct iperf3_stream *streams, size_t count, bool reverse)
{
    int64_t longest = 0;
    for (size_t i = 0; i < count; i++)
        if (streams[i].reverse == reverse && iperf3_stream_time(&streams[i]) > longest)
            longest = iperf3_stream_time(&streams[i]);
    return longest;
}

char *iperf3_results_write(const struct iperf3_stream *streams, size_t count,
                           const struct iperf3_cpu *cpu, const char *output)
{
    json_t *list = json_array(), *figures = json_array();
    int64_t times[] = {longest_time(streams, count, false), longest_time(streams, count, true)};
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(list, stream_object(&streams[i], i, times[streams[i].reverse]));
        json_array_append_new(figures, own_figures(&streams[i], i));
    }
    json_t *object = json_pack("{s:f,s:f,s:f,s:i}", "cpu_util_total", cpu->total, "cpu_util_user",
                               cpu->user, "cpu_util_system", cpu->system, "sender_has_retransmits",
                               has_retransmits(streams, count));
    if (count && streams[0].congestion[0])
        json_object_set_new(object, "congestion_used", json_string(streams[0].congestion));
    if (output)
        json_object_set_new(object, "server_output_text", json_string(output));
    json_object_set_new(object, "streams", list);
    json_object_set_new(object, "flowrig",
                        json_pack("{s:s,s:o}", "version", PACKAGE_VERSION, "streams", figures));
    char *text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    return text;
}

static bool read_stream(const json_t *stream, int64_t *bytes, size_t count, struct fail *fail)
{
    int64_t id = 0, sent = METRIC_ABSENT;
    if (!json_is_object(stream))
        return fail_set(fail, 0, "a stream of the results is not an object");
    if (!iperf3_json_number(stream, "id", &id, fail) ||
        !iperf3_json_number(stream, "bytes", &sent, fail))
        return false;
    for (size_t i = 0; i < count; i++)
        if (iperf3_stream_id(i) == id)
            bytes[i] = sent >= 0 ? sent : METRIC_ABSENT;
    return true;
}

static bool read_streams(const json_t *object, int64_t *bytes, size_t count, struct fail *fail)
{
    const json_t *streams = json_object_get(object, "streams");
    if (!json_is_array(streams))
        return fail_set(fail, 0, "the results have no list of streams");
    for (size_t i = 0; i < json_array_size(streams); i++)
        if (!read_stream(json_array_get(streams, i), bytes, count, fail))
            return false;
    return true;
}

bool iperf3_results_read(const char *text, size_t length, int64_t *bytes, size_t count,
                         struct fail *fail)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = METRIC_ABSENT;
    json_t *object = iperf3_json_object(text, length, fail);
    if (!object)
        return false;
    bool good = read_streams(object, bytes, count, fail);
    json_decref(object);
    return good;
}
