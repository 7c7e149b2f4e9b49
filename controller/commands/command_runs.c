/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <math.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands/command.h"
#include "log.h"
#include "mem.h"
#include "output/stored_runs.h"
#include "output/json.h"
#include "output/run_figures.h"
#include "output/terminal.h"
#include "output/text_table.h"
#include "run/run.h"

enum { OPT_JSON };

static const struct option_spec specs[] = {
    {0, "json", OPTION_NONE, NULL, "Options", "print one JSON object per line instead of a table",
     OPT_JSON},
};

static bool handle(void *context, const struct option_spec *spec, const char *given,
                   const char *value, struct fail *fail)
{
    (void)spec, (void)given, (void)value, (void)fail;
    *(bool *)context = true;
    return true;
}

static const struct text_column table_columns_of_runs[] = {
    {"run", false, 1},   {"start (UTC)", true, 1}, {"title", true, 3},
    {"flows", false, 2}, {"goodput", false, 1},    {"retransmitted", false, 4},
    {"status", true, 2}, {"identifier", true, 5},
};

static char *status_text(const struct run_entry *entry)
{
    return entry->status < 0 ? mem_strdup("cut off")
           : entry->status   ? mem_printf("partial (%" PRId64 ")", entry->status)
                             : mem_strdup("complete");
}

/* "2026-11-30T20:38:06.863405114Z" to the second, in words of a table. */
static char *start_text(const char *start)
{
    char *text = mem_printf("%.19s", start), *t = strchr(text, 'T');
    if (t)
        *t = ' ';
    return text;
}

static void print_table(const struct run_list *list)
{
    struct text_table table = {.columns = table_columns_of_runs,
                               .column_count = COUNT(table_columns_of_runs)};
    double largest = 0;
    for (size_t i = 0; i < list->count; i++)
        largest = fmax(largest, list->entries[i].whole.value[RUN_GOODPUT]);
    for (size_t i = 0; i < list->count; i++) {
        const struct run_entry *entry = &list->entries[i];
        char goodput[2 * FIGURE_MAX], again[2 * FIGURE_MAX];
        run_figure_text(RUN_GOODPUT, entry->whole.value[RUN_GOODPUT], largest, goodput);
        run_figure_text(RUN_RETRANSMITTED, entry->whole.value[RUN_RETRANSMITTED], 0, again);
        text_table_add(&table,
                       (char *[]){mem_printf("%" PRId64, entry->id), start_text(entry->start),
                                  mem_strdup(entry->title), mem_printf("%" PRId64, entry->flows),
                                  mem_strdup(goodput), mem_strdup(again), status_text(entry),
                                  mem_printf("%.12s", entry->uuid)});
    }
    text_table_print(&table, stdout, terminal_look(STDOUT_FILENO).width);
}

static void print_json(const struct run_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct run_entry *entry = &list->entries[i];
        struct buffer line = {0};
        json_t *record = json_object();
        json_set_integer(record, "number", entry->id);
        json_set_text(NULL, record, "run", entry->uuid);
        json_set_text(NULL, record, "start", entry->start);
        json_set_text(NULL, record, "title", entry->title);
        json_set_integer(record, "flows", entry->flows);
        if (entry->status >= 0)
            json_set_integer(record, "status", entry->status);
        json_set_real(record, "goodput_bits_per_second", entry->whole.value[RUN_GOODPUT]);
        json_set_real(record, "retransmitted_ratio", entry->whole.value[RUN_RETRANSMITTED]);
        json_put(record, &line);
        printf("%.*s\n", (int)line.length, line.data);
        buffer_free(&line);
    }
}

static int list_runs(struct command_line *line)
{
    bool json = false;
    int status;
    struct fail fail;
    struct run_list list = {0};
    if (!command_read(line, &json, &status))
        return status;
    sqlite3 *database = database_open(line->operands[0], &fail);
    bool good = database && run_list_read(database, NULL, false, &list, &fail);
    if (good)
        (json ? print_json : print_table)(&list);
    else
        log_error("runs: %s", fail.text);
    run_list_free(&list);
    sqlite3_close(database);
    return good ? EXIT_OK : EXIT_USAGE;
}

const struct command command_runs = {
    .name = "runs",
    .arguments = "DATABASE",
    .least = 1,
    .most = 1,
    .sentence = "Lists the runs of a database that --output=sqlite appends to.",
    .specs = specs,
    .spec_count = COUNT(specs),
    .take = handle,
    .run = list_runs,
};
