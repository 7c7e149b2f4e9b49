/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A connection to PostgreSQL that waits no longer than its courier has time. */
#ifndef FLOWRIG_PG_LINK_H
#define FLOWRIG_PG_LINK_H

#include <libpq-fe.h>

#include "output/courier.h"

struct pg_link {
    PGconn *connection; /* NULL: there is none */
    struct courier *courier;
    bool refused; /* the last failure was the server's answer: it will be the same again */
};

/* Each gives false with a sentence where it fails; a connection that is broken is closed then. */

bool pg_open(struct pg_link *link, const char *conninfo, struct fail *fail);
void pg_close(struct pg_link *link);
/* Carries out statements, separated by semicolons; a transaction that they leave open after a
 * failure is rolled back. */
bool pg_run(struct pg_link *link, const char *sql, struct fail *fail);
/* The same of a query; the caller clears its result. */
bool pg_ask(struct pg_link *link, const char *sql, PGresult **result, struct fail *fail);
/* Copies binary rows, without head and tail of the format, into what `sql` begins to copy to. */
bool pg_copy(struct pg_link *link, const char *sql, const struct buffer *rows, struct fail *fail);

#endif
