/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands/command.h"
#include "log.h"
#include "mem.h"
#include "output/json.h"
#include "output/run_about.h"
#include "output/run_figures.h"
#include "output/terminal.h"
#include "output/text_table.h"
#include "printable.h"
#include "results/limits.h"
#include "run/run.h"

enum { OPT_JSON };

static const struct option_spec specs[] = {
    {0, "json", OPTION_NONE, NULL, "Options",
     "print all that is known of the run but its rows as a JSON object", OPT_JSON},
};

static bool handle(void *context, const struct option_spec *spec, const char *given,
                   const char *value, struct fail *fail)
{
    (void)spec, (void)given, (void)value, (void)fail;
    *(bool *)context = true;
    return true;
}

/* ---- reading */

static bool take_columns(void *context, char **names, char **units, size_t count, struct fail *fail)
{
    (void)context, (void)names, (void)units, (void)count, (void)fail;
    return true;
}

static void skip_row(void *context, int64_t flow, enum endpoint endpoint, char **words)
{
    (void)context, (void)flow, (void)endpoint, (void)words;
}

static json_t *read_run(const char *path, struct fail *fail)
{
    struct run_about *about = run_about_new();
    const struct run_visitor visitor = {.log = {about, take_columns, skip_row, run_about_comment},
                                        .record = run_about_record};
    if (run_read(path, &visitor, fail))
        return run_about_finish(about);
    run_about_free(about);
    return NULL;
}

/* ---- printing */

static const struct text_column columns_of_flows[] = {
    {"flow", false, 1},     {"from", true, 3},     {"to", true, 3},
    {"algorithm", true, 4}, {"goodput", false, 1}, {"retransmitted", false, 2},
    {"min RTT", false, 5},  {"lost", false, 2},    {"limited by", true, 2},
    {"error", true, 1},
};
enum { FLOW_COLUMNS = COUNT(columns_of_flows), ERROR = FLOW_COLUMNS - 1 };

/* What an end of a flow said, or NULL. */
static const json_t *end_of(const json_t *about, json_int_t flow, const char *side)
{
    const json_t *ends = json_object_get(about, "ends"), *end;
    for (size_t i = 0; i < json_array_size(ends); i++) {
        end = json_array_get(ends, i);
        if (json_integer_value(json_object_get(end, "flow")) == flow &&
            !strcmp(json_text_in(end, "endpoint"), side))
            return end;
    }
    return NULL;
}

static const json_t *flow_of(const json_t *about, json_int_t number)
{
    const json_t *flows = json_object_get(about, "flows");
    for (size_t i = 0; i < json_array_size(flows); i++)
        if (json_integer_value(json_object_get(json_array_get(flows, i), "flow")) == number)
            return json_array_get(flows, i);
    return NULL;
}

static char *figure_text(enum run_figure figure, double value, double largest)
{
    char text[2 * FIGURE_MAX];
    run_figure_text(figure, value, largest, text);
    return mem_strdup(text);
}

static char *ratio_text(enum run_figure figure, double part, double whole)
{
    return figure_text(figure, whole > 0 ? part / whole : (double)NAN, 0);
}

static char *limit_text(const json_t *direction)
{
    const char *name = json_text_in(direction, "limited_by");
    for (int i = 0; i < LIMITS; i++)
        if (!strcmp(limits_list[i].name, name))
            return mem_printf("%s %.0f %%", limits_list[i].words,
                              100 * json_number_in(json_object_get(direction, "limits"), name));
    const char *text = json_text_in(direction, "limits_text");
    return mem_printf("%.*s", (int)strcspn(text, ","), text);
}

/* Both ends often say the same. */
static char *error_text(const json_t *about, json_int_t flow)
{
    static const char *const names[] = {"error", "stopped"};
    for (size_t i = 0; i < COUNT(names); i++)
        for (int end = 0; end < ENDPOINTS; end++) {
            const char *text =
                json_text_in(end_of(about, flow, endpoint_name((enum endpoint)end)), names[i]);
            if (*text)
                return mem_strdup(text);
        }
    return NULL;
}

