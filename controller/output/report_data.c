/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/report_data.h"

#include <gnutls/gnutls.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mem.h"
#include "metrics.h"
#include "output/json.h"
#include "output/plot_axis.h"
#include "output/run_about.h"
#include "results/limits.h"

/* What a page shows if nothing else is asked for: what no flow has is left out. */
#define METRICS_SHOWN "rx_through,rtt,cwnd,bytes_retrans,udp_lost,udp_jitter"

/* ---- reading */

bool report_run_read(const char *path, const struct plot_choice *choice, struct report_run *run,
                     struct fail *fail)
{
    struct plot_choice own = *choice;
    struct run_about *about = run_about_new();
    const struct run_visitor listener = {.log = {.context = about, .comment = run_about_comment},
                                         .record = run_about_record};
    own.skip_missing = !own.metrics;
    own.metrics = own.metrics ? own.metrics : METRICS_SHOWN;
    own.listener = &listener;
    *run = (struct report_run){.log = plot_log_read(path, &own, fail)};
    if (run->log)
        run->about = run_about_finish(about);
    else
        run_about_free(about);
    return run->log;
}

void report_run_free(struct report_run *run)
{
    plot_log_free(run->log);
    json_decref(run->about);
}

/* ---- rows */

/* Numbers as the base64 of 32-bit little-endian floats. */
static json_t *new_floats(const float *values, size_t count)
{
    gnutls_datum_t text = {0};
    unsigned char *bytes = mem_new(4 * count + 1, 1);
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        for (size_t byte = 0; byte < 4; byte++)
            bytes[4 * i + byte] = (unsigned char)(bits >> 8 * byte);
    }
    gnutls_base64_encode2(&(gnutls_datum_t){bytes, (unsigned)(4 * count)}, &text);
    json_t *string = json_stringn((const char *)text.data, text.size);
    gnutls_free(text.data);
    free(bytes);
    return string;
}

/* Marks the rows of one step that hold the extremes of a metric. */
static void mark_extremes(const float *values, size_t from, size_t to, bool *kept)
{
    size_t low = from, high = from;
    for (size_t i = from; i < to; i++) {
        if (values[i] < values[low] || isnan(values[low]))
            low = i;
        if (values[i] > values[high] || isnan(values[high]))
            high = i;
    }
    kept[low] = kept[high] = true;
}

/* Which rows of the series go into the page: NULL for all. */
static bool *choose_rows(const struct plot_log *log, const struct plot_series *series,
                         size_t rows_most)
{
    size_t shown = 0;
    for (size_t m = 0; m < log->metric_count; m++)
        shown += plot_is_drawn(log, series, m);
    if (!rows_most || series->count <= rows_most || !shown)
        return NULL;
    size_t steps = rows_most / (2 * shown) ? rows_most / (2 * shown) : 1;
    bool *kept = mem_new(series->count, sizeof *kept);
    for (size_t step = 0; step < steps; step++) {
        size_t from = series->count * step / steps, to = series->count * (step + 1) / steps;
        for (size_t m = 0; m < log->metric_count; m++)
            if (plot_is_drawn(log, series, m))
                mark_extremes(series->values[m], from, to, kept);
    }
    return kept;
}

/* Those of the numbers that are kept; returns how many. */
static size_t keep(const float *from, const bool *kept, size_t count, float *to)
{
    size_t length = 0;
    for (size_t i = 0; i < count; i++)
        if (!kept || kept[i])
            to[length++] = from[i];
    return length;
}

static size_t keep_times(const double *from, const bool *kept, size_t count, float *to)
{
    size_t length = 0;
    for (size_t i = 0; i < count; i++)
        if (!kept || kept[i])
            to[length++] = (float)from[i];
    return length;
}

/* Rows mostly begin where the one before ended: then the first begin is enough. */
static json_t *new_begins(const float *begin, const float *end, size_t count)
{
    json_t *list = json_array();
    bool joined = true;
    for (size_t i = 1; i < count; i++)
        joined &= begin[i] == end[i - 1];
    json_array_append_new(list, json_real((double)begin[0]));
    if (!joined)
        json_array_append_new(list, new_floats(begin, count));
    return list;
}

