/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON in two shapes. "jsonl" has one record a line, as they come. "json" has the same records in
 * one object, whose members stand in such an order that it, too, is written as the rows come: only
 * what is said once of an endpoint waits for the end. */
#include <stdlib.h>

#include "output/filesink.h"
#include "output/hide.h"
#include "output/output_options.h"
#include "output/records.h"

struct json_sink {
    struct filesink file;
    struct records records;
    bool lines;                   /* jsonl */
    bool has_row, over;           /* of json: a row was written; the object is closed */
    struct buffer begins, finals; /* of json: records with commas, to come after the rows */
    struct buffer histograms, events, hoststats;
};

static struct json_sink *of(struct sink *sink)
{
    return (struct json_sink *)sink;
}

static struct sink *open_shape(const struct output_options *options, const char *target, bool lines,
                               struct fail *fail)
{
    struct json_sink *json = mem_new(1, sizeof *json);
    json->lines = lines;
    if (filesink_open(&json->file, target ? target : "-", options->overwrite, fail))
        return &json->file.sink;
    free(json);
    return NULL;
}

static struct sink *json_open(const struct output_options *options, const char *target,
                              struct fail *fail)
{
    return open_shape(options, target, false, fail);
}

static struct sink *jsonl_open(const struct output_options *options, const char *target,
                               struct fail *fail)
{
    return open_shape(options, target, true, fail);
}

static void end_line(struct json_sink *json)
{
    if (json->lines)
        buffer_text(&json->file.out, "\n");
}

/* A list of records, each made by `record`. */
static void put_list(struct json_sink *json, const char *name, size_t count,
                     void (*record)(const struct records *, size_t, struct buffer *))
{
    struct buffer *out = &json->file.out;
    if (!json->lines)
        buffer_printf(out, ",\n\"%s\":[", name);
    for (size_t i = 0; i < count; i++) {
        if (!json->lines)
            buffer_text(out, i ? ",\n" : "\n");
        record(&json->records, i, out);
        end_line(json);
    }
    if (!json->lines)
        buffer_text(out, "]");
}

static void json_start(struct sink *sink, const struct sink_run *run)
{
    struct json_sink *json = of(sink);
    struct buffer *out = &json->file.out;
    filesink_begin(&json->file);
    json->records = (struct records){run, hide_new(run)};
    if (!json->lines)
        buffer_printf(out, "{\"schema\":\"%s\",\n\"run\":", RECORDS_SCHEMA);
    record_run(&json->records, out);
    end_line(json);
    put_list(json, "hosts", run->plan->daemon_count, record_host);
    put_list(json, "flows", run->plan->count, record_flow);
    if (!json->lines)
        buffer_text(out, ",\n\"rows\":[");
    filesink_flush(sink);
}

static void json_interval(struct sink *sink, const struct report *report,
                          const int64_t delta[METRICS])
{
    struct json_sink *json = of(sink);
    if (!json->lines)
        buffer_text(&json->file.out, json->has_row ? ",\n" : "\n");
    json->has_row = true;
    record_interval(&json->records, report, delta, &json->file.out);
    end_line(json);
}

/* Where a record goes that is not a row: at once, or, of json, to its list. */
static struct buffer *place_for(struct json_sink *json, struct buffer *list)
{
    if (json->lines)
        return &json->file.out;
    buffer_text(list, list->length ? ",\n" : "\n");
    return list;
}

static void json_event(struct sink *sink, const struct report *report,
                       const struct endpoint_result *result)
{
    struct json_sink *json = of(sink);
    bool final = report->key[REPORT_KIND] == REPORT_FINAL;
    record_report(&json->records, report, result,
                  place_for(json, final ? &json->finals : &json->begins));
    end_line(json);
}

static void json_note(struct sink *sink, const struct note *note)
{
    struct json_sink *json = of(sink);
    record_note(&json->records, note, place_for(json, &json->events));
    end_line(json);
}

static void json_host(struct sink *sink, const struct host_row *row)
{
    struct json_sink *json = of(sink);
    record_host_row(&json->records, row, place_for(json, &json->hoststats));
    end_line(json);
}

static void json_histogram(struct sink *sink, const struct histogram_about *about,
                           const struct histogram *histogram)
{
    struct json_sink *json = of(sink);
    record_histogram(about, histogram, place_for(json, &json->histograms));
    end_line(json);
}

static void put_kept(struct json_sink *json, const char *name, const struct buffer *list)
{
    buffer_printf(&json->file.out, ",\n\"%s\":[", name);
    buffer_add(&json->file.out, list->data, list->length);
    buffer_text(&json->file.out, "]");
}

static void put_end(struct json_sink *json, const struct summary *summary)
{
    struct buffer *out = &json->file.out;
    json->over = true;
    if (!json->lines) {
        buffer_text(out, "]");
        put_kept(json, "begins", &json->begins);
        put_kept(json, "finals", &json->finals);
        put_kept(json, "histograms", &json->histograms);
        put_kept(json, "events", &json->events);
        if (json->hoststats.length)
            put_kept(json, "hoststats", &json->hoststats);
        buffer_text(out, ",\n\"end\":");
    }
    record_end(&json->records, summary, out);
    buffer_text(out, json->lines ? "\n" : "}\n");
}

static void json_summary(struct sink *sink, const struct summary *summary)
{
    put_end(of(sink), summary);
    filesink_flush(sink);
}

static bool json_close(struct sink *sink, bool used)
{
    struct json_sink *json = of(sink);
    if (used && json->records.run && !json->over)
        put_end(json, NULL);
    hide_free(json->records.hide);
    buffer_free(&json->begins);
    buffer_free(&json->finals);
    buffer_free(&json->histograms);
    buffer_free(&json->events);
    buffer_free(&json->hoststats);
    return filesink_close(&json->file, used);
}

const struct sink_ops sink_json = {
    .name = "json",
    .open = json_open,
    .start = json_start,
    .interval = json_interval,
    .event = json_event,
    .note = json_note,
    .host = json_host,
    .histogram = json_histogram,
    .summary = json_summary,
    .flush = filesink_flush,
    .close = json_close,
};

const struct sink_ops sink_jsonl = {
    .name = "jsonl",
    .open = jsonl_open,
    .start = json_start,
    .interval = json_interval,
    .event = json_event,
    .note = json_note,
    .host = json_host,
    .histogram = json_histogram,
    .summary = json_summary,
    .flush = filesink_flush,
    .close = json_close,
};
