/* SPDX-License-Identifier: GPL-3.0-or-later */
/* InfluxDB's line protocol, for `influx write` or Telegraf's inputs.file: one point for each row of
 * an interval. Flow and endpoint are tags: points that share measurement, tags and time replace one
 * another. A title is a tag, too: it belongs to its run, so it makes no more series. The type of a
 * field never changes. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "output/filesink.h"
#include "output/hide.h"
#include "output/metric_form.h"
#include "output/output_options.h"

struct influx {
    struct filesink file;
    const char *run_id;
    struct buffer title; /* its tag, or nothing */
    int64_t wall_start;
};

static struct influx *of(struct sink *sink)
{
    return (struct influx *)sink;
}

static struct sink *influx_open(const struct output_options *options, const char *target,
                                struct fail *fail)
{
    struct influx *influx = mem_new(1, sizeof *influx);
    if (filesink_open(&influx->file, target ? target : "-", options->overwrite, fail))
        return &influx->file.sink;
    free(influx);
    return NULL;
}

/* A backslash itself can't be escaped in a tag, and would escape what follows the value. */
static void put_title(struct buffer *out, const struct sink_run *run)
{
    char *title = hide_title(run);
    size_t length = title ? strlen(title) : 0;
    while (length && title[length - 1] == '\\')
        length--;
    if (length)
        buffer_text(out, ",title=");
    for (size_t i = 0; i < length; i++)
        buffer_printf(out, "%s%c", strchr(",= ", title[i]) ? "\\" : "", title[i]);
    buffer_add(out, "", 1);
    free(title);
}

static void influx_start(struct sink *sink, const struct sink_run *run)
{
    filesink_begin(&of(sink)->file);
    put_title(&of(sink)->title, run);
    of(sink)->run_id = run->run_id;
    of(sink)->wall_start = run->wall_start;
}

static void put_field(struct buffer *out, const struct metric_form *form, const char *text)
{
    bool word = form->type == METRIC_TYPE_WORD;
    buffer_printf(out, ",%s=%s%s%s", form->name, word ? "\"" : "", text,
                  word                                ? "\""
                  : form->type == METRIC_TYPE_INTEGER ? "i"
                                                      : "");
}

static void influx_interval(struct sink *sink, const struct report *report,
                            const int64_t delta[METRICS])
{
    struct influx *influx = of(sink);
    struct buffer *out = &influx->file.out;
    buffer_printf(out, "flowrig,run=%s%s,flow=%" PRId64 ",endpoint=%s seq=%" PRId64 "i",
                  influx->run_id, influx->title.data, report->key[REPORT_FLOW],
                  endpoint_name((enum endpoint)report->key[REPORT_ENDPOINT]),
                  report->key[REPORT_NUMBER]);
    for (int i = 0; i < METRICS; i++) {
        char text[CELL_MAX];
        if (metric_format((enum metric)i, delta, text))
            put_field(out, metric_form((enum metric)i), text);
    }
    buffer_printf(out, " %" PRId64 "\n", influx->wall_start + report->key[REPORT_END]);
}

static bool influx_close(struct sink *sink, bool used)
{
    buffer_free(&of(sink)->title);
    return filesink_close(&of(sink)->file, used);
}

const struct sink_ops sink_influx = {
    .name = "influx",
    .open = influx_open,
    .start = influx_start,
    .interval = influx_interval,
    .flush = filesink_flush,
    .close = influx_close,
};
