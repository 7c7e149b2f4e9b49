/* SPDX-License-Identifier: GPL-3.0-or-later */
/* CSV of --host-stats: a table of its own, as rows about hosts have other columns than those of
 * flows. It follows the rules of sink_csv.c. */
#include <inttypes.h>
#include <stdlib.h>

#include "output/filesink.h"
#include "output/host_form.h"
#include "output/output_options.h"
#include "output/records.h"

struct host_csv {
    struct filesink file;
    const char *run_id;
    int64_t wall_start;
};

static struct host_csv *of(struct sink *sink)
{
    return (struct host_csv *)sink;
}

static struct sink *host_csv_open(const struct output_options *options, const char *target,
                                  struct fail *fail)
{
    struct host_csv *csv = mem_new(1, sizeof *csv);
    if (filesink_open(&csv->file, target ? target : "-", options->overwrite, fail))
        return &csv->file.sink;
    free(csv);
    return NULL;
}

static void host_csv_start(struct sink *sink, const struct sink_run *run)
{
    struct host_csv *csv = of(sink);
    char name[HOST_NAME_MAX_TEXT];
    filesink_begin(&csv->file);
    csv->run_id = run->run_id;
    csv->wall_start = run->wall_start;
    buffer_text(&csv->file.out, "run,host,scope,object,seq,begin_seconds,end_seconds,time");
    for (int i = 0; i < HOSTSTATS; i++) {
        host_form_name((enum hoststat)i, name);
        buffer_printf(&csv->file.out, ",%s", name);
    }
    buffer_text(&csv->file.out, "\n");
    filesink_flush(sink);
}

static void host_csv_interval(struct sink *sink, const struct report *report,
                              const int64_t delta[METRICS])
{
    (void)sink, (void)report, (void)delta;
}

/* The name of an object in quotes, as a daemon may call it anything. */
static void put_object(struct buffer *out, const char *object)
{
    buffer_text(out, *object ? "\"" : "");
    for (; *object; object++)
        buffer_printf(out, "%s%c", *object == '"' ? "\"" : "", *object);
}

static void host_csv_host(struct sink *sink, const struct host_row *row)
{
    struct host_csv *csv = of(sink);
    struct buffer *out = &csv->file.out;
    char begin[NUMBER_TEXT_MAX], end[NUMBER_TEXT_MAX], time[RECORD_TIME_MAX];
    number_format_fixed(begin, row->begin, 9);
    number_format_fixed(end, row->end, 9);
    record_time(csv->wall_start + row->end, time);
    buffer_printf(out, "%s,%zu,%s,", csv->run_id, row->host, hoststat_scope_name(row->stats.scope));
    put_object(out, row->stats.object);
    buffer_printf(out, "%s,%" PRId64 ",%s,%s,%s", *row->stats.object ? "\"" : "", row->number,
                  begin, end, time);
    for (int i = 0; i < HOSTSTATS; i++) {
        host_form_value((enum hoststat)i, &row->stats, begin);
        buffer_printf(out, ",%s", begin);
    }
    buffer_text(out, "\n");
}

static bool host_csv_close(struct sink *sink, bool used)
{
    return filesink_close(&of(sink)->file, used);
}

const struct sink_ops sink_host_csv = {
    .name = "host-csv",
    .open = host_csv_open,
    .start = host_csv_start,
    .interval = host_csv_interval,
    .host = host_csv_host,
    .flush = filesink_flush,
    .close = host_csv_close,
};
