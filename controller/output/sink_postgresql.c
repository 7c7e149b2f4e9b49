/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A PostgreSQL database of runs, with the tables of the SQLite one. Rows are copied in batches by a
 * courier: a slow or dead server never holds up the run. */
#include "output/sink.h"

#include "output/output_options.h"

#if HAVE_LIBPQ

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "output/hide.h"
#include "output/host_form.h"
#include "output/json.h"
#include "output/pg_delivery.h"
#include "output/pg_put.h"
#include "output/records.h"

enum { BATCH = 2000, HOST_BATCH = 200 };

#define BATCH_AGE (NS_PER_SEC / 2)
#define ROOM      ((size_t)64 << 20)
#define LAST_TIME (10 * NS_PER_SEC)

struct postgresql {
    struct sink sink;
    char *conninfo;
    struct records records;
    struct buffer rows, finals, statements;
    int64_t row_count, since, final_count, statement_count;
    struct courier *courier;
    struct pg_delivery delivery; /* the courier's, once the run has begun */
};

static struct postgresql *of(struct sink *sink)
{
    return (struct postgresql *)sink;
}

static const char *text_of(struct buffer *text)
{
    buffer_add(text, "", 1);
    text->length = 0;
    return text->data;
}

/* ---- the sink */

/* libpq's own syntax; a password would be seen by every user of the host. */
static bool check_conninfo(const char *conninfo, struct fail *fail)
{
    char *error = NULL;
    PQconninfoOption *options = PQconninfoParse(conninfo, &error);
    bool good = options != NULL, secret = false;
    if (!good) {
        char text[200];
        snprintf(text, sizeof text, "%.199s", error ? error : "out of memory");
        text[strcspn(text, "\n")] = '\0';
        fail_set(fail, 0, "output postgresql: %s", text);
    }
    for (PQconninfoOption *option = options; option && option->keyword; option++)
        secret |= !strcmp(option->keyword, "password") && option->val;
    PQconninfoFree(options);
    PQfreemem(error);
    if (secret)
        return fail_set(fail, 0,
                        "output postgresql: a password on the command line can be seen by all; use "
                        "a file named by PGPASSFILE, or a service file");
    return good;
}

static struct sink *postgresql_open(const struct output_options *options, const char *target,
                                    struct fail *fail)
{
    struct postgresql *db = mem_new(1, sizeof *db);
    (void)options;
    /* --output postgresql://host/name is a URI. */
    db->conninfo = mem_printf("%s%s", strncmp(target, "//", 2) ? "" : "postgresql:", target);
    if (!check_conninfo(db->conninfo, fail)) {
        free(db->conninfo);
        free(db);
        return NULL;
    }
    db->delivery.conninfo = db->conninfo;
    db->courier = courier_new(&(struct courier_config){.target = "the PostgreSQL database",
                                                       .room = ROOM,
                                                       .patience = LAST_TIME,
                                                       .context = &db->delivery,
                                                       .deliver = pg_deliver,
                                                       .finish = pg_deliver_end});
    return &db->sink;
}

static void put_run(struct postgresql *db, const struct sink_run *run, struct buffer *sql)
{
    char start[RECORD_TIME_MAX];
    char *title = hide_title(run);
    struct buffer text = {0};
    record_time(run->wall_start, start);
    record_run(&db->records, &text);
    buffer_printf(sql,
                  "INSERT INTO run(uuid, start, start_ns, version, flows, complete, controller, "
                  "title, record) VALUES ('%s', '%s', %" PRId64 ", '%s', %zu, 0, ",
                  run->run_id, start, run->wall_start, PACKAGE_VERSION, run->plan->count);
    pg_put_hidden(sql, db->records.hide, run->controller);
    buffer_text(sql, ", ");
    pg_put_literal(sql, title);
    buffer_text(sql, ", ");
    pg_put_literal(sql, text_of(&text));
    buffer_text(sql, "); ");
    buffer_free(&text);
    free(title);
}

static void put_flow(struct postgresql *db, size_t index, struct buffer *text, struct buffer *sql)
{
    const struct plan_flow *flow = &db->records.run->plan->flows[index];
    buffer_text(sql, "INSERT INTO flow(run, number, source, destination, record) VALUES (");
    pg_put_run_id(sql, db->delivery.run);
    buffer_printf(sql, ", %zu, ", index);
    pg_put_hidden(sql, db->records.hide, flow->at[SOURCE].host);
    buffer_text(sql, ", ");
    pg_put_hidden(sql, db->records.hide, flow->at[DESTINATION].host);
    buffer_text(sql, ", ");
    record_flow(&db->records, index, text);
    pg_put_literal(sql, text_of(text));
    buffer_text(sql, "); ");
}

