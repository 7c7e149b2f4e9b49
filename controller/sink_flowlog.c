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

#include "cell.h"
#include "clock.h"
#include "log.h"
#include "log_replay.h"
#include "mem.h"
#include "number.h"
#include "sink.h"
#include "writer.h"

enum { FLOWLOG_VERSION = 1, TIME_PLACES = 6 };

struct flowlog {
    struct sink sink;
    int fd;
    off_t begin; /* where what this process writes begins */
    char *path;
    bool is_new;   /* the file was not there before */
    bool has_head; /* it is continued after its last row */
    struct buffer out;
    struct writer *writer;
};

static struct flowlog *of(struct sink *sink)
{
    return (struct flowlog *)sink;
}

char *flowlog_default_path(void)
{
    char date[64];
    time_t now = clock_wall() / NS_PER_SEC;
    struct tm local;
    localtime_r(&now, &local);
    strftime(date, sizeof date, "%Y-%m-%d-%H:%M:%S", &local);
    return mem_printf("flowctl-%s.log", date);
}

static struct flowlog *flowlog_new(char *path, int fd, bool is_new)
{
    struct flowlog *log = mem_new(1, sizeof *log);
    log->fd = fd;
    log->path = path;
    log->is_new = is_new;
    log->writer = writer_new(fd);
    return log;
}

/* The log of a run that somebody else began: what it lacks comes after its last whole line. */
static struct sink *continue_log(const struct run_options *options, struct fail *fail)
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
    struct flowlog *log = flowlog_new(mem_strdup(options->log_file), fd, false);
    log->has_head = before->has_head;
    log->begin = before->length;
    return &log->sink;
}

static struct sink *flowlog_open(const struct run_options *options, struct fail *fail)
{
    if (!options->log)
        return NULL;
    if (options->continued_log)
        return continue_log(options, fail);
    char *path = options->log_file ? mem_strdup(options->log_file) : flowlog_default_path();
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_EXCL, 0666);
    bool is_new = fd >= 0;
    /* An old log goes only when there is something to put into its place. */
    if (fd < 0 && errno == EEXIST && options->overwrite)
        fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        if (errno == EEXIST)
            fail_set(fail, 0, "the log file %s is there already; -o overwrites it", path);
        else
            fail_set(fail, 0, "the log file %s can't be written: %s", path, fail_errno(errno));
        free(path);
        return NULL;
    }
    return &flowlog_new(path, fd, is_new)->sink;
}

static void complain(const struct flowlog *log, int error)
{
    log_warning("the log file %s can't be written any further: %s; the run goes on", log->path,
                fail_errno(error));
}

static void flowlog_flush(struct sink *sink)
{
    struct flowlog *log = of(sink);
    if (writer_put(log->writer, &log->out))
        return;
    sink->broken = true;
    complain(log, writer_error(log->writer));
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

static void flowlog_start(struct sink *sink, const struct sink_run *run)
{
    struct buffer *out = &of(sink)->out;
    const struct plan *plan = run->options->plan;
    if (of(sink)->has_head)
        return;
    if (!of(sink)->is_new && ftruncate(of(sink)->fd, 0) && errno != EINVAL)
        complain(of(sink), errno);
    char date[64];
    time_t seconds = run->wall_start / NS_PER_SEC;
    struct tm utc;
    gmtime_r(&seconds, &utc);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &utc);
    buffer_printf(out, "# flowlog %d\n", FLOWLOG_VERSION);
    buffer_printf(out, "# run %s version=%s controller=%s flows=%zu\n", run->run_id,
                  PACKAGE_VERSION, run->controller, plan->count);
    buffer_printf(out, "# start_ns %" PRId64 " %s\n", run->wall_start, date);
    for (size_t i = 0; i < plan->daemon_count; i++) {
        char text[PROTOCOL_HOST_MAX + 16];
        const struct describe_reply *daemon = &run->daemons[i];
        plan_daemon_text(&plan->daemons[i], text);
        buffer_printf(out, "# daemon %s host=%s os=%s release=%s version=%s id=%s boot=%s\n", text,
                      daemon->host, daemon->os, daemon->os_release, daemon->version,
                      daemon->daemon_id, daemon->boot_id);
    }
    for (size_t i = 0; i < plan->count; i++) {
        char *line = plan_describe_flow(plan, i, true);
        buffer_printf(out, "# flow %zu %s\n", i, line);
        free(line);
    }
    put_columns(out);
    flowlog_flush(sink);
}

