/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "listener.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "mem.h"
#include "protocol.h"
#include "sockopt.h"

#define VISITOR_TIMEOUT (5 * NS_PER_SEC)

enum {
    VISITORS_MAX = 4096,   /* connections that have not shown a secret, over all listeners */
    VISITORS_OF_FILES = 4, /* and at most such a part of all files that may be open */
    ACCEPT_TURN = 256,     /* accepted in one turn */
};

/* How long a listener rests when the kernel is short of descriptors or memory. */
#define ACCEPT_REST (100 * NS_PER_MS)

struct listener {
    struct list link;
    struct listeners *owner;
    const struct transport *transport;
    struct address address;
    struct endpoint_settings settings; /* those that the socket was made with */
    int references;
    int fd;
    struct worker *worker;
    struct watch watch;
    struct task task;
    struct timer rest;
};

struct listeners {
    pthread_mutex_t lock;
    struct list all;
    uint16_t low, high;
    struct worker **workers;
    size_t worker_count, next_worker;
    struct rendezvous *rendezvous;
    int visitors_max;
    atomic_int visitors;
};

/* An accepted connection that has not said whom it wants. Sources say it at once: where too many
 * wait, those that have waited for longest are not sources. */
struct visitor {
    struct grave grave; /* first */
    struct list link;   /* worker->visitors */
    struct listeners *listeners;
    struct worker *worker;
    struct watch watch;
    struct timer timer;
    int fd; /* -1 once it has gone */
    uint8_t preamble[PREAMBLE_SIZE];
    size_t length;
};

static int visitors_max(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur / VISITORS_OF_FILES > VISITORS_MAX)
        return VISITORS_MAX;
    return (int)(files.rlim_cur / VISITORS_OF_FILES);
}

struct listeners *listeners_new(uint16_t low, uint16_t high, struct worker **workers,
                                size_t worker_count, struct rendezvous *rendezvous)
{
    struct listeners *listeners = mem_new(1, sizeof *listeners);
    pthread_mutex_init(&listeners->lock, NULL);
    list_init(&listeners->all);
    listeners->low = low;
    listeners->high = high;
    listeners->workers = workers;
    listeners->worker_count = worker_count;
    listeners->rendezvous = rendezvous;
    listeners->visitors_max = visitors_max();
    return listeners;
}

void listeners_free(struct listeners *listeners)
{
    if (!listeners)
        return;
    for (size_t i = 0; i < listeners->worker_count; i++) {
        list_for_each_safe (link, &listeners->workers[i]->visitors) {
            struct visitor *visitor = list_item(link, struct visitor, link);
            close(visitor->fd);
            free(visitor);
        }
    }
    list_for_each_safe (link, &listeners->all) {
        struct listener *listener = list_item(link, struct listener, link);
        close(listener->fd);
        free(listener);
    }
    pthread_mutex_destroy(&listeners->lock);
    free(listeners);
}

/* ---- visitors, on the listener's worker ---- */

static void visitor_leave(struct visitor *visitor)
{
    timers_cancel(&visitor->worker->timers, &visitor->timer);
    atomic_fetch_sub(&visitor->listeners->visitors, 1);
    visitor->fd = -1;
    list_remove(&visitor->link);
    worker_bury(visitor->worker, &visitor->grave);
}

static void visitor_dismiss(struct visitor *visitor, const char *why)
{
    log_debug("a data connection is closed: %s", why);
    worker_unwatch(visitor->worker, visitor->fd);
    close(visitor->fd);
    visitor_leave(visitor);
}

static void visitor_timeout(struct timer *timer, int64_t now)
{
    (void)now;
    visitor_dismiss((struct visitor *)((char *)timer - offsetof(struct visitor, timer)),
                    "it said nothing in time");
}

/* The preamble is complete: the connection goes to its flow, or away. */
static void visitor_introduce(struct visitor *visitor)
{
    struct preamble preamble;
    struct fail fail;
    if (!preamble_decode(visitor->preamble, &preamble, &fail)) {
        visitor_dismiss(visitor, fail.text);
        return;
    }
    worker_unwatch(visitor->worker, visitor->fd);
    if (!rendezvous_meet(visitor->listeners->rendezvous, preamble.secret, visitor->fd,
                         preamble.header_size)) {
        visitor_dismiss(visitor, "no flow waits for its secret");
        return;
    }
    visitor_leave(visitor);
}

