/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/command.h"
#include "log.h"
#include "mem.h"
#include "number.h"
#include "option.h"
#include "output/plot.h"
#include "run/run.h"

enum {
    OPT_OUTPUT,
    OPT_TYPE,
    OPT_FLOWS,
    OPT_METRICS,
    OPT_FROM,
    OPT_TO,
    OPT_LINES,
    OPT_LOG,
    OPT_TITLE,
    OPT_SIZE,
    OPT_SCRIPT,
    LOGS_MAX = 64,
    SIZE_LEAST = 100,
    SIZE_MOST = 20000
};

static const struct option_spec specs[] = {
    {'o', "output", OPTION_REQUIRED, "FILE", "Options",
     "write the picture to FILE, whose suffix selects the format: svg, pdf, png or eps (default: "
     "the name of the first log with the suffix .svg)",
     OPT_OUTPUT},
    {0, "type", OPTION_REQUIRED, "TYPE", "Options", "type of plot, listed below (default: time)",
     OPT_TYPE},
    {0, "flows", OPTION_REQUIRED, "LIST", "Options",
     "plot only these flows, such as 0,3,10-19 (default: all)", OPT_FLOWS},
    {0, "metrics", OPTION_REQUIRED, "LIST", "Options",
     "plot these columns of the log, or groups of columns as in -c, one panel each (default: "
     "rx_through,cwnd,rtt; if all flows are UDP: rx_through,udp_lost,udp_jitter)",
     OPT_METRICS},
    {0, "from", OPTION_REQUIRED, "#.#", "Options", "omit everything before # s", OPT_FROM},
    {0, "to", OPTION_REQUIRED, "#.#", "Options", "omit everything after # s", OPT_TO},
    {0, "lines", OPTION_NONE, NULL, "Options",
     "plot one line for each flow, even above 12 flows, where a panel otherwise shows the median, "
     "the band from the 10th to the 90th percentile, the highest and lowest flow, and the sum",
     OPT_LINES},
    {0, "log", OPTION_NONE, NULL, "Options", "use a logarithmic axis for the values", OPT_LOG},
    {0, "title", OPTION_REQUIRED, "TEXT", "Options",
     "title of the picture (default: the names of the logs)", OPT_TITLE},
    {0, "size", OPTION_REQUIRED, "WxH", "Options",
     "size in pixels; PDF and EPS have 96 pixels per inch (default: 1000 wide)", OPT_SIZE},
    {0, "script", OPTION_REQUIRED, "FILE", "Options",
     "write the gnuplot script with its data to FILE instead of a picture", OPT_SCRIPT},
};

struct plot_arguments {
    struct plot_request request;
    struct plot_choice choice;
    bool *flows;
    const char *output, *script;
};

static bool take_range(void *context, char *item, struct fail *fail)
{
    struct plot_arguments *arguments = context;
    struct plot_choice *choice = &arguments->choice;
    int64_t first, last;
    if (!number_parse_range(item, 0, FLOWLOG_FLOWS_MAX - 1, &first, &last, fail))
        return false;
    if (last >= (int64_t)choice->flow_count) {
        arguments->flows = mem_grow(arguments->flows, (size_t)last + 1, sizeof(bool));
        memset(arguments->flows + choice->flow_count, 0, (size_t)last + 1 - choice->flow_count);
        choice->flow_count = (size_t)last + 1;
    }
    for (; first <= last; first++)
        arguments->flows[first] = true;
    choice->flows = arguments->flows;
    return true;
}

static bool take_size(struct plot_request *request, const char *text, struct fail *fail)
{
    char *copy = mem_strdup(text), *times = strchr(copy, 'x');
    int64_t width = 0, height = 0;
    if (times)
        *times = '\0';
    bool good = times && number_parse_int(copy, &width, NULL) &&
                number_parse_int(times + 1, &height, NULL) && width >= SIZE_LEAST &&
                width <= SIZE_MOST && height >= SIZE_LEAST && height <= SIZE_MOST;
    free(copy);
    request->width = (double)width;
    request->height = (double)height;
    return good || fail_set(fail, 0, "'%s' is not a size such as 800x600, from %dx%d to %dx%d",
                            text, SIZE_LEAST, SIZE_LEAST, SIZE_MOST, SIZE_MOST);
}

static bool take_type(struct plot_request *request, const char *name, struct fail *fail)
{
    struct buffer list = {0};
    request->type = plot_type_find(name);
    if (request->type)
        return true;
    for (size_t i = 0; i < plot_types_count; i++)
        buffer_printf(&list, "%s%s", i ? ", " : "", plot_types[i].name);
    buffer_add(&list, "", 1);
    fail_set(fail, 0, "'%s' is not a type of plot; expected one of: %s", name, list.data);
    buffer_free(&list);
    return false;
}

/* Options with a value that has to be understood. */
static bool take_value(struct plot_arguments *arguments, int id, const char *value,
                       struct fail *fail)
{
    switch (id) {
    case OPT_TYPE:
        return take_type(&arguments->request, value, fail);
    case OPT_FLOWS:
        return option_each_item(value, "no flow is given", take_range, arguments, fail);
    case OPT_FROM:
        return command_take_seconds(&arguments->request.from, value, fail);
    case OPT_TO:
        return command_take_seconds(&arguments->request.to, value, fail);
    default:
        return take_size(&arguments->request, value, fail);
    }
}

