/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The flow log: every column of every row, in a fixed order, as flowlog(5) describes. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "output/cell.h"
#include "info.h"
#include "clock.h"
#include "log.h"
#include "output/filesink.h"
#include "output/flowlog_replay.h"
#include "mem.h"
#include "number.h"
#include "output/histograms.h"
#include "output/output_options.h"
#include "output/summary_text.h"

enum { FLOWLOG_VERSION = 1, TIME_PLACES = 6 };

struct flowlog {
    struct filesink file;
    off_t begin;    /* where what this process writes begins */
    bool megabytes; /* the summary has rates in MiB/s */
    bool has_head;  /* it is continued after its last row */
};

static struct flowlog *of(struct sink *sink)
{
    return (struct flowlog *)sink;
}

char *flowlog_default_path(const char *run_id)
{
    char date[64];
    time_t now = clock_wall() / NS_PER_SEC;
    struct tm local;
    localtime_r(&now, &local);
    strftime(date, sizeof date, "%Y-%m-%d-%H%M%S", &local);
    return mem_printf("flowctl-%s-%.8s.log", date, run_id);
}

/* The log of a run that somebody else began: what it lacks comes after its last whole line. */
static struct sink *continue_log(const struct output_options *options, struct fail *fail)
{
    const struct log_replay *before = options->continued_log;
    int fd = open(options->log_file, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0 || ftruncate(fd, before->length) || lseek(fd, 0, SEEK_END) < 0) {
        fail_set(fail, 0, "the log file %s can't be continued: %s", options->log_file,
                 fail_errno(errno));
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    struct flowlog *log = mem_new(1, sizeof *log);
    log->file = (struct filesink){.fd = fd,
                                  .kind = "log file",
                                  .path = mem_strdup(options->log_file),
                                  .regular = true,
                                  .writer = writer_new(fd)};
    log->has_head = before->has_head;
    log->begin = before->length;
    return &log->file.sink;
}

static struct sink *flowlog_open(const struct output_options *options, const char *target,
                                 struct fail *fail)
{
    (void)target;
    if (!options->log)
        return NULL;
    if (options->continued_log)
        return continue_log(options, fail);
    struct flowlog *log = mem_new(1, sizeof *log);
    log->file.kind = "log file";
    bool good = filesink_open(&log->file, options->log_file, options->overwrite, fail);
    log->file.sink.fleeting = !log->file.regular;
    if (good)
        return &log->file.sink;
    free(log);
    return NULL;
}

static void put_columns(struct buffer *out)
{
    buffer_text(out, "# columns S|D id begin end");
    for (size_t i = 0; i < columns_count; i++)
        buffer_printf(out, " %s", columns[i].name);
    buffer_text(out, "\n# units - - s s");
    for (size_t i = 0; i < columns_count; i++)
        buffer_printf(out, " %s", columns[i].unit);
    buffer_text(out, "\n");
}

/* A word as a shell reads it; line feeds and the like as $'\\n' is read by most. */
static void put_word(struct buffer *out, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "@%+=:,./_-";
    bool control = false;
    for (const char *at = word; *at; at++)
        control |= (unsigned char)*at < ' ' || *at == 0x7f;
    if (*word && !word[strspn(word, plain)]) {
        buffer_text(out, word);
        return;
    }
    buffer_text(out, control ? "$'" : "'");
    for (const char *at = word; *at; at++) {
        if (control && ((unsigned char)*at < ' ' || *at == 0x7f))
            buffer_printf(out, "\\%03o", (unsigned char)*at);
        else if (control && strchr("'\\", *at))
            buffer_printf(out, "\\%c", *at);
        else if (*at == '\'')
            buffer_text(out, "'\\''");
        else
            buffer_add(out, at, 1);
    }
    buffer_text(out, "'");
}

/* The command line, to be typed again. */
static void put_command(struct buffer *out, const struct sink_run *run)
{
    buffer_text(out, "# command flowctl");
    for (int i = 1; i < run->argc; i++) {
        buffer_text(out, " ");
        put_word(out, run->argv[i]);
    }
    buffer_text(out, "\n");
}

static void flowlog_start(struct sink *sink, const struct sink_run *run)
{
    struct buffer *out = &of(sink)->file.out;
    const struct plan *plan = run->plan;
    of(sink)->megabytes = run->options->megabytes;
    if (of(sink)->has_head)
        return;
    filesink_begin(&of(sink)->file);
    char date[64];
    time_t seconds = run->wall_start / NS_PER_SEC;
    struct tm utc;
    gmtime_r(&seconds, &utc);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &utc);
    buffer_printf(out, "# flowlog %d\n", FLOWLOG_VERSION);
    buffer_printf(out, "# run %s version=%s controller=%s flows=%zu\n", run->run_id,
                  PACKAGE_VERSION, run->controller, plan->count);
    if (run->options->title)
        buffer_printf(out, "# title %s\n", run->options->title);
    put_command(out, run);
    buffer_printf(out, "# start_ns %" PRId64 " %s\n", run->wall_start, date);
    for (size_t i = 0; i < plan->daemon_count; i++) {
        char text[PROTOCOL_HOST_MAX + 16];
        const struct describe_reply *daemon = &run->daemons[i];
        plan_daemon_text(&plan->daemons[i], text);
        buffer_printf(out, "# daemon %s host=%s os=%s release=%s version=%s id=%s boot=%s%s%s\n",
                      text, daemon->host, daemon->os, daemon->os_release, daemon->version,
                      daemon->daemon_id, daemon->boot_id, *daemon->facts ? " " : "", daemon->facts);
    }
    for (size_t i = 0; i < plan->count; i++) {
        char *line = plan_describe_flow(plan, i, true);
        buffer_printf(out, "# flow %zu %s\n", i, line);
        free(line);
    }
    put_columns(out);
    filesink_flush(sink);
}

