/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A database of runs, as --output=sqlite writes it, opened for reading. */
#ifndef FLOWRIG_STORED_RUNS_H
#define FLOWRIG_STORED_RUNS_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "fail.h"

/* What marks a file as a database of ours, and the version of its tables. */
enum { DATABASE_ID = 0x464c5247, DATABASE_LAYOUT = 1 };

/* Opens it for reading; NULL and a sentence where there is none, or it is somebody else's.
 * sqlite3_close() it. */
sqlite3 *database_open(const char *path, struct fail *fail);

/* The number that a query without places gives; -1 where it fails, 0 where it gives none. */
int64_t database_pragma(sqlite3 *database, const char *sql);

/* A prepared statement; NULL and a sentence where it can't be. database_end() it. */
sqlite3_stmt *database_query(sqlite3 *database, const char *sql, struct fail *fail);
/* Frees the statement. Returns false and a sentence if its last step failed. */
bool database_end(sqlite3_stmt *statement, struct fail *fail);

/* The id of a run: by the begin of its identifier, at least four characters that no other has, or
 * by its number (the id itself); NULL: the last one. Returns false and a sentence where there is
 * none. */
bool database_find_run(sqlite3 *database, const char *run, int64_t *id, struct fail *fail);

#endif
