/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The HTTP front and a request on its way through it; private to http*.c. */
#ifndef FLOWRIG_HTTP_STATE_H
#define FLOWRIG_HTTP_STATE_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "control/executors.h"
#include "control/http.h"
#include "control/http_connections.h"
#include "control/http_counts.h"

enum { HTTP_SERVERS_MAX = 64 }; /* addresses that are served */

/* Of all calls that are being read, and answers that are being written: peers decide how long. */
#define HTTP_TRAFFIC_MEMORY (INT64_C(256) << 20)

/* A request. It lives on its connection's thread; while it waits, the lists have it. */
struct request {
    struct http *http;
    struct http_connections *connections; /* those among which its own is */
    struct MHD_Connection *connection;
    struct buffer body;
    int64_t traffic;             /* bytes of body, answer, and what reading the call takes */
    int64_t reading;             /* of these, for reading */
    int64_t charged;             /* of these, to the budget */
    struct http_refusal refused; /* status 0: it is taken */
    struct fail why;             /* it is not known who it is */
    struct call_wait wait;
    char from[ADDRESS_TEXT_MAX]; /* of the peer */
    struct waiter waiter;
    struct list link; /* of those that wait */
    struct job job;   /* for an executor */
    bool executing;   /* an executor has it, or will */
    bool woken;       /* meanwhile */
    bool held_back;
    bool answered;
    const char *allowed; /* methods at its port */
    xmlrpc_mem_block *answer;
};

/* What is served at some of the addresses. */
struct http_port {
    struct http *http;
    MHD_AccessHandlerCallback on_request;
    struct http_connections connections;
};

struct http {
    struct rpc_server *rpc;
    const struct tls *tls;
    struct auth *auth;
    const struct host_names *names;
    struct budget traffic;
    struct MHD_Daemon *servers[HTTP_SERVERS_MAX];
    int count;
    pthread_mutex_t lock; /* of what waits */
    pthread_cond_t changed;
    struct list waiting;
    struct http_port calls, scrapes;
    struct http_counts counts;
    struct metrics_page *page; /* what scrapes get; NULL: none are served */
    struct executors *executors;
    pthread_t reaper;
    bool quit;
    atomic_bool no_waiting;
};

/* A request that has come to a port, before it is checked; what libmicrohttpd calls when it is
 * over: `context` is the port. */
struct request *request_new(struct http_port *port, struct MHD_Connection *connection);
void request_on_completed(void *context, struct MHD_Connection *connection, void **own,
                          enum MHD_RequestTerminationCode code);

/* ---- its connection */

struct http_connection *request_connection(const struct request *request);
struct address http_peer(struct MHD_Connection *connection);
/* When the connection is closed, CLOCK_NEVER: not at all. */
void request_set_deadline(struct request *request, int64_t deadline);

/* ---- its memory: http_answer.c */

/* Charges bytes of the request, or refuses it. */
bool request_charge(struct request *request, int64_t bytes);
/* Once, what reading the call takes. */
bool request_charge_reading(struct request *request);

/* ---- scrapes: http_metrics.c */

/* What libmicrohttpd calls with each of them; `context` is the port. */
enum MHD_Result http_on_scrape(void *context, struct MHD_Connection *connection, const char *url,
                               const char *method, const char *version, const char *data,
                               size_t *length, void **own);

/* ---- its answer: http_answer.c */

enum MHD_Result request_answer_text(const struct request *request, unsigned code, const char *text);
enum MHD_Result request_answer_refused(const struct request *request);
enum MHD_Result request_answer_call(struct request *request);
/* Sets the deadline of an answer of so many bytes. */
void request_answer_until(struct request *request, int64_t length);

/* ---- who sent it: http_access.c */

/* Returns what the request is to be refused with; `fail` says more for the log. */
struct http_refusal request_check_who(struct request *request, struct fail *fail);
/* Who failed gets the answer later; the thread does not wait for that. Returns false where nothing
 * may wait any more. */
bool request_hold_back(struct request *request, const char *why);

/* ---- carrying it out: http_call.c */

/* Answers, or lets the request wait: for an executor, or for what its call waits for. */
enum MHD_Result request_carry_out(struct request *request);
/* What an executor does with its job. */
void request_execute(struct job *job);
/* What wakes its waiter. */
void request_on_wake(struct waiter *waiter);
/* With http->lock: lets a request that waits go on. */
void request_resume(struct request *request);
/* Likewise those whose deadline is over at `now`, CLOCK_NEVER for all, and held back ones whose
 * connection was shut down; returns the next one. */
int64_t http_reap_waiting(struct http *http, int64_t now);

#endif
