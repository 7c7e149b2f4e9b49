/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A database of runs: each run is appended to the file. Rows hold metrics as they travel (integers,
 * in the units of metrics.def), so that nothing is rounded; the view `rows` has the names and units
 * of the other formats. Rows are written in batches; a database that is locked by others for long,
 * or a full disk, breaks this sink, and the run goes on. */
#include <inttypes.h>
#include <math.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "output/database.h"
#include "output/hide.h"
#include "output/host_form.h"
#include "output/json.h"
#include "output/metric_form.h"
#include "output/output_options.h"
#include "output/records.h"
#include "output/sink.h"
#include "output/stored_runs.h"

enum { BATCH = 2000, BUSY_MS = 5000, KEYS = 4 };

struct sqlite {
    struct sink sink;
    sqlite3 *database;
    char *path;
    struct records records;
    sqlite3_stmt *row, *final;
    int64_t run;       /* its id */
    int64_t *endpoint; /* ids, ENDPOINTS for each flow */
    int pending;       /* rows of the open transaction */
    bool lost;
};

static struct sqlite *of(struct sink *sink)
{
    return (struct sqlite *)sink;
}

/* ---- statements */

static bool run_sql(struct sqlite *db, const char *sql, struct fail *fail)
{
    char *message = NULL;
    bool good = sqlite3_exec(db->database, sql, NULL, NULL, &message) == SQLITE_OK;
    if (!good)
        fail_set(fail, 0, "the database %s: %s", db->path, message ? message : "out of memory");
    sqlite3_free(message);
    return good;
}

/* Says once that it is broken; what is not committed is lost. */
static void give_up(struct sqlite *db, const char *why)
{
    if (!db->sink.broken)
        log_warning("can't continue to write %s: %s; the run continues", db->path, why);
    db->sink.broken = db->lost = true;
}

static void must(struct sqlite *db, const char *sql)
{
    struct fail fail;
    if (!db->sink.broken && !run_sql(db, sql, &fail))
        give_up(db, sqlite3_errmsg(db->database));
}

static void step(struct sqlite *db, sqlite3_stmt *statement)
{
    if (statement && sqlite3_step(statement) != SQLITE_DONE)
        give_up(db, sqlite3_errmsg(db->database));
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
}

/* Carries out a statement with integers (letter i), texts (t) and reals (r) in its places; an
 * integer that is METRIC_ABSENT, and a text that is NULL, is NULL there. */
static void insert(struct sqlite *db, const char *sql, const char *types, ...)
{
    sqlite3_stmt *statement = NULL;
    va_list args;
    if (db->sink.broken)
        return;
    if (sqlite3_prepare_v2(db->database, sql, -1, &statement, NULL) != SQLITE_OK) {
        give_up(db, sqlite3_errmsg(db->database));
        return;
    }
    va_start(args, types);
    for (int i = 1; types[i - 1]; i++) {
        if (types[i - 1] == 't') {
            sqlite3_bind_text(statement, i, va_arg(args, const char *), -1, SQLITE_TRANSIENT);
        } else if (types[i - 1] == 'r') {
            sqlite3_bind_double(statement, i, va_arg(args, double)); /* NAN is NULL */
        } else {
            int64_t value = va_arg(args, int64_t);
            if (value != METRIC_ABSENT)
                sqlite3_bind_int64(statement, i, value);
        }
    }
    va_end(args);
    step(db, statement);
    sqlite3_finalize(statement);
}

static int64_t last_id(const struct sqlite *db)
{
    return sqlite3_last_insert_rowid(db->database);
}

/* ---- layout */

static bool add_column(struct sqlite *db, const char *table, const char *column, const char *type,
                       struct fail *fail)
{
    char sql[256];
    if (sqlite3_table_column_metadata(db->database, NULL, table, column, NULL, NULL, NULL, NULL,
                                      NULL) == SQLITE_OK)
        return true;
    snprintf(sql, sizeof sql, "ALTER TABLE %s ADD COLUMN \"%s\" %s", table, column, type);
    return run_sql(db, sql, fail);
}

/* Adds the metrics that the table does not have yet. */
static bool add_columns(struct sqlite *db, const char *table, struct fail *fail)
{
    bool good = true;
    for (int i = 0; i < METRICS && good; i++)
        good = add_column(db, table, metrics[i].field, "INTEGER", fail);
    return good;
}