static void postgresql_start(struct sink *sink, const struct sink_run *run)
{
    struct postgresql *db = of(sink);
    struct buffer text = {0}, sql = {0};
    db->records = (struct records){run, hide_new(run)};
    snprintf(db->delivery.run, sizeof db->delivery.run, "%s", run->run_id);
    db->delivery.endpoint_count = ENDPOINTS * run->plan->count;
    put_run(db, run, &sql);
    for (size_t i = 0; i < run->plan->daemon_count; i++) {
        buffer_text(&sql, "INSERT INTO host(run, number, record) VALUES (");
        pg_put_run_id(&sql, db->delivery.run);
        buffer_printf(&sql, ", %zu, ", i);
        record_host(&db->records, i, &text);
        pg_put_literal(&sql, text_of(&text));
        buffer_text(&sql, "); ");
    }
    for (size_t i = 0; i < run->plan->count; i++)
        put_flow(db, i, &text, &sql);
    buffer_text(&sql, "INSERT INTO endpoint(flow, side) SELECT flow.id, side FROM flow, "
                      "unnest(ARRAY['source', 'destination']) AS side WHERE run = ");
    pg_put_run_id(&sql, db->delivery.run);
    buffer_add(&sql, "", 1);
    courier_send(db->courier, PG_BEGIN_RUN, &sql,
                 (int64_t)(1 + run->plan->daemon_count + run->plan->count));
    buffer_free(&text);
}

static void send_rows(struct postgresql *db)
{
    if (db->row_count)
        courier_send(db->courier, PG_COPY_ROWS, &db->rows, db->row_count);
    db->row_count = 0;
}

static void postgresql_interval(struct sink *sink, const struct report *report,
                                const int64_t delta[METRICS])
{
    struct postgresql *db = of(sink);
    if (!db->row_count++)
        db->since = clock_now();
    pg_put_row(&db->rows, report, delta);
    if (db->row_count >= BATCH)
        send_rows(db);
}

static void postgresql_event(struct sink *sink, const struct report *report,
                             const struct endpoint_result *result)
{
    struct postgresql *db = of(sink);
    if (report->key[REPORT_KIND] != REPORT_FINAL)
        return;
    pg_put_row(&db->finals, report, report->value);
    db->final_count++;
    struct buffer info = {0};
    json_put(record_info(&db->records, result->info, info_next), &info);
    buffer_text(&db->statements, "UPDATE endpoint SET error = ");
    pg_put_hidden(&db->statements, db->records.hide, result->error);
    buffer_text(&db->statements, ", stopped = ");
    pg_put_hidden(&db->statements, db->records.hide, result->stopped);
    buffer_text(&db->statements, ", info = ");
    pg_put_literal(&db->statements, text_of(&info));
    buffer_text(&db->statements, " WHERE id = ");
    pg_put_endpoint(&db->statements,
                    (size_t)(ENDPOINTS * report->key[REPORT_FLOW] + report->key[REPORT_ENDPOINT]));
    buffer_text(&db->statements, "; ");
    db->statement_count++;
    buffer_free(&info);
}

static void send_statements(struct postgresql *db)
{
    if (!db->statement_count)
        return;
    buffer_add(&db->statements, "", 1);
    courier_send(db->courier, PG_STATEMENTS, &db->statements, db->statement_count);
    db->statement_count = 0;
}

static void postgresql_note(struct sink *sink, const struct note *note)
{
    struct postgresql *db = of(sink);
    struct buffer text = {0};
    buffer_text(&db->statements, "INSERT INTO event(run, record) VALUES (");
    pg_put_run_id(&db->statements, db->delivery.run);
    buffer_text(&db->statements, ", ");
    record_note(&db->records, note, &text);
    pg_put_literal(&db->statements, text_of(&text));
    buffer_text(&db->statements, "); ");
    db->statement_count++;
    buffer_free(&text);
}

static void postgresql_host(struct sink *sink, const struct host_row *row)
{
    struct postgresql *db = of(sink);
    host_form_insert(row, db->delivery.run, &db->statements);
    if (++db->statement_count < HOST_BATCH)
        return;
    send_rows(db);
    send_statements(db);
}

