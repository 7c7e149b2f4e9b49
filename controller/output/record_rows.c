/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The records of rows and reports. There are many: they are written as they are, from fixed-point
 * numbers, with no tree in between. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "info.h"
#include "number.h"
#include "output/json.h"
#include "output/metric_form.h"
#include "output/records.h"

static char *copy(char *at, const char *text, size_t length)
{
    memcpy(at, text, length);
    return at + length;
}

#define COPY(at, text) copy(at, text, sizeof(text) - 1)

static void put_keys(const struct records *records, const char *type, const struct report *report,
                     struct buffer *out)
{
    char *begin = buffer_reserve(out, 5 * NUMBER_TEXT_MAX + RECORD_TIME_MAX + 160);
    const char *end = endpoint_name((enum endpoint)report->key[REPORT_ENDPOINT]);
    char *at = COPY(begin, "{\"type\":\"");
    at = copy(at, type, strlen(type));
    at = COPY(at, "\",\"flow\":");
    at += number_format_fixed(at, report->key[REPORT_FLOW], 0);
    at = COPY(at, ",\"endpoint\":\"");
    at = copy(at, end, strlen(end));
    at = COPY(at, "\",\"seq\":");
    at += number_format_fixed(at, report->key[REPORT_NUMBER], 0);
    at = COPY(at, ",\"begin_seconds\":");
    at += number_format_fixed(at, report->key[REPORT_BEGIN], 9);
    at = COPY(at, ",\"end_seconds\":");
    at += number_format_fixed(at, report->key[REPORT_END], 9);
    at = COPY(at, ",\"time\":\"");
    record_time(records->run->wall_start + report->key[REPORT_END], at);
    at += strlen(at);
    *at++ = '"';
    out->length += (size_t)(at - begin);
}

/* ,"name": of a metric, ready to be copied. */
struct key {
    char text[METRIC_NAME_MAX + 8];
    size_t length;
    bool word;
};

static const struct key *find_keys(void)
{
    static struct key keys[METRICS];
    for (int i = 0; i < METRICS && !keys[i].length; i++) {
        const struct metric_form *form = metric_form((enum metric)i);
        keys[i].word = form->type == METRIC_TYPE_WORD;
        keys[i].length = (size_t)snprintf(keys[i].text, sizeof keys[i].text, ",\"%s\":%s",
                                          form->name, keys[i].word ? "\"" : "");
    }
    return keys;
}

static void put_metrics(const int64_t values[METRICS], struct buffer *out)
{
    const struct key *keys = find_keys();
    char *at = buffer_reserve(out, METRICS * (sizeof keys->text + CELL_MAX));
    char *begin = at;
    for (int i = 0; i < METRICS; i++) {
        if (values[i] == METRIC_ABSENT)
            continue;
        size_t length = metric_format((enum metric)i, values, at + keys[i].length);
        if (!length)
            continue;
        memcpy(at, keys[i].text, keys[i].length);
        at += keys[i].length + length;
        if (keys[i].word)
            *at++ = '"';
    }
    out->length += (size_t)(at - begin);
}

static void put_rate(struct buffer *out, const char *name, int64_t bytes, int64_t elapsed)
{
    int64_t rate = metric_bit_rate(bytes, elapsed);
    if (rate == METRIC_ABSENT)
        return;
    buffer_text(out, name);
    out->length += number_format_fixed(buffer_reserve(out, NUMBER_TEXT_MAX), rate, 0);
}

void record_interval(const struct records *records, const struct report *report,
                     const int64_t delta[METRICS], struct buffer *out)
{
    int64_t elapsed = report->key[REPORT_END] - report->key[REPORT_BEGIN];
    put_keys(records, "row", report, out);
    put_rate(out, ",\"tx_bits_per_second\":", delta[METRIC_tx_bytes], elapsed);
    put_rate(out, ",\"rx_bits_per_second\":", delta[METRIC_rx_bytes], elapsed);
    put_metrics(delta, out);
    buffer_text(out, "}");
}

/* A value: a number where the list says so, or where an unknown name has one. NULL for what shall
 * be hidden. */
static json_t *new_info_value(const struct records *records, const struct info_line *line)
{
    enum info_type type = info_type_of(line);
    char *text = mem_printf("%.*s", (int)line->value_length, line->value);
    bool may_be_number = type == INFO_TYPE_NUMBER || type == INFO_TYPE_UNKNOWN;
    int64_t number;
    json_t *value = NULL;
    if (may_be_number && number_parse_int(text, &number, NULL))
        value = json_integer(number);
    else if (!records->hide || type != INFO_TYPE_ADDRESS)
        value = json_new_text(records->hide, text);
    free(text);
    return value;
}

json_t *record_info(const struct records *records, const char *text, info_reader *next)
{
    json_t *info = json_object();
    struct info_line line;
    while (next(&text, &line)) {
        json_t *value = new_info_value(records, &line);
        char *key = mem_printf("%.*s", (int)line.name_length, line.name);
        if (value)
            json_object_set_new(info, key, value);
        free(key);
    }
    return info;
}

void record_report(const struct records *records, const struct report *report,
                   const struct endpoint_result *result, struct buffer *out)
{
    bool final = report->key[REPORT_KIND] == REPORT_FINAL;
    put_keys(records, final ? "final" : "begin", report, out);
    put_rate(out, ",\"tx_bits_per_second\":", report->value[METRIC_tx_bytes],
             final ? report->value[METRIC_tx_time] : 0);
    put_rate(out, ",\"rx_bits_per_second\":", report->value[METRIC_rx_bytes],
             final ? report->value[METRIC_rx_time] : 0);
    put_metrics(report->value, out);
    buffer_text(out, ",\"info\":");
    json_put(record_info(records, result->info, info_next), out);
    if (final && result->error) {
        buffer_text(out, ",\"error\":");
        json_put(json_new_text(records->hide, result->error), out);
    }
    if (final && result->stopped) {
        buffer_text(out, ",\"stopped\":");
        json_put(json_new_text(records->hide, result->stopped), out);
    }
    buffer_text(out, "}");
}

void record_histogram(const struct histogram_about *about, const struct histogram *histogram,
                      struct buffer *out)
{
    uint64_t count;
    const char *comma = "";
    buffer_text(out, "{\"type\":\"histogram\"");
    if (!about->all)
        buffer_printf(out, ",\"flow\":%zu,\"endpoint\":\"%s\"", about->flow,
                      endpoint_name(about->end));
    buffer_printf(out, ",\"series\":\"%s\",\"count\":%" PRIu64 ",\"buckets\":[",
                  series_list[about->series].field, histogram_count(histogram));
    for (int bucket = -HISTOGRAM_END - 1;
         (bucket = histogram_next(histogram, bucket, &count)) < HISTOGRAM_END;) {
        int64_t lower, upper;
        char from[NUMBER_TEXT_MAX], to[NUMBER_TEXT_MAX];
        histogram_edges(bucket, &lower, &upper);
        number_format_fixed(from, lower, 9);
        number_format_fixed(to, upper, 9);
        buffer_printf(out, "%s[%s,%s,%" PRIu64 "]", comma, from, to, count);
        comma = ",";
    }
    buffer_text(out, "]}");
}
