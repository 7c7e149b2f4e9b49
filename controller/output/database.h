/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tables of a database of runs, the same in all kinds of databases. */
#ifndef FLOWRIG_DATABASE_H
#define FLOWRIG_DATABASE_H

#include "mem.h"

enum database { DATABASE_SQLITE, DATABASE_POSTGRESQL };

/* Append statements that make the tables which are not there yet, without the columns of metrics;
 * and the view `rows` anew, once they have these columns. */
void database_put_tables(enum database kind, struct buffer *sql);
void database_put_view(enum database kind, struct buffer *sql);

#endif
