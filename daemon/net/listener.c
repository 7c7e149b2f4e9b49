/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/listener.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "log.h"
#include "mem.h"
#include "protocol.h"
#include "net/sockopt.h"

enum { ACCEPT_TURN = 256 }; /* accepted in one turn */

/* How long a listener rests when the kernel is short of descriptors or memory. */
#define ACCEPT_REST (100 * NS_PER_MS)

struct listener {
    struct list link;
    struct listeners *owner;
    const struct transport *transport;
    struct address address;
    struct endpoint_settings settings; /* those that the socket was made with */
    int references;
    struct holder holder; /* who had it opened */
    int fd;
    struct worker *worker; /* NULL: a flow has the socket, and this holds its port */
    struct watch watch;
    struct task task;
    struct timer rest;
};

struct listeners {
    pthread_mutex_t lock;
    struct list all;
    uint16_t low, high;
    bool exact; /* never at the wildcard in place of an address */
    struct worker **workers;
    size_t worker_count, next_worker;
    listener_accepted *accepted;
    void *owner;
};

struct listeners *listeners_new(uint16_t low, uint16_t high, struct worker **workers,
                                size_t worker_count, listener_accepted *accepted, void *owner)
{
    struct listeners *listeners = mem_new(1, sizeof *listeners);
    pthread_mutex_init(&listeners->lock, NULL);
    list_init(&listeners->all);
    listeners->low = low;
    listeners->high = high;
    listeners->workers = workers;
    listeners->worker_count = worker_count;
    listeners->accepted = accepted;
    listeners->owner = owner;
    return listeners;
}

void listeners_refuse_wildcard(struct listeners *listeners)
{
    listeners->exact = true;
}

void listeners_free(struct listeners *listeners)
{
    if (!listeners)
        return;
    list_for_each_safe (link, &listeners->all) {
        struct listener *listener = list_item(link, struct listener, link);
        if (listener->fd >= 0)
            close(listener->fd);
        free(listener);
    }
    pthread_mutex_destroy(&listeners->lock);
    free(listeners);
}

static void listener_turn(struct task *task)
{
    struct listener *listener = container_of(task, struct listener, task);
    for (int i = 0; i < ACCEPT_TURN; i++) {
        int fd = listener->transport->accept(listener->fd);
        if (fd >= 0) {
            listener->owner->accepted(listener->owner->owner, listener->worker, listener->transport,
                                      fd);
            continue;
        }
        if (errno == EAGAIN)
            return;
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            log_warning("can't accept a data connection: %s", fail_errno(errno));
            timers_set(&listener->worker->timers, &listener->rest,
                       listener->worker->now + ACCEPT_REST);
            return;
        }
    }
    worker_queue(listener->worker, &listener->task);
}

static void listener_ready(struct watch *watch, uint32_t events)
{
    struct listener *listener = container_of(watch, struct listener, watch);
    (void)events;
    worker_queue(listener->worker, &listener->task);
}

