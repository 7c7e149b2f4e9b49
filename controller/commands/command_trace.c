/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "commands/command.h"
#include "log.h"
#include "mem.h"
#include "output/trace_reader.h"
#include "run/run.h"

enum { OPT_OUTPUT };

static const struct option_spec specs[] = {
    {0, "output", OPTION_REQUIRED, "FORMAT", "Options",
     "csv (default): a line for each event, after one with the names of the columns; or jsonl: a "
     "JSON object for each",
     OPT_OUTPUT},
};

/* A trace that is printed. */
struct printing {
    struct trace_reader *reader;
    bool json;
    int time;
    int64_t start; /* that times are counted from; 0: they stay as they are */
    size_t count;  /* columns */
};

static bool handle(void *context, const struct option_spec *spec, const char *given,
                   const char *value, struct fail *fail)
{
    struct printing *printing = context;
    (void)spec;
    printing->json = !strcmp(value, "jsonl");
    return printing->json || !strcmp(value, "csv") ||
           fail_set(fail, 0, "option %s: '%s' is not a format: csv or jsonl", given, value);
}

/* Seconds with all digits that the clock has, which a double does not keep. */
static void print_time(const struct printing *printing)
{
    int64_t time = (int64_t)trace_reader_raw(printing->reader, printing->time);
    int64_t since = (int64_t)((uint64_t)time - (uint64_t)printing->start);
    uint64_t whole = since < 0 ? -(uint64_t)since : (uint64_t)since;
    printf("%s%" PRIu64 ".%09" PRIu64, since < 0 ? "-" : "", whole / NS_PER_SEC,
           whole % NS_PER_SEC);
}

/* The value; nothing where the event has none. */
static void print_value(const struct printing *printing, int column)
{
    double value;
    const char *name = trace_reader_name(printing->reader, column);
    if (column == printing->time)
        print_time(printing);
    else if (name)
        printf("%s%s%s", printing->json ? "\"" : "", name, printing->json ? "\"" : "");
    else if (trace_reader_value(printing->reader, column, &value))
        printf("%.15g", value);
}

static void print_csv(const struct printing *printing)
{
    for (size_t i = 0; i < printing->count; i++) {
        if (i)
            putchar(',');
        print_value(printing, (int)i);
    }
    putchar('\n');
}

static void print_json(const struct printing *printing)
{
    size_t count;
    double value;
    const struct trace_column *list = trace_reader_columns(printing->reader, &count);
    printf("{");
    for (size_t i = 0, printed = 0; i < count; i++) {
        if (!trace_reader_value(printing->reader, (int)i, &value))
            continue;
        printf("%s\"%s\":", printed++ ? "," : "", list[i].name);
        print_value(printing, (int)i);
    }
    printf("}\n");
}

static bool print_events(struct printing *printing, struct fail *fail)
{
    const struct trace_column *list = trace_reader_columns(printing->reader, &printing->count);
    int64_t start = trace_reader_start(printing->reader);
    int got;
    printing->time = trace_reader_find(printing->reader, "time");
    printing->start = start < 0 ? 0 : start;
    for (size_t i = 0; !printing->json && i < printing->count; i++)
        printf("%s%s", i ? "," : "", list[i].name);
    if (!printing->json)
        putchar('\n');
    while ((got = trace_reader_next(printing->reader, fail)) > 0 && !ferror(stdout))
        (printing->json ? print_json : print_csv)(printing);
    if (fflush(stdout) || ferror(stdout))
        return fail_set(fail, 0, "can't write to standard output: %s", fail_errno(errno));
    return got == 0;
}

static int print_trace(struct command_line *line)
{
    struct printing printing = {0};
    struct fail fail;
    int status;
    if (!command_read(line, &printing, &status))
        return status;
    printing.reader = trace_reader_open(line->operands[0], &fail);
    if (!printing.reader)
        status = EXIT_USAGE;
    else
        status = print_events(&printing, &fail) ? EXIT_OK : EXIT_PARTIAL;
    if (status != EXIT_OK)
        log_error("trace: %s", fail.text);
    else if (trace_reader_lost(printing.reader) != 0)
        log_warning("trace: %s", trace_reader_lost(printing.reader) < 0
                                     ? "the trace was not closed: it may lack events"
                                     : "the trace lacks events (its header says how many: lost)");
    trace_reader_close(printing.reader);
    return status;
}

const struct command command_trace = {
    .name = "trace",
    .arguments = "FILE",
    .least = 1,
    .most = 1,
    .sentence = "Prints the trace of a flow (flowtrace(5)).",
    .specs = specs,
    .spec_count = COUNT(specs),
    .take = handle,
    .run = print_trace,
};
