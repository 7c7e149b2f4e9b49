/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The connections of the HTTP server: until when each has to be done with what it does, and who has
 * to leave where strangers crowd. From any thread. */
#ifndef FLOWRIG_HTTP_CONNECTIONS_H
#define FLOWRIG_HTTP_CONNECTIONS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "list.h"
#include "token.h"

/* A connection; the first members belong to the list's lock. */
struct http_connection {
    struct list link;
    int fd;
    int64_t deadline; /* when it is closed, CLOCK_NEVER while a call is carried out */
    bool stranger;    /* it has not had a request that was let in */
    /* Its own thread's. */
    bool checked; /* the client's certificate was, and is good: */
    char name[TOKEN_NAME_MAX];
};

struct http_connections {
    pthread_mutex_t lock;
    struct list list; /* the oldest first */
    size_t strangers, strangers_max;
};

void http_connections_init(struct http_connections *all, size_t strangers_max);
void http_connections_destroy(struct http_connections *all);

/* A stranger has come. Where that makes too many of them, the oldest is shut down: whoever means
 * well shows a token at once. */
struct http_connection *http_connections_add(struct http_connections *all, int fd,
                                             int64_t deadline);
void http_connections_remove(struct http_connections *all, struct http_connection *connection);

void http_connections_set_deadline(struct http_connections *all, struct http_connection *connection,
                                   int64_t deadline);
/* Its user is known. */
void http_connections_know(struct http_connections *all, struct http_connection *connection);

/* Shuts down what is over its time; gives the next deadline. */
int64_t http_connections_reap(struct http_connections *all, int64_t now);

#endif