static bool add_host_columns(struct sqlite *db, struct fail *fail)
{
    bool good = true;
    for (int i = 0; i < HOSTSTATS && good; i++)
        good = add_column(db, "hoststat", hoststats[i].field, "INTEGER", fail);
    return good;
}

static bool run_made(struct sqlite *db, void (*put)(enum database, struct buffer *),
                     struct fail *fail)
{
    struct buffer sql = {0};
    put(DATABASE_SQLITE, &sql);
    buffer_add(&sql, "", 1);
    bool good = run_sql(db, sql.data, fail);
    buffer_free(&sql);
    return good;
}

/* A database of somebody else's, or of a later version, is left alone. */
static bool set_up(struct sqlite *db, struct fail *fail)
{
    int64_t application = database_pragma(db->database, "PRAGMA application_id");
    bool is_empty = !database_pragma(db->database, "SELECT count(*) FROM sqlite_master");
    if (!is_empty && application != DATABASE_ID)
        return fail_set(fail, 0, "%s is not a flowrig database", db->path);
    if (database_pragma(db->database, "PRAGMA user_version") > DATABASE_LAYOUT)
        return fail_set(fail, 0, "the database %s was made by a later version of flowrig",
                        db->path);
    char sql[128];
    snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %d", DATABASE_ID,
             DATABASE_LAYOUT);
    sqlite3_exec(db->database, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
    return run_sql(db, "PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE", fail) &&
           run_sql(db, sql, fail) && run_made(db, database_put_tables, fail) &&
           add_columns(db, "row", fail) && add_host_columns(db, fail) &&
           add_column(db, "run", "title", "TEXT", fail) &&
           add_column(db, "run", "record", "TEXT", fail) &&
           add_column(db, "run", "summary", "TEXT", fail) &&
           add_column(db, "endpoint", "stopped", "TEXT", fail) &&
           add_column(db, "endpoint", "info", "TEXT", fail) && add_columns(db, "final", fail) &&
           run_made(db, database_put_view, fail) && run_sql(db, "COMMIT", fail);
}

static sqlite3_stmt *prepare_insert(struct sqlite *db, const char *table)
{
    struct buffer sql = {0};
    sqlite3_stmt *statement = NULL;
    buffer_printf(&sql, "INSERT INTO %s(endpoint, seq, begin_ns, end_ns", table);
    for (int i = 0; i < METRICS; i++)
        buffer_printf(&sql, ", \"%s\"", metrics[i].field);
    buffer_text(&sql, ") VALUES (?, ?, ?, ?");
    for (int i = 0; i < METRICS; i++)
        buffer_text(&sql, ", ?");
    buffer_text(&sql, ")");
    sqlite3_prepare_v2(db->database, sql.data, (int)sql.length, &statement, NULL);
    buffer_free(&sql);
    return statement;
}

/* ---- the sink */

static void free_database(struct sqlite *db)
{
    sqlite3_finalize(db->row);
    sqlite3_finalize(db->final);
    sqlite3_close(db->database);
    free(db->endpoint);
    free(db->path);
    free(db);
}

static struct sink *sqlite_open(const struct output_options *options, const char *target,
                                struct fail *fail)
{
    struct sqlite *db = mem_new(1, sizeof *db);
    (void)options;
    /* Nothing but a file: ":memory:" and "file:..." mean something else to the library. */
    db->path = mem_printf("%s%s", strchr("/.", *target) ? "" : "./", target);
    if (sqlite3_open(db->path, &db->database) != SQLITE_OK) {
        fail_set(fail, 0, "the database %s can't be opened: %s", target,
                 db->database ? sqlite3_errmsg(db->database) : "out of memory");
    } else {
        sqlite3_busy_timeout(db->database, BUSY_MS);
        if (set_up(db, fail)) {
            db->row = prepare_insert(db, "row");
            db->final = prepare_insert(db, "final");
            return &db->sink;
        }
    }
    free_database(db);
    return NULL;
}

static const char *text_of(struct buffer *text)
{
    buffer_add(text, "", 1);
    text->length = 0;
    return text->data;
}