static bool handle(void *context, const struct option_spec *spec, const char *given,
                   const char *value, struct fail *fail)
{
    struct plot_arguments *arguments = context;
    switch (spec->id) {
    case OPT_OUTPUT:
        arguments->output = value;
        return true;
    case OPT_METRICS:
        arguments->choice.metrics = value;
        return true;
    case OPT_LINES:
        arguments->request.all_lines = true;
        return true;
    case OPT_LOG:
        arguments->request.log_scale = true;
        return true;
    case OPT_TITLE:
        arguments->request.title = value;
        return true;
    case OPT_SCRIPT:
        arguments->script = value;
        return true;
    }
    return take_value(arguments, spec->id, value, fail) || fail_prefix(fail, "option %s", given);
}

static char *default_output(const char *path)
{
    const char *dot = strrchr(path, '.');
    int length = dot && !strchr(dot, '/') && dot != path ? (int)(dot - path) : (int)strlen(path);
    return mem_printf("%.*s.svg", length, path);
}

static bool write_script(const struct buffer *script, const char *path, struct fail *fail)
{
    FILE *file = strcmp(path, "-") ? fopen(path, "we") : stdout;
    bool good = file && fwrite(script->data, 1, script->length, file) == script->length;
    int error = errno;
    if (file && (file == stdout ? fflush(file) : fclose(file))) {
        good = false;
        error = errno;
    }
    return good || fail_set(fail, 0, "can't write %s: %s", path, fail_errno(error));
}

/* Whatever fails from here on is not a matter of the command line: EXIT_PARTIAL. */
static bool draw(const struct plot_arguments *arguments, struct plot_log **logs, size_t count,
                 const char *output, struct fail *fail)
{
    struct buffer script = {0};
    const struct picture_format *format = picture_format_of(output, fail);
    bool good = plot_script(&script, logs, count, &arguments->request, format, fail);
    if (good && arguments->script)
        good = write_script(&script, arguments->script, fail);
    else if (good)
        good = gnuplot_draw(&script, output, fail);
    buffer_free(&script);
    if (good && (!arguments->script || strcmp(arguments->script, "-")))
        fprintf(stderr, "flowctl: plot: wrote %s\n",
                arguments->script ? arguments->script : output);
    return good;
}

static int plot_logs(struct plot_arguments *arguments, char **paths, size_t count)
{
    struct plot_log *logs[LOGS_MAX] = {NULL};
    struct fail fail;
    int status = EXIT_OK;
    char *output = arguments->output ? mem_strdup(arguments->output) : default_output(paths[0]);
    arguments->choice.from = isnan(arguments->request.from) ? -INFINITY : arguments->request.from;
    arguments->choice.to = isnan(arguments->request.to) ? INFINITY : arguments->request.to;
    bool readable = picture_format_of(output, &fail) != NULL;
    for (size_t i = 0; readable && i < count; i++)
        readable = (logs[i] = plot_log_read(paths[i], &arguments->choice, &fail)) != NULL;
    if (!readable)
        status = EXIT_USAGE;
    else if (!draw(arguments, logs, count, output, &fail))
        status = EXIT_PARTIAL;
    if (status != EXIT_OK)
        log_error("plot: %s", fail.text);
    for (size_t i = 0; i < count; i++)
        plot_log_free(logs[i]);
    free(output);
    return status;
}

static void list_types(FILE *out)
{
    fprintf(out, "\nTypes of plot:\n");
    for (size_t i = 0; i < plot_types_count; i++) {
        int column = fprintf(out, "  %-10s ", plot_types[i].name);
        option_wrap(out, plot_types[i].help, 13, column);
    }
}

/* Whether the words fit together, before any log is read. */
static bool is_possible(const struct plot_arguments *arguments, int logs, struct fail *fail)
{
    const struct plot_request *request = &arguments->request;
    if (logs > LOGS_MAX)
        return fail_set(fail, 0, "at most %d runs fit one picture", LOGS_MAX);
    return !(request->from >= request->to) ||
           fail_set(fail, 0, "option --to: must be later than --from");
}

static int plot(struct command_line *line)
{
    struct plot_arguments arguments = {
        .request = {.type = &plot_types[0], .from = NAN, .to = NAN},
    };
    struct fail fail;
    int status;
    if (command_read(line, &arguments, &status))
        status = is_possible(&arguments, line->operand_count, &fail)
                     ? plot_logs(&arguments, line->operands, (size_t)line->operand_count)
                     : command_usage_error(line, &fail);
    free(arguments.flows);
    return status;
}

const struct command command_plot = {
    .name = "plot",
    .arguments = "RUN...",
    .least = 1,
    .most = COMMAND_ANY,
    .sentence =
        "Plots runs with gnuplot. RUN is a flow log, a file of --output=jsonl, or a database of "
        "--output=sqlite (DATABASE:RUN; default: its last run).",
    .specs = specs,
    .spec_count = COUNT(specs),
    .take = handle,
    .explain = list_types,
    .run = plot,
};
