/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The result of a run as OpenMetrics text, for node_exporter's textfile collector and the like.
 * It is written when the run is over, beside its place first, so that a reader never sees half of
 * it. All are gauges: they describe one run that has ended. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "file.h"
#include "log.h"
#include "mem.h"
#include "output/filesink.h"
#include "output/hide.h"
#include "output/output_options.h"
#include "output/target.h"

enum { FILE_MODE = 0666 }; /* less what the umask takes */

struct openmetrics {
    struct sink sink;
    struct filesink *file; /* what takes it as it comes; NULL: it goes to the path, whole */
    char *path;
    struct buffer out;
    const struct sink_run *run;
    bool whole; /* the summary was written */
};

static struct openmetrics *of(struct sink *sink)
{
    return (struct openmetrics *)sink;
}

static struct sink *openmetrics_open(const struct output_options *options, const char *target,
                                     struct fail *fail)
{
    const char *path = target ? target : "-";
    struct filesink *file = mem_new(1, sizeof *file);
    if (!filesink_open(file, path, options->overwrite, fail)) {
        free(file);
        return NULL;
    }
    struct openmetrics *sink = mem_new(1, sizeof *sink);
    if (target_is_replaceable(path)) {
        /* It was checked as any output, and is left alone until the end. */
        filesink_close(file, false);
        sink->path = mem_strdup(path);
    } else {
        sink->file = file;
    }
    return &sink->sink;
}

static void openmetrics_start(struct sink *sink, const struct sink_run *run)
{
    of(sink)->run = run;
}

static void openmetrics_interval(struct sink *sink, const struct report *report,
                                 const int64_t delta[METRICS])
{
    (void)sink, (void)report, (void)delta; /* the result alone is written */
}

static void put_family(struct buffer *out, const char *name, const char *unit, const char *help)
{
    buffer_printf(out, "# TYPE flowrig_%s gauge\n", name);
    if (*unit)
        buffer_printf(out, "# UNIT flowrig_%s %s\n", name, unit);
    buffer_printf(out, "# HELP flowrig_%s %s\n", name, help);
}

static void put_value(struct buffer *out, const char *name, double value)
{
    if (isfinite(value))
        buffer_printf(out, "flowrig_%s %.15g\n", name, value);
}

static double number(int64_t value)
{
    return value == METRIC_ABSENT ? NAN : (double)value;
}

static double goodput(const struct summary_direction *direction)
{
    return direction->goodput / 8;
}

static double received(const struct summary_direction *direction)
{
    return number(direction->bytes);
}

static double sent(const struct summary_direction *direction)
{
    return number(direction->sent);
}

static double retransmitted(const struct summary_direction *direction)
{
    return number(direction->retransmitted);
}

static double srtt(const struct summary_direction *direction)
{
    return number(direction->srtt) / 1e6;
}

static double min_rtt(const struct summary_direction *direction)
{
    return number(direction->min_rtt) / 1e6;
}

/* Figures of a direction of a flow. */
static const struct {
    const char *name, *unit, *help;
    double (*value)(const struct summary_direction *);
} families[] = {
    {"flow_goodput_bytes_per_second", "bytes_per_second",
     "What the receiver read within the sending time.", goodput},
    {"flow_received_bytes", "bytes", "Bytes from which this was computed.", received},
    {"flow_sent_bytes", "bytes", "Bytes sent by the sender's kernel, including retransmissions.",
     sent},
    {"flow_retransmitted_bytes", "bytes", "Bytes retransmitted by the sender's kernel.",
     retransmitted},
    {"flow_srtt_seconds", "seconds", "Smoothed round-trip time of the sender at the end.", srtt},
    {"flow_min_rtt_seconds", "seconds", "Smallest round-trip time of the sender at the end.",
     min_rtt},
};

