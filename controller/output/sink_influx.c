/* SPDX-License-Identifier: GPL-3.0-or-later */
/* InfluxDB's line protocol, in a file for `influx write` or Telegraf's inputs.file, or sent to a
 * server. */
#include <stdlib.h>

#include "output/filesink.h"
#include "output/influx_http.h"
#include "output/influx_line.h"
#include "output/output_options.h"

struct influx {
    struct filesink file;
    struct influx_lines lines;
};

static struct influx *of(struct sink *sink)
{
    return (struct influx *)sink;
}

static struct sink *influx_open(const struct output_options *options, const char *target,
                                struct fail *fail)
{
    if (influx_is_server(target))
        return influx_http_open(target, fail);
    struct influx *influx = mem_new(1, sizeof *influx);
    if (filesink_open(&influx->file, target ? target : "-", options->overwrite, fail))
        return &influx->file.sink;
    free(influx);
    return NULL;
}

static void influx_start(struct sink *sink, const struct sink_run *run)
{
    filesink_begin(&of(sink)->file);
    influx_lines_start(&of(sink)->lines, run);
}

static void influx_interval(struct sink *sink, const struct report *report,
                            const int64_t delta[METRICS])
{
    influx_row(&of(sink)->lines, report, delta, &of(sink)->file.out);
}

static void influx_end(struct sink *sink, const struct summary *summary)
{
    influx_summary(&of(sink)->lines, summary, &of(sink)->file.out);
}

static bool influx_close(struct sink *sink, bool used)
{
    influx_lines_free(&of(sink)->lines);
    return filesink_close(&of(sink)->file, used);
}

const struct sink_ops sink_influx = {
    .name = "influx",
    .open = influx_open,
    .start = influx_start,
    .interval = influx_interval,
    .summary = influx_end,
    .flush = filesink_flush,
    .close = influx_close,
};
