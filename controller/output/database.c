/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/database.h"

#include <inttypes.h>

#include "output/metric_form.h"

/* Names that stand for a type of the database: of a key that is given by it, of a reference or an
 * integer of 64 bits, of a real number. */
static const struct types {
    const char *key, *integer, *real;
} types_of[] = {
    [DATABASE_SQLITE] = {"INTEGER PRIMARY KEY", "INTEGER", "REAL"},
    [DATABASE_POSTGRESQL] = {"BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "BIGINT",
                             "DOUBLE PRECISION"},
};

/* %K: a key, %I: an integer, %R: a real. */
static const char *const tables[] = {
    "run(id %K, uuid TEXT UNIQUE, start TEXT, start_ns %I, version TEXT, controller TEXT, "
    "flows %I, status %I, complete %I, goodput %R, received_bytes %I, retransmitted_bytes %I, "
    "title TEXT)",
    "host(id %K, run %I REFERENCES run, number %I, record TEXT)",
    "flow(id %K, run %I REFERENCES run, number %I, source TEXT, destination TEXT, record TEXT)",
    "endpoint(id %K, flow %I REFERENCES flow, side TEXT, error TEXT, stopped TEXT)",
    "event(run %I REFERENCES run, record TEXT)",
    /* In brackets, as clang suspects a missing comma otherwise. */
    ("histogram(run %I REFERENCES run, endpoint %I, series TEXT, bucket %I, lower_ns %I, "
     "upper_ns %I, count %I)"),
    "limited(endpoint %I REFERENCES endpoint, cause TEXT, share %R)",
    "row(endpoint %I REFERENCES endpoint, seq %I, begin_ns %I, end_ns %I)",
    "hoststat(host %I REFERENCES host, scope TEXT, object TEXT, seq %I, begin_ns %I, end_ns %I)",
    "final(endpoint %I REFERENCES endpoint, seq %I, begin_ns %I, end_ns %I)",
};

static void put_table(const struct types *types, const char *table, struct buffer *sql)
{
    buffer_text(sql, "CREATE TABLE IF NOT EXISTS ");
    for (; *table; table++) {
        if (*table != '%')
            buffer_add(sql, table, 1);
        else
            buffer_text(sql, *++table == 'K' ? types->key
                             : *table == 'I' ? types->integer
                                             : types->real);
    }
    buffer_text(sql, "; ");
}

void database_put_tables(enum database kind, struct buffer *sql)
{
    for (size_t i = 0; i < COUNT(tables); i++)
        put_table(&types_of[kind], tables[i], sql);
    buffer_text(sql, "CREATE INDEX IF NOT EXISTS row_place ON row(endpoint, seq); ");
}

/* A metric in the unit of its name. */
static void put_expression(struct buffer *sql, const struct metric_form *form, const char *field)
{
    double divisor = 1;
    for (unsigned i = 0; i < form->places; i++)
        divisor *= 10;
    if (form->places)
        buffer_printf(sql, ", row.\"%s\" / %.1f AS \"%s\"", field, divisor, form->name);
    else
        buffer_printf(sql, ", row.\"%s\" * %" PRId64 " AS \"%s\"", field, form->multiplier,
                      form->name);
}

void database_put_view(enum database kind, struct buffer *sql)
{
    (void)kind;
    buffer_text(sql,
                "DROP VIEW IF EXISTS rows; CREATE VIEW rows AS SELECT run.uuid AS run, "
                "flow.number AS flow, endpoint.side AS endpoint, row.seq AS seq, "
                "row.begin_ns / 1e9 AS begin_seconds, row.end_ns / 1e9 AS end_seconds, "
                "row.tx_bytes * 8e9 / NULLIF(row.end_ns - row.begin_ns, 0) AS tx_bits_per_second, "
                "row.rx_bytes * 8e9 / NULLIF(row.end_ns - row.begin_ns, 0) AS rx_bits_per_second");
    for (int i = 0; i < METRICS; i++)
        put_expression(sql, metric_form((enum metric)i), metrics[i].field);
    buffer_text(sql, " FROM row JOIN endpoint ON endpoint.id = row.endpoint JOIN flow ON flow.id = "
                     "endpoint.flow JOIN run ON run.id = flow.run;");
}
