/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/http_connections.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "clock.h"
#include "mem.h"

void http_connections_init(struct http_connections *all, size_t max, size_t unknown_max,
                           size_t unknown_per_peer)
{
    *all = (struct http_connections){
        .max = max,
        .unknown_max = unknown_max,
        .unknown_per_peer = unknown_per_peer,
    };
    pthread_mutex_init(&all->lock, NULL);
    list_init(&all->list);
}

void http_connections_destroy(struct http_connections *all)
{
    pthread_mutex_destroy(&all->lock);
}

/* What follows is called with the lock. */

static void set_known(struct http_connections *all, struct http_connection *connection)
{
    all->unknown -= connection->unknown && !connection->closing;
    connection->unknown = false;
}

/* Its thread sees the end, and removes it. */
static void shut_down(struct http_connections *all, struct http_connection *connection)
{
    if (connection->closing)
        return;
    set_known(all, connection);
    connection->closing = true;
    connection->deadline = CLOCK_NEVER;
    all->count--;
    shutdown(connection->fd, SHUT_RDWR);
}

static struct http_connection *oldest_unknown(const struct http_connections *all,
                                              const uint8_t *peer)
{
    list_for_each (link, &all->list) {
        struct http_connection *connection = list_item(link, struct http_connection, link);
        if (connection->unknown && (!peer || !memcmp(connection->peer, peer, AUTH_PREFIX_SIZE)))
            return connection;
    }
    return NULL;
}

static struct http_connection *longest_idle(const struct http_connections *all)
{
    list_for_each (link, &all->list) {
        struct http_connection *connection = list_item(link, struct http_connection, link);
        if (connection->idle && !connection->closing)
            return connection;
    }
    return NULL;
}

static size_t count_unknown(const struct http_connections *all, const uint8_t *peer)
{
    size_t count = 0;
    list_for_each (link, &all->list) {
        struct http_connection *connection = list_item(link, struct http_connection, link);
        count += connection->unknown && !memcmp(connection->peer, peer, AUTH_PREFIX_SIZE);
    }
    return count;
}

/* The one that has to go for another one of `peer`, or NULL. */
static struct http_connection *choose_victim(const struct http_connections *all,
                                             const uint8_t *peer)
{
    if (count_unknown(all, peer) > all->unknown_per_peer)
        return oldest_unknown(all, peer);
    if (all->unknown > all->unknown_max)
        return oldest_unknown(all, NULL);
    return all->count > all->max ? longest_idle(all) : NULL;
}

/* ---- without it ---- */

struct http_connection *http_connections_add(struct http_connections *all, int fd,
                                             const struct address *peer, int64_t deadline,
                                             bool *held)
{
    struct http_connection *connection = mem_new(1, sizeof *connection);
    connection->fd = fd;
    connection->deadline = deadline;
    connection->unknown = true;
    auth_prefix(peer, connection->peer);
    pthread_mutex_lock(&all->lock);
    list_append(&all->list, &connection->link);
    all->count++;
    all->unknown++;
    struct http_connection *victim = choose_victim(all, connection->peer);
    *held = victim && victim->held;
    if (victim)
        shut_down(all, victim);
    pthread_mutex_unlock(&all->lock);
    return connection;
}

void http_connections_remove(struct http_connections *all, struct http_connection *connection)
{
    pthread_mutex_lock(&all->lock);
    set_known(all, connection);
    all->count -= !connection->closing;
    list_remove(&connection->link);
    pthread_mutex_unlock(&all->lock);
    free(connection);
}

void http_connections_set_deadline(struct http_connections *all, struct http_connection *connection,
                                   int64_t deadline)
{
    pthread_mutex_lock(&all->lock);
    if (!connection->closing)
        connection->deadline = deadline;
    pthread_mutex_unlock(&all->lock);
}

void http_connections_know(struct http_connections *all, struct http_connection *connection)
{
    pthread_mutex_lock(&all->lock);
    set_known(all, connection);
    pthread_mutex_unlock(&all->lock);
}

void http_connections_hold(struct http_connections *all, struct http_connection *connection)
{
    pthread_mutex_lock(&all->lock);
    connection->held = true;
    pthread_mutex_unlock(&all->lock);
}

bool http_connections_is_closing(struct http_connections *all,
                                 const struct http_connection *connection)
{
    pthread_mutex_lock(&all->lock);
    bool closing = connection->closing;
    pthread_mutex_unlock(&all->lock);
    return closing;
}

static void set_idle(struct http_connections *all, struct http_connection *connection, bool idle,
                     int64_t deadline)
{
    pthread_mutex_lock(&all->lock);
    connection->idle = idle && !connection->unknown;
    connection->held = false;
    if (!connection->closing)
        connection->deadline = deadline;
    if (connection->idle) {
        list_remove(&connection->link);
        list_append(&all->list, &connection->link);
    }
    pthread_mutex_unlock(&all->lock);
}

void http_connections_begin(struct http_connections *all, struct http_connection *connection,
                            int64_t deadline)
{
    set_idle(all, connection, false, deadline);
}

void http_connections_end(struct http_connections *all, struct http_connection *connection,
                          int64_t deadline)
{
    set_idle(all, connection, true, deadline);
}

int64_t http_connections_reap(struct http_connections *all, int64_t now)
{
    int64_t next = CLOCK_NEVER;
    pthread_mutex_lock(&all->lock);
    list_for_each (link, &all->list) {
        struct http_connection *connection = list_item(link, struct http_connection, link);
        if (now >= connection->deadline)
            shut_down(all, connection);
        if (connection->deadline < next)
            next = connection->deadline;
    }
    pthread_mutex_unlock(&all->lock);
    return next;
}
