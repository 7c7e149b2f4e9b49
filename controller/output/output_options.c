/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/output_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mem.h"
#include "nearest.h"
#include "option.h"
#include "output/formats.h"
#include "printable.h"
#include "output/target.h"

/* What --style and --summary take, in the order of their functions below. */
#define STYLES    "table|flowgrind"
#define SUMMARIES "full|table|total"

static const struct option_spec own_specs[] = {
    {0, "csv", OPTION_OPTIONAL, "FILE", NULL, "short for --output csv[:FILE]", OUTPUT_OPTION_CSV},
    {0, "hide-addresses", OPTION_NONE, NULL, NULL,
     "write host-0, host-1 and so on to the files of --output, instead of names and addresses of "
     "hosts",
     OUTPUT_OPTION_HIDE_ADDRESSES},
    {0, "host-stats", OPTION_NONE, NULL, NULL,
     "also record CPU time, interfaces, queueing disciplines and TCP and UDP counters of each "
     "host, in rows of their own, every interval (-i) but at most every 0.1 s; see HOST STATISTICS "
     "in flowlog(5)",
     OUTPUT_OPTION_HOST_STATS},
    {0, "json", OPTION_OPTIONAL, "FILE", NULL, "short for --output json[:FILE]",
     OUTPUT_OPTION_JSON},
    {0, "json-stream", OPTION_OPTIONAL, "FILE", NULL, "short for --output jsonl[:FILE]",
     OUTPUT_OPTION_JSON_STREAM},
    {0, "live", OPTION_NONE, NULL, NULL,
     "show the flows on the full screen while they run: sorted, filtered, grouped by host; h there "
     "lists the keys",
     OUTPUT_OPTION_LIVE},
    {0, "output", OPTION_REQUIRED, "FORMAT[:TARGET]", NULL,
     "also write the results to TARGET; may be repeated; --help=output lists the formats",
     OUTPUT_OPTION_OUTPUT},
    {0, "style", OPTION_REQUIRED, STYLES, NULL,
     "how to show the flows while they run: a table that fits the terminal, with a row for each "
     "flow and second, or flowgrind's rows (default: the table on a terminal, unless -c, -p or -s "
     "byte is given)",
     OUTPUT_OPTION_STYLE},
    {0, "summary", OPTION_REQUIRED, SUMMARIES, NULL,
     "what to show at the end: flowgrind's lines for each flow, a table, or only the totals "
     "(default: depends on --style)",
     OUTPUT_OPTION_SUMMARY},
    {0, "title", OPTION_REQUIRED, "TEXT", NULL,
     "a title for the run, at the head of its output and log and above its plots",
     OUTPUT_OPTION_TITLE},
};

size_t output_options_specs(struct option_spec *specs, int base, const char *group)
{
    enum { OWN = COUNT(own_specs) };
    for (int i = 0; i < OWN; i++) {
        specs[i] = own_specs[i];
        specs[i].id += base;
        specs[i].group = group;
    }
    return OWN;
}

static bool is_shown(const struct output_options *options, const struct column *column)
{
    for (size_t i = 0; i < options->column_count; i++)
        if (options->columns[i] == column)
            return true;
    return false;
}

/* Shows the columns of a group, or the one of that name. Returns whether there is any. */
static bool show_columns(struct output_options *options, const char *name)
{
    bool found = !strcmp(name, "interval") || !strcmp(name, "all");
    options->show_interval |= found;
    for (size_t i = 0; i < columns_count; i++) {
        if (strcmp(name, "all") && strcmp(columns[i].group, name))
            continue;
        found = true;
        if (!is_shown(options, &columns[i]))
            options->columns[options->column_count++] = &columns[i];
    }
    const struct column *single = found ? NULL : column_find(name, strlen(name));
    if (single && !is_shown(options, single))
        options->columns[options->column_count++] = single;
    return found || single;
}

static bool choose_column(void *context, char *item, struct fail *fail)
{
    if (show_columns(context, item))
        return true;
    struct nearest nearest = nearest_to(item);
    for (size_t i = 0; i < columns_count; i++) {
        nearest_try(&nearest, columns[i].group);
        nearest_try(&nearest, columns[i].name);
    }
    if (nearest.name)
        return fail_set(fail, 0, "unknown column '%s'; did you mean '%s'?", item, nearest.name);
    if (strpbrk(item, ".:")) /* as iperf's -c */
        return fail_set(fail, 0, "unknown column '%s'; hosts are given with -H s=HOST,d=HOST",
                        item);
    return fail_set(
        fail, 0, "unknown column '%s'; --help lists the groups, and flowlog(5) each column", item);
}

bool output_choose_columns(struct output_options *options, const char *list, struct fail *fail)
{
    options->columns_given = true;
    return option_each_item(list, "no column is given", choose_column, options, fail);
}

static int by_place(const void *one, const void *other)
{
    const struct column *const *a = one, *const *b = other;
    return *a < *b ? -1 : *a > *b;
}

void output_default_columns(struct output_options *options, const struct output_content *content)
{
    const struct {
        const char *group;
        bool shown;
    } groups[] = {
        {"interval", true},
        {"through", true},
        {"transac", content->streams},
        {"iat", content->streams},
        {"kernel", content->streams},
        {"udp", content->datagrams},
        {"rtt", content->round_trips},
        {"delay", content->delays},
    };
    for (size_t i = 0; i < COUNT(groups) && !options->columns_given; i++)
        if (groups[i].shown)
            show_columns(options, groups[i].group);
    qsort(options->columns, options->column_count, sizeof options->columns[0], by_place);
}

