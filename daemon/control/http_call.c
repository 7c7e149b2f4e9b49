/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calls, and those that wait. */
#include "control/http_state.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "xmlguard.h"

enum { SMALL_MAX = 64 << 10 }; /* bytes of XML */

_Static_assert((int)AUTH_PREFIX_SIZE < (int)TOKEN_NAME_MAX,
               "an owner is a name with its NUL or a prefix, and a flag");

/* ---- waiting ---- */

void request_resume(struct request *request)
{
    list_remove(&request->link);
    MHD_resume_connection(request->connection);
}

/* Its answer is held back from nobody: as long as it is, the connection stays. */
static bool is_left(const struct request *request)
{
    const struct http_connection *connection = request_connection(request);
    return request->held_back && connection &&
           http_connections_is_closing(request->connections, connection);
}

int64_t http_reap_waiting(struct http *http, int64_t now)
{
    int64_t next = CLOCK_NEVER;
    list_for_each_safe (link, &http->waiting) {
        struct request *request = list_item(link, struct request, link);
        if (now >= request->wait.deadline || is_left(request)) {
            /* Where it can't be taken out, it is being woken already. */
            if (request->held_back || waitlist_cancel(request->wait.waitlist, &request->waiter))
                request_resume(request);
        } else if (request->wait.deadline < next) {
            next = request->wait.deadline;
        }
    }
    return next;
}

void request_on_wake(struct waiter *waiter)
{
    struct request *request = (struct request *)((char *)waiter - offsetof(struct request, waiter));
    struct http *http = request->http;
    pthread_mutex_lock(&http->lock);
    if (request->executing)
        request->woken = true;
    else
        request_resume(request);
    pthread_mutex_unlock(&http->lock);
}

/* ---- calls ---- */

static void drop_wait(struct request *request)
{
    session_put(request->wait.session);
    request->wait = (struct call_wait){
        .arrived = request->wait.arrived,
        .user = request->wait.user,
        .from = request->from,
        .waiter = &request->waiter,
        .deadline = CLOCK_NEVER,
        .rows = request->wait.rows,
    };
}

static enum call_result call(struct request *request, bool may_wait)
{
    request->wait.allowed = may_wait;
    enum call_result result =
        rpc_server_call(request->http->rpc, request->body.data, request->body.length,
                        &request->wait, &request->answer);
    request->answered = result != CALL_WAIT;
    return result;
}

/* The connection was suspended before, and whatever wakes the request meanwhile leaves that to the
 * end of this function. Once the request is resumed, it is its connection's thread's. */
void request_execute(struct job *job)
{
    struct request *request = (struct request *)((char *)job - offsetof(struct request, job));
    struct http *http = request->http;
    bool waits = call(request, true) == CALL_WAIT;
    pthread_mutex_lock(&http->lock);
    request->executing = false;
    if (request->woken) {
        request_resume(request);
    } else if (waits && !http->no_waiting) {
        list_append(&http->waiting, &request->link);
        pthread_cond_signal(&http->changed);
    } else if (!request->wait.waitlist ||
               waitlist_cancel(request->wait.waitlist, &request->waiter)) {
        request_resume(request);
    } /* else it is just being woken */
    pthread_mutex_unlock(&http->lock);
}

/* What a call costs, as far as can be seen before: QUICK ones need no other thread, BRIEF ones take
 * what their answer takes to write, SMALL ones may take what is made meanwhile or looked up. */
enum call_cost { QUICK, BRIEF, SMALL, LARGE };

static bool is_one_of(const char *method, const enum method_id *some, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(method, methods[some[i]].name))
            return true;
    return false;
}

/* A clock that waits for another thread is not read when it was asked for; and a start that waits
 * for reports of others comes too late. */
static enum call_cost cost_of(const struct request *request)
{
    static const enum method_id brief[] = {METHOD_DESCRIBE, METHOD_STATUS, METHOD_STOP_ALL,
                                           METHOD_OPEN,     METHOD_RENEW,  METHOD_CLOSE,
                                           METHOD_START,    METHOD_STOP};
    static const enum method_id large[] = {METHOD_DUMPS_LIST, METHOD_DUMPS_READ};
    char method[XML_METHOD_MAX];
    if (request->body.length > SMALL_MAX)
        return LARGE;
    if (!xml_guard(request->body.data, request->body.length, method, NULL))
        return SMALL;
    if (!strcmp(method, methods[METHOD_CLOCK].name))
        return QUICK;
    if (is_one_of(method, brief, COUNT(brief)))
        return BRIEF;
    return is_one_of(method, large, COUNT(large)) || !strcmp(method, RPC_MULTICALL) ? LARGE : SMALL;
}

/* Calls of each cost are counted apart: they may wait for each other, and others go by. */
static void set_owner(struct request *request, enum call_cost cost)
{
    struct address peer = http_peer(request->connection);
    const char *user = request->wait.user;
    if (user && *user)
        snprintf(request->job.owner, sizeof request->job.owner, "%s", user);
    else
        auth_prefix(&peer, (uint8_t *)request->job.owner);
    request->job.owner[TOKEN_NAME_MAX - 1] = (char)cost;
}

/* Gives the call to an executor. Returns false where the daemon is about to end. */
static bool queue_call(struct request *request, enum call_cost cost)
{
    struct http *http = request->http;
    pthread_mutex_lock(&http->lock);
    bool may = !http->no_waiting;
    if (may) {
        request->woken = false;
        request->executing = true;
        set_owner(request, cost);
        MHD_suspend_connection(request->connection);
        executors_add(http->executors, &request->job);
    }
    pthread_mutex_unlock(&http->lock);
    return may;
}

enum MHD_Result request_carry_out(struct request *request)
{
    struct http_connection *connection = request_connection(request);
    request_set_deadline(request, CLOCK_NEVER);
    if (connection)
        http_connections_know(request->connections, connection);
    drop_wait(request);
    if (!request->answered && !request_charge_reading(request))
        return request_answer_refused(request);
    enum call_cost cost = request->answered ? QUICK : cost_of(request);
    if (cost != QUICK && queue_call(request, cost))
        return MHD_YES;
    if (!request->answered && call(request, false) == CALL_WAIT)
        return request_answer_text(request, MHD_HTTP_SERVICE_UNAVAILABLE,
                                   "the daemon is shutting down");
    return request_answer_call(request);
}
