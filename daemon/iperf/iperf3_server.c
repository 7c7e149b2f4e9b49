/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "iperf/iperf3_server.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "iperf/iperf3_datagrams.h"
#include "iperf/iperf3_test.h"
#include "log.h"
#include "net/listen_at.h"

enum {
    LISTENERS_MAX = 2 * ADDRESSES_MAX,
    ACCEPT_TURN = 64,
    TESTS_MAX = 128, /* of all clients; and at most so a part of the daemon's sessions: */
    TESTS_OF_SESSIONS = 2,
    TESTS_OF_ADDRESS = 4,   /* of one address: a fourth of all */
    STRANGERS_MAX = 1024,   /* that have not shown a cookie */
    STRANGERS_OF_FILES = 8, /* and at most such a part of all files */
    WORKER_INDEX = 1000,    /* in the name of its thread */
};

/* Until the cookie has come; until one that was refused has closed; and how long nothing is
 * accepted where the kernel is short of descriptors. */
#define COOKIE_TIME (5 * NS_PER_SEC)
#define LEAVE_TIME  (2 * NS_PER_SEC)
#define ACCEPT_REST (100 * NS_PER_MS)

struct iperf3_listener {
    struct iperf3_server *server;
    int fd;
    struct watch watch;
    struct task task;
    struct timer rest;
    struct iperf3_datagrams datagrams; /* at the same port */
};

struct iperf3_server {
    struct iperf3_host host;
    struct netlist allow;
    struct iperf3_listener listeners[LISTENERS_MAX];
    size_t listener_count;
    struct list strangers; /* connections without a cookie, the oldest first */
    size_t stranger_count, stranger_max, test_max;
    uint64_t accepted;
    atomic_bool ended; /* its tests are */
};

/* A connection that has not shown its cookie, or was refused. */
struct stranger {
    struct deferred_free head; /* first */
    struct list link;
    struct iperf3_server *server;
    struct watch watch;
    struct timer timer;
    int fd; /* -1: it has gone */
    struct address peer;
    uint64_t serial;
    uint8_t cookie[IPERF3_COOKIE_SIZE];
    size_t length;
    bool refused;
};

/* ---- strangers ---- */

/* The socket is no longer the stranger's. */
static void forget(struct stranger *stranger)
{
    struct worker *worker = stranger->server->host.worker;
    timers_cancel(&worker->timers, &stranger->timer);
    if (stranger->fd >= 0)
        worker_unwatch(worker, stranger->fd);
    stranger->fd = -1;
    list_remove(&stranger->link);
    stranger->server->stranger_count--;
    worker_free_later(worker, &stranger->head);
}

static void dismiss(struct stranger *stranger)
{
    int fd = stranger->fd;
    forget(stranger);
    close(fd);
}

/* Says that it may come again later, and closes when the client has read that. */
static void refuse(struct stranger *stranger, const char *why)
{
    static const int8_t denied = IPERF3_ACCESS_DENIED;
    char text[ADDRESS_TEXT_MAX];
    address_format_port(&stranger->peer, text);
    log_info("iperf3 connection of %s is refused: %s", text, why);
    stranger->refused = true;
    if (send(stranger->fd, &denied, 1, MSG_DONTWAIT | MSG_NOSIGNAL) != 1 ||
        shutdown(stranger->fd, SHUT_WR)) {
        dismiss(stranger);
        return;
    }
    struct worker *worker = stranger->server->host.worker;
    timers_set(&worker->timers, &stranger->timer, worker->now + LEAVE_TIME);
}

static void begin_test(struct stranger *stranger)
{
    struct iperf3_server *server = stranger->server;
    if (server->host.test_count >= server->test_max) {
        refuse(stranger, "too many tests are under way");
        return;
    }
    if (iperf3_tests_of(&server->host, &stranger->peer) >=
        (server->test_max + TESTS_OF_ADDRESS - 1) / TESTS_OF_ADDRESS) {
        refuse(stranger, "too many tests of its address are under way");
        return;
    }
    int fd = stranger->fd;
    forget(stranger);
    iperf3_test_new(&server->host, fd, &stranger->peer, stranger->cookie);
}

