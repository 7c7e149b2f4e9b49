/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mem.h"

#if HAVE_LIBPQ

#include "output/pg_link.h"

#include <poll.h>
#include <string.h>

#include "clock.h"

/* How long the server may take for a step while the run goes on. */
#define STEP_TIME (10 * NS_PER_SEC)

static bool say(const PGconn *connection, struct fail *fail)
{
    char text[256];
    snprintf(text, sizeof text, "%.255s", PQerrorMessage(connection));
    text[strcspn(text, "\n")] = '\0';
    return fail_set(fail, 0, "%s", *text ? text : "the connection is lost");
}

void pg_close(struct pg_link *link)
{
    PQfinish(link->connection);
    link->connection = NULL;
}

/* Waits for the socket until `deadline`. */
static bool wait_for(const struct pg_link *link, short events, int64_t deadline, struct fail *fail)
{
    struct pollfd fd = {PQsocket(link->connection), events, 0};
    int64_t left = deadline - clock_now();
    int ready = left > 0 ? poll(&fd, 1, (int)(left / NS_PER_MS) + 1) : 0;
    return ready > 0 || fail_set(fail, 0, "it does not answer");
}

/* In pieces, so that the end of the run is noticed soon. */
static int64_t deadline_of(const struct pg_link *link)
{
    return clock_now() + courier_time_left(link->courier, STEP_TIME);
}

bool pg_open(struct pg_link *link, const char *conninfo, struct fail *fail)
{
    int64_t deadline = deadline_of(link);
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;
    link->refused = false;
    link->connection = PQconnectStart(conninfo);
    bool good = link->connection && PQstatus(link->connection) != CONNECTION_BAD;
    while (good && status != PGRES_POLLING_OK && status != PGRES_POLLING_FAILED) {
        good = wait_for(link, status == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline, fail);
        if (good)
            status = PQconnectPoll(link->connection);
    }
    if (good && status == PGRES_POLLING_OK && !PQsetnonblocking(link->connection, 1))
        return true;
    if (good || !fail->text[0])
        say(link->connection, fail);
    pg_close(link);
    return false;
}

/* Sends what libpq has not sent yet. */
static bool flush(const struct pg_link *link, int64_t deadline, struct fail *fail)
{
    int rest;
    while ((rest = PQflush(link->connection)) > 0) {
        if (!wait_for(link, POLLIN | POLLOUT, deadline, fail))
            return false;
        if (!PQconsumeInput(link->connection))
            return say(link->connection, fail);
    }
    return rest == 0 || say(link->connection, fail);
}

/* The next result, NULL where there is none any more. */
static bool next_result(const struct pg_link *link, int64_t deadline, PGresult **result,
                        struct fail *fail)
{
    while (PQisBusy(link->connection)) {
        if (!wait_for(link, POLLIN, deadline, fail))
            return false;
        if (!PQconsumeInput(link->connection))
            return say(link->connection, fail);
    }
    *result = PQgetResult(link->connection);
    return true;
}

/* Whether it makes sense to try again: classes of SQLSTATE of what passes (connections, resources,
 * operators, conflicts). */
static bool may_pass(const char *state)
{
    static const char *const classes[] = {"08", "40", "53", "55", "57"};
    for (size_t i = 0; state && i < COUNT(classes); i++)
        if (!strncmp(state, classes[i], 2))
            return true;
    return !state;
}

/* Reads results up to the last; keeps the last one with rows in *rows, unless that is NULL. */
static bool finish(struct pg_link *link, int64_t deadline, PGresult **rows, struct fail *fail)
{
    PGresult *result = NULL;
    bool good = true;
    for (;;) {
        if (!next_result(link, deadline, &result, fail)) {
            pg_close(link);
            return false;
        }
        if (!result)
            break;
        ExecStatusType status = PQresultStatus(result);
        if (status == PGRES_COPY_IN) { /* as after a failure of another statement */
            PQclear(result);
            return good;
        }
        if (status == PGRES_TUPLES_OK && rows && !*rows) {
            *rows = result;
            continue;
        }
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && good) {
            link->refused = !may_pass(PQresultErrorField(result, PG_DIAG_SQLSTATE));
            good = say(link->connection, fail);
        }
        PQclear(result);
    }
    if (PQstatus(link->connection) == CONNECTION_BAD) {
        good = good && say(link->connection, fail);
        link->refused = false;
        pg_close(link);
    }
    return good;
}

static void roll_back(struct pg_link *link)
{
    bool refused = link->refused;
    struct fail ignored;
    if (link->connection && PQtransactionStatus(link->connection) != PQTRANS_IDLE &&
        PQsendQuery(link->connection, "ROLLBACK"))
        finish(link, deadline_of(link), NULL, &ignored);
    link->refused = refused;
}

bool pg_ask(struct pg_link *link, const char *sql, PGresult **result, struct fail *fail)
{
    int64_t deadline = deadline_of(link);
    PGresult *rows = NULL;
    link->refused = false;
    bool sent = PQsendQuery(link->connection, sql) && flush(link, deadline, fail);
    if (!sent) {
        if (!fail->text[0])
            say(link->connection, fail);
        pg_close(link);
        return false;
    }
    bool good = finish(link, deadline, &rows, fail);
    if (good && result)
        *result = rows;
    else
        PQclear(rows);
    if (!good)
        roll_back(link);
    return good;
}

bool pg_run(struct pg_link *link, const char *sql, struct fail *fail)
{
    return pg_ask(link, sql, NULL, fail);
}

static bool put(struct pg_link *link, const void *bytes, size_t length, int64_t deadline,
                struct fail *fail)
{
    int taken;
    while ((taken = PQputCopyData(link->connection, bytes, (int)length)) == 0)
        if (!wait_for(link, POLLOUT, deadline, fail) || !flush(link, deadline, fail))
            return false;
    return taken > 0 || say(link->connection, fail);
}

bool pg_copy(struct pg_link *link, const char *sql, const struct buffer *rows, struct fail *fail)
{
    static const char head[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", tail[] = "\377\377";
    int64_t deadline = deadline_of(link);
    if (!pg_run(link, sql, fail)) /* it ends with COPY_IN */
        return false;
    bool good = put(link, head, 19, deadline, fail) &&
                put(link, rows->data, rows->length, deadline, fail) &&
                put(link, tail, 2, deadline, fail) && PQputCopyEnd(link->connection, NULL) > 0 &&
                flush(link, deadline, fail);
    if (!good) {
        if (!fail->text[0])
            say(link->connection, fail);
        pg_close(link);
        return false;
    }
    good = finish(link, deadline, NULL, fail);
    if (!good)
        roll_back(link);
    return good;
}

#endif
