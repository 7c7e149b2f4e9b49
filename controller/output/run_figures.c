/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/run_figures.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "output/json.h"
#include "number.h"
#include "option.h"
#include "output/stored_runs.h"

const struct run_figure_info run_figures_list[RUN_FIGURES] = {
    [RUN_GOODPUT] = {"goodput", "bit/s", "goodput of all flows together"},
    [RUN_RETRANSMITTED] = {"retransmitted", "1", "bytes retransmitted of the bytes sent"},
    [RUN_RTT] = {"rtt", "s", "smoothed RTT of the senders, mean over rows and flows"},
    [RUN_MIN_RTT] = {"min_rtt", "s", "minimum RTT, mean over flows"},
    [RUN_LOST] = {"lost", "1", "datagrams lost of the datagrams sent"},
    [RUN_JITTER] = {"jitter", "s", "jitter, mean over flows"},
    [RUN_FAIRNESS] = {"fairness", "1", "Jain's fairness index of the flows"},
};

int run_figure_find(const char *name, size_t length)
{
    for (int i = 0; i < RUN_FIGURES; i++)
        if (strlen(run_figures_list[i].name) == length &&
            !strncmp(run_figures_list[i].name, name, length))
            return i;
    return -1;
}

void run_figure_text(enum run_figure figure, double value, double largest,
                     char text[2 * FIGURE_MAX])
{
    char number[FIGURE_MAX];
    const char *unit = run_figures_list[figure].unit;
    if (!isfinite(value)) {
        strcpy(text, "-");
    } else if (*unit == 'b') {
        const struct figure_unit *rate = figure_rate_unit(fabs(largest), false);
        figure_format(value / rate->size, number);
        snprintf(text, 2 * FIGURE_MAX, "%s %s", number, rate->name);
    } else {
        bool share = figure == RUN_RETRANSMITTED || figure == RUN_LOST;
        figure_format(value * (*unit == 's' ? 1e3 : share ? 100 : 1), number);
        snprintf(text, 2 * FIGURE_MAX, "%s%s", number, *unit == 's' ? " ms" : share ? " %" : "");
    }
}

/* ---- one run */

static struct run_figures no_figures(void)
{
    struct run_figures figures;
    for (int i = 0; i < RUN_FIGURES; i++)
        figures.value[i] = NAN;
    return figures;
}

/* Sums of what all directions have. */
struct sums {
    double value[4];
    double of[RUN_FIGURES];
    size_t count[RUN_FIGURES];
};

static void add_direction(struct run_entry *entry, const json_t *record, double rtt,
                          struct sums *sums)
{
    static const char *const names[4] = {"retransmitted_bytes", "sent_bytes", "datagrams_lost",
                                         "datagrams_sent"};
    double parts[4];
    struct run_figures figures = no_figures();
    for (int i = 0; i < 4; i++)
        parts[i] = json_number_in(record, names[i]);
    for (int i = 0; i < 4; i += 2)
        if (isfinite(parts[i]) && parts[i + 1] > 0) {
            sums->value[i] += parts[i];
            sums->value[i + 1] += parts[i + 1];
        }
    figures.value[RUN_GOODPUT] = json_number_in(record, "goodput_bits_per_second");
    figures.value[RUN_RETRANSMITTED] = parts[1] > 0 ? parts[0] / parts[1] : (double)NAN;
    figures.value[RUN_RTT] = rtt;
    figures.value[RUN_MIN_RTT] = json_number_in(record, "min_rtt_seconds");
    figures.value[RUN_LOST] = parts[3] > 0 ? parts[2] / parts[3] : (double)NAN;
    figures.value[RUN_JITTER] = json_number_in(record, "jitter_seconds");
    for (int i = 0; i < RUN_FIGURES; i++)
        if (isfinite(figures.value[i])) {
            sums->of[i] += figures.value[i];
            sums->count[i]++;
        }
    entry->directions =
        mem_grow(entry->directions, entry->direction_count + 1, sizeof *entry->directions);
    entry->directions[entry->direction_count++] = figures;
}

static void sum_up(struct run_entry *entry, const json_t *total, const struct sums *sums)
{
    static const enum run_figure means[] = {RUN_RTT, RUN_MIN_RTT, RUN_JITTER};
    double *value = entry->whole.value;
    for (size_t i = 0; i < COUNT(means); i++)
        if (sums->count[means[i]])
            value[means[i]] = sums->of[means[i]] / (double)sums->count[means[i]];
    if (sums->value[1] > 0)
        value[RUN_RETRANSMITTED] = sums->value[0] / sums->value[1];
    if (sums->value[3] > 0)
        value[RUN_LOST] = sums->value[2] / sums->value[3];
    value[RUN_FAIRNESS] = json_number_in(total, "fairness");
}

