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
#include "exposition.h"
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

static void put_directions(struct exposition *page, const struct summary *summary, size_t family)
{
    exposition_family(page, EXPOSITION_GAUGE, families[family].name, families[family].unit,
                      families[family].help);
    for (size_t i = 0; i < ENDPOINTS * summary->count; i++) {
        const struct summary_direction *direction =
            &summary->flows[i / ENDPOINTS].directions[i % ENDPOINTS];
        struct buffer labels = {0};
        if (!direction->exists)
            continue;
        exposition_label_number(&labels, "flow", (int64_t)(i / ENDPOINTS));
        exposition_label(&labels, "sender", endpoint_name((enum endpoint)(i % ENDPOINTS)));
        exposition_real(page, labels.data, families[family].value(direction));
        buffer_free(&labels);
    }
}

/* What limited each direction, as far as anything can be said. */
static void put_limits(struct exposition *page, const struct summary *summary)
{
    exposition_family(page, EXPOSITION_GAUGE, "flow_limited_ratio", "ratio",
                      "Share of the time in which this cause limited the flow.");
    for (size_t i = 0; i < ENDPOINTS * summary->count; i++) {
        const struct summary_direction *direction =
            &summary->flows[i / ENDPOINTS].directions[i % ENDPOINTS];
        for (int k = 0; k < LIMITS && direction->exists && direction->limits_known; k++) {
            struct buffer labels = {0};
            if (direction->limits.share[k] <= 0)
                continue;
            exposition_label_number(&labels, "flow", (int64_t)(i / ENDPOINTS));
            exposition_label(&labels, "sender", endpoint_name((enum endpoint)(i % ENDPOINTS)));
            exposition_label(&labels, "cause", limits_list[k].name);
            exposition_real(page, labels.data, direction->limits.share[k]);
            buffer_free(&labels);
        }
    }
}

/* A family of one sample. */
static void put_value(struct exposition *page, const char *name, const char *unit, const char *help,
                      double value)
{
    exposition_family(page, EXPOSITION_GAUGE, name, unit, help);
    exposition_real(page, "", value);
}

static void put_run(struct exposition *page, const struct sink_run *run,
                    const struct summary *summary)
{
    const struct results_total *total = &summary->total;
    struct buffer labels = {0};
    char *title = hide_title(run);
    exposition_label(&labels, "run", run->run_id);
    exposition_label(&labels, "version", PACKAGE_VERSION);
    if (title)
        exposition_label(&labels, "title", title);
    exposition_family(page, EXPOSITION_GAUGE, "run_info", "", "Run of these figures.");
    exposition_real(page, labels.data, 1);
    buffer_free(&labels);
    free(title);
    put_value(page, "run_start_seconds", "seconds", "Start of the flows, since 1970.",
              (double)run->wall_start / NS_PER_SEC);
    put_value(page, "run_complete", "", "1 if nothing failed and nothing is missing.",
              !summary->status);
    put_value(page, "run_flows", "", "Flows of the run.", (double)summary->count);
    put_value(page, "run_failed_flows", "", "Flows that failed or lack reports.",
              (double)total->failed);
    put_value(page, "run_goodput_bytes_per_second", "bytes_per_second",
              "Total goodput of all flows.", total->directions ? total->goodput / 8 : NAN);
    put_value(page, "run_retransmitted_bytes", "bytes", "Bytes retransmitted by all flows.",
              number(total->retransmitted));
}

static void openmetrics_summary(struct sink *sink, const struct summary *summary)
{
    struct openmetrics *metrics_sink = of(sink);
    struct exposition page = {.out = &metrics_sink->out, .form = EXPOSITION_OPENMETRICS};
    put_run(&page, metrics_sink->run, summary);
    for (size_t i = 0; i < COUNT(families); i++)
        put_directions(&page, summary, i);
    put_limits(&page, summary);
    exposition_end(&page);
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
