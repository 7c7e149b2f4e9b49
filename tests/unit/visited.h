/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What tests of daemon/net/listener.c share: workers, whose clock can be put forward and whose
 * kernel can refuse connections, and visitors. */
#ifndef FLOWRIG_UNIT_VISITED_H
#define FLOWRIG_UNIT_VISITED_H

#include "clock.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

/* The workers' clock can be put forward. */
static _Atomic int64_t put_forward;

static inline int64_t test_clock(void)
{
    return clock_now() + put_forward;
}

/* The kernel can be made to refuse connections. */
static _Atomic int accept_error, accept_calls;

static inline int test_accept(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
    accept_calls++;
    if (!accept_error)
        return accept4(fd, address, length, flags);
    errno = accept_error;
    return -1;
}

#define clock_now test_clock
#define accept4   test_accept
#include "daemon/engine/worker.c"
#include "daemon/net/transport_stream.c"
#include "daemon/net/listener.c"
#include "daemon/peer/pending.c"
#undef clock_now
#undef accept4

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/tcp.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "daemon/flow/flow_state.h"

enum { WORKERS = 2, ADOPTED_MAX = 1000 };

static struct {
    struct collector *collector;
    struct worker *workers[WORKERS];
    struct rendezvous *rendezvous;
    struct pending_connections *pending;
    struct listeners *listeners;
    struct endpoint_settings settings;
    struct addresses loopback;
    int clients[64]; /* closed last */
    int client_count;
    int descriptors; /* before */
} here;

static const struct holder nobody;

/* What the flows were handed: in place of flow.c. */
static struct {
    struct flow *flow;
    int fd;
    uint8_t header_size;
} adopted[ADOPTED_MAX];
static atomic_int adopted_count;
static sem_t adopted_one;

void flow_post_adopt(struct flow *flow, int fd, const struct preamble *preamble)
{
    int at = atomic_fetch_add(&adopted_count, 1);
    adopted[at].flow = flow;
    adopted[at].fd = fd;
    adopted[at].header_size = preamble->header_size;
    sem_post(&adopted_one);
}

/* ---- set-up ---- */

static inline int count_descriptors(void)
{
    int count = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static inline void take_nothing(void *context, const struct ring_entry *entry, int64_t now)
{
    (void)context, (void)entry, (void)now;
}

static inline int64_t never(void *context, int64_t now)
{
    (void)context, (void)now;
    return CLOCK_NEVER;
}

/* `low` to `high`: the data ports. */
static inline void set_up_with_ports(uint16_t low, uint16_t high)
{
    struct fail fail;
    here.descriptors = count_descriptors();
    put_forward = 0;
    here.client_count = 0;
    adopted_count = 0;
    sem_init(&adopted_one, 0, 0);
    schema_defaults(&endpoint_settings_schema, &here.settings);
    here.loopback = (struct addresses){.count = 1};
    assert_true(address_parse("127.0.0.1", 0, &here.loopback.list[0]));
    here.collector = collector_start(take_nothing, never, NULL, &fail);
    assert_non_null(here.collector);
    for (int i = 0; i < WORKERS; i++) {
        here.workers[i] = worker_start(i, -1, here.collector, &fail);
        assert_non_null(here.workers[i]);
    }
    here.rendezvous = rendezvous_new();
    here.pending = pending_new(here.workers, WORKERS, here.rendezvous);
    here.listeners = listeners_new(low, high, here.workers, WORKERS, pending_accept, here.pending);
}

static inline int set_up(void **state)
{
    (void)state;
    set_up_with_ports(0, 0);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < WORKERS; i++)
        worker_stop(here.workers[i]);
    listeners_free(here.listeners);
    pending_free(here.pending);
    for (int i = 0; i < WORKERS; i++)
        worker_free(here.workers[i]);
    rendezvous_free(here.rendezvous);
    collector_stop(here.collector);
    for (int i = 0; i < adopted_count; i++)
        close(adopted[i].fd);
    for (int i = 0; i < here.client_count; i++)
        close(here.clients[i]);
    sem_destroy(&adopted_one);
    /* Nothing that was opened here is left open. */
    return count_descriptors() == here.descriptors ? 0 : -1;
}