static json_t *new_series(const struct plot_log *log, const struct plot_series *series, size_t run,
                          size_t rows_most)
{
    float *end = mem_new(series->count, sizeof *end), *other = mem_new(series->count, sizeof *end);
    bool *kept = choose_rows(log, series, rows_most);
    size_t count = keep_times(series->end, kept, series->count, end);
    json_t *record = json_object(), *values = json_array();
    keep_times(series->begin, kept, series->count, other);
    json_set_integer(record, "run", (int64_t)run);
    json_set_integer(record, "flow", series->flow);
    json_object_set_new(record, "end_name", json_string(endpoint_name(series->endpoint)));
    json_object_set_new(record, "b", new_begins(other, end, count));
    json_object_set_new(record, "e", new_floats(end, count));
    for (size_t m = 0; m < log->metric_count; m++) {
        bool any = false;
        for (size_t i = 0; i < series->count && plot_is_drawn(log, series, m); i++)
            any |= isfinite(series->values[m][i]);
        if (any)
            keep(series->values[m], kept, series->count, other);
        json_array_append_new(values, any ? new_floats(other, count) : json_null());
    }
    json_object_set_new(record, "v", values);
    free(kept);
    free(end);
    free(other);
    return record;
}

/* ---- the whole */

static json_t *new_metric(const struct plot_log *log, size_t metric)
{
    const struct column *column = column_find(log->names[metric], strlen(log->names[metric]));
    struct plot_axis axis = plot_axis_of(log, metric, 0);
    json_t *record = json_object();
    json_set_text(NULL, record, "name", log->names[metric]);
    json_set_text(NULL, record, "words", axis.words);
    json_set_text(NULL, record, "unit", axis.unit);
    json_set_text(NULL, record, "help", column ? column->help : NULL);
    json_object_set_new(record, "rx", json_boolean(column && column->side == COLUMN_SIDE_RX));
    json_object_set_new(
        record, "rate",
        json_boolean(column && (column->form == COLUMN_BITRATE || column->form == COLUMN_PER_S)));
    json_object_set_new(record, "end", json_boolean(plot_is_read_at_end(log, metric)));
    return record;
}

static json_t *new_limits(void)
{
    static const char *const sentences[LIMITS] = {
#define LIMIT(name, words, sentence) sentence,
#include "results/limits.def"
#undef LIMIT
    };
    json_t *list = json_array();
    for (int i = 0; i < LIMITS; i++) {
        json_t *limit = json_object();
        json_object_set_new(limit, "name", json_string(limits_list[i].name));
        json_object_set_new(limit, "words", json_string(limits_list[i].words));
        json_object_set_new(limit, "help", json_string(sentences[i]));
        json_array_append_new(list, limit);
    }
    return list;
}

static bool is_reduced(const struct report_run *runs, size_t count, size_t rows_most)
{
    for (size_t run = 0; run < count; run++)
        for (size_t i = 0; i < runs[run].log->count; i++)
            if (rows_most && runs[run].log->series[i].count > rows_most)
                return true;
    return false;
}

static void add_run(const struct report_run *run, size_t index, size_t rows_most, json_t *list,
                    json_t *series)
{
    const char *slash = strrchr(run->log->path, '/');
    json_object_set_new(run->about, "file",
                        json_new_text(NULL, slash ? slash + 1 : run->log->path));
    json_array_append(list, run->about);
    for (size_t i = 0; i < run->log->count; i++)
        if (run->log->series[i].count)
            json_array_append_new(series,
                                  new_series(run->log, &run->log->series[i], index, rows_most));
}

/* Text of a script element: an angle bracket or an ampersand would be markup there. */
static char *escape(const char *text)
{
    struct buffer out = {0};
    for (const char *at = text; *at; at++)
        if (strchr("<>&", *at))
            buffer_printf(&out, "\\u%04x", (unsigned char)*at);
        else
            buffer_add(&out, at, 1);
    buffer_add(&out, "", 1);
    return out.data;
}

char *report_data(const struct report_run *runs, size_t count, size_t rows_most)
{
    json_t *data = json_object(), *metrics_list = json_array(), *list = json_array(),
           *series = json_array();
    const struct plot_log *first = runs[0].log;
    char made[32];
    time_t now = time(NULL);
    struct tm utc;
    strftime(made, sizeof made, "%Y-%m-%d %H:%M UTC", gmtime_r(&now, &utc));
    json_object_set_new(data, "version", json_string(PACKAGE_VERSION));
    json_object_set_new(data, "made", json_string(made));
    json_set_integer(data, "few", REPORT_FEW);
    json_set_integer(data, "reduced", is_reduced(runs, count, rows_most) ? (int64_t)rows_most : 0);
    for (size_t m = 0; m < first->metric_count; m++)
        json_array_append_new(metrics_list, new_metric(first, m));
    for (size_t i = 0; i < count; i++)
        add_run(&runs[i], i, rows_most, list, series);
    json_object_set_new(data, "metrics", metrics_list);
    json_object_set_new(data, "limits", new_limits());
    json_object_set_new(data, "runs", list);
    json_object_set_new(data, "series", series);
    char *text = json_dumps(data, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15)),
         *escaped = escape(text);
    free(text);
    json_decref(data);
    return escaped;
}
