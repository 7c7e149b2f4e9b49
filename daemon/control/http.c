/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/http_state.h"
#include "control/metrics_page.h"
#include "log.h"

enum {
    POOL_THREADS = 4,    /* per address, for what takes no time */
    EXECUTORS = 10,      /* for calls */
    EXECUTORS_SHARE = 3, /* of these, for those of one cost and one user or address */
    CONNECTIONS_MAX = 1024,
    UNKNOWN_MAX = 512,      /* of these, connections whose user is not known yet */
    UNKNOWN_PER_PEER = 448, /* of these, those of one peer */
    CLOSING_MAX = 256,      /* besides, those that were shut down and are not gone yet */
    SCRAPES_MAX = 16,       /* the same of connections for metrics, which one thread serves */
    SCRAPES_UNKNOWN_MAX = 8,
    SCRAPES_UNKNOWN_PER_PEER = 4,
    SCRAPES_CLOSING_MAX = 16,
    INACTIVITY_S = 120, /* a last resort: libmicrohttpd's own */
    TLS_OPTIONS = 5,
};

/* libmicrohttpd's time-out counts inactivity only: a byte a second keeps a request alive. These
 * are deadlines for the whole of it. */
#define REQUEST_TIME (10 * NS_PER_SEC)
#define IDLE_TIME    (75 * NS_PER_SEC)

static const struct http_refusal wrong_path = {MHD_HTTP_NOT_FOUND,
                                               "calls are posted to " PROTOCOL_PATH},
                                 wrong_method = {MHD_HTTP_METHOD_NOT_ALLOWED, "calls are posted"},
                                 too_large = {MHD_HTTP_CONTENT_TOO_LARGE, "the call is too large"},
                                 no_body = {MHD_HTTP_BAD_REQUEST, "the call has no body"};

/* ---- connections ---- */

static void *reaper_main(void *argument)
{
    struct http *http = argument;
    pthread_setname_np(pthread_self(), "reaper");
    pthread_mutex_lock(&http->lock);
    while (!http->quit) {
        int64_t now = clock_now();
        int64_t next = now + NS_PER_SEC;
        int64_t connection = http_connections_reap(&http->calls.connections, now);
        int64_t scrape = http_connections_reap(&http->scrapes.connections, now);
        int64_t waiting = http_reap_waiting(http, now);
        next = connection < next ? connection : next;
        next = scrape < next ? scrape : next;
        next = waiting < next ? waiting : next;
        next = clock_system(next);
        struct timespec until = {next / NS_PER_SEC, next % NS_PER_SEC};
        pthread_cond_timedwait(&http->changed, &http->lock, &until);
    }
    pthread_mutex_unlock(&http->lock);
    return NULL;
}

static void wake_reaper(struct http *http)
{
    pthread_mutex_lock(&http->lock);
    pthread_cond_signal(&http->changed);
    pthread_mutex_unlock(&http->lock);
}

static void on_connection(void *context, struct MHD_Connection *mhd, void **own,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http_connections *connections = &((struct http_port *)context)->connections;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        int fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        struct address peer = http_peer(mhd);
        bool held;
        *own = http_connections_add(connections, fd, &peer, clock_now() + REQUEST_TIME, &held);
        if (held)
            wake_reaper(((struct http_port *)context)->http);
    } else if (*own) {
        http_connections_remove(connections, *own);
        *own = NULL;
    }
}

/* ---- what libmicrohttpd calls ---- */

struct request *request_new(struct http_port *port, struct MHD_Connection *connection)
{
    struct request *request = mem_new(1, sizeof *request);
    request->http = port->http;
    request->connections = &port->connections;
    request->connection = connection;
    request->wait.arrived = clock_now();
    request->waiter.wake = request_on_wake;
    request->job.run = request_execute;
    struct address peer = http_peer(connection);
    address_format(&peer, request->from);
    list_init(&request->waiter.link);
    list_init(&request->link);
    if (request_connection(request))
        http_connections_begin(request->connections, request_connection(request),
                               clock_now() + REQUEST_TIME);
    return request;
}

static void check_call(struct request *request, const char *url, const char *method)
{
    struct MHD_Connection *connection = request->connection;
    request->allowed = "POST";
    const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
    if (strcmp(url, PROTOCOL_PATH))
        request->refused = wrong_path;
    else if (strcmp(method, "POST"))
        request->refused = wrong_method;
    else if (length && strtoull(length, NULL, 10) > PROTOCOL_CALL_MAX)
        request->refused = too_large;
    else
        request->refused = http_headers_check(connection, request->http->names);
    /* Nothing of its body is kept then. */
    if (!request->refused.status)
        request->refused = request_check_who(request, &request->why);
    if (!request->refused.status)
        request->refused = http_headers_check_type(connection);
}

