/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "http.h"

#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http_connections.h"
#include "log.h"

enum {
    SERVERS_MAX = 64, /* addresses that are served */
    POOL_THREADS = 4, /* per address */
    CONNECTIONS_MAX = 1024,
    STRANGERS_MAX = 512, /* of these, connections whose user is not known yet */
    CONNECTIONS_PER_PEER = 512,
    INACTIVITY_S = 120, /* a last resort: libmicrohttpd's own */
    TLS_OPTIONS = 5,
};

/* libmicrohttpd's time-out counts inactivity only: a byte a second keeps a request alive. These
 * are deadlines for the whole of it; that for an answer grows with its size. */
#define REQUEST_TIME (10 * NS_PER_SEC)
#define IDLE_TIME    (75 * NS_PER_SEC)
#define ANSWER_TIME  (30 * NS_PER_SEC)
#define ANSWER_RATE  (64 * 1024) /* bytes/s */

/* Of all calls that are being read, and answers that are being written: peers decide how long. What
 * every request may have besides keeps small ones going where large ones have taken all of it. */
#define TRAFFIC_MEMORY (INT64_C(256) << 20)
#define TRAFFIC_FREE   (INT64_C(64) << 10)

/* A request. It lives on its connection's thread; while it waits, the lists have it. */
struct request {
    struct http *http;
    struct MHD_Connection *connection;
    struct buffer body;
    int64_t traffic;  /* bytes of body and answer */
    int64_t charged;  /* of these, to the budget */
    unsigned refused; /* HTTP status, 0: it is taken */
    struct fail why;  /* it is not known who it is */
    struct call_wait wait;
    struct waiter waiter;
    struct list link; /* of those that wait */
    bool woken;
    bool held_back;
    bool answered;
    xmlrpc_mem_block *answer;
};

struct http {
    struct rpc_server *rpc;
    const struct tls *tls;
    struct auth *auth;
    struct budget traffic;
    struct MHD_Daemon *servers[SERVERS_MAX];
    int count;
    pthread_mutex_t lock; /* of what waits */
    pthread_cond_t changed;
    struct list waiting;
    struct http_connections connections;
    pthread_t reaper;
    bool quit;
    atomic_bool no_waiting;
};

/* ---- deadlines ---- */

static void resume(struct request *request)
{
    list_remove(&request->link);
    request->woken = true;
    MHD_resume_connection(request->connection);
}

static int64_t reap_waiting(struct http *http, int64_t now)
{
    int64_t next = CLOCK_NEVER;
    list_for_each_safe (link, &http->waiting) {
        struct request *request = list_item(link, struct request, link);
        if (now >= request->wait.deadline) {
            /* Where it can't be taken out, it is being woken already. */
            if (request->held_back || waitlist_cancel(request->wait.waitlist, &request->waiter))
                resume(request);
        } else if (request->wait.deadline < next) {
            next = request->wait.deadline;
        }
    }
    return next;
}

static void *reaper_main(void *argument)
{
    struct http *http = argument;
    pthread_setname_np(pthread_self(), "reaper");
    pthread_mutex_lock(&http->lock);
    while (!http->quit) {
        int64_t now = clock_now();
        int64_t next = now + NS_PER_SEC;
        int64_t connection = http_connections_reap(&http->connections, now);
        int64_t waiting = reap_waiting(http, now);
        next = connection < next ? connection : next;
        next = waiting < next ? waiting : next;
        next = clock_system(next);
        struct timespec until = {next / NS_PER_SEC, next % NS_PER_SEC};
        pthread_cond_timedwait(&http->changed, &http->lock, &until);
    }
    pthread_mutex_unlock(&http->lock);
    return NULL;
}

static struct http_connection *connection_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

static void set_deadline(struct request *request, int64_t deadline)
{
    struct http_connection *connection = connection_of(request->connection);
    if (connection)
        http_connections_set_deadline(&request->http->connections, connection, deadline);
}

static void on_connection(void *context, struct MHD_Connection *mhd, void **own,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http *http = context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        int fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        *own = http_connections_add(&http->connections, fd, clock_now() + REQUEST_TIME);
    } else if (*own) {
        http_connections_remove(&http->connections, *own);
        *own = NULL;
    }
}