static void put_time(struct buffer *out, int64_t ns)
{
    char *text = buffer_reserve(out, NUMBER_TEXT_MAX + 1);
    text[0] = ' ';
    out->length += 1 + number_format_fixed(text + 1, number_scale(ns, 1, NS_PER_US), TIME_PLACES);
}

static void put_keys(struct buffer *out, const struct report *report)
{
    buffer_printf(out, "%c %" PRId64, report->key[REPORT_ENDPOINT] == SOURCE ? 'S' : 'D',
                  report->key[REPORT_FLOW]);
    put_time(out, report->key[REPORT_BEGIN]);
    put_time(out, report->key[REPORT_END]);
}

static void flowlog_interval(struct sink *sink, const struct report *report,
                             const int64_t delta[METRICS])
{
    static const struct cell_style style = {0};
    struct buffer *out = &of(sink)->out;
    int64_t elapsed = report->key[REPORT_END] - report->key[REPORT_BEGIN];
    put_keys(out, report);
    for (size_t i = 0; i < columns_count; i++) {
        char *text = buffer_reserve(out, CELL_MAX + 1);
        text[0] = ' ';
        out->length += 1 + cell_format(&columns[i], delta, elapsed, &style, text + 1);
    }
    buffer_text(out, "\n");
}

/* Start and final rows are comments: every metric that is there, by name, as it came. */
static void flowlog_event(struct sink *sink, const struct report *report,
                          const struct endpoint_result *result)
{
    struct buffer *out = &of(sink)->out;
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
    for (const char *line = result->info; line && *line;) {
        size_t length = strcspn(line, "\n");
        buffer_printf(out, " %.*s", (int)length, line);
        line += length + (line[length] == '\n');
    }
    buffer_text(out, "\n");
    if (report->key[REPORT_KIND] == REPORT_FINAL && result->error)
        buffer_printf(out, "# failed %c %" PRId64 " %s\n",
                      report->key[REPORT_ENDPOINT] == SOURCE ? 'S' : 'D', report->key[REPORT_FLOW],
                      result->error);
}

static void flowlog_progress(struct sink *sink, uint64_t *put, uint64_t *written)
{
    writer_progress(of(sink)->writer, put, written);
}

static void flowlog_line(struct sink *sink, const char *text)
{
    buffer_printf(&of(sink)->out, "# %s\n", text);
}

/* A line that found room in part is none. What can't be cut off is no file. */
static void cut_half_line(const struct flowlog *log)
{
    uint64_t put, written;
    writer_progress(log->writer, &put, &written);
    (void)!ftruncate(log->fd, log->begin + (off_t)written);
}

static bool flowlog_close(struct sink *sink, bool used)
{
    struct flowlog *log = of(sink);
    if (!sink->broken)
        flowlog_flush(sink);
    int error = writer_finish(log->writer);
    if (error)
        cut_half_line(log);
    writer_close(log->writer);
    if (close(log->fd) && !error)
        error = errno;
    if (error && !sink->broken)
        complain(log, error);
    if (!used && log->is_new)
        unlink(log->path); /* nothing was measured */
    buffer_free(&log->out);
    free(log->path);
    free(log);
    return !error;
}

const struct sink_ops sink_flowlog = {
    .name = "flowlog",
    .open = flowlog_open,
    .start = flowlog_start,
    .interval = flowlog_interval,
    .event = flowlog_event,
    .line = flowlog_line,
    .flush = flowlog_flush,
    .progress = flowlog_progress,
    .close = flowlog_close,
};