/* Its cookie is there. */
static void introduce(struct stranger *stranger)
{
    struct iperf3_server *server = stranger->server;
    struct iperf3_test *test = iperf3_test_find(&server->host, stranger->cookie);
    if (!test) {
        begin_test(stranger);
        return;
    }
    int fd = stranger->fd;
    worker_unwatch(server->host.worker, fd);
    if (iperf3_test_add_stream(test, fd, &stranger->peer, stranger->serial)) {
        stranger->fd = -1; /* it may be closed by now */
        forget(stranger);
        return;
    }
    if (worker_watch(server->host.worker, &stranger->watch, fd))
        refuse(stranger, "its test waits for no further connection from there");
    else
        dismiss(stranger);
}

/* Reads what a refused one still sends. */
static void discard(struct stranger *stranger)
{
    struct worker *worker = stranger->server->host.worker;
    ssize_t got =
        recv(stranger->fd, worker->scratch, WORKER_SCRATCH_SIZE, MSG_DONTWAIT | MSG_TRUNC);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        dismiss(stranger);
}

static void on_ready(struct watch *watch, uint32_t events)
{
    struct stranger *stranger = container_of(watch, struct stranger, watch);
    (void)events;
    if (stranger->fd >= 0 && stranger->refused) {
        discard(stranger);
        return;
    }
    while (stranger->fd >= 0 && stranger->length < IPERF3_COOKIE_SIZE) {
        ssize_t got = recv(stranger->fd, stranger->cookie + stranger->length,
                           IPERF3_COOKIE_SIZE - stranger->length, MSG_DONTWAIT);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0) {
            dismiss(stranger);
            return;
        }
        stranger->length += (size_t)got;
    }
    if (stranger->fd >= 0)
        introduce(stranger);
}

static void on_timeout(struct timer *timer, int64_t now)
{
    (void)now;
    dismiss(container_of(timer, struct stranger, timer));
}

/* Whether the client may be served; it gets no answer otherwise. */
static bool may_come(const struct iperf3_server *server, const struct address *peer)
{
    struct fail fail;
    bool allowed = address_is_loopback(peer) || netlist_has(&server->allow, peer);
    return allowed && quota_check_address(server->host.quotas, peer, &fail);
}

static void take(struct iperf3_server *server, int fd)
{
    struct worker *worker = server->host.worker;
    struct address peer;
    if (!address_peer(fd, &peer) || !may_come(server, &peer)) {
        close(fd);
        return;
    }
    if (server->stranger_count >= server->stranger_max)
        dismiss(list_item(server->strangers.next, struct stranger, link));
    struct stranger *stranger = mem_new(1, sizeof *stranger);
    stranger->server = server;
    stranger->watch.ready = on_ready;
    stranger->timer.fire = on_timeout;
    stranger->fd = fd;
    stranger->peer = address_on_wire(&peer);
    stranger->serial = ++server->accepted;
    list_append(&server->strangers, &stranger->link);
    server->stranger_count++;
    if (!worker_watch(worker, &stranger->watch, fd))
        dismiss(stranger);
    else
        timers_set(&worker->timers, &stranger->timer, worker->now + COOKIE_TIME);
}

/* ---- listening ---- */

static void accept_some(struct task *task)
{
    struct iperf3_listener *listener = container_of(task, struct iperf3_listener, task);
    struct worker *worker = listener->server->host.worker;
    for (int i = 0; i < ACCEPT_TURN; i++) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            take(listener->server, fd);
        } else if (errno == EAGAIN) {
            return;
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            timers_set(&worker->timers, &listener->rest, worker->now + ACCEPT_REST);
            return;
        }
    }
    worker_queue(worker, task);
}

static void on_connection(struct watch *watch, uint32_t events)
{
    (void)events;
    accept_some(&container_of(watch, struct iperf3_listener, watch)->task);
}

static void on_rested(struct timer *timer, int64_t now)
{
    (void)now;
    accept_some(&container_of(timer, struct iperf3_listener, rest)->task);
}

static bool listen_here(void *owner, const struct address *address, struct address *bound,
                        struct fail *fail)
{
    struct iperf3_server *server = owner;
    char text[ADDRESS_TEXT_MAX];
    address_format_port(address, text);
    if (!address_is_loopback(address) && !server->allow.count)
        return fail_set(fail, 0,
                        "%s is not a loopback address, and only clients on this host are allowed: "
                        "name others with --allow-iperf",
                        text);
    int fd = address_listen(address, fail);
    if (fd < 0)
        return false;
    struct iperf3_listener *listener = &server->listeners[server->listener_count++];
    *listener = (struct iperf3_listener){.server = server, .fd = fd, .datagrams.fd = -1};
    listener->watch.ready = on_connection;
    listener->task.run = accept_some;
    listener->rest.fire = on_rested;
    list_init(&listener->task.link);
    return address_local(fd, bound) &&
           iperf3_datagrams_open(&listener->datagrams, &server->host, bound, fail);
}

