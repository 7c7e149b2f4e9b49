/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/stored_runs.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fail.h"
#include "number.h"

enum { BUSY_MS = 5000 };

int64_t database_pragma(sqlite3 *database, const char *sql)
{
    sqlite3_stmt *statement;
    int64_t value = 0;
    if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) != SQLITE_OK)
        return -1;
    if (sqlite3_step(statement) == SQLITE_ROW)
        value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

sqlite3 *database_open(const char *path, struct fail *fail)
{
    sqlite3 *database;
    bool good = sqlite3_open_v2(path, &database, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK;
    if (!good)
        fail_set(fail, 0, "the database %s can't be opened: %s", path,
                 database ? sqlite3_errmsg(database) : "out of memory");
    if (good)
        sqlite3_busy_timeout(database, BUSY_MS);
    if (good && database_pragma(database, "PRAGMA application_id") != DATABASE_ID)
        good = fail_set(fail, 0, "%s is not a flowrig database", path);
    if (good && database_pragma(database, "PRAGMA user_version") > DATABASE_LAYOUT)
        good = fail_set(fail, 0, "the database %s was made by a later version of flowrig", path);
    if (good)
        return database;
    sqlite3_close(database);
    return NULL;
}

sqlite3_stmt *database_query(sqlite3 *database, const char *sql, struct fail *fail)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) != SQLITE_OK)
        fail_set(fail, 0, "the database %s: %s", sqlite3_db_filename(database, "main"),
                 sqlite3_errmsg(database));
    return statement;
}

bool database_end(sqlite3_stmt *statement, struct fail *fail)
{
    sqlite3 *database = sqlite3_db_handle(statement);
    int error = sqlite3_errcode(database);
    bool good = error == SQLITE_OK || error == SQLITE_ROW || error == SQLITE_DONE ||
                fail_set(fail, 0, "the database %s: %s", sqlite3_db_filename(database, "main"),
                         sqlite3_errmsg(database));
    sqlite3_finalize(statement);
    return good;
}

/* The first id that the query gives for the text; *more says whether there are others. */
static bool find(sqlite3 *database, const char *sql, const char *text, int64_t *id, bool *more)
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) != SQLITE_OK)
        return false;
    if (text)
        sqlite3_bind_text(statement, 1, text, -1, SQLITE_STATIC);
    bool found = sqlite3_step(statement) == SQLITE_ROW;
    if (found)
        *id = sqlite3_column_int64(statement, 0);
    *more = found && sqlite3_step(statement) == SQLITE_ROW;
    sqlite3_finalize(statement);
    return found;
}

bool database_find_run(sqlite3 *database, const char *run, int64_t *id, struct fail *fail)
{
    bool more = false;
    if (!run)
        return find(database, "SELECT id FROM run ORDER BY id DESC LIMIT 1", NULL, id, &more) ||
               fail_set(fail, 0, "the database has no run");
    if (find(database, "SELECT id FROM run WHERE CAST(id AS TEXT) = ?", run, id, &more))
        return true;
    enum { UUID_LEAST = 4 }; /* fewer are a number that is not there */
    bool found =
        strlen(run) >= UUID_LEAST &&
        find(database, "SELECT id FROM run WHERE substr(uuid, 1, length(?1)) = ?1", run, id, &more);
    if (found && more)
        return fail_set(fail, 0, "several runs of the database begin with '%s'", run);
    return found || fail_set(fail, 0, "the database has no run '%s'", run);
}
