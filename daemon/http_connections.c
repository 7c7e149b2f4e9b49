/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "http_connections.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "clock.h"
#include "mem.h"

void http_connections_init(struct http_connections *all, size_t strangers_max)
{
    pthread_mutex_init(&all->lock, NULL);
    list_init(&all->list);
    all->strangers = 0;
    all->strangers_max = strangers_max;
}

void http_connections_destroy(struct http_connections *all)
{
    pthread_mutex_destroy(&all->lock);
}

/* With the lock. */
static void no_stranger(struct http_connections *all, struct http_connection *connection)
{
    all->strangers -= connection->stranger;
    connection->stranger = false;
}

static void bound_strangers(struct http_connections *all)
{
    if (all->strangers <= all->strangers_max)
        return;
    list_for_each (link, &all->list) {
        struct http_connection *connection = list_item(link, struct http_connection, link);
        if (connection->stranger) {
            shutdown(connection->fd, SHUT_RDWR);
            no_stranger(all, connection);
            return;
        }
    }
}

struct http_connection *http_connections_add(struct http_connections *all, int fd, int64_t deadline)
{
    struct http_connection *connection = mem_new(1, sizeof *connection);
    connection->fd = fd;
    connection->deadline = deadline;
    connection->stranger = true;
    pthread_mutex_lock(&all->lock);
    list_append(&all->list, &connection->link);
    all->strangers++;
    bound_strangers(all);
    pthread_mutex_unlock(&all->lock);
    return connection;
}

void http_connections_remove(struct http_connections *all, struct http_connection *connection)
{
    pthread_mutex_lock(&all->lock);
    no_stranger(all, connection);
    list_remove(&connection->link);
    pthread_mutex_unlock(&all->lock);
    free(connection);
}

void http_connections_set_deadline(struct http_connections *all, struct http_connection *connection,
                                   int64_t deadline)
{
    pthread_mutex_lock(&all->lock);
    connection->deadline = deadline;
    pthread_mutex_unlock(&all->lock);
}

void http_connections_know(struct http_connections *all, struct http_connection *connection)
{
    pthread_mutex_lock(&all->lock);
    no_stranger(all, connection);
    pthread_mutex_unlock(&all->lock);
}

int64_t http_connections_reap(struct http_connections *all, int64_t now)
{
    int64_t next = CLOCK_NEVER;
    pthread_mutex_lock(&all->lock);
    list_for_each (link, &all->list) {
        struct http_connection *connection = list_item(link, struct http_connection, link);
        if (now >= connection->deadline) {
            shutdown(connection->fd, SHUT_RDWR);
            connection->deadline = CLOCK_NEVER;
        }
        if (connection->deadline < next)
            next = connection->deadline;
    }
    pthread_mutex_unlock(&all->lock);
    return next;
}
