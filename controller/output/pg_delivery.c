/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mem.h"

#if HAVE_LIBPQ

#include "output/pg_delivery.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "hoststats.h"
#include "output/database.h"
#include "output/pg_put.h"
#include "put.h"

enum { LOCK = 0x464C5247 }; /* of who makes the tables */

static const char *text_of(struct buffer *text)
{
    buffer_add(text, "", 1);
    text->length = 0;
    return text->data;
}

/* Replaces the index of each row's endpoint by its id. */
static void patch_rows(const struct pg_delivery *db, struct buffer *rows)
{
    uint8_t *at = (uint8_t *)rows->data, *end = at + rows->length;
    while (at < end) {
        at += sizeof(uint16_t);
        put_be64(at + 4, (uint64_t)db->endpoint[get_be64(at + 4)]);
        for (int i = 0; i < PG_KEYS + METRICS; i++)
            at += get_be32(at) == UINT32_MAX ? 4 : 12;
    }
}

static char *patch_statements(const struct pg_delivery *db, const char *text)
{
    struct buffer out = {0};
    while (*text) {
        size_t length = strcspn(text, (char[]){PG_ENDPOINT_MARK, '\0'});
        buffer_add(&out, text, length);
        text += length;
        if (!*text)
            break;
        char *end;
        buffer_printf(&out, "%" PRId64, db->endpoint[strtoul(text + 1, &end, 10)]);
        text = end + 1;
    }
    buffer_add(&out, "", 1);
    return out.data;
}

/* ---- on the courier's thread */

static bool make_tables(struct pg_delivery *db, struct fail *why)
{
    struct buffer sql = {0};
    buffer_printf(&sql,
                  "SET standard_conforming_strings = on; SET client_encoding = 'UTF8'; "
                  "SET client_min_messages = error; BEGIN; "
                  "SELECT pg_advisory_xact_lock(%d); ",
                  LOCK);
    database_put_tables(DATABASE_POSTGRESQL, &sql);
    buffer_text(&sql, "ALTER TABLE run ADD COLUMN IF NOT EXISTS delivered BIGINT, "
                      "ADD COLUMN IF NOT EXISTS record TEXT, "
                      "ADD COLUMN IF NOT EXISTS summary TEXT; "
                      "ALTER TABLE endpoint ADD COLUMN IF NOT EXISTS info TEXT; ALTER TABLE row");
    for (int i = 0; i < METRICS; i++)
        buffer_printf(&sql, "%s ADD COLUMN IF NOT EXISTS \"%s\" BIGINT", i ? "," : "",
                      metrics[i].field);
    buffer_text(&sql, "; ALTER TABLE final");
    for (int i = 0; i < METRICS; i++)
        buffer_printf(&sql, "%s ADD COLUMN IF NOT EXISTS \"%s\" BIGINT", i ? "," : "",
                      metrics[i].field);
    buffer_text(&sql, "; ALTER TABLE hoststat");
    for (int i = 0; i < HOSTSTATS; i++)
        buffer_printf(&sql, "%s ADD COLUMN IF NOT EXISTS \"%s\" BIGINT", i ? "," : "",
                      hoststats[i].field);
    buffer_text(&sql, "; ");
    database_put_view(DATABASE_POSTGRESQL, &sql);
    buffer_text(&sql, " COMMIT");
    db->has_tables = pg_run(&db->link, text_of(&sql), why);
    buffer_free(&sql);
    return db->has_tables;
}

/* Whether the parcel had arrived before the connection broke. */
static bool has_arrived(struct pg_delivery *db, bool *arrived, struct fail *why)
{
    PGresult *result = NULL;
    char *sql = mem_printf("SELECT delivered FROM run WHERE uuid = '%s'", db->run);
    bool good = pg_ask(&db->link, sql, &result, why);
    if (good)
        *arrived = PQntuples(result) > 0 && atoll(PQgetvalue(result, 0, 0)) >= db->parcel;
    PQclear(result);
    free(sql);
    return good;
}