/* The mean smoothed RTT of a sender's rows, in s. */
static double mean_rtt(sqlite3 *database, int64_t run, int64_t flow, const char *sender)
{
    static const char sql[] =
        "SELECT avg(srtt) / 1e6 FROM flow JOIN endpoint ON endpoint.flow = flow.id JOIN row ON "
        "row.endpoint = endpoint.id WHERE flow.run = ? AND flow.number = ? AND side = ?";
    sqlite3_stmt *statement;
    double value = NAN;
    if (!sender || sqlite3_prepare_v2(database, sql, -1, &statement, NULL) != SQLITE_OK)
        return NAN;
    sqlite3_bind_int64(statement, 1, run);
    sqlite3_bind_int64(statement, 2, flow);
    sqlite3_bind_text(statement, 3, sender, -1, SQLITE_STATIC);
    if (sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_type(statement, 0) != SQLITE_NULL)
        value = sqlite3_column_double(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

static void take_summary(sqlite3 *database, struct run_entry *entry, const char *text, bool rows)
{
    json_t *end = text ? json_loads(text, 0, NULL) : NULL, *flow, *direction;
    struct sums sums = {0};
    size_t i, k;
    json_array_foreach(json_object_get(end, "flows"), i, flow)
        json_array_foreach(json_object_get(flow, "directions"), k, direction)
    {
        int64_t number = json_integer_value(json_object_get(flow, "flow"));
        const char *sender = json_string_value(json_object_get(direction, "sender"));
        double rtt = rows ? mean_rtt(database, entry->id, number, sender) : (double)NAN;
        add_direction(entry, direction, rtt, &sums);
    }
    sum_up(entry, json_object_get(end, "total"), &sums);
    json_decref(end);
}

/* ---- several */

static char *copy(sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    return mem_strdup(text ? text : "");
}

static void add_entry(sqlite3 *database, sqlite3_stmt *statement, bool rows, struct run_list *list)
{
    enum { ID, UUID, START, TITLE, FLOWS, STATUS, GOODPUT, SUMMARY };
    list->entries = mem_grow(list->entries, list->count + 1, sizeof *list->entries);
    struct run_entry *entry = &list->entries[list->count++];
    *entry = (struct run_entry){
        .id = sqlite3_column_int64(statement, ID),
        .flows = sqlite3_column_int64(statement, FLOWS),
        .status = sqlite3_column_type(statement, STATUS) == SQLITE_NULL
                      ? -1
                      : sqlite3_column_int64(statement, STATUS),
        .uuid = copy(statement, UUID),
        .start = copy(statement, START),
        .title = copy(statement, TITLE),
        .whole = no_figures(),
    };
    if (sqlite3_column_type(statement, GOODPUT) != SQLITE_NULL)
        entry->whole.value[RUN_GOODPUT] = sqlite3_column_double(statement, GOODPUT);
    take_summary(database, entry, (const char *)sqlite3_column_text(statement, SUMMARY), rows);
}

static bool has_column(sqlite3 *database, const char *name)
{
    return sqlite3_table_column_metadata(database, NULL, "run", name, NULL, NULL, NULL, NULL,
                                         NULL) == SQLITE_OK;
}

/* The runs that a condition with one place selects. */
static bool add_runs(sqlite3 *database, const char *condition, const char *text, bool rows,
                     struct run_list *list, struct fail *fail)
{
    char *sql = mem_printf("SELECT id, uuid, start, %s, flows, status, goodput, %s FROM run WHERE "
                           "%s ORDER BY id",
                           has_column(database, "title") ? "title" : "NULL",
                           has_column(database, "summary") ? "summary" : "NULL", condition);
    sqlite3_stmt *statement = database_query(database, sql, fail);
    free(sql);
    if (!statement)
        return false;
    if (text)
        sqlite3_bind_text(statement, 1, text, -1, SQLITE_TRANSIENT);
    while (sqlite3_step(statement) == SQLITE_ROW)
        add_entry(database, statement, rows, list);
    return database_end(statement, fail);
}

struct selecting {
    sqlite3 *database;
    bool rows;
    struct run_list *list;
};

static bool add_run(struct selecting *selecting, const char *name, struct fail *fail)
{
    int64_t id;
    char number[32];
    if (!database_find_run(selecting->database, name, &id, fail))
        return false;
    for (size_t i = 0; i < selecting->list->count; i++)
        if (selecting->list->entries[i].id == id)
            return true;
    snprintf(number, sizeof number, "%" PRId64, id);
    return add_runs(selecting->database, "id = CAST(? AS INTEGER)", number, selecting->rows,
                    selecting->list, fail);
}

/* A number, a range of numbers, or the begin of an identifier. */
static bool add_item(void *context, char *item, struct fail *fail)
{
    enum { RUNS_MOST = 100000 };
    int64_t first, last;
    if (!strchr(item, '-') || !number_parse_range(item, 1, RUNS_MOST, &first, &last, NULL))
        return add_run(context, item, fail);
    for (; first <= last; first++) {
        char number[32];
        snprintf(number, sizeof number, "%" PRId64, first);
        if (!add_run(context, number, fail))
            return false;
    }
    return true;
}

bool run_list_read(sqlite3 *database, const char *which, bool rows, struct run_list *list,
                   struct fail *fail)
{
    struct selecting selecting = {database, rows, list};
    *list = (struct run_list){0};
    if (!which)
        return add_runs(database, "1", NULL, rows, list, fail);
    if (strncmp(which, "title=", 6))
        return option_each_item(which, "no run is given", add_item, &selecting, fail);
    if (!has_column(database, "title"))
        return fail_set(fail, 0, "the database has no titles");
    return add_runs(database, "title = ?", which + 6, rows, list, fail) &&
           (list->count ||
            fail_set(fail, 0, "the database has no run with the title '%s'", which + 6));
}

void run_list_free(struct run_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->entries[i].uuid);
        free(list->entries[i].start);
        free(list->entries[i].title);
        free(list->entries[i].directions);
    }
    free(list->entries);
    *list = (struct run_list){0};
}
