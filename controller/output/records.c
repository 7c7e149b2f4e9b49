/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/records.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "number.h"
#include "output/host_form.h"
#include "output/json.h"
#include "output/metric_form.h"
#include "output/output_options.h"

void record_time(int64_t wall, char text[RECORD_TIME_MAX])
{
    /* Rows come many a second: the second is worded once. */
    static _Thread_local time_t worded = -1;
    static _Thread_local char second[RECORD_TIME_MAX];
    char fraction[NUMBER_TEXT_MAX];
    time_t seconds = wall / NS_PER_SEC;
    if (seconds != worded) {
        struct tm utc;
        gmtime_r(&seconds, &utc);
        strftime(second, sizeof second, "%Y-%m-%dT%H:%M:%S", &utc);
        worded = seconds;
    }
    size_t length = strlen(second);
    memcpy(text, second, length);
    number_format_fixed(fraction, wall % NS_PER_SEC, 9); /* "0.123456789" */
    memcpy(text + length, fraction + 1, 10);
    memcpy(text + length + 10, "Z", 2);
}

static json_t *new_columns(void)
{
    static const char *const types[] = {[METRIC_TYPE_INTEGER] = "integer",
                                        [METRIC_TYPE_REAL] = "number",
                                        [METRIC_TYPE_WORD] = "string"};
    json_t *list = json_array();
    for (int i = 0; i < METRICS; i++) {
        const struct metric_form *form = metric_form((enum metric)i);
        json_t *column = json_object();
        json_object_set_new(column, "name", json_string(form->name));
        if (*form->unit)
            json_object_set_new(column, "unit", json_string(form->unit));
        json_object_set_new(column, "type", json_string(types[form->type]));
        json_object_set_new(column, "kind", json_string(metric_kind_name(metrics[i].kind)));
        json_object_set_new(column, "help", json_string(metrics[i].help));
        json_array_append_new(list, column);
    }
    return list;
}

void record_run(const struct records *records, struct buffer *out)
{
    const struct sink_run *run = records->run;
    char start[RECORD_TIME_MAX];
    json_t *record = json_new_record("run"), *argv = json_array();
    record_time(run->wall_start, start);
    json_object_set_new(record, "schema", json_string(RECORDS_SCHEMA));
    json_set_text(records->hide, record, "run", run->run_id);
    json_object_set_new(record, "start", json_string(start));
    json_object_set_new(record, "version", json_string(PACKAGE_VERSION));
    json_set_text(records->hide, record, "controller", run->controller);
    if (run->options->title)
        json_set_text(records->hide, record, "title", run->options->title);
    for (int i = 0; i < run->argc; i++)
        json_array_append_new(argv, json_new_text(records->hide, run->argv[i]));
    json_object_set_new(record, "argv", argv);
    json_set_integer(record, "flows", (int64_t)run->plan->count);
    json_object_set_new(record, "columns", new_columns());
    json_put(record, out);
}

void record_host(const struct records *records, size_t daemon, struct buffer *out)
{
    const struct describe_reply *host = &records->run->daemons[daemon];
    char control[PROTOCOL_HOST_MAX + 16];
    json_t *record = json_new_record("host");
    plan_daemon_text(&records->run->plan->daemons[daemon], control);
    json_set_integer(record, "host", (int64_t)daemon);
    json_set_text(records->hide, record, "control", control);
    json_set_text(records->hide, record, "name", host->host);
    json_set_text(records->hide, record, "os", host->os);
    json_set_text(records->hide, record, "os_release", host->os_release);
    json_set_text(records->hide, record, "machine", host->machine);
    json_set_integer(record, "cpus", host->cpus);
    json_set_text(records->hide, record, "version", host->version);
    if (!records->hide)
        json_set_text(records->hide, record, "daemon_id", host->daemon_id);
    json_set_text(records->hide, record, "boot_id", host->boot_id);
    json_object_set_new(record, "facts", record_info(records, host->facts, info_next_fact));
    json_put(record, out);
}

/* The value of a setting; NULL where none was given. */
static json_t *new_setting(const struct records *records, const struct setting *setting,
                           const void *object)
{
    char text[SETTING_TEXT_MAX];
    int64_t number = 0;
    if (setting->type != SETTING_NAME && setting->type != SETTING_SIZE &&
        setting->type != SETTING_GAP)
        memcpy(&number, (const char *)object + setting->offset, sizeof number);
    switch (setting->type) {
    case SETTING_SECONDS:
        return json_real((double)number / NS_PER_SEC);
    case SETTING_FLAG:
        return json_boolean(number);
    case SETTING_BYTES:
    case SETTING_RATE:
    case SETTING_INT:
    case SETTING_DSCP:
        return number < setting->minimum && number == setting->fallback ? NULL
                                                                        : json_integer(number);
    default:
        setting_format(setting, object, text);
        return *text ? json_new_text(records->hide, text) : NULL;
    }
}