static bool learn_endpoints(struct pg_delivery *db, struct fail *why)
{
    PGresult *result = NULL;
    char *sql = mem_printf("SELECT endpoint.id FROM endpoint JOIN flow ON flow.id = endpoint.flow "
                           "JOIN run ON run.id = flow.run WHERE run.uuid = '%s' "
                           "ORDER BY flow.number, endpoint.side DESC",
                           db->run);
    bool good = pg_ask(&db->link, sql, &result, why);
    free(sql);
    if (good && (size_t)PQntuples(result) != db->endpoint_count)
        good = fail_set(why, 0, "the run is not there as it was put");
    if (good)
        db->endpoint = mem_new(db->endpoint_count, sizeof *db->endpoint);
    for (size_t i = 0; good && i < db->endpoint_count; i++)
        db->endpoint[i] = atoll(PQgetvalue(result, (int)i, 0));
    PQclear(result);
    return good;
}

static bool copy(struct pg_delivery *db, const char *table, struct parcel *parcel, struct fail *why)
{
    struct buffer sql = {0};
    buffer_printf(&sql, "COPY %s(endpoint, seq, begin_ns, end_ns", table);
    for (int i = 0; i < METRICS; i++)
        buffer_printf(&sql, ", \"%s\"", metrics[i].field);
    buffer_text(&sql, ") FROM STDIN (FORMAT binary)");
    bool good = pg_copy(&db->link, text_of(&sql), &parcel->bytes, why);
    buffer_free(&sql);
    return good;
}

/* Within a transaction. */
static bool put_parcel(struct pg_delivery *db, struct parcel *parcel, struct fail *why)
{
    if (parcel->kind == PG_COPY_ROWS || parcel->kind == PG_COPY_FINALS)
        return copy(db, parcel->kind == PG_COPY_ROWS ? "row" : "final", parcel, why);
    return pg_run(&db->link, parcel->bytes.data, why);
}

static bool deliver_parcel(struct pg_delivery *db, struct parcel *parcel, struct fail *why)
{
    char *noted = mem_printf("UPDATE run SET delivered = %" PRId64 " WHERE uuid = '%s'; COMMIT",
                             db->parcel, db->run);
    bool good = pg_run(&db->link, "BEGIN", why) && put_parcel(db, parcel, why) &&
                pg_run(&db->link, noted, why);
    free(noted);
    return good;
}

/* Once for each parcel. */
static void prepare(struct pg_delivery *db, struct parcel *parcel)
{
    db->last = parcel;
    db->parcel++;
    if (!db->endpoint)
        return;
    if (parcel->kind == PG_COPY_ROWS || parcel->kind == PG_COPY_FINALS)
        patch_rows(db, &parcel->bytes);
    if (parcel->kind != PG_STATEMENTS)
        return;
    char *patched = patch_statements(db, parcel->bytes.data);
    buffer_free(&parcel->bytes);
    parcel->bytes = (struct buffer){patched, strlen(patched), strlen(patched) + 1};
}

static bool attempt(struct pg_delivery *db, struct parcel *parcel, struct fail *why)
{
    bool arrived = false, first = db->last != parcel;
    if (!db->link.connection && !pg_open(&db->link, db->conninfo, why))
        return false;
    if (!db->has_tables && !make_tables(db, why))
        return false;
    if (first)
        prepare(db, parcel);
    else if (!has_arrived(db, &arrived, why))
        return false;
    if (!arrived && !deliver_parcel(db, parcel, why))
        return false;
    return parcel->kind != PG_BEGIN_RUN || learn_endpoints(db, why);
}

enum delivery pg_deliver(void *context, struct courier *courier, struct parcel *parcel,
                         struct fail *why)
{
    struct pg_delivery *db = context;
    db->link.courier = courier;
    parcel->lost = parcel->rows;
    if (parcel->kind != PG_BEGIN_RUN && !db->endpoint) {
        fail_set(why, 0, "the run could not be begun there");
        return DELIVERY_REFUSED;
    }
    if (attempt(db, parcel, why))
        return DELIVERY_DONE;
    return db->link.refused && db->link.connection ? DELIVERY_REFUSED : DELIVERY_RETRY;
}

void pg_deliver_end(void *context)
{
    pg_close(&((struct pg_delivery *)context)->link);
}

#endif