static void take_body(struct request *request, const char *data, size_t length)
{
    if (request->refused.status)
        return;
    if (request->body.length + length > PROTOCOL_CALL_MAX)
        request->refused = too_large;
    else
        request_charge(request, (int64_t)length);
    if (request->refused.status) {
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
        *own = request = request_new(context, connection);
        check_call(request, url, method);
        return MHD_YES;
    }
    if (*length) {
        take_body(request, data, *length);
        *length = 0;
        return MHD_YES;
    }
    if (!request->refused.status && !request->body.length)
        request->refused = no_body;
    if (!request->refused.status)
        return request_carry_out(request);
    request_set_deadline(request, CLOCK_NEVER);
    if (request->why.text[0] && !request->held_back &&
        request_hold_back(request, request->why.text))
        return MHD_YES;
    return request_answer_refused(request);
}

void request_on_completed(void *context, struct MHD_Connection *connection, void **own,
                          enum MHD_RequestTerminationCode code)
{
    struct request *request = *own;
    (void)context, (void)connection, (void)code;
    if (!request)
        return;
    if (request_connection(request))
        http_connections_end(request->connections, request_connection(request),
                             clock_now() + IDLE_TIME);
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

struct http *http_new(struct rpc_server *rpc, const struct tls *tls, struct auth *auth,
                      const struct host_names *names)
{
    struct http *http = mem_new(1, sizeof *http);
    pthread_condattr_t attributes;
    http->rpc = rpc;
    http->tls = tls;
    http->auth = auth;
    http->names = names;
    http->traffic = (struct budget){.limit = HTTP_TRAFFIC_MEMORY};
    pthread_mutex_init(&http->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&http->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    http->calls.http = http->scrapes.http = http;
    http->calls.on_request = on_request;
    http->scrapes.on_request = http_on_scrape;
    http_connections_init(&http->calls.connections, CONNECTIONS_MAX, UNKNOWN_MAX, UNKNOWN_PER_PEER);
    http_connections_init(&http->scrapes.connections, SCRAPES_MAX, SCRAPES_UNKNOWN_MAX,
                          SCRAPES_UNKNOWN_PER_PEER);
    list_init(&http->waiting);
    http->executors = executors_new(EXECUTORS, EXECUTORS_SHARE);
    if (http->executors && !pthread_create(&http->reaper, NULL, reaper_main, http))
        return http;
    executors_free(http->executors);
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

/* At most so many connections; the threads of a pool, or one. */
static bool serve(struct http_port *port, int listen_fd, const struct MHD_OptionItem limits[],
                  struct fail *fail)
{
    struct http *http = port->http;
    if (http->count == HTTP_SERVERS_MAX)
        return fail_set(fail, 0, "more than %d addresses", HTTP_SERVERS_MAX);
    struct MHD_OptionItem secure[TLS_OPTIONS];
    unsigned flags = MHD_USE_POLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    tls_options(http->tls, secure);
    struct MHD_Daemon *server = MHD_start_daemon(
        flags | (http->tls ? MHD_USE_TLS : 0), 0, NULL, NULL, port->on_request, port,
        MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL, MHD_OPTION_LISTEN_SOCKET, listen_fd,
        MHD_OPTION_ARRAY, limits, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)INACTIVITY_S,
        MHD_OPTION_NOTIFY_COMPLETED, request_on_completed, NULL, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, port, MHD_OPTION_ARRAY, secure, MHD_OPTION_END);
    if (!server)
        return fail_set(fail, 0, "can't start the HTTP server: %s", fail_errno(errno));
    http->servers[http->count++] = server;
    return true;
}

bool http_serve(struct http *http, int listen_fd, struct fail *fail)
{
    static const struct MHD_OptionItem limits[] = {
        {MHD_OPTION_THREAD_POOL_SIZE, POOL_THREADS, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX + CLOSING_MAX, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    return serve(&http->calls, listen_fd, limits, fail);
}

bool http_serve_metrics(struct http *http, int listen_fd, struct sessions *sessions,
                        const struct stamp_counts *stamp, struct fail *fail)
{
    static const struct MHD_OptionItem limits[] = {
        {MHD_OPTION_CONNECTION_LIMIT, SCRAPES_MAX + SCRAPES_CLOSING_MAX, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    if (!http->page)
        http->page = metrics_page_new(sessions, &http->counts, stamp);
    return serve(&http->scrapes, listen_fd, limits, fail);
}

void http_stop_waiting(struct http *http)
{
    pthread_mutex_lock(&http->lock);
    http->no_waiting = true;
    http_reap_waiting(http, CLOCK_NEVER);
    pthread_mutex_unlock(&http->lock);
}

void http_stop(struct http *http)
{
    if (!http)
        return;
    /* No connection may be suspended when libmicrohttpd ends. */
    http_stop_waiting(http);
    executors_free(http->executors);
    for (int i = 0; i < http->count; i++)
        MHD_stop_daemon(http->servers[i]);
    pthread_mutex_lock(&http->lock);
    http->quit = true;
    pthread_cond_signal(&http->changed);
    pthread_mutex_unlock(&http->lock);
    pthread_join(http->reaper, NULL);
    pthread_cond_destroy(&http->changed);
    pthread_mutex_destroy(&http->lock);
    http_connections_destroy(&http->calls.connections);
    http_connections_destroy(&http->scrapes.connections);
    metrics_page_free(http->page);
    free(http);
}
