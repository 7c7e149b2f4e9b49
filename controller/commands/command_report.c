/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/command.h"
#include "file.h"
#include "log.h"
#include "mem.h"
#include "option.h"
#include "output/json.h"
#include "output/report_data.h"
#include "output/report_page.h"
#include "run/run.h"

enum {
    OPT_OUTPUT,
    OPT_METRICS,
    OPT_FROM,
    OPT_TO,
    OPT_TITLE,
    OPT_FULL,
    OPT_DYGRAPHS,
    RUNS_MAX = 16,
    ROWS_MOST = 2000
};

static const struct option_spec specs[] = {
    {'o', "output", OPTION_REQUIRED, "FILE", "Options",
     "write the page to FILE; - is standard output (default: the name of the first file with the "
     "suffix .html)",
     OPT_OUTPUT},
    {0, "metrics", OPTION_REQUIRED, "LIST", "Options",
     "show these columns of the log, or groups of columns as in -c, one chart each (default: those "
     "of rx_through,rtt,cwnd,bytes_retrans,udp_lost,udp_jitter that have values)",
     OPT_METRICS},
    {0, "from", OPTION_REQUIRED, "#.#", "Options", "omit rows before # s", OPT_FROM},
    {0, "to", OPTION_REQUIRED, "#.#", "Options", "omit rows after # s", OPT_TO},
    {0, "title", OPTION_REQUIRED, "TEXT", "Options",
     "title of the page (default: that of the run, or the name of its file)", OPT_TITLE},
    {0, "full", OPTION_NONE, NULL, "Options",
     "keep all rows; otherwise, above 2000 rows for one end of a flow, only those with the "
     "extremes",
     OPT_FULL},
    {0, "dygraphs", OPTION_REQUIRED, "DIR", "Options",
     "directory of dygraph.min.js and dygraph.min.css, which draw the charts "
     "(default: " DYGRAPHS_DIR ")",
     OPT_DYGRAPHS},
};

struct report_arguments {
    struct plot_choice choice;
    const char *output, *title, *library;
    bool full;
};

static bool handle(void *context, const struct option_spec *spec, const char *given,
                   const char *value, struct fail *fail)
{
    struct report_arguments *arguments = context;
    switch (spec->id) {
    case OPT_OUTPUT:
        arguments->output = value;
        return true;
    case OPT_METRICS:
        arguments->choice.metrics = value;
        return true;
    case OPT_FROM:
        return command_take_seconds(&arguments->choice.from, value, fail) ||
               fail_prefix(fail, "option %s", given);
    case OPT_TO:
        return command_take_seconds(&arguments->choice.to, value, fail) ||
               fail_prefix(fail, "option %s", given);
    case OPT_TITLE:
        arguments->title = value;
        return true;
    case OPT_FULL:
        arguments->full = true;
        return true;
    default:
        arguments->library = value;
        return true;
    }
}

static char *default_output(const char *path)
{
    const char *dot = strrchr(path, '.');
    int length = dot && !strchr(dot, '/') && dot != path ? (int)(dot - path) : (int)strlen(path);
    return mem_printf("%.*s.html", length, path);
}

/* Runs with different columns would need charts with holes. */
static bool has_same_metrics(const struct plot_log *a, const struct plot_log *b, struct fail *fail)
{
    bool same = a->metric_count == b->metric_count;
    for (size_t i = 0; same && i < a->metric_count; i++)
        same = !strcmp(a->names[i], b->names[i]);
    return same || fail_set(fail, 0, "%s and %s have different columns; select them with --metrics",
                            a->path, b->path);
}

static bool read_runs(const struct report_arguments *arguments, char **paths, size_t count,
                      struct report_run *runs, struct fail *fail)
{
    for (size_t i = 0; i < count; i++)
        if (!report_run_read(paths[i], &arguments->choice, &runs[i], fail) ||
            !has_same_metrics(runs[0].log, runs[i].log, fail))
            return false;
    return true;
}

static bool write_page(const struct buffer *page, const char *path, struct fail *fail)
{
    if (strcmp(path, "-"))
        return file_put(path, 0666, page->data, page->length, false, fail);
    errno = 0;
    return (fwrite(page->data, 1, page->length, stdout) == page->length && !fflush(stdout)) ||
           fail_set(fail, 0, "can't write standard output: %s", fail_errno(errno));
}

static bool make_page(const struct report_arguments *arguments, const struct report_run *runs,
                      size_t count, const char *output, struct fail *fail)
{
    struct report_library library;
    struct buffer page = {0};
    if (arguments->title && count == 1)
        json_object_set_new(json_object_get(runs[0].about, "run"), "title",
                            json_new_text(NULL, arguments->title));
    char *data = report_data(runs, count, arguments->full ? 0 : ROWS_MOST);
    const char *title = arguments->title     ? arguments->title
                        : runs[0].log->title ? runs[0].log->title
                                             : runs[0].log->path;
    if (!report_library_read(arguments->library, &library, fail))
        log_warning("report: the page has tables instead of charts: %s; install libjs-dygraphs or "
                    "use --dygraphs",
                    fail->text);
    report_page(&page, title, data, &library);
    bool good = write_page(&page, output, fail);
    if (good && strcmp(output, "-"))
        fprintf(stderr, "flowctl: report: wrote %s\n", output);
    report_library_free(&library);
    buffer_free(&page);
    free(data);
    return good;
}

static int report_runs(const struct report_arguments *arguments, char **paths, size_t count)
{
    struct report_run runs[RUNS_MAX] = {{0}};
    struct fail fail;
    int status = EXIT_OK;
    char *output = arguments->output ? mem_strdup(arguments->output) : default_output(paths[0]);
    if (!read_runs(arguments, paths, count, runs, &fail))
        status = EXIT_USAGE;
    else if (!make_page(arguments, runs, count, output, &fail))
        status = EXIT_PARTIAL;
    if (status != EXIT_OK)
        log_error("report: %s", fail.text);
    for (size_t i = 0; i < count; i++)
        report_run_free(&runs[i]);
    free(output);
    return status;
}

static int report(struct command_line *line)
{
    struct report_arguments arguments = {.choice = {.from = -INFINITY, .to = INFINITY},
                                         .library = DYGRAPHS_DIR};
    struct fail fail;
    int status;
    if (!command_read(line, &arguments, &status))
        return status;
    if (line->operand_count > RUNS_MAX)
        fail_set(&fail, 0, "at most %d runs fit one page", RUNS_MAX);
    else if (arguments.choice.from >= arguments.choice.to)
        fail_set(&fail, 0, "option --to: must be later than --from");
    else
        return report_runs(&arguments, line->operands, (size_t)line->operand_count);
    return command_usage_error(line, &fail);
}

const struct command command_report = {
    .name = "report",
    .arguments = "RUN...",
    .least = 1,
    .most = COMMAND_ANY,
    .sentence = "Makes one self-contained HTML page of runs. RUN is a flow log, a file of "
                "--output=jsonl, or a database of --output=sqlite (DATABASE:RUN; default: its last "
                "run).",
    .specs = specs,
    .spec_count = COUNT(specs),
    .take = handle,
    .run = report,
};
