/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One run of a database that --output=sqlite appends to. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "output/stored_runs.h"
#include "output/run_reader.h"

static void give_record(const struct run_visitor *visitor, const char *text)
{
    json_t *record = text ? json_loads(text, 0, NULL) : NULL;
    if (json_is_object(record))
        visitor->record(visitor->log.context, record);
    json_decref(record);
}

/* Every record that a query gives in its first column. */
static bool give_records(sqlite3 *database, const struct run_visitor *visitor, const char *sql,
                         int64_t run, struct fail *fail)
{
    sqlite3_stmt *statement = database_query(database, sql, fail);
    if (!statement)
        return false;
    sqlite3_bind_int64(statement, 1, run);
    while (sqlite3_step(statement) == SQLITE_ROW)
        give_record(visitor, (const char *)sqlite3_column_text(statement, 0));
    return database_end(statement, fail);
}

/* Metrics that the table does not have yet are absent. */
static char *rows_query(sqlite3 *database)
{
    struct buffer sql = {0};
    buffer_text(&sql, "SELECT flow.number, endpoint.side = 'destination', begin_ns, end_ns");
    for (int i = 0; i < METRICS; i++)
        buffer_printf(&sql,
                      sqlite3_table_column_metadata(database, NULL, "row", metrics[i].field, NULL,
                                                    NULL, NULL, NULL, NULL) == SQLITE_OK
                          ? ", row.\"%s\""
                          : ", NULL",
                      metrics[i].field);
    buffer_text(&sql, " FROM flow JOIN endpoint ON endpoint.flow = flow.id JOIN row ON "
                      "row.endpoint = endpoint.id WHERE flow.run = ? ORDER BY flow.number, "
                      "endpoint.side, row.seq");
    buffer_add(&sql, "", 1);
    return sql.data;
}

static bool give_rows(sqlite3 *database, const struct run_visitor *visitor, int64_t run,
                      struct fail *fail)
{
    enum { KEYS = 4 };
    char *sql = rows_query(database);
    sqlite3_stmt *statement = database_query(database, sql, fail);
    free(sql);
    if (!statement)
        return false;
    sqlite3_bind_int64(statement, 1, run);
    while (sqlite3_step(statement) == SQLITE_ROW) {
        struct run_row row = {.flow = sqlite3_column_int64(statement, 0),
                              .endpoint = sqlite3_column_int(statement, 1) ? DESTINATION : SOURCE,
                              .begin = sqlite3_column_int64(statement, 2),
                              .end = sqlite3_column_int64(statement, 3)};
        for (int i = 0; i < METRICS; i++)
            row.values[i] = sqlite3_column_type(statement, KEYS + i) == SQLITE_NULL
                                ? METRIC_ABSENT
                                : sqlite3_column_int64(statement, KEYS + i);
        if (row.flow >= 0 && row.flow < FLOWLOG_FLOWS_MAX)
            visitor->row(visitor->log.context, &row);
    }
    return database_end(statement, fail);
}

/* A run that an older flowrig wrote has no records of the whole. */
static bool give_run(sqlite3 *database, const struct run_visitor *visitor, int64_t run,
                     struct fail *fail)
{
    bool whole = sqlite3_table_column_metadata(database, NULL, "run", "record", NULL, NULL, NULL,
                                               NULL, NULL) == SQLITE_OK;
    static const char ends[] =
        "SELECT json_object('type', 'final', 'flow', number, 'endpoint', side, 'error', error, "
        "'info', json(info)) FROM flow JOIN endpoint ON endpoint.flow = flow.id WHERE flow.run = ? "
        "AND info IS NOT NULL ORDER BY number";
    const char *head =
        whole ? "SELECT record FROM run WHERE id = ?"
              : "SELECT json_object('type', 'run', 'run', uuid, 'start', start, 'version', "
                "version, 'controller', controller) FROM run WHERE id = ?";
    return give_records(database, visitor, head, run, fail) &&
           give_records(database, visitor, "SELECT record FROM host WHERE run = ? ORDER BY number",
                        run, fail) &&
           give_records(database, visitor, "SELECT record FROM flow WHERE run = ? ORDER BY number",
                        run, fail) &&
           (!visitor->row || give_rows(database, visitor, run, fail)) &&
           (!whole || give_records(database, visitor, ends, run, fail)) &&
           give_records(database, visitor, "SELECT record FROM event WHERE run = ?", run, fail) &&
           (!whole ||
            give_records(database, visitor, "SELECT summary FROM run WHERE id = ?", run, fail));
}

bool database_read(const char *path, const char *run, const struct run_visitor *visitor,
                   struct fail *fail)
{
    sqlite3 *database = database_open(path, fail);
    int64_t id;
    bool good = database && run_reader_columns(visitor, fail) &&
                database_find_run(database, run, &id, fail) &&
                give_run(database, visitor, id, fail);
    sqlite3_close(database);
    return good;
}
