/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is sent to PostgreSQL: text of statements, and binary rows for COPY. Both name an endpoint
 * by its index in the run; its id is put in when it is known. */
#ifndef FLOWRIG_PG_PUT_H
#define FLOWRIG_PG_PUT_H

#include "output/hide.h"

/* Around the index of an endpoint in a statement; it is nowhere else there. */
#define PG_ENDPOINT_MARK '\1'

/* Columns of a row before those of metrics; the first is the endpoint. */
enum { PG_KEYS = 4 };

/* Append a value: a string, NULL for NULL; with names of hosts replaced; METRIC_ABSENT and NAN are
 * NULL; the id of an endpoint; that of the run with this uuid. */
void pg_put_literal(struct buffer *sql, const char *text);
void pg_put_hidden(struct buffer *sql, const struct hide *hide, const char *text);
void pg_put_integer(struct buffer *sql, int64_t value);
void pg_put_real(struct buffer *sql, double value);
void pg_put_endpoint(struct buffer *sql, size_t index);
void pg_put_run_id(struct buffer *sql, const char *run);

/* Appends a row of the tables `row` and `final`. */
void pg_put_row(struct buffer *rows, const struct report *report, const int64_t *values);

#endif