/* Goodputs are in the unit that suits `largest`. */
static void add_direction(struct text_table *table, const json_t *about, json_int_t number,
                          const json_t *direction, double largest)
{
    const char *sender = json_text_in(direction, "sender");
    bool back = !strcmp(sender, endpoint_name(DESTINATION));
    const json_t *flow = flow_of(about, number), *from = json_object_get(flow, sender),
                 *to = json_object_get(flow, endpoint_name(back ? SOURCE : DESTINATION));
    text_table_add(
        table,
        (char *[FLOW_COLUMNS]){
            mem_printf("%" JSON_INTEGER_FORMAT "%s", number, back ? " D" : ""),
            mem_strdup(json_text_in(from, "address")), mem_strdup(json_text_in(to, "address")),
            mem_strdup(json_text_in(end_of(about, number, sender), "algorithm")),
            figure_text(RUN_GOODPUT, json_number_in(direction, "goodput_bits_per_second"), largest),
            ratio_text(RUN_RETRANSMITTED, json_number_in(direction, "retransmitted_bytes"),
                       json_number_in(direction, "sent_bytes")),
            figure_text(RUN_MIN_RTT, json_number_in(direction, "min_rtt_seconds"), 0),
            ratio_text(RUN_LOST, json_number_in(direction, "datagrams_lost"),
                       json_number_in(direction, "datagrams_sent")),
            limit_text(direction), error_text(about, number)});
}

static double largest_goodput(const json_t *flows)
{
    double largest = 0;
    for (size_t i = 0; i < json_array_size(flows); i++) {
        const json_t *directions = json_object_get(json_array_get(flows, i), "directions");
        for (size_t k = 0; k < json_array_size(directions); k++)
            largest = fmax(
                largest, json_number_in(json_array_get(directions, k), "goodput_bits_per_second"));
    }
    return largest;
}

/* Columns without any value are left out. */
static void print_flows(const json_t *about, const json_t *end)
{
    struct text_column shown[FLOW_COLUMNS];
    struct text_table table = {.columns = shown, .column_count = FLOW_COLUMNS};
    const json_t *flows = json_object_get(end, "flows");
    double largest = largest_goodput(flows);
    memcpy(shown, columns_of_flows, sizeof shown);
    for (size_t i = 0; i < json_array_size(flows); i++) {
        const json_t *flow = json_array_get(flows, i),
                     *directions = json_object_get(flow, "directions");
        for (size_t k = 0; k < json_array_size(directions); k++)
            add_direction(&table, about, json_integer_value(json_object_get(flow, "flow")),
                          json_array_get(directions, k), largest);
    }
    text_table_drop_empty(&table, shown);
    if (table.row_count)
        text_table_print(&table, stdout, terminal_look(STDOUT_FILENO).width);
}

static void print_line(const char *name, const char *text)
{
    char *clean = mem_strdup(text);
    printable(clean);
    if (*clean)
        printf("%-11s %s\n", name, clean);
    free(clean);
}

static void print_total(const json_t *end)
{
    const json_t *total = json_object_get(end, "total");
    double rate = json_number_in(total, "goodput_bits_per_second");
    char *goodput = figure_text(RUN_GOODPUT, rate, rate);
    char *fairness = figure_text(RUN_FAIRNESS, json_number_in(total, "fairness"), 0);
    printf("\n");
    print_line("goodput", goodput);
    print_line("fairness", fairness);
    free(goodput);
    free(fairness);
}

static void print_run(json_t *about)
{
    const json_t *run = json_object_get(about, "run"), *end = json_object_get(about, "end");
    const json_t *status = json_object_get(end, "status");
    char *start = mem_printf("%.19s", json_text_in(run, "start")), *t = strchr(start, 'T');
    if (t)
        *t = ' ';
    print_line("title", json_text_in(run, "title"));
    print_line("run", json_text_in(run, "run"));
    print_line("start", start);
    print_line("controller", json_text_in(run, "controller"));
    print_line("version", json_text_in(run, "version"));
    print_line("status", json_is_null(end)            ? "cut off: the file has no summary"
                         : json_integer_value(status) ? "partial"
                                                      : "complete");
    free(start);
    if (json_is_null(end))
        return;
    printf("\n");
    print_flows(about, end);
    print_total(end);
}

static int show(struct command_line *line)
{
    bool json = false;
    int status;
    struct fail fail;
    if (!command_read(line, &json, &status))
        return status;
    json_t *about = read_run(line->operands[0], &fail);
    if (!about) {
        log_error("show: %s", fail.text);
        return EXIT_USAGE;
    }
    if (json) {
        struct buffer text = {0};
        json_put(about, &text);
        printf("%.*s\n", (int)text.length, text.data);
        buffer_free(&text);
        return EXIT_OK;
    }
    print_run(about);
    json_decref(about);
    return EXIT_OK;
}

const struct command command_show = {
    .name = "show",
    .arguments = "RUN",
    .least = 1,
    .most = 1,
    .sentence = "Shows one run: its flows, totals and what limited them. RUN is a flow log, a file "
                "of --output=jsonl, or a database of --output=sqlite (DATABASE:RUN; default: its "
                "last run).",
    .specs = specs,
    .spec_count = COUNT(specs),
    .take = handle,
    .run = show,
};