static void put_time(struct buffer *out, int64_t ns)
{
    char *text = buffer_reserve(out, NUMBER_TEXT_MAX + 1);
    text[0] = ' ';
    out->length += 1 + number_format_fixed(text + 1, number_scale(ns, 1, NS_PER_US), TIME_PLACES);
}

static void put_keys(struct buffer *out, const struct report *report)
{
    char *text = buffer_reserve(out, NUMBER_TEXT_MAX + 2);
    text[0] = endpoint_capital((enum endpoint)report->key[REPORT_ENDPOINT]);
    text[1] = ' ';
    out->length += 2 + number_format_fixed(text + 2, report->key[REPORT_FLOW], 0);
    put_time(out, report->key[REPORT_BEGIN]);
    put_time(out, report->key[REPORT_END]);
}

static void flowlog_interval(struct sink *sink, const struct report *report,
                             const int64_t delta[METRICS])
{
    static const struct cell_style style = {0};
    struct buffer *out = &of(sink)->file.out;
    int64_t elapsed = report->key[REPORT_END] - report->key[REPORT_BEGIN];
    put_keys(out, report);
    char *begin = buffer_reserve(out, columns_count * (CELL_MAX + 1) + 1), *at = begin;
    for (size_t i = 0; i < columns_count; i++) {
        *at++ = ' ';
        at += cell_format(&columns[i], delta, elapsed, &style, at);
    }
    *at++ = '\n';
    out->length += (size_t)(at - begin);
}

/* Start and final rows are comments: every metric that is there, by name, as it came. */
static void flowlog_event(struct sink *sink, const struct report *report,
                          const struct endpoint_result *result)
{
    struct buffer *out = &of(sink)->file.out;
    buffer_printf(out, "# %s ", report->key[REPORT_KIND] == REPORT_START ? "begin" : "final");
    put_keys(out, report);
    for (size_t i = 0; i < METRICS; i++) {
        int64_t value = report->value[i];
        if (value == METRIC_INFINITE)
            buffer_printf(out, " %s=inf", metrics[i].field);
        else if (i == METRIC_status && value != METRIC_ABSENT)
            buffer_printf(out, " status=%c/%c", (char)(value >> 8), (char)(value & 0xff));
        else if (value != METRIC_ABSENT)
            buffer_printf(out, " %s=%" PRId64, metrics[i].field, value);
    }
    const char *info = result->info;
    for (struct info_line line; info_next(&info, &line);)
        buffer_printf(out, " %.*s=%.*s", (int)line.name_length, line.name, (int)line.value_length,
                      line.value);
    buffer_text(out, "\n");
    if (report->key[REPORT_KIND] == REPORT_FINAL && result->stopped)
        buffer_printf(out, "# stopped %c %" PRId64 " %s\n",
                      endpoint_capital((enum endpoint)report->key[REPORT_ENDPOINT]),
                      report->key[REPORT_FLOW], result->stopped);
    if (report->key[REPORT_KIND] == REPORT_FINAL && result->error)
        buffer_printf(out, "# failed %c %" PRId64 " %s\n",
                      endpoint_capital((enum endpoint)report->key[REPORT_ENDPOINT]),
                      report->key[REPORT_FLOW], result->error);
}

/* Not a row: readers of rows take it for a comment. */
static void flowlog_host(struct sink *sink, const struct host_row *row)
{
    struct buffer *out = &of(sink)->file.out;
    buffer_printf(out, "# hoststat %zu %" PRId64 " %s %s", row->host, row->number,
                  hoststat_scope_name(row->stats.scope),
                  *row->stats.object ? row->stats.object : "-");
    put_time(out, row->begin);
    put_time(out, row->end);
    for (int i = 0; i < HOSTSTATS; i++)
        if (row->stats.value[i] != METRIC_ABSENT)
            buffer_printf(out, " %s=%" PRId64, hoststats[i].field, row->stats.value[i]);
    buffer_text(out, "\n");
}

static void flowlog_progress(struct sink *sink, uint64_t *put, uint64_t *written)
{
    writer_progress(of(sink)->file.writer, put, written);
}

static void put_line(void *context, const char *text)
{
    struct flowlog *log = context;
    buffer_printf(&log->file.out, "# %s\n", text);
}

static void flowlog_note(struct sink *sink, const struct note *note)
{
    note_text(note, put_line, of(sink));
}

static void flowlog_histogram(struct sink *sink, const struct histogram_about *about,
                              const struct histogram *histogram)
{
    histogram_text(about, histogram, put_line, of(sink));
}

static void flowlog_summary(struct sink *sink, const struct summary *summary)
{
    summary_text(summary, of(sink)->megabytes, put_line, of(sink));
}

/* A line that was written in part counts as not written. What can't be cut off is not a file. */
static void cut_half_line(const struct flowlog *log)
{
    uint64_t put, written;
    writer_progress(log->file.writer, &put, &written);
    if (log->file.regular)
        (void)!ftruncate(log->file.fd, log->begin + (off_t)written);
}

static bool flowlog_close(struct sink *sink, bool used)
{
    struct flowlog *log = of(sink);
    filesink_flush(sink);
    if (writer_finish(log->file.writer))
        cut_half_line(log);
    return filesink_close(&log->file, used);
}

const struct sink_ops sink_flowlog = {
    .name = "flowlog",
    .open = flowlog_open,
    .start = flowlog_start,
    .interval = flowlog_interval,
    .event = flowlog_event,
    .note = flowlog_note,
    .host = flowlog_host,
    .histogram = flowlog_histogram,
    .summary = flowlog_summary,
    .flush = filesink_flush,
    .progress = flowlog_progress,
    .close = flowlog_close,
};
