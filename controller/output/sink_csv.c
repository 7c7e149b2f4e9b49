/* SPDX-License-Identifier: GPL-3.0-or-later */
/* CSV (RFC 4180, with LF): one table, the rows of intervals, with the names of the JSON. A cell is
 * empty where there is no value. No cell but the run's title needs quotes: they are numbers, and
 * words of ours. */
#include <inttypes.h>
#include <stdlib.h>

#include "number.h"
#include "output/filesink.h"
#include "output/hide.h"
#include "output/metric_form.h"
#include "output/output_options.h"
#include "output/records.h"

struct csv {
    struct filesink file;
    const char *run_id;
    struct buffer title; /* its cell */
    int64_t wall_start;
};

static struct csv *of(struct sink *sink)
{
    return (struct csv *)sink;
}

static struct sink *csv_open(const struct output_options *options, const char *target,
                             struct fail *fail)
{
    struct csv *csv = mem_new(1, sizeof *csv);
    if (filesink_open(&csv->file, target ? target : "-", options->overwrite, fail))
        return &csv->file.sink;
    free(csv);
    return NULL;
}

static void put_title(struct buffer *out, const struct sink_run *run)
{
    char *title = hide_title(run);
    if (title)
        buffer_text(out, "\"");
    for (const char *at = title; at && *at; at++)
        buffer_printf(out, "%s%c", *at == '"' ? "\"" : "", *at);
    if (title)
        buffer_text(out, "\"");
    buffer_add(out, "", 1);
    free(title);
}

static void csv_start(struct sink *sink, const struct sink_run *run)
{
    struct csv *csv = of(sink);
    struct buffer *out = &csv->file.out;
    filesink_begin(&csv->file);
    csv->run_id = run->run_id;
    csv->wall_start = run->wall_start;
    put_title(&csv->title, run);
    buffer_text(out,
                "run,title,flow,endpoint,seq,begin_seconds,end_seconds,time,tx_bits_per_second,"
                "rx_bits_per_second");
    for (int i = 0; i < METRICS; i++)
        buffer_printf(out, ",%s", metric_form((enum metric)i)->name);
    buffer_text(out, "\n");
    filesink_flush(sink);
}

static void put_seconds(struct buffer *out, int64_t ns)
{
    char *text = buffer_reserve(out, NUMBER_TEXT_MAX + 1);
    text[0] = ',';
    out->length += 1 + number_format_fixed(text + 1, ns, 9);
}

static void put_rate(struct buffer *out, int64_t bytes, int64_t elapsed)
{
    int64_t rate = metric_bit_rate(bytes, elapsed);
    if (rate == METRIC_ABSENT)
        buffer_text(out, ",");
    else
        buffer_printf(out, ",%" PRId64, rate);
}

static void csv_interval(struct sink *sink, const struct report *report,
                         const int64_t delta[METRICS])
{
    struct csv *csv = of(sink);
    struct buffer *out = &csv->file.out;
    const int64_t *key = report->key;
    char time[RECORD_TIME_MAX];
    record_time(csv->wall_start + key[REPORT_END], time);
    buffer_printf(out, "%s,%s,%" PRId64 ",%s,%" PRId64, csv->run_id, csv->title.data,
                  key[REPORT_FLOW], endpoint_name((enum endpoint)key[REPORT_ENDPOINT]),
                  key[REPORT_NUMBER]);
    put_seconds(out, key[REPORT_BEGIN]);
    put_seconds(out, key[REPORT_END]);
    buffer_printf(out, ",%s", time);
    put_rate(out, delta[METRIC_tx_bytes], key[REPORT_END] - key[REPORT_BEGIN]);
    put_rate(out, delta[METRIC_rx_bytes], key[REPORT_END] - key[REPORT_BEGIN]);
    for (int i = 0; i < METRICS; i++) {
        char *text = buffer_reserve(out, CELL_MAX + 1);
        text[0] = ',';
        out->length += 1 + metric_format((enum metric)i, delta, text + 1);
    }
    buffer_text(out, "\n");
}

static bool csv_close(struct sink *sink, bool used)
{
    buffer_free(&of(sink)->title);
    return filesink_close(&of(sink)->file, used);
}

const struct sink_ops sink_csv = {
    .name = "csv",
    .open = csv_open,
    .start = csv_start,
    .interval = csv_interval,
    .flush = filesink_flush,
    .close = csv_close,
};
