/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The connections of the HTTP server: until when each has to be done with what it does, and which
 * are closed where there are too many. From any thread. */
#ifndef FLOWRIG_HTTP_CONNECTIONS_H
#define FLOWRIG_HTTP_CONNECTIONS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/auth.h"
#include "list.h"

/* A connection; the first members belong to the list's lock. */
struct http_connection {
    struct list link;
    int fd;
    int64_t deadline;               /* when it is closed; CLOCK_NEVER during a call */
    uint8_t peer[AUTH_PREFIX_SIZE]; /* auth_prefix() */
    bool unknown;                   /* it has not had a request that was let in */
    bool idle;                      /* it is known, and waits for its next request */
    bool held;                      /* the answer to its request is held back */
    bool closing;                   /* it was shut down */
    /* Its own thread's. */
    bool checked; /* the client's certificate was, and is good: */
    char name[TOKEN_NAME_MAX];
};

struct http_connections {
    pthread_mutex_t lock;
    struct list list;      /* in the order in which they came or fell idle */
    size_t count, unknown; /* those that were not shut down */
    size_t max, unknown_max, unknown_per_peer;
};

/* `max` connections in all; of these `unknown_max` whose user is not known yet, and
 * `unknown_per_peer` of one peer. The last has to be the smallest: then a peer that shows nothing
 * displaces its own connections, not those of others. */
void http_connections_init(struct http_connections *all, size_t max, size_t unknown_max,
                           size_t unknown_per_peer);
void http_connections_destroy(struct http_connections *all);

/* There is a new one, of an unknown user. Where that makes too many, one is shut down: the oldest
 * unknown one of the same peer, the oldest unknown one, or the one that was idle for longest.
 * Whoever means well makes a call at once. `held`: the answer to its request is held back, and has
 * to be no longer. */
struct http_connection *http_connections_add(struct http_connections *all, int fd,
                                             const struct address *peer, int64_t deadline,
                                             bool *held);
void http_connections_remove(struct http_connections *all, struct http_connection *connection);

/* Closes the connection at this time of CLOCK_MONOTONIC instead. */
void http_connections_set_deadline(struct http_connections *all, struct http_connection *connection,
                                   int64_t deadline);
/* Its user is known. */
void http_connections_know(struct http_connections *all, struct http_connection *connection);
/* The answer to its request is held back. */
void http_connections_hold(struct http_connections *all, struct http_connection *connection);
/* Whether it was shut down: nobody waits for an answer. */
bool http_connections_is_closing(struct http_connections *all,
                                 const struct http_connection *connection);
/* A request begins; its last one is over, and it is closed at `deadline` unless another comes. */
void http_connections_begin(struct http_connections *all, struct http_connection *connection,
                            int64_t deadline);
void http_connections_end(struct http_connections *all, struct http_connection *connection,
                          int64_t deadline);

/* Shuts down what is over its time; returns the next deadline. */
int64_t http_connections_reap(struct http_connections *all, int64_t now);

#endif