static json_t *new_settings(const struct records *records, enum setting_scope scope,
                            const void *object)
{
    json_t *settings = json_object();
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *setting = &settings_list[i];
        json_t *value = setting->scope == scope ? new_setting(records, setting, object) : NULL;
        char name[SETTINGS_NAME_MAX + 32];
        const char *unit = setting->type == SETTING_SECONDS ? "_seconds"
                           : setting->type == SETTING_BYTES ? "_bytes"
                           : setting->type == SETTING_RATE  ? "_bits_per_second"
                                                            : "";
        snprintf(name, sizeof name, "%s%s", setting->field, unit);
        if (value)
            json_object_set_new(settings, name, value);
    }
    return settings;
}

void record_flow(const struct records *records, size_t index, struct buffer *out)
{
    const struct plan_flow *flow = &records->run->plan->flows[index];
    json_t *record = json_new_record("flow");
    json_set_integer(record, "flow", (int64_t)index);
    json_object_set_new(
        record, "mode",
        json_string(settings_need_messages(flow->ends, &flow->settings) ? "message" : "stream"));
    for (int end = 0; end < ENDPOINTS; end++) {
        json_t *endpoint = json_object();
        json_set_integer(endpoint, "host", (int64_t)flow->at[end].daemon);
        json_set_text(records->hide, endpoint, "address", flow->at[end].host);
        json_object_set_new(endpoint, "settings",
                            new_settings(records, SCOPE_ENDPOINT, &flow->ends[end]));
        json_object_set_new(record, endpoint_name((enum endpoint)end), endpoint);
    }
    json_object_set_new(record, "settings", new_settings(records, SCOPE_FLOW, &flow->settings));
    json_put(record, out);
}

void record_note(const struct records *records, const struct note *note, struct buffer *out)
{
    static const char *const names[] = {
        [NOTE_FAILED] = "failed",
        [NOTE_ERROR] = "error",
        [NOTE_NO_HISTOGRAMS] = "no_histograms",
        [NOTE_HISTOGRAM_LOST] = "histogram_lost",
    };
    json_t *record = json_new_record("event");
    json_object_set_new(record, "event", json_string(names[note->kind]));
    if (note->kind == NOTE_FAILED) {
        json_set_integer(record, "flow", note->flow);
        json_object_set_new(record, "endpoint", json_string(endpoint_name(note->end)));
    }
    if (note->kind == NOTE_HISTOGRAM_LOST) {
        json_object_set_new(record, "series", json_string(series_list[note->series].field));
        json_set_integer(record, "endpoints", (int64_t)note->count);
    }
    json_set_text(records->hide, record, "message", note->sentence);
    json_put(record, out);
}

static void put_seconds(struct buffer *out, const char *name, int64_t ns)
{
    char text[NUMBER_TEXT_MAX];
    number_format_fixed(text, ns, 9);
    buffer_printf(out, ",\"%s\":%s", name, text);
}

void record_host_row(const struct records *records, const struct host_row *row, struct buffer *out)
{
    char time[RECORD_TIME_MAX], text[NUMBER_TEXT_MAX];
    char name[HOST_NAME_MAX_TEXT];
    buffer_printf(out, "{\"type\":\"hoststat\",\"host\":%zu,\"scope\":\"%s\"", row->host,
                  hoststat_scope_name(row->stats.scope));
    if (*row->stats.object) {
        buffer_text(out, ",\"object\":");
        json_put(json_new_text(NULL, row->stats.object), out);
    }
    buffer_printf(out, ",\"seq\":%" PRId64, row->number);
    put_seconds(out, "begin_seconds", row->begin);
    put_seconds(out, "end_seconds", row->end);
    record_time(records->run->wall_start + row->end, time);
    buffer_printf(out, ",\"time\":\"%s\"", time);
    for (int i = 0; i < HOSTSTATS; i++) {
        if (!host_form_value((enum hoststat)i, &row->stats, text))
            continue;
        host_form_name((enum hoststat)i, name);
        buffer_printf(out, ",\"%s\":%s", name, text);
    }
    buffer_text(out, "}");
}