static void visitor_ready(struct watch *watch, uint32_t events)
{
    struct visitor *visitor = (struct visitor *)((char *)watch - offsetof(struct visitor, watch));
    (void)events;
    while (visitor->fd >= 0 && visitor->length < PREAMBLE_SIZE) {
        ssize_t got = recv(visitor->fd, visitor->preamble + visitor->length,
                           PREAMBLE_SIZE - visitor->length, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (got <= 0) {
            visitor_dismiss(visitor, "it was closed by the peer");
            return;
        }
        visitor->length += (size_t)got;
    }
    if (visitor->fd >= 0)
        visitor_introduce(visitor);
}

static void visitor_new(struct listener *listener, int fd)
{
    struct listeners *listeners = listener->owner;
    struct list *waiting = &listener->worker->visitors;
    if (atomic_fetch_add(&listeners->visitors, 1) >= listeners->visitors_max) {
        if (list_empty(waiting)) {
            atomic_fetch_sub(&listeners->visitors, 1);
            log_debug("a data connection is closed: too many wait already");
            close(fd);
            return;
        }
        visitor_dismiss(list_item(waiting->next, struct visitor, link),
                        "too many wait already, and it has for longest");
    }
    struct visitor *visitor = mem_new(1, sizeof *visitor);
    visitor->listeners = listeners;
    visitor->worker = listener->worker;
    visitor->watch.ready = visitor_ready;
    visitor->timer.fire = visitor_timeout;
    visitor->fd = fd;
    list_append(&listener->worker->visitors, &visitor->link);
    if (!worker_watch(listener->worker, &visitor->watch, fd)) {
        close(fd);
        visitor_leave(visitor);
        return;
    }
    timers_set(&listener->worker->timers, &visitor->timer, listener->worker->now + VISITOR_TIMEOUT);
}

static void listener_turn(struct task *task)
{
    struct listener *listener = (struct listener *)((char *)task - offsetof(struct listener, task));
    for (int i = 0; i < ACCEPT_TURN; i++) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            visitor_new(listener, fd);
            continue;
        }
        if (errno == EAGAIN)
            return;
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            log_warning("a data connection can't be accepted: %s", fail_errno(errno));
            timers_set(&listener->worker->timers, &listener->rest,
                       listener->worker->now + ACCEPT_REST);
            return;
        }
    }
    worker_queue(listener->worker, &listener->task);
}

static void listener_ready(struct watch *watch, uint32_t events)
{
    struct listener *listener =
        (struct listener *)((char *)watch - offsetof(struct listener, watch));
    (void)events;
    worker_queue(listener->worker, &listener->task);
}

static void listener_rested(struct timer *timer, int64_t now)
{
    struct listener *listener =
        (struct listener *)((char *)timer - offsetof(struct listener, rest));
    (void)now;
    worker_queue(listener->worker, &listener->task);
}

/* ---- opening and closing ---- */

struct listener_command {
    struct command command;
    struct listener *listener;
};

static void post(struct listener *listener, void (*run)(struct worker *, struct command *))
{
    struct listener_command *command = mem_new(1, sizeof *command);
    command->command.run = run;
    command->listener = listener;
    worker_post(listener->worker, &command->command);
}

static void run_open(struct worker *worker, struct command *command)
{
    struct listener *listener = ((struct listener_command *)command)->listener;
    if (!worker_watch(worker, &listener->watch, listener->fd))
        log_error("a listening socket can't be watched: %s", fail_errno(errno));
    free(command);
}

static void run_close(struct worker *worker, struct command *command)
{
    struct listener *listener = ((struct listener_command *)command)->listener;
    worker_unwatch(worker, listener->fd);
    list_remove(&listener->task.link);
    timers_cancel(&worker->timers, &listener->rest);
    close(listener->fd);
    free(listener);
    free(command);
}

static bool same_host(const struct address *one, const struct address *other)
{
    struct address a = *one, b = *other;
    address_set_port(&a, 0);
    address_set_port(&b, 0);
    return address_equal(&a, &b);
}