static void put_directions(struct buffer *out, const struct summary *summary, size_t family)
{
    put_family(out, families[family].name, families[family].unit, families[family].help);
    for (size_t i = 0; i < ENDPOINTS * summary->count; i++) {
        const struct summary_direction *direction =
            &summary->flows[i / ENDPOINTS].directions[i % ENDPOINTS];
        double value = families[family].value(direction);
        if (direction->exists && isfinite(value))
            buffer_printf(out, "flowrig_%s{flow=\"%zu\",sender=\"%s\"} %.15g\n",
                          families[family].name, i / ENDPOINTS,
                          endpoint_name((enum endpoint)(i % ENDPOINTS)), value);
    }
}

/* The label of the run's title, where it has one. */
static void put_title(struct buffer *out, const struct sink_run *run)
{
    char *title = hide_title(run);
    if (title)
        buffer_text(out, ",title=\"");
    for (const char *at = title; at && *at; at++)
        buffer_printf(out, "%s%c", strchr("\\\"", *at) ? "\\" : "", *at);
    if (title)
        buffer_text(out, "\"");
    free(title);
}

static void put_run(struct buffer *out, const struct sink_run *run, const struct summary *summary)
{
    const struct results_total *total = &summary->total;
    put_family(out, "run_info", "", "Run of these figures.");
    buffer_printf(out, "flowrig_run_info{run=\"%s\",version=\"%s\"", run->run_id, PACKAGE_VERSION);
    put_title(out, run);
    buffer_text(out, "} 1\n");
    put_family(out, "run_start_seconds", "seconds", "Start of the flows, since 1970.");
    put_value(out, "run_start_seconds", (double)run->wall_start / NS_PER_SEC);
    put_family(out, "run_complete", "", "1 if nothing failed and nothing is missing.");
    put_value(out, "run_complete", !summary->status);
    put_family(out, "run_flows", "", "Flows of the run.");
    put_value(out, "run_flows", (double)summary->count);
    put_family(out, "run_failed_flows", "", "Flows that failed or lack reports.");
    put_value(out, "run_failed_flows", (double)total->failed);
    put_family(out, "run_goodput_bytes_per_second", "bytes_per_second",
               "Total goodput of all flows.");
    put_value(out, "run_goodput_bytes_per_second", total->directions ? total->goodput / 8 : NAN);
    put_family(out, "run_retransmitted_bytes", "bytes", "Bytes retransmitted by all flows.");
    put_value(out, "run_retransmitted_bytes", number(total->retransmitted));
}

static void openmetrics_summary(struct sink *sink, const struct summary *summary)
{
    struct openmetrics *metrics_sink = of(sink);
    struct buffer *out = &metrics_sink->out;
    put_run(out, metrics_sink->run, summary);
    for (size_t i = 0; i < COUNT(families); i++)
        put_directions(out, summary, i);
    buffer_text(out, "# EOF\n");
    metrics_sink->whole = true;
}

/* There is nothing before the end. */
static void openmetrics_flush(struct sink *sink)
{
    (void)sink;
}

static bool openmetrics_close(struct sink *sink, bool used)
{
    struct openmetrics *metrics_sink = of(sink);
    struct buffer *out = &metrics_sink->out;
    struct fail fail;
    bool good = true;
    if (metrics_sink->file) {
        filesink_begin(metrics_sink->file);
        buffer_add(&metrics_sink->file->out, out->data, out->length);
        good = filesink_close(metrics_sink->file, used);
    } else if (metrics_sink->whole) {
        good = file_put(metrics_sink->path, FILE_MODE, out->data, out->length, false, &fail);
        if (!good)
            log_warning("the output file %s", fail.text);
    }
    buffer_free(out);
    free(metrics_sink->path);
    free(metrics_sink);
    return good;
}

const struct sink_ops sink_openmetrics = {
    .name = "openmetrics",
    .open = openmetrics_open,
    .start = openmetrics_start,
    .interval = openmetrics_interval,
    .summary = openmetrics_summary,
    .flush = openmetrics_flush,
    .close = openmetrics_close,
};