static void postgresql_histogram(struct sink *sink, const struct histogram_about *about,
                                 const struct histogram *histogram)
{
    struct postgresql *db = of(sink);
    struct buffer *sql = &db->statements;
    const char *comma = "";
    uint64_t count;
    if (about->all)
        return; /* buckets of endpoints add up */
    buffer_text(sql, "INSERT INTO histogram SELECT run.id, v.* FROM run, (VALUES ");
    for (int bucket = -HISTOGRAM_END - 1;
         (bucket = histogram_next(histogram, bucket, &count)) < HISTOGRAM_END;) {
        int64_t lower, upper;
        histogram_edges(bucket, &lower, &upper);
        buffer_printf(sql, "%s(", comma);
        pg_put_endpoint(sql, ENDPOINTS * about->flow + (size_t)about->end);
        buffer_printf(sql,
                      "::bigint, '%s', %d::bigint, %" PRId64 "::bigint, %" PRId64
                      "::bigint, %" PRIu64 "::bigint)",
                      series_list[about->series].field, bucket, lower, upper, count);
        comma = ", ";
        db->statement_count++;
    }
    buffer_printf(sql, ") v WHERE run.uuid = '%s'; ", db->delivery.run);
}

static void put_limits(struct postgresql *db, const struct summary *summary)
{
    for (size_t i = 0; i < ENDPOINTS * summary->count; i++) {
        const struct summary_direction *direction =
            &summary->flows[i / ENDPOINTS].directions[i % ENDPOINTS];
        for (int k = 0; k < LIMITS && direction->exists && direction->limits_known; k++) {
            if (direction->limits.share[k] <= 0)
                continue;
            buffer_text(&db->statements, "INSERT INTO limited(endpoint, cause, share) VALUES (");
            pg_put_endpoint(&db->statements, i);
            buffer_printf(&db->statements, ", '%s', ", limits_list[k].name);
            pg_put_real(&db->statements, direction->limits.share[k]);
            buffer_text(&db->statements, "); ");
        }
    }
}

static void postgresql_summary(struct sink *sink, const struct summary *summary)
{
    struct postgresql *db = of(sink);
    struct buffer *sql = &db->statements;
    const struct results_total *total = &summary->total;
    struct buffer text = {0};
    record_end(&db->records, summary, &text);
    put_limits(db, summary);
    buffer_printf(sql, "UPDATE run SET status = %d, complete = %d, goodput = ", summary->status,
                  !summary->status);
    pg_put_real(sql, total->directions ? total->goodput : (double)NAN);
    buffer_text(sql, ", received_bytes = ");
    pg_put_integer(sql, total->bytes);
    buffer_text(sql, ", retransmitted_bytes = ");
    pg_put_integer(sql, total->retransmitted);
    buffer_text(sql, ", summary = ");
    pg_put_literal(sql, text_of(&text));
    buffer_free(&text);
    buffer_printf(sql, " WHERE uuid = '%s'; ", db->delivery.run);
    db->statement_count++;
}

static void postgresql_flush(struct sink *sink)
{
    struct postgresql *db = of(sink);
    if (db->row_count && clock_now() - db->since >= BATCH_AGE)
        send_rows(db);
}

static void send_rest(struct postgresql *db)
{
    send_rows(db);
    if (db->final_count)
        courier_send(db->courier, PG_COPY_FINALS, &db->finals, db->final_count);
    send_statements(db);
}

static bool postgresql_close(struct sink *sink, bool used)
{
    struct postgresql *db = of(sink);
    (void)used;
    send_rest(db);
    bool whole = courier_close(db->courier);
    hide_free(db->records.hide);
    free(db->delivery.endpoint);
    free(db->conninfo);
    free(db);
    return whole;
}

#else

static struct sink *postgresql_open(const struct output_options *options, const char *target,
                                    struct fail *fail)
{
    (void)options, (void)target;
    fail_set(fail, 0, "flowctl was built without libpq: there is no output to PostgreSQL");
    return NULL;
}

enum { NOTHING };
#define postgresql_start     NULL
#define postgresql_interval  NULL
#define postgresql_event     NULL
#define postgresql_note      NULL
#define postgresql_host      NULL
#define postgresql_histogram NULL
#define postgresql_summary   NULL
#define postgresql_flush     NULL
#define postgresql_close     NULL

#endif

const struct sink_ops sink_postgresql = {
    .name = "postgresql",
    .open = postgresql_open,
    .start = postgresql_start,
    .interval = postgresql_interval,
    .event = postgresql_event,
    .note = postgresql_note,
    .host = postgresql_host,
    .histogram = postgresql_histogram,
    .summary = postgresql_summary,
    .flush = postgresql_flush,
    .close = postgresql_close,
};