static void insert_flow(struct sqlite *db, size_t index, struct buffer *text)
{
    const struct plan_flow *flow = &db->records.run->plan->flows[index];
    char *source = hide_text(db->records.hide, flow->at[SOURCE].host);
    char *destination = hide_text(db->records.hide, flow->at[DESTINATION].host);
    record_flow(&db->records, index, text);
    insert(db, "INSERT INTO flow(run, number, source, destination, record) VALUES (?, ?, ?, ?, ?)",
           "iittt", db->run, (int64_t)index, source, destination, text_of(text));
    int64_t id = last_id(db);
    for (int end = 0; end < ENDPOINTS; end++) {
        insert(db, "INSERT INTO endpoint(flow, side) VALUES (?, ?)", "it", id,
               endpoint_name((enum endpoint)end));
        db->endpoint[ENDPOINTS * index + (size_t)end] = last_id(db);
    }
    free(source);
    free(destination);
}

static void sqlite_start(struct sink *sink, const struct sink_run *run)
{
    struct sqlite *db = of(sink);
    struct buffer text = {0};
    char start[RECORD_TIME_MAX];
    db->records = (struct records){run, hide_new(run)};
    db->endpoint = mem_new(ENDPOINTS * run->plan->count, sizeof *db->endpoint);
    record_time(run->wall_start, start);
    char *controller = hide_text(db->records.hide, run->controller);
    const char *typed = run->options->title;
    char *title = typed ? hide_text(db->records.hide, typed) : NULL;
    must(db, "BEGIN");
    record_run(&db->records, &text);
    insert(db,
           "INSERT INTO run(uuid, start, start_ns, version, controller, title, flows, record, "
           "complete) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)",
           "ttitttit", run->run_id, start, run->wall_start, PACKAGE_VERSION, controller, title,
           (int64_t)run->plan->count, text_of(&text));
    free(title);
    db->run = last_id(db);
    for (size_t i = 0; i < run->plan->daemon_count; i++) {
        record_host(&db->records, i, &text);
        insert(db, "INSERT INTO host(run, number, record) VALUES (?, ?, ?)", "iit", db->run,
               (int64_t)i, text_of(&text));
    }
    for (size_t i = 0; i < run->plan->count; i++)
        insert_flow(db, i, &text);
    must(db, "COMMIT");
    free(controller);
    buffer_free(&text);
}

static int64_t endpoint_of(const struct sqlite *db, int64_t flow, int64_t end)
{
    return db->endpoint[ENDPOINTS * flow + end];
}

static void insert_report(struct sqlite *db, sqlite3_stmt *statement, const struct report *report,
                          const int64_t values[METRICS])
{
    if (db->sink.broken)
        return;
    if (!db->pending++)
        must(db, "BEGIN");
    sqlite3_bind_int64(statement, 1,
                       endpoint_of(db, report->key[REPORT_FLOW], report->key[REPORT_ENDPOINT]));
    sqlite3_bind_int64(statement, 2, report->key[REPORT_NUMBER]);
    sqlite3_bind_int64(statement, 3, report->key[REPORT_BEGIN]);
    sqlite3_bind_int64(statement, 4, report->key[REPORT_END]);
    for (int i = 0; i < METRICS; i++)
        if (values[i] != METRIC_ABSENT && values[i] != METRIC_INFINITE)
            sqlite3_bind_int64(statement, KEYS + 1 + i, values[i]);
    step(db, statement);
}

static void commit(struct sqlite *db)
{
    if (db->pending)
        must(db, "COMMIT");
    db->pending = 0;
}

static void sqlite_interval(struct sink *sink, const struct report *report,
                            const int64_t delta[METRICS])
{
    struct sqlite *db = of(sink);
    insert_report(db, db->row, report, delta);
    if (db->pending >= BATCH)
        commit(db);
}

