/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "peer/pending.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "log.h"

/* Where no flow waits. */
#define PENDING_TIMEOUT (5 * NS_PER_SEC)

enum {
    PENDING_MAX = 4096,   /* over all workers */
    PENDING_OF_FILES = 4, /* and at most such a part of all files that may be open */
};

struct pending_connections {
    struct worker **workers;
    size_t worker_count;
    struct rendezvous *rendezvous;
    int max;
    atomic_int count;
};

/* Sources show a secret at once: where too many wait, those that have waited for longest are not
 * sources. */
struct pending_connection {
    struct deferred_free head; /* first */
    struct list link;          /* of the worker's, the oldest first */
    struct pending_connections *owner;
    const struct transport *transport;
    struct worker *worker;
    struct watch watch;
    struct timer timer;
    int64_t since;
    int fd; /* -1 once it has gone */
    uint8_t preamble[PREAMBLE_SIZE];
    size_t length;
};

static void waiting_init(void *data, struct worker *worker)
{
    (void)worker;
    list_init(data);
}

/* The worker's pending connections. */
static struct list *waiting_of(struct worker *worker)
{
    static const struct worker_local lists = {sizeof(struct list), waiting_init};
    return worker_local(worker, &lists);
}

static int count_max(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur / PENDING_OF_FILES > PENDING_MAX)
        return PENDING_MAX;
    return (int)(files.rlim_cur / PENDING_OF_FILES);
}

struct pending_connections *pending_new(struct worker **workers, size_t worker_count,
                                        struct rendezvous *rendezvous)
{
    struct pending_connections *pending = mem_new(1, sizeof *pending);
    pending->workers = workers;
    pending->worker_count = worker_count;
    pending->rendezvous = rendezvous;
    pending->max = count_max();
    return pending;
}

void pending_free(struct pending_connections *pending)
{
    if (!pending)
        return;
    for (size_t i = 0; i < pending->worker_count; i++) {
        list_for_each_safe (link, waiting_of(pending->workers[i])) {
            struct pending_connection *connection =
                list_item(link, struct pending_connection, link);
            close(connection->fd);
            free(connection);
        }
    }
    free(pending);
}

static void connection_leave(struct pending_connection *connection)
{
    timers_cancel(&connection->worker->timers, &connection->timer);
    atomic_fetch_sub(&connection->owner->count, 1);
    connection->fd = -1;
    list_remove(&connection->link);
    worker_free_later(connection->worker, &connection->head);
}

static void connection_close(struct pending_connection *connection, const char *why)
{
    log_debug("a data connection is closed: %s", why);
    worker_unwatch(connection->worker, connection->fd);
    close(connection->fd);
    connection_leave(connection);
}

static void on_timeout(struct timer *timer, int64_t now)
{
    struct pending_connection *connection = container_of(timer, struct pending_connection, timer);
    int64_t end = connection->since + rendezvous_patience(connection->owner->rendezvous);
    if (now >= end) {
        connection_close(connection, "no preamble received in time");
        return;
    }
    /* Its preamble may be on its way again. Once no flow waits, nobody waits for long. */
    int64_t next = now + PENDING_TIMEOUT;
    timers_set(&connection->worker->timers, timer, next < end ? next : end);
}

/* The preamble is complete: the connection goes to its flow, or away. */
static void hand_over(struct pending_connection *connection)
{
    struct preamble preamble;
    struct fail fail;
    if (!preamble_decode(connection->preamble, &preamble, &fail)) {
        connection_close(connection, fail.text);
        return;
    }
    worker_unwatch(connection->worker, connection->fd);
    if (!rendezvous_meet(connection->owner->rendezvous, &preamble, connection->fd)) {
        connection_close(connection, "no flow waits for its secret");
        return;
    }
    connection_leave(connection);
}

static void on_ready(struct watch *watch, uint32_t events)
{
    struct pending_connection *connection = container_of(watch, struct pending_connection, watch);
    (void)events;
    while (connection->fd >= 0 && connection->length < PREAMBLE_SIZE) {
        ssize_t got = connection->transport->receive(NULL, connection->fd,
                                                     connection->preamble + connection->length,
                                                     PREAMBLE_SIZE - connection->length, true);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (got <= 0) {
            connection_close(connection, "it was closed by the peer");
            return;
        }
        connection->length += (size_t)got;
    }
    if (connection->fd >= 0)
        hand_over(connection);
}

/* Makes room for one more; false if that can't be done here. */
static bool make_room(struct pending_connections *pending, struct list *waiting)
{
    if (atomic_fetch_add(&pending->count, 1) < pending->max)
        return true;
    if (list_empty(waiting)) {
        atomic_fetch_sub(&pending->count, 1);
        return false;
    }
    connection_close(list_item(waiting->next, struct pending_connection, link),
                     "too many are pending, and this is the oldest");
    return true;
}

void pending_accept(void *pending, struct worker *worker, const struct transport *transport, int fd)
{
    struct list *waiting = waiting_of(worker);
    if (!make_room(pending, waiting)) {
        log_debug("a data connection is closed: too many are pending");
        close(fd);
        return;
    }
    struct pending_connection *connection = mem_new(1, sizeof *connection);
    connection->owner = pending;
    connection->transport = transport;
    connection->worker = worker;
    connection->watch.ready = on_ready;
    connection->timer.fire = on_timeout;
    connection->since = worker->now;
    connection->fd = fd;
    list_append(waiting, &connection->link);
    if (!worker_watch(worker, &connection->watch, fd)) {
        close(fd);
        connection_leave(connection);
        return;
    }
    timers_set(&worker->timers, &connection->timer, worker->now + PENDING_TIMEOUT);
}