/* ---- answers ---- */

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned code,
                                   const char *text)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), (void *)text, MHD_RESPMEM_MUST_COPY);
    MHD_add_response_header(response, "Content-Type", "text/plain; charset=utf-8");
    if (code == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, "Allow", "POST");
    if (code == MHD_HTTP_UNAUTHORIZED)
        MHD_add_response_header(response, "WWW-Authenticate", "Basic realm=\"flowd\"");
    enum MHD_Result result = MHD_queue_response(connection, code, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer_refused(const struct request *request)
{
    switch (request->refused) {
    case MHD_HTTP_NOT_FOUND:
        return answer_text(request->connection, request->refused,
                           "calls are posted to " PROTOCOL_PATH "\n");
    case MHD_HTTP_METHOD_NOT_ALLOWED:
        return answer_text(request->connection, request->refused, "calls are posted\n");
    case MHD_HTTP_UNAUTHORIZED:
        return answer_text(request->connection, request->refused,
                           "a user and the secret of a token are needed\n");
    case MHD_HTTP_FORBIDDEN:
        return answer_text(request->connection, request->refused,
                           "a certificate that this daemon trusts is needed\n");
    case MHD_HTTP_SERVICE_UNAVAILABLE:
        return answer_text(request->connection, request->refused,
                           "the daemon has too many large calls and answers on their way\n");
    case MHD_HTTP_CONTENT_TOO_LARGE:
        return answer_text(request->connection, request->refused, "the call is too large\n");
    default:
        return answer_text(request->connection, request->refused, "the call has no body\n");
    }
}

static bool charge(struct request *request, int64_t bytes)
{
    int64_t more = request->traffic + bytes - TRAFFIC_FREE - request->charged;
    if (more > 0 && !budget_take(&request->http->traffic, more))
        return false;
    request->traffic += bytes;
    request->charged += more > 0 ? more : 0;
    return true;
}

static enum MHD_Result answer_call(struct request *request)
{
    int64_t length = (int64_t)XMLRPC_MEMBLOCK_SIZE(char, request->answer);
    if (!charge(request, length)) {
        XMLRPC_MEMBLOCK_FREE(char, request->answer);
        request->answer = NULL;
        request->refused = MHD_HTTP_SERVICE_UNAVAILABLE;
        return answer_refused(request);
    }
    set_deadline(request, clock_now() + ANSWER_TIME + length * NS_PER_SEC / ANSWER_RATE);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(XMLRPC_MEMBLOCK_SIZE(char, request->answer),
                                        XMLRPC_MEMBLOCK_CONTENTS(char, request->answer),
                                        MHD_RESPMEM_PERSISTENT); /* it lives until on_completed() */
    MHD_add_response_header(response, "Content-Type", "text/xml; charset=utf-8");
    enum MHD_Result result = MHD_queue_response(request->connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

/* ---- calls ---- */

static void on_wake(struct waiter *waiter)
{
    struct request *request = (struct request *)((char *)waiter - offsetof(struct request, waiter));
    struct http *http = request->http;
    pthread_mutex_lock(&http->lock);
    resume(request);
    pthread_mutex_unlock(&http->lock);
}

static void drop_wait(struct request *request)
{
    session_put(request->wait.session);
    request->wait = (struct call_wait){
        .arrived = request->wait.arrived,
        .user = request->wait.user,
        .waiter = &request->waiter,
        .deadline = CLOCK_NEVER,
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

/* The connection is suspended before the call is made a second time: whatever wakes it may do so
 * before this function is over. */
static void call_waiting(struct request *request)
{
    struct http *http = request->http;
    MHD_suspend_connection(request->connection);
    request->woken = false;
    if (call(request, true) == CALL_WAIT) {
        pthread_mutex_lock(&http->lock);
        if (!request->woken) {
            list_append(&http->waiting, &request->link);
            pthread_cond_signal(&http->changed);
        }
        pthread_mutex_unlock(&http->lock);
        return;
    }
    if (!request->wait.waitlist || waitlist_cancel(request->wait.waitlist, &request->waiter))
        MHD_resume_connection(request->connection);
}

static enum MHD_Result carry_out(struct request *request)
{
    struct http_connection *connection = connection_of(request->connection);
    set_deadline(request, CLOCK_NEVER);
    if (connection)
        http_connections_know(&request->http->connections, connection);
    drop_wait(request);
    if (!request->answered && call(request, false) == CALL_WAIT) {
        if (request->http->no_waiting)
            return answer_text(request->connection, MHD_HTTP_SERVICE_UNAVAILABLE,
                               "the daemon is about to end\n");
        call_waiting(request);
        return MHD_YES;
    }
    return answer_call(request);
}

/* ---- who it is ---- */

static struct address peer_of(struct MHD_Connection *connection)
{
    struct address peer = {.length = 0};
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (!info || !info->client_addr)
        return peer;
    peer.length = info->client_addr->sa_family == AF_INET6 ? sizeof peer.v6 : sizeof peer.v4;
    memcpy(&peer.storage, info->client_addr, peer.length);
    return peer;
}

/* Once for each connection. */
static bool check_certificate(struct request *request, struct fail *fail)
{
    struct http_connection *connection = connection_of(request->connection);
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    if (!connection || !info)
        return fail_set(fail, 0, "it has no TLS session");
    if (!connection->checked)
        connection->checked = tls_check_client(info->tls_session, connection->name, fail);
    request->wait.user = connection->name;
    return connection->checked;
}

/* Gives the status that the request is to be refused with, or 0. */
static unsigned check_who(struct request *request, struct fail *fail)
{
    const struct http *http = request->http;
    if (http->tls && http->tls->client_ca && !check_certificate(request, fail))
        return MHD_HTTP_FORBIDDEN;
    if (!auth_has_users(http->auth))
        return 0;
    const char *header = MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND,
                                                     MHD_HTTP_HEADER_AUTHORIZATION);
    request->wait.user = auth_user(http->auth, header);
    if (request->wait.user)
        return 0;
    fail_set(fail, 0, header ? "a wrong user or secret" : "it showed no token");
    return MHD_HTTP_UNAUTHORIZED;
}

/* Who failed gets its answer later; the thread does not wait for that. */
static bool hold_back(struct request *request, const char *why)
{
    struct http *http = request->http;
    struct address peer = peer_of(request->connection);
    int64_t now = clock_now(), delay = auth_failed(http->auth, &peer, why, now);
    pthread_mutex_lock(&http->lock);
    bool may = !http->no_waiting;
    if (may) {
        request->held_back = true;
        request->wait.deadline = now + delay;
        MHD_suspend_connection(request->connection);
        list_append(&http->waiting, &request->link);
        pthread_cond_signal(&http->changed);
    }
    pthread_mutex_unlock(&http->lock);
    return may;
}

static void release_held_back(struct http *http)
{
    pthread_mutex_lock(&http->lock);
    list_for_each_safe (link, &http->waiting) {
        struct request *request = list_item(link, struct request, link);
        if (request->held_back)
            resume(request);
    }
    pthread_mutex_unlock(&http->lock);
}

/* ---- what libmicrohttpd calls ---- */

static struct request *request_new(struct http *http, struct MHD_Connection *connection,
                                   const char *url, const char *method)
{
    struct request *request = mem_new(1, sizeof *request);
    request->http = http;
    request->connection = connection;
    request->wait.arrived = clock_now();
    request->waiter.wake = on_wake;
    list_init(&request->waiter.link);
    list_init(&request->link);
    const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
    if (strcmp(url, PROTOCOL_PATH))
        request->refused = MHD_HTTP_NOT_FOUND;
    else if (strcmp(method, "POST"))
        request->refused = MHD_HTTP_METHOD_NOT_ALLOWED;
    else if (length && strtoull(length, NULL, 10) > PROTOCOL_CALL_MAX)
        request->refused = MHD_HTTP_CONTENT_TOO_LARGE;
    /* Nothing of its body is kept then. */
    if (!request->refused)
        request->refused = check_who(request, &request->why);
    return request;
}

static void take_body(struct request *request, const char *data, size_t length)
{
    if (request->refused)
        return;
    if (request->body.length + length > PROTOCOL_CALL_MAX)
        request->refused = MHD_HTTP_CONTENT_TOO_LARGE;
    else if (!charge(request, (int64_t)length))
        request->refused = MHD_HTTP_SERVICE_UNAVAILABLE;
    if (request->refused) {
        buffer_free(&request->body);
        return;
    }
    buffer_add(&request->body, data, length);
}

/* Called once for the headers, then for each part of the body, then to be answered, and again
 * after each resume. */
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *length, void **own)
{
    struct request *request = *own;
    (void)version;
    if (!request) {
        *own = request = request_new(context, connection, url, method);
        set_deadline(request, clock_now() + REQUEST_TIME);
        return MHD_YES;
    }
    if (*length) {
        take_body(request, data, *length);
        *length = 0;
        return MHD_YES;
    }
    if (!request->refused && !request->body.length)
        request->refused = MHD_HTTP_BAD_REQUEST;
    if (!request->refused)
        return carry_out(request);
    set_deadline(request, CLOCK_NEVER);
    if (request->why.text[0] && !request->held_back && hold_back(request, request->why.text))
        return MHD_YES;
    return answer_refused(request);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **own,
                         enum MHD_RequestTerminationCode code)
{
    struct request *request = *own;
    (void)context, (void)connection, (void)code;
    if (!request)
        return;
    set_deadline(request, clock_now() + IDLE_TIME);
    session_put(request->wait.session);
    if (request->answer)
        XMLRPC_MEMBLOCK_FREE(char, request->answer);
    buffer_free(&request->body);
    budget_give(&request->http->traffic, request->charged);
    free(request);
    *own = NULL;
}

static void on_log(void *context, const char *format, va_list args)
{
    char text[512];
    (void)context;
    vsnprintf(text, sizeof text, format, args);
    text[strcspn(text, "\n")] = '\0';
    log_debug("http: %s", text);
}

/* ---- life ---- */

struct http *http_new(struct rpc_server *rpc, const struct tls *tls, struct auth *auth)
{
    struct http *http = mem_new(1, sizeof *http);
    pthread_condattr_t attributes;
    http->rpc = rpc;
    http->tls = tls;
    http->auth = auth;
    http->traffic = (struct budget){.what = "memory of calls", .limit = TRAFFIC_MEMORY};
    pthread_mutex_init(&http->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&http->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    http_connections_init(&http->connections, STRANGERS_MAX);
    list_init(&http->waiting);
    if (!pthread_create(&http->reaper, NULL, reaper_main, http))
        return http;
    free(http);
    return NULL;
}

static void tls_options(const struct tls *tls, struct MHD_OptionItem options[TLS_OPTIONS])
{
    size_t count = 0;
    if (tls) {
        options[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, tls->key};
        options[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, tls->certificate};
        options[count++] =
            (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)TLS_PRIORITIES};
    }
    if (tls && tls->client_ca)
        options[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_TRUST, 0, tls->client_ca};
    options[count] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
}

bool http_serve(struct http *http, int listen_fd, struct fail *fail)
{
    if (http->count == SERVERS_MAX)
        return fail_set(fail, 0, "more than %d addresses can't be served", SERVERS_MAX);
    struct MHD_OptionItem secure[TLS_OPTIONS];
    unsigned flags = MHD_USE_POLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    tls_options(http->tls, secure);
    struct MHD_Daemon *server = MHD_start_daemon(
        flags | (http->tls ? MHD_USE_TLS : 0), 0, NULL, NULL, on_request, http,
        MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL, MHD_OPTION_LISTEN_SOCKET, listen_fd,
        MHD_OPTION_THREAD_POOL_SIZE, (unsigned)POOL_THREADS, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)CONNECTIONS_MAX, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        (unsigned)CONNECTIONS_PER_PEER, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)INACTIVITY_S,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, http, MHD_OPTION_ARRAY, secure, MHD_OPTION_END);
    if (!server)
        return fail_set(fail, 0, "the HTTP server can't be started: %s", fail_errno(errno));
    http->servers[http->count++] = server;
    return true;
}

void http_stop_waiting(struct http *http)
{
    pthread_mutex_lock(&http->lock);
    http->no_waiting = true;
    pthread_mutex_unlock(&http->lock);
    release_held_back(http);
}

void http_stop(struct http *http)
{
    if (!http)
        return;
    http_stop_waiting(http);
    for (int i = 0; i < http->count; i++)
        MHD_stop_daemon(http->servers[i]);
    pthread_mutex_lock(&http->lock);
    http->quit = true;
    pthread_cond_signal(&http->changed);
    pthread_mutex_unlock(&http->lock);
    pthread_join(http->reaper, NULL);
    pthread_cond_destroy(&http->changed);
    pthread_mutex_destroy(&http->lock);
    http_connections_destroy(&http->connections);
    free(http);
}