static void listener_rested(struct timer *timer, int64_t now)
{
    struct listener *listener = container_of(timer, struct listener, rest);
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
        log_error("can't watch a listening socket: %s", fail_errno(errno));
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

static struct listener *find(struct listeners *listeners, const struct transport *transport,
                             const struct address *address,
                             const struct endpoint_settings *settings)
{
    list_for_each (link, &listeners->all) {
        struct listener *listener = list_item(link, struct listener, link);
        if (listener->worker && listener->transport == transport &&
            address_same_host(&listener->address, address) &&
            sockopt_same(&listener->settings, settings) &&
            listener->settings.dump == settings->dump &&
            listener->settings.trace == settings->trace)
            return listener;
    }
    return NULL;
}

/* Whether the session and the user may have one more port of the range. */
static bool check_share(const struct listeners *listeners, const struct holder *holder,
                        const struct transport *transport, struct fail *fail)
{
    int64_t left = listeners->high - listeners->low + 1, of_session = 0, of_user = 0;
    if (!listeners->low || !holder->session)
        return true;
    list_for_each (link, &listeners->all) {
        const struct listener *listener = list_item(link, struct listener, link);
        if (listener->transport != transport)
            continue;
        left--;
        of_session += listener->holder.session == holder->session;
        of_user += holder->user && listener->holder.user == holder->user;
    }
    if (left <= 0 || (share_allows(of_session, left) && share_allows(of_user, left)))
        return true; /* where none is left, that is what is said */
    bool session = !share_allows(of_session, left);
    return fail_set(fail, FAULT_PORTS,
                    "this %s listens on %lld of the data ports %u to %u, and the other %lld are "
                    "reserved for others (--data-ports)",
                    session ? "session" : "user", (long long)(session ? of_session : of_user),
                    listeners->low, listeners->high, (long long)left);
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
    fail_set(fail, FAULT_PORTS, "all data ports from %u to %u are in use there (--data-ports)",
             listeners->low, listeners->high);
    errno = EADDRINUSE;
    return -1;
}

static struct listener *make_listener(struct listeners *listeners, const struct holder *holder,
                                      const struct transport *transport,
                                      const struct address *address,
                                      const struct endpoint_settings *settings, struct fail *fail)
{
    struct address at = *address;
    if (!check_share(listeners, holder, transport, fail))
        return NULL;
    int fd = listen_in_range(listeners, transport, &at, settings, fail);
    if (fd < 0)
        return NULL;
    struct listener *listener = mem_new(1, sizeof *listener);
    listener->owner = listeners;
    listener->transport = transport;
    listener->settings = *settings;
    listener->holder = *holder;
    listener->fd = fd;
    listener->watch.ready = listener_ready;
    listener->task.run = listener_turn;
    listener->rest.fire = listener_rested;
    list_init(&listener->task.link);
    address_local(fd, &listener->address);
    list_append(&listeners->all, &listener->link);
    return listener;
}

static struct listener *open_listener(struct listeners *listeners, const struct holder *holder,
                                      const struct transport *transport,
                                      const struct address *address,
                                      const struct endpoint_settings *settings, struct fail *fail)
{
    struct listener *listener =
        make_listener(listeners, holder, transport, address, settings, fail);
    if (!listener)
        return NULL;
    listener->worker = listeners->workers[listeners->next_worker++ % listeners->worker_count];
    post(listener, run_open);
    return listener;
}

/* Where to listen for a test address: there, or else at the wildcard of its family unless `exact`.
 * Without one, at the wildcard of both families, or of IPv4 where there is no IPv6. */
static size_t candidates(const struct addresses *own, bool exact,
                         struct address at[ADDRESSES_MAX + 2])
{
    size_t count = 0;
    for (; count < own->count; count++)
        at[count] = own->list[count];
    if (exact && count)
        return count;
    at[count] = address_wildcard(count ? at[0].any.sa_family : AF_INET6, 0);
    count++;
    if (!own->count)
        at[count++] = address_wildcard(AF_INET, 0);
    return count;
}

/* Says so where none of the addresses could be taken, and the wildcard may not be. */
static void refuse_wildcard(const struct listeners *listeners, const struct addresses *own,
                            struct fail *fail)
{
    if (listeners->exact && own->count)
        fail_set(fail, FAULT_POLICY,
                 "the host does not have this address, so it would listen on all addresses, but "
                 "the daemon allows tests only with some (--allow-test, --deny-test)");
}

static struct listener *find_or_open(struct listeners *listeners, const struct holder *holder,
                                     const struct transport *transport, const struct addresses *own,
                                     const struct endpoint_settings *settings, struct fail *fail)
{
    struct address at[ADDRESSES_MAX + 2];
    size_t count = candidates(own, listeners->exact, at);
    for (size_t i = 0; i < count; i++) {
        struct listener *listener = find(listeners, transport, &at[i], settings);
        if (listener)
            return listener;
        errno = 0;
        listener = open_listener(listeners, holder, transport, &at[i], settings, fail);
        if (listener || (errno != EADDRNOTAVAIL && errno != EAFNOSUPPORT))
            return listener;
    }
    refuse_wildcard(listeners, own, fail);
    return NULL;
}

struct listener *listeners_acquire(struct listeners *listeners, const struct holder *holder,
                                   const struct transport *transport, const struct addresses *own,
                                   const struct endpoint_settings *settings, struct fail *fail)
{
    pthread_mutex_lock(&listeners->lock);
    struct listener *listener = find_or_open(listeners, holder, transport, own, settings, fail);
    if (listener)
        listener->references++;
    pthread_mutex_unlock(&listeners->lock);
    return listener;
}

struct listener *listeners_acquire_socket(struct listeners *listeners, const struct holder *holder,
                                          const struct transport *transport,
                                          const struct addresses *own,
                                          const struct endpoint_settings *settings, int *fd,
                                          struct fail *fail)
{
    struct address at[ADDRESSES_MAX + 2];
    size_t count = candidates(own, listeners->exact, at);
    struct listener *listener = NULL;
    errno = EADDRNOTAVAIL;
    pthread_mutex_lock(&listeners->lock);
    for (size_t i = 0; i < count && (errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT); i++) {
        errno = 0;
        listener = make_listener(listeners, holder, transport, &at[i], settings, fail);
        if (listener)
            break;
    }
    if (!listener && (errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT))
        refuse_wildcard(listeners, own, fail);
    if (listener) {
        *fd = listener->fd;
        listener->fd = -1;
        listener->references++;
    }
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
        if (listener->worker)
            post(listener, run_close);
        else
            free(listener);
    }
    pthread_mutex_unlock(&listeners->lock);
}

uint16_t listener_port(const struct listener *listener)
{
    return address_port(&listener->address);
}