static inline struct listener *acquire(const struct addresses *own)
{
    struct fail fail = {0};
    struct listener *listener =
        listeners_acquire(here.listeners, &nobody, &transport_tcp, own, &here.settings, &fail);
    if (!listener)
        fail_msg("%s", fail.text);
    return listener;
}

struct errand {
    struct command command; /* first */
    sem_t done;
};

static inline void run_errand(struct worker *worker, struct command *command)
{
    (void)worker;
    sem_post(&((struct errand *)command)->done);
}

/* Until each worker has done whatever it could do. */
static inline void let_workers_work(void)
{
    for (int turn = 0; turn < 3; turn++) {
        for (int i = 0; i < WORKERS; i++) {
            struct errand errand = {.command.run = run_errand};
            sem_init(&errand.done, 0, 0);
            worker_post(here.workers[i], &errand.command);
            while (sem_wait(&errand.done))
                continue;
            sem_destroy(&errand.done);
        }
    }
}

static sem_t held, released;

static inline void run_hold(struct worker *worker, struct command *command)
{
    (void)worker, (void)command;
    sem_post(&held);
    while (sem_wait(&released))
        continue;
}

/* The workers stand still until release_workers(): what happens meanwhile happens to them in one
 * turn. */
static inline void hold_workers(void)
{
    static struct command commands[WORKERS];
    sem_init(&held, 0, 0);
    sem_init(&released, 0, 0);
    for (int i = 0; i < WORKERS; i++) {
        commands[i].run = run_hold;
        worker_post(here.workers[i], &commands[i]);
        while (sem_wait(&held))
            continue;
    }
}

static inline void release_workers(void)
{
    for (int i = 0; i < WORKERS; i++)
        sem_post(&released);
    let_workers_work();
}

static inline void put_clock_forward(int64_t by)
{
    put_forward += by;
    let_workers_work();
}

/* ---- visitors ---- */

static inline int visit(const struct listener *listener)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons(listener_port(listener))};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static inline void say(int fd, const void *bytes, size_t length)
{
    assert_int_equal(send(fd, bytes, length, MSG_NOSIGNAL), length);
}

/* Waits until the other end has closed the connection. */
static inline void check_closed(int fd)
{
    char byte;
    ssize_t got = recv(fd, &byte, 1, 0);
    assert_true(got == 0 || (got < 0 && errno == ECONNRESET));
    close(fd);
}

/* The same, and no deadline is what makes it do so. */
static inline void check_sent_away(int fd)
{
    put_forward -= 3600 * NS_PER_SEC;
    check_closed(fd);
    put_forward += 3600 * NS_PER_SEC;
}

static inline void check_open(int fd)
{
    char byte;
    assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
}

static inline struct flow *waiting_flow(uint8_t number)
{
    struct flow *flow = calloc(1, sizeof *flow);
    memset(flow->secret, number, SECRET_SIZE);
    flow->secret[0] = (uint8_t)(number + 1);
    preamble_token(flow->secret, flow->token);
    rendezvous_add(here.rendezvous, flow);
    return flow;
}

static inline void preamble_of(const struct flow *flow, uint8_t bytes[PREAMBLE_SIZE])
{
    struct preamble preamble = {.header_size = 40};
    memcpy(preamble.token, flow->token, SECRET_SIZE);
    preamble_make_nonce(preamble.nonce);
    preamble_encode(&preamble, bytes);
}

static inline int wait_adopted(void)
{
    while (sem_wait(&adopted_one))
        continue;
    return adopted_count - 1;
}

#define WITH_WORKERS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