static void sqlite_event(struct sink *sink, const struct report *report,
                         const struct endpoint_result *result)
{
    struct sqlite *db = of(sink);
    if (report->key[REPORT_KIND] != REPORT_FINAL)
        return;
    struct buffer info = {0};
    insert_report(db, db->final, report, report->value);
    char *error = result->error ? hide_text(db->records.hide, result->error) : NULL;
    char *stopped = result->stopped ? hide_text(db->records.hide, result->stopped) : NULL;
    json_put(record_info(&db->records, result->info, info_next), &info);
    insert(db, "UPDATE endpoint SET error = ?, stopped = ?, info = ? WHERE id = ?", "ttti", error,
           stopped, text_of(&info),
           endpoint_of(db, report->key[REPORT_FLOW], report->key[REPORT_ENDPOINT]));
    free(error);
    free(stopped);
    buffer_free(&info);
}

static void sqlite_note(struct sink *sink, const struct note *note)
{
    struct sqlite *db = of(sink);
    struct buffer text = {0};
    record_note(&db->records, note, &text);
    insert(db, "INSERT INTO event(run, record) VALUES (?, ?)", "it", db->run, text_of(&text));
    buffer_free(&text);
}

static void sqlite_host(struct sink *sink, const struct host_row *row)
{
    struct sqlite *db = of(sink);
    struct buffer sql = {0};
    host_form_insert(row, db->records.run->run_id, &sql);
    must(db, text_of(&sql));
    buffer_free(&sql);
}

static void sqlite_histogram(struct sink *sink, const struct histogram_about *about,
                             const struct histogram *histogram)
{
    struct sqlite *db = of(sink);
    uint64_t count;
    if (about->all)
        return; /* buckets of endpoints add up */
    commit(db);
    must(db, "BEGIN");
    for (int bucket = -HISTOGRAM_END - 1;
         (bucket = histogram_next(histogram, bucket, &count)) < HISTOGRAM_END;) {
        int64_t lower, upper;
        histogram_edges(bucket, &lower, &upper);
        insert(db, "INSERT INTO histogram VALUES (?, ?, ?, ?, ?, ?, ?)", "iitiiii", db->run,
               endpoint_of(db, (int64_t)about->flow, about->end), series_list[about->series].field,
               (int64_t)bucket, lower, upper, (int64_t)count);
    }
    must(db, "COMMIT");
}

/* What limited each direction, as far as anything can be said. */
static void insert_limits(struct sqlite *db, const struct summary *summary)
{
    for (size_t i = 0; i < ENDPOINTS * summary->count; i++) {
        const struct summary_direction *direction =
            &summary->flows[i / ENDPOINTS].directions[i % ENDPOINTS];
        for (int k = 0; k < LIMITS && direction->exists && direction->limits_known; k++)
            if (direction->limits.share[k] > 0)
                insert(db, "INSERT INTO limited(endpoint, cause, share) VALUES (?, ?, ?)", "itr",
                       db->endpoint[i], limits_list[k].name, direction->limits.share[k]);
    }
}

static void sqlite_summary(struct sink *sink, const struct summary *summary)
{
    struct sqlite *db = of(sink);
    const struct results_total *total = &summary->total;
    struct buffer text = {0};
    commit(db);
    must(db, "BEGIN");
    insert_limits(db, summary);
    record_end(&db->records, summary, &text);
    insert(db,
           "UPDATE run SET status = ?, complete = ?, goodput = ?, received_bytes = ?, "
           "retransmitted_bytes = ?, summary = ? WHERE id = ?",
           "iiriiti", (int64_t)summary->status, (int64_t)!summary->status,
           total->directions ? total->goodput : (double)NAN, total->bytes, total->retransmitted,
           text_of(&text), db->run);
    must(db, "COMMIT");
    buffer_free(&text);
}

static void sqlite_flush(struct sink *sink)
{
    commit(of(sink));
}

static bool sqlite_close_sink(struct sink *sink, bool used)
{
    struct sqlite *db = of(sink);
    (void)used;
    commit(db);
    if (!db->sink.broken)
        sqlite3_wal_checkpoint_v2(db->database, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    bool whole = !db->lost;
    hide_free(db->records.hide);
    free_database(db);
    return whole;
}

const struct sink_ops sink_sqlite = {
    .name = "sqlite",
    .open = sqlite_open,
    .start = sqlite_start,
    .interval = sqlite_interval,
    .event = sqlite_event,
    .note = sqlite_note,
    .host = sqlite_host,
    .histogram = sqlite_histogram,
    .summary = sqlite_summary,
    .flush = sqlite_flush,
    .close = sqlite_close_sink,
};
