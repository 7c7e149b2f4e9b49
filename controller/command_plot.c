/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "log.h"
#include "mem.h"
#include "number.h"
#include "option.h"
#include "plot.h"
#include "run.h"

enum { OPT_HELP, OPT_VERSION, OPT_OUTPUT, OPT_FLOWS, OPT_METRICS, FLOWS_MAX = 1000000 };

static const struct option_spec specs[] = {
    {'h', "help", OPTION_NONE, NULL, "Options", "display this help and exit", OPT_HELP},
    {'v', "version", OPTION_NONE, NULL, "Options", "print version information and exit",
     OPT_VERSION},
    {'o', "output", OPTION_REQUIRED, "FILE.svg", "Options",
     "write the picture to FILE.svg (default: the name of the log, ending in .svg)", OPT_OUTPUT},
    {0, "flows", OPTION_REQUIRED, "LIST", "Options",
     "draw these flows only, as in 0,3,10-19 (default: all)", OPT_FLOWS},
    {0, "metrics", OPTION_REQUIRED, "LIST", "Options",
     "draw these columns of the log, one panel each (default: through,cwnd,rtt)", OPT_METRICS},
};

enum { SPECS = sizeof specs / sizeof specs[0] };

struct plot_arguments {
    struct plot_request request;
    const char *output, *metrics;
    bool help, version;
};

static bool take_range(void *context, char *item, struct fail *fail)
{
    struct plot_request *request = context;
    int64_t first, last;
    if (!number_parse_range(item, 0, FLOWS_MAX - 1, &first, &last, fail))
        return false;
    if (last >= (int64_t)request->flow_count) {
        request->flows = mem_grow(request->flows, (size_t)last + 1, sizeof(bool));
        memset(request->flows + request->flow_count, 0, (size_t)last + 1 - request->flow_count);
        request->flow_count = (size_t)last + 1;
    }
    for (; first <= last; first++)
        request->flows[first] = true;
    return true;
}

static bool handle(void *context, const struct option_spec *spec, const char *given,
                   const char *value, struct fail *fail)
{
    struct plot_arguments *arguments = context;
    switch (spec->id) {
    case OPT_HELP:
        arguments->help = true;
        break;
    case OPT_VERSION:
        arguments->version = true;
        break;
    case OPT_OUTPUT:
        arguments->output = value;
        break;
    case OPT_METRICS:
        arguments->metrics = value;
        break;
    case OPT_FLOWS:
        return option_each_item(value, "no flow is given", take_range, &arguments->request, fail) ||
               fail_prefix(fail, "option %s", given);
    }
    return true;
}

/* The columns of a log that are to be drawn. */
struct choice {
    const struct logreader *log;
    struct plot_request *request;
};

static bool choose_metric(void *context, char *item, struct fail *fail)
{
    const struct choice *choice = context;
    struct plot_request *request = choice->request;
    int column = logreader_column(choice->log, item);
    if (column < 0)
        return fail_set(fail, 0, "option --metrics: the log has no column '%s'", item);
    if (request->metric_count == PLOT_METRICS_MAX)
        return fail_set(fail, 0, "option --metrics: more than %d metrics can't be drawn at once",
                        PLOT_METRICS_MAX);
    request->metrics[request->metric_count++] = column;
    return true;
}

static bool choose_metrics(const struct logreader *log, const char *list,
                           struct plot_request *request, struct fail *fail)
{
    struct choice choice = {log, request};
    return option_each_item(list, "no metric is given", choose_metric, &choice, fail);
}

static char *default_output(const char *path)
{
    const char *dot = strrchr(path, '.');
    int length = dot && !strchr(dot, '/') && dot != path ? (int)(dot - path) : (int)strlen(path);
    return mem_printf("%.*s.svg", length, path);
}

static int draw(const struct plot_arguments *arguments, const char *path)
{
    struct fail fail;
    struct plot_request request = arguments->request;
    int status = EXIT_PARTIAL;
    char *output = arguments->output ? mem_strdup(arguments->output) : default_output(path);
    struct logreader *log = logreader_open(path, &fail);
    request.title = path;
    if (!log || !choose_metrics(log, arguments->metrics, &request, &fail)) {
        status = EXIT_USAGE;
        log_error("plot: %s", fail.text);
    } else if (!plot_draw(log, &request, output, &fail)) {
        log_error("plot: %s", fail.text);
    } else {
        status = EXIT_WELL;
    }
    logreader_free(log);
    free(output);
    return status;
}

static void print_help(void)
{
    printf("Usage: flowctl plot [OPTION]... LOG\nDraws a flow log with gnuplot.\n");
    option_help(stdout, specs, SPECS);
}

int command_plot(int argc, char **argv)
{
    struct plot_arguments arguments = {.metrics = "through,cwnd,rtt"};
    struct fail fail;
    int operand, status = EXIT_WELL;
    bool good = option_parse(argc, argv, specs, SPECS, handle, &arguments, &operand, &fail);
    if (good && !arguments.help && !arguments.version && operand != argc - 1)
        good = fail_set(&fail, 0, "one flow log is to be named, not %d", argc - operand);
    if (!good) {
        log_error("plot: %s", fail.text);
        status = EXIT_USAGE;
    } else if (arguments.help) {
        print_help();
    } else if (arguments.version) {
        printf("flowctl (%s) %s\n", PACKAGE_NAME, PACKAGE_VERSION);
    } else {
        status = draw(&arguments, argv[operand]);
    }
    free(arguments.request.flows);
    return status;
}