static struct listener *find(struct listeners *listeners, const struct transport *transport,
                             const struct address *address,
                             const struct endpoint_settings *settings)
{
    list_for_each (link, &listeners->all) {
        struct listener *listener = list_item(link, struct listener, link);
        if (listener->transport == transport && same_host(&listener->address, address) &&
            sockopt_same(&listener->settings, settings) &&
            listener->settings.dump == settings->dump)
            return listener;
    }
    return NULL;
}

/* Listens at the address, at the first port of the range that is free. */
static int listen_in_range(const struct listeners *listeners, const struct transport *transport,
                           struct address *address, const struct endpoint_settings *settings,
                           struct fail *fail)
{
    for (int port = listeners->low; port <= listeners->high; port++) {
        address_set_port(address, (uint16_t)port);
        int fd = transport->listen(address, settings, fail);
        if (fd >= 0 || errno != EADDRINUSE)
            return fd;
    }
    fail_set(fail, FAULT_PORTS, "the data ports %u to %u are used up there (--data-ports)",
             listeners->low, listeners->high);
    errno = EADDRINUSE;
    return -1;
}

static struct listener *open_listener(struct listeners *listeners,
                                      const struct transport *transport,
                                      const struct address *address,
                                      const struct endpoint_settings *settings, struct fail *fail)
{
    struct address at = *address;
    int fd = listen_in_range(listeners, transport, &at, settings, fail);
    if (fd < 0)
        return NULL;
    struct listener *listener = mem_new(1, sizeof *listener);
    listener->owner = listeners;
    listener->transport = transport;
    listener->settings = *settings;
    listener->fd = fd;
    listener->worker = listeners->workers[listeners->next_worker++ % listeners->worker_count];
    listener->watch.ready = listener_ready;
    listener->task.run = listener_turn;
    listener->rest.fire = listener_rested;
    list_init(&listener->task.link);
    sock_local(fd, &listener->address);
    list_append(&listeners->all, &listener->link);
    post(listener, run_open);
    return listener;
}

/* Where to listen for a test address: there, or else at the wildcard of its family. Without one,
 * at the wildcard of both families, or of IPv4 where there is no IPv6. */
static size_t candidates(const struct addresses *own, struct address at[ADDRESSES_MAX + 2])
{
    size_t count = 0;
    for (; count < own->count; count++)
        at[count] = own->list[count];
    at[count] = address_wildcard(count ? at[0].any.sa_family : AF_INET6, 0);
    count++;
    if (!own->count)
        at[count++] = address_wildcard(AF_INET, 0);
    return count;
}

static struct listener *find_or_open(struct listeners *listeners, const struct transport *transport,
                                     const struct addresses *own,
                                     const struct endpoint_settings *settings, struct fail *fail)
{
    struct address at[ADDRESSES_MAX + 2];
    size_t count = candidates(own, at);
    for (size_t i = 0; i < count; i++) {
        struct listener *listener = find(listeners, transport, &at[i], settings);
        if (listener)
            return listener;
        errno = 0;
        listener = open_listener(listeners, transport, &at[i], settings, fail);
        if (listener || (errno != EADDRNOTAVAIL && errno != EAFNOSUPPORT))
            return listener;
    }
    return NULL;
}

struct listener *listeners_acquire(struct listeners *listeners, const struct transport *transport,
                                   const struct addresses *own,
                                   const struct endpoint_settings *settings, struct fail *fail)
{
    pthread_mutex_lock(&listeners->lock);
    struct listener *listener = find_or_open(listeners, transport, own, settings, fail);
    if (listener)
        listener->references++;
    pthread_mutex_unlock(&listeners->lock);
    return listener;
}

void listeners_release(struct listeners *listeners, struct listener *listener)
{
    if (!listener)
        return;
    pthread_mutex_lock(&listeners->lock);
    if (--listener->references == 0) {
        list_remove(&listener->link);
        post(listener, run_close);
    }
    pthread_mutex_unlock(&listeners->lock);
}

uint16_t listener_port(const struct listener *listener)
{
    return address_port(&listener->address);
}