struct iperf3_server *iperf3_server_open(const struct iperf3_server_config *config,
                                         struct fail *fail)
{
    struct iperf3_server *server = mem_new(1, sizeof *server);
    server->allow = config->allow;
    list_init(&server->strangers);
    list_init(&server->host.tests);
    const struct listen_at how = {
        .option = config->at,
        .port = IPERF3_PORT,
        .loopback = !server->allow.count,
        .both_at_once = true,
        .listen = listen_here,
        .owner = server,
    };
    if (listen_at(&how, fail))
        return server;
    fail_prefix(fail, "option --iperf3");
    iperf3_server_free(server);
    return NULL;
}

void iperf3_server_tell(const struct iperf3_server *server)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        struct address address;
        char text[ADDRESS_TEXT_MAX];
        address_local(server->listeners[i].fd, &address);
        address_format_port(&address, text);
        fprintf(stderr, "flowd: listening for iperf3 clients at %s\n", text);
    }
}

/* ---- the thread ---- */

struct server_command {
    struct command command;
    struct iperf3_server *server;
};

static void post(struct iperf3_server *server, void (*run)(struct worker *, struct command *))
{
    struct server_command *command = mem_new(1, sizeof *command);
    command->command.run = run;
    command->server = server;
    worker_post(server->host.worker, &command->command);
}

static void run_start(struct worker *worker, struct command *command)
{
    struct iperf3_server *server = container_of(command, struct server_command, command)->server;
    for (size_t i = 0; i < server->listener_count; i++) {
        worker_watch(worker, &server->listeners[i].watch, server->listeners[i].fd);
        iperf3_datagrams_start(&server->listeners[i].datagrams);
    }
    free(command);
}

static void run_end(struct worker *worker, struct command *command)
{
    struct iperf3_server *server = container_of(command, struct server_command, command)->server;
    for (size_t i = 0; i < server->listener_count; i++) {
        worker_unwatch(worker, server->listeners[i].fd);
        timers_cancel(&worker->timers, &server->listeners[i].rest);
        list_remove(&server->listeners[i].task.link);
        iperf3_datagrams_stop(&server->listeners[i].datagrams);
    }
    list_for_each_safe (link, &server->strangers)
        dismiss(list_item(link, struct stranger, link));
    iperf3_tests_end(&server->host);
    atomic_store(&server->ended, true);
    free(command);
}

static size_t stranger_max(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur / STRANGERS_OF_FILES > STRANGERS_MAX)
        return STRANGERS_MAX;
    return files.rlim_cur / STRANGERS_OF_FILES + 1;
}

bool iperf3_server_start(struct iperf3_server *server, struct sessions *sessions,
                         struct collector *collector, const struct quotas *quotas,
                         int64_t max_sessions, struct fail *fail)
{
    int64_t part = (max_sessions + TESTS_OF_SESSIONS - 1) / TESTS_OF_SESSIONS;
    server->test_max = part < TESTS_MAX ? (size_t)part : TESTS_MAX;
    server->stranger_max = stranger_max();
    server->host.sessions = sessions;
    server->host.quotas = quotas;
    server->host.worker = worker_start(WORKER_INDEX, -1, collector, fail);
    if (!server->host.worker)
        return false;
    post(server, run_start);
    return true;
}

void iperf3_server_stop(struct iperf3_server *server)
{
    struct timespec pause = {.tv_nsec = NS_PER_MS};
    if (!server || !server->host.worker)
        return;
    post(server, run_end);
    /* Wakeups of its tests are on their way still. */
    do
        nanosleep(&pause, NULL);
    while (!atomic_load(&server->ended) || atomic_load(&server->host.alive));
    worker_stop(server->host.worker);
}

void iperf3_server_free(struct iperf3_server *server)
{
    if (!server)
        return;
    for (size_t i = 0; i < server->listener_count; i++) {
        close(server->listeners[i].fd);
        iperf3_datagrams_close(&server->listeners[i].datagrams);
    }
    worker_free(server->host.worker);
    free(server);
}