bool output_choose_windows(struct output_options *options, const char *unit, struct fail *fail)
{
    options->bytes = !strcmp(unit, "byte");
    return options->bytes || !strcmp(unit, "segment") ||
           fail_set(fail, 0, "'%s' is neither segment nor byte", unit);
}

static bool add_format(struct output_options *options, const struct output_format *format,
                       const char *target, struct fail *fail)
{
    bool to_stdout = !format->needs_target && (!target || target_is_stdout(target));
    if (target && !*target)
        return fail_set(fail, 0, "the target of %s is empty", format->name);
    if (!target && format->needs_target)
        return fail_set(fail, 0, "%s needs a target: %s:%s", format->name, format->name,
                        format->target);
    if (to_stdout && options->takes_stdout)
        return fail_set(fail, 0, "only one output can go to standard output; name a file for %s",
                        format->name);
    if (options->output_count == OUTPUTS_MAX)
        return fail_set(fail, 0, "there can be at most %d outputs", OUTPUTS_MAX);
    options->takes_stdout |= to_stdout;
    options->outputs[options->output_count++] = (struct output_request){format, target};
    return true;
}

/* The names of all formats, separated by commas; to be freed. */
static char *format_names(void)
{
    struct buffer names = {0};
    for (size_t i = 0; i < output_formats_count; i++)
        buffer_printf(&names, "%s%s", i ? ", " : "", output_formats[i].name);
    buffer_add(&names, "", 1);
    return names.data;
}

static bool add(struct output_options *options, const char *value, struct fail *fail)
{
    size_t length = strcspn(value, ":");
    const struct output_format *format = output_format_find(value, length);
    if (format)
        return add_format(options, format, value[length] ? value + length + 1 : NULL, fail);
    char *names = format_names();
    fail_set(fail, 0, "unknown format '%.*s'; known formats: %s", (int)length, value, names);
    free(names);
    return false;
}

static bool choose_style(struct output_options *options, const char *value, struct fail *fail)
{
    static const enum screen_style styles[] = {STYLE_TABLE, STYLE_FLOWGRIND};
    int index = option_choice(STYLES, value, fail);
    if (index >= 0)
        options->style = styles[index];
    return index >= 0;
}

static bool choose_summary(struct output_options *options, const char *value, struct fail *fail)
{
    static const enum summary_form forms[] = {SUMMARY_FULL, SUMMARY_TABLE, SUMMARY_TOTAL};
    int index = option_choice(SUMMARIES, value, fail);
    if (index >= 0)
        options->summary = forms[index];
    return index >= 0;
}

/* It stands in a line of the log and in scripts of gnuplot. */
static bool take_title(struct output_options *options, const char *value, struct fail *fail)
{
    char copy[OUTPUT_TITLE_MAX + 1];
    if (!*value || strlen(value) > OUTPUT_TITLE_MAX)
        return fail_set(fail, 0, "a title has 1 to %d bytes", OUTPUT_TITLE_MAX);
    snprintf(copy, sizeof copy, "%s", value);
    printable(copy);
    options->title = value;
    return !strcmp(copy, value) ||
           fail_set(fail, 0, "a title is one line of UTF-8 without control characters");
}

bool output_take_option(struct output_options *options, enum output_option id, const char *value,
                        struct fail *fail)
{
    switch (id) {
    case OUTPUT_OPTION_CSV:
        return add_format(options, output_format_find("csv", 3), value, fail);
    case OUTPUT_OPTION_HIDE_ADDRESSES:
        options->hide_addresses = true;
        break;
    case OUTPUT_OPTION_HOST_STATS:
        options->host_stats = true;
        break;
    case OUTPUT_OPTION_JSON:
        return add_format(options, output_format_find("json", 4), value, fail);
    case OUTPUT_OPTION_JSON_STREAM:
        return add_format(options, output_format_find("jsonl", 5), value, fail);
    case OUTPUT_OPTION_LIVE:
        options->live = true;
        break;
    case OUTPUT_OPTION_OUTPUT:
        return add(options, value, fail);
    case OUTPUT_OPTION_STYLE:
        return choose_style(options, value, fail);
    case OUTPUT_OPTION_SUMMARY:
        return choose_summary(options, value, fail);
    case OUTPUT_OPTION_TITLE:
        return take_title(options, value, fail);
    case OUTPUT_OPTIONS:
        break;
    }
    return true;
}

bool output_place_log(struct output_options *options, struct fail *fail)
{
    bool to_stdout = options->log && options->log_file && target_is_stdout(options->log_file);
    if (to_stdout && options->takes_stdout)
        return fail_set(fail, 0,
                        "only one output can go to standard output; name a file for the log");
    options->takes_stdout |= to_stdout;
    return true;
}

bool output_wants_table(const struct output_options *options)
{
    bool asks = options->columns_given || options->numbers || options->bytes;
    return options->style == STYLE_TABLE ||
           (options->style == STYLE_AUTO && !asks && isatty(STDOUT_FILENO));
}
