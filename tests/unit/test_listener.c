/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/listener.c with workers and sockets: who shows a secret is handed over, all others
 * are sent away, and listeners are shared. */
#include "clock.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/socket.h>

/* The workers' clock can be put forward. */
static _Atomic int64_t put_forward;

static int64_t test_clock(void)
{
    return clock_now() + put_forward;
}

/* The kernel can be made to refuse connections. */
static _Atomic int accept_error, accept_calls;

static int test_accept(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
    accept_calls++;
    if (!accept_error)
        return accept4(fd, address, length, flags);
    errno = accept_error;
    return -1;
}

#define clock_now test_clock
#define accept4   test_accept
#include "worker.c"
#include "listener.c"
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

#include "flow.h"

enum { WORKERS = 2, ADOPTED_MAX = 1000 };

static struct {
    struct collector *collector;
    struct worker *workers[WORKERS];
    struct rendezvous *rendezvous;
    struct listeners *listeners;
    struct endpoint_settings settings;
    struct addresses loopback;
    int clients[64]; /* closed last */
    int client_count;
    int descriptors; /* before */
} here;

/* What the flows were handed: in place of flow.c. */
static struct {
    struct flow *flow;
    int fd;
    uint8_t header_size;
} adopted[ADOPTED_MAX];
static atomic_int adopted_count;
static sem_t adopted_one;

void flow_post_adopt(struct flow *flow, int fd, uint8_t header_size)
{
    int at = atomic_fetch_add(&adopted_count, 1);
    adopted[at].flow = flow;
    adopted[at].fd = fd;
    adopted[at].header_size = header_size;
    sem_post(&adopted_one);
}

/* ---- set-up ---- */

static int count_descriptors(void)
{
    int count = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static void take_nothing(void *context, const struct ring_entry *entry)
{
    (void)context, (void)entry;
}

static int64_t never(void *context, int64_t now)
{
    (void)context, (void)now;
    return CLOCK_NEVER;
}

/* `low` to `high`: the data ports. */
static void set_up_with_ports(uint16_t low, uint16_t high)
{
    struct fail fail;
    pthread_once(&zeros.once, make_zeros); /* stays open */
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
    here.listeners = listeners_new(low, high, here.workers, WORKERS, here.rendezvous);
}

static int set_up(void **state)
{
    (void)state;
    set_up_with_ports(0, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < WORKERS; i++)
        worker_stop(here.workers[i]);
    listeners_free(here.listeners);
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

static struct listener *acquire(const struct addresses *own)
{
    struct fail fail = {0};
    struct listener *listener =
        listeners_acquire(here.listeners, &transport_tcp, own, &here.settings, &fail);
    if (!listener)
        fail_msg("%s", fail.text);
    return listener;
}

struct errand {
    struct command command; /* first */
    sem_t done;
};

static void run_errand(struct worker *worker, struct command *command)
{
    (void)worker;
    sem_post(&((struct errand *)command)->done);
}

/* Until each worker has done whatever it could do. */
static void let_workers_work(void)
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

static void run_hold(struct worker *worker, struct command *command)
{
    (void)worker, (void)command;
    sem_post(&held);
    while (sem_wait(&released))
        continue;
}

/* The workers stand still until release_workers(): what happens meanwhile happens to them in one
 * turn. */
static void hold_workers(void)
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

static void release_workers(void)
{
    for (int i = 0; i < WORKERS; i++)
        sem_post(&released);
    let_workers_work();
}

static void put_clock_forward(int64_t by)
{
    put_forward += by;
    let_workers_work();
}

/* ---- visitors ---- */

static int visit(const struct listener *listener)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons(listener_port(listener))};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void say(int fd, const void *bytes, size_t length)
{
    assert_int_equal(send(fd, bytes, length, MSG_NOSIGNAL), length);
}

/* Waits until the other end has closed the connection. */
static void check_closed(int fd)
{
    char byte;
    ssize_t got = recv(fd, &byte, 1, 0);
    assert_true(got == 0 || (got < 0 && errno == ECONNRESET));
    close(fd);
}

/* The same, and no deadline is what makes it do so. */
static void check_sent_away(int fd)
{
    put_forward -= 3600 * NS_PER_SEC;
    check_closed(fd);
    put_forward += 3600 * NS_PER_SEC;
}

static void check_open(int fd)
{
    char byte;
    assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
}

static struct flow *waiting_flow(uint8_t number)
{
    struct flow *flow = calloc(1, sizeof *flow);
    memset(flow->secret, number, SECRET_SIZE);
    flow->secret[0] = (uint8_t)(number + 1);
    rendezvous_add(here.rendezvous, flow);
    return flow;
}

static void preamble_of(const struct flow *flow, uint8_t bytes[PREAMBLE_SIZE])
{
    struct preamble preamble = {.header_size = 40};
    memcpy(preamble.secret, flow->secret, SECRET_SIZE);
    preamble_encode(&preamble, bytes);
}

static int wait_adopted(void)
{
    while (sem_wait(&adopted_one))
        continue;
    return adopted_count - 1;
}

static void test_a_secret_opens(void **state)
{
    (void)state;
    uint8_t bytes[PREAMBLE_SIZE];
    char read[8] = "";
    struct listener *listener = acquire(&here.loopback);
    struct flow *flow = waiting_flow(1), *other = waiting_flow(2);
    int fd = visit(listener);
    preamble_of(flow, bytes);
    say(fd, bytes, PREAMBLE_SIZE);
    int at = wait_adopted();
    assert_ptr_equal(adopted[at].flow, flow);
    assert_int_equal(adopted[at].header_size, 40);
    assert_true(fcntl(adopted[at].fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(adopted[at].fd, F_GETFD) & FD_CLOEXEC);
    /* It is this connection, and it is the flow's alone now. */
    say(adopted[at].fd, "hello", 5);
    assert_int_equal(recv(fd, read, 5, MSG_WAITALL), 5);
    assert_string_equal(read, "hello");
    put_clock_forward(60 * NS_PER_SEC);
    check_open(fd);
    assert_int_equal(adopted_count, 1);
    listeners_release(here.listeners, listener);
    close(fd);
    free(flow);
    free(other);
}

/* What follows the preamble belongs to the flow. */
static void test_not_a_byte_more_is_read(void **state)
{
    (void)state;
    uint8_t bytes[PREAMBLE_SIZE + 5];
    char read[8] = "";
    struct listener *listener = acquire(&here.loopback);
    struct flow *flow = waiting_flow(1);
    int fd = visit(listener);
    preamble_of(flow, bytes);
    memcpy(bytes + PREAMBLE_SIZE, "block", 5);
    say(fd, bytes, 10);
    let_workers_work();
    say(fd, bytes + 10, sizeof bytes - 10);
    int at = wait_adopted();
    assert_int_equal(recv(adopted[at].fd, read, 5, MSG_WAITALL), 5);
    assert_string_equal(read, "block");
    listeners_release(here.listeners, listener);
    close(fd);
    free(flow);
}

static void test_a_secret_in_pieces(void **state)
{
    (void)state;
    uint8_t bytes[PREAMBLE_SIZE];
    struct listener *listener = acquire(&here.loopback);
    struct flow *flow = waiting_flow(1);
    int one = 1, fd = visit(listener);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    preamble_of(flow, bytes);
    for (int i = 0; i < PREAMBLE_SIZE; i++) {
        let_workers_work();
        assert_int_equal(adopted_count, 0);
        say(fd, bytes + i, 1);
    }
    assert_ptr_equal(adopted[wait_adopted()].flow, flow);
    listeners_release(here.listeners, listener);
    close(fd);
    free(flow);
}

static void test_garbage_is_sent_away(void **state)
{
    (void)state;
    struct listener *listener = acquire(&here.loopback);
    struct flow *flow = waiting_flow(1);
    for (int wrong = 0; wrong < 8; wrong++) {
        if (wrong == 5)
            continue; /* the header size is the flow's to judge */
        uint8_t bytes[PREAMBLE_SIZE];
        int fd = visit(listener);
        preamble_of(flow, bytes);
        bytes[wrong] ^= 0x40;
        say(fd, bytes, PREAMBLE_SIZE);
        check_sent_away(fd);
    }
    int fd = visit(listener);
    say(fd, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 35);
    check_sent_away(fd);
    assert_int_equal(adopted_count, 0);
    listeners_release(here.listeners, listener);
    free(flow);
}

static void test_a_wrong_secret_is_sent_away(void **state)
{
    (void)state;
    uint8_t bytes[PREAMBLE_SIZE];
    struct listener *listener = acquire(&here.loopback);
    struct flow *flow = waiting_flow(1);
    int fd = visit(listener);
    preamble_of(flow, bytes);
    bytes[PREAMBLE_SIZE - 1] ^= 1;
    say(fd, bytes, PREAMBLE_SIZE);
    check_sent_away(fd);
    /* The right one still opens, once. */
    bytes[PREAMBLE_SIZE - 1] ^= 1;
    fd = visit(listener);
    say(fd, bytes, PREAMBLE_SIZE);
    wait_adopted();
    int again = visit(listener);
    say(again, bytes, PREAMBLE_SIZE);
    check_sent_away(again);
    assert_int_equal(adopted_count, 1);
    close(fd);
    listeners_release(here.listeners, listener);
    free(flow);
}

static void test_the_silent_are_sent_away(void **state)
{
    (void)state;
    uint8_t bytes[PREAMBLE_SIZE];
    struct listener *listener = acquire(&here.loopback);
    struct flow *flow = waiting_flow(1);
    int silent = visit(listener), slow = visit(listener), late = -1;
    preamble_of(flow, bytes);
    let_workers_work();
    put_clock_forward(3 * NS_PER_SEC);
    check_open(silent);
    /* To say a little now and then wins no time. */
    say(slow, bytes, PREAMBLE_SIZE - 1);
    late = visit(listener);
    let_workers_work();
    put_clock_forward(3 * NS_PER_SEC);
    check_closed(silent);
    check_closed(slow);
    check_open(late);
    put_clock_forward(3 * NS_PER_SEC);
    check_closed(late);
    assert_int_equal(adopted_count, 0);
    listeners_release(here.listeners, listener);
    free(flow);
}

/* Too late by as little as can be: the end of its time comes before what it says. */
static void test_speaking_as_the_time_is_over(void **state)
{
    (void)state;
    uint8_t bytes[PREAMBLE_SIZE];
    struct listener *listener = acquire(&here.loopback);
    struct flow *flow = waiting_flow(1);
    int fds[20];
    preamble_of(flow, bytes);
    for (int i = 0; i < 20; i++)
        fds[i] = visit(listener);
    let_workers_work();
    hold_workers();
    put_forward += 10 * NS_PER_SEC;
    for (int i = 0; i < 20; i++)
        say(fds[i], bytes, PREAMBLE_SIZE);
    release_workers();
    for (int i = 0; i < 20; i++)
        check_sent_away(fds[i]);
    assert_int_equal(adopted_count, 0);
    assert_int_equal(here.listeners->visitors, 0);
    listeners_release(here.listeners, listener);
    free(flow);
}

static void test_visitors_that_leave(void **state)
{
    (void)state;
    uint8_t bytes[PREAMBLE_SIZE];
    struct listener *listener = acquire(&here.loopback);
    struct flow *flow = waiting_flow(1);
    struct linger reset = {.l_onoff = 1};
    preamble_of(flow, bytes);
    for (int i = 0; i < 100; i++) {
        int fd = visit(listener);
        if (i % 3)
            say(fd, bytes, (size_t)i % PREAMBLE_SIZE);
        if (i % 2)
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        close(fd);
    }
    let_workers_work();
    put_clock_forward(60 * NS_PER_SEC);
    int fd = visit(listener);
    say(fd, bytes, PREAMBLE_SIZE);
    assert_ptr_equal(adopted[wait_adopted()].flow, flow);
    close(fd);
    listeners_release(here.listeners, listener);
    free(flow);
}

/* More at once than are accepted in one turn. */
static void test_many_visitors(void **state)
{
    (void)state;
    enum { MANY = 350 };
    struct listener *listener = acquire(&here.loopback);
    struct flow *flows = calloc(MANY, sizeof *flows);
    int fds[MANY];
    hold_workers();
    for (int i = 0; i < MANY; i++) {
        memcpy(flows[i].secret, &i, sizeof i);
        rendezvous_add(here.rendezvous, &flows[i]);
        fds[i] = visit(listener);
    }
    for (int i = 0; i < MANY; i++) {
        uint8_t bytes[PREAMBLE_SIZE];
        preamble_of(&flows[i], bytes);
        say(fds[i], bytes, PREAMBLE_SIZE);
    }
    release_workers();
    for (int i = 0; i < MANY; i++)
        wait_adopted();
    bool seen[MANY] = {false};
    for (int i = 0; i < MANY; i++) {
        long index = adopted[i].flow - flows;
        assert_in_range(index, 0, MANY - 1);
        assert_false(seen[index]);
        seen[index] = true;
    }
    for (int i = 0; i < MANY; i++)
        close(fds[i]);
    listeners_release(here.listeners, listener);
    free(flows);
}

static void test_so_many_may_wait(void **state)
{
    (void)state;
    struct listener *listener = acquire(&here.loopback);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    assert_true(here.listeners->visitors_max <= VISITORS_MAX &&
                (rlim_t)here.listeners->visitors_max <= files.rlim_cur / VISITORS_OF_FILES);
    here.listeners->visitors_max = 2;
    int first = visit(listener);
    let_workers_work();
    int second = visit(listener);
    let_workers_work();
    int third = visit(listener);
    let_workers_work();
    check_sent_away(first); /* it has waited for longest */
    check_open(second);
    check_open(third);
    assert_int_equal(here.listeners->visitors, 2);
    /* Who leaves makes room. */
    close(second);
    let_workers_work();
    let_workers_work();
    int fourth = visit(listener);
    let_workers_work();
    check_open(third);
    check_open(fourth);
    close(third);
    close(fourth);
    let_workers_work();
    let_workers_work();
    assert_int_equal(here.listeners->visitors, 0);
    /* Those who wait elsewhere are not this worker's to send away. */
    here.listeners->visitors = 2;
    int fifth = visit(listener);
    check_sent_away(fifth);
    assert_int_equal(here.listeners->visitors, 2);
    here.listeners->visitors = 0;
    listeners_release(here.listeners, listener);
}

static void test_no_descriptors_left(void **state)
{
    (void)state;
    uint8_t bytes[PREAMBLE_SIZE];
    struct rlimit limit, low;
    struct listener *listener = acquire(&here.loopback);
    struct flow *flow = waiting_flow(1);
    let_workers_work();
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons(listener_port(listener))};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), next = dup(fd);
    close(next);
    getrlimit(RLIMIT_NOFILE, &limit);
    low = limit;
    low.rlim_cur = (rlim_t)next; /* the lowest number that is free */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    preamble_of(flow, bytes);
    say(fd, bytes, PREAMBLE_SIZE);
    let_workers_work();
    put_clock_forward(10 * NS_PER_SEC);
    assert_int_equal(adopted_count, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    put_clock_forward(10 * NS_PER_SEC);
    assert_ptr_equal(adopted[wait_adopted()].flow, flow);
    close(fd);
    listeners_release(here.listeners, listener);
    free(flow);
}

/* Whatever the kernel is short of: the listener tries again later, and does nothing until then. */
static void test_accept_fails(void **state)
{
    (void)state;
    static const int errors[] = {EMFILE, ENFILE, ENOMEM, ENOBUFS};
    struct listener *listener = acquire(&here.loopback);
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        uint8_t bytes[PREAMBLE_SIZE];
        struct flow *flow = waiting_flow(1);
        let_workers_work();
        accept_error = errors[i];
        accept_calls = 0;
        int fd = here.clients[here.client_count++] = visit(listener);
        for (int turn = 0; turn < 10; turn++)
            let_workers_work();
        int calls = accept_calls;
        accept_error = 0;
        assert_in_range(calls, 1, 100);
        put_clock_forward(10 * NS_PER_SEC);
        preamble_of(flow, bytes);
        say(fd, bytes, PREAMBLE_SIZE);
        assert_ptr_equal(adopted[wait_adopted()].flow, flow);
        free(flow);
    }
    listeners_release(here.listeners, listener);
}

/* Connections that were gone before they were accepted are passed over. */
static void test_accept_is_interrupted(void **state)
{
    (void)state;
    uint8_t bytes[PREAMBLE_SIZE];
    struct listener *listener = acquire(&here.loopback);
    struct flow *flow = waiting_flow(1);
    let_workers_work();
    accept_error = ECONNABORTED;
    accept_calls = 0;
    int fd = visit(listener);
    while (accept_calls < 3)
        let_workers_work();
    accept_error = 0;
    preamble_of(flow, bytes);
    say(fd, bytes, PREAMBLE_SIZE);
    assert_ptr_equal(adopted[wait_adopted()].flow, flow);
    close(fd);
    listeners_release(here.listeners, listener);
    free(flow);
}

/* A listener that rests for want of descriptors, or has just become ready, is released. */
static void test_released_before_its_turn(void **state)
{
    (void)state;
    struct rlimit limit, low;
    struct listener *listener = acquire(&here.loopback);
    let_workers_work();
    hold_workers();
    int fd = visit(listener);
    listeners_release(here.listeners, listener);
    release_workers();
    check_sent_away(fd); /* by the kernel, with its listening socket */

    listener = acquire(&here.loopback);
    let_workers_work();
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons(listener_port(listener))};
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int next = dup(fd);
    close(next);
    getrlimit(RLIMIT_NOFILE, &limit);
    low = limit;
    low.rlim_cur = (rlim_t)next;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    let_workers_work();
    listeners_release(here.listeners, listener);
    let_workers_work();
    put_clock_forward(10 * NS_PER_SEC);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    check_sent_away(fd);
}

/* ---- listeners ---- */

static bool is_listening(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return good;
}

static void test_equal_options_share_a_listener(void **state)
{
    (void)state;
    struct listener *one = acquire(&here.loopback), *same = acquire(&here.loopback);
    assert_ptr_equal(one, same);
    uint16_t port = listener_port(one);
    assert_true(port > 0);
    /* What does not touch the socket makes no difference. */
    here.settings.duration = 7 * NS_PER_SEC;
    here.settings.rate = 1000;
    assert_ptr_equal(acquire(&here.loopback), one);
    for (int left = 3; left > 0; left--) {
        assert_true(is_listening(port));
        listeners_release(here.listeners, one);
    }
    let_workers_work();
    assert_false(is_listening(port));
    listeners_release(here.listeners, NULL);
}

static void test_other_options_have_another(void **state)
{
    (void)state;
    struct listener *listeners[5];
    listeners[0] = acquire(&here.loopback);
    here.settings.send_buffer = 100000;
    listeners[1] = acquire(&here.loopback);
    here.settings.receive_buffer = 100000;
    listeners[2] = acquire(&here.loopback);
    here.settings.nodelay = 1;
    listeners[3] = acquire(&here.loopback);
    strcpy(here.settings.congestion_control, "reno");
    listeners[4] = acquire(&here.loopback);
    assert_ptr_not_equal(listeners[0]->worker, listeners[1]->worker); /* the load is shared */
    for (int i = 0; i < 5; i++)
        for (int k = 0; k < i; k++) {
            assert_ptr_not_equal(listeners[i], listeners[k]);
            assert_int_not_equal(listener_port(listeners[i]), listener_port(listeners[k]));
        }
    for (int i = 0; i < 5; i++)
        listeners_release(here.listeners, listeners[i]);
}

/* Options are on the connection as soon as it is there. */
static void test_options_are_those_of_the_connection(void **state)
{
    (void)state;
    uint8_t bytes[PREAMBLE_SIZE];
    char name[SETTINGS_NAME_MAX];
    strcpy(here.settings.congestion_control, "reno");
    here.settings.receive_buffer = 50000;
    struct listener *listener = acquire(&here.loopback);
    struct flow *flow = waiting_flow(1);
    int fd = visit(listener);
    preamble_of(flow, bytes);
    say(fd, bytes, PREAMBLE_SIZE);
    int at = wait_adopted();
    sock_congestion_control(adopted[at].fd, name);
    assert_string_equal(name, "reno");
    assert_int_equal(sock_buffer(adopted[at].fd, SO_RCVBUF), 100000); /* socket(7): doubled */
    close(fd);
    listeners_release(here.listeners, listener);
    free(flow);
}

static void test_refused_options_have_a_sentence(void **state)
{
    (void)state;
    struct fail fail = {0};
    strcpy(here.settings.congestion_control, "nonsense");
    assert_null(
        listeners_acquire(here.listeners, &transport_tcp, &here.loopback, &here.settings, &fail));
    assert_int_equal(fail.code, FAULT_CONGESTION);
    assert_memory_equal(fail.text, "there is no congestion control 'nonsense' there; it has: ", 57);
}

static void check_address(const struct addresses *own, const char *expected)
{
    char text[ADDRESS_TEXT_MAX];
    struct listener *listener = acquire(own);
    address_format(&listener->address, text);
    assert_string_equal(text, expected);
    assert_true(is_listening(listener_port(listener)));
    assert_ptr_equal(acquire(own), listener);
    listeners_release(here.listeners, listener);
    listeners_release(here.listeners, listener);
}

/* An address that is not this host's, as behind NAT, is left to the wildcard. */
static void test_where_it_listens(void **state)
{
    (void)state;
    struct addresses own = {.count = 1};
    assert_true(address_parse("127.0.0.2", 0, &own.list[0]));
    struct listener *listener = acquire(&own), *other = acquire(&here.loopback);
    assert_ptr_not_equal(listener, other);
    listeners_release(here.listeners, other);
    assert_false(is_listening(listener_port(listener))); /* not at 127.0.0.1 */
    listeners_release(here.listeners, listener);
    assert_true(address_parse("192.0.2.77", 0, &own.list[0])); /* RFC 5737 */
    check_address(&own, "0.0.0.0");
    own.count = 2;
    own.list[1] = here.loopback.list[0];
    check_address(&own, "127.0.0.1");
    own.count = 0;
    int probe = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check_address(&own, probe < 0 ? "0.0.0.0" : "::");
    if (probe >= 0)
        close(probe);
}

static int listen_ipv4_only(const struct address *address, const struct endpoint_settings *settings,
                            struct fail *fail)
{
    if (address->any.sa_family != AF_INET6)
        return sock_listen(address, settings, fail);
    errno = EAFNOSUPPORT;
    return -1;
}

static void test_without_ipv6(void **state)
{
    (void)state;
    struct transport transport = transport_tcp;
    struct addresses none = {0};
    struct fail fail;
    char text[ADDRESS_TEXT_MAX];
    transport.listen = listen_ipv4_only;
    struct listener *listener =
        listeners_acquire(here.listeners, &transport, &none, &here.settings, &fail);
    assert_non_null(listener);
    address_format(&listener->address, text);
    assert_string_equal(text, "0.0.0.0");
    assert_true(is_listening(listener_port(listener)));
    /* Another transport has its own. */
    struct listener *other =
        listeners_acquire(here.listeners, &transport_tcp, &none, &here.settings, &fail);
    assert_non_null(other);
    assert_ptr_not_equal(listener, other);
    listeners_release(here.listeners, listener);
    listeners_release(here.listeners, other);
}

/* A port that is taken until the descriptor is closed. */
static int take_port(uint16_t *port)
{
    struct fail fail;
    struct address address = here.loopback.list[0];
    int fd = sock_listen(&address, NULL, &fail);
    assert_true(fd >= 0);
    sock_local(fd, &address);
    *port = address_port(&address);
    return fd;
}

static int set_up_nothing(void **state)
{
    (void)state;
    here.loopback = (struct addresses){.count = 1};
    return address_parse("127.0.0.1", 0, &here.loopback.list[0]) ? 0 : -1;
}

static void test_ports_of_a_range(void **state)
{
    uint16_t port;
    int fd = take_port(&port);
    struct fail fail = {0};
    char expected[FAIL_TEXT_MAX];
    set_up_with_ports(port, port);
    assert_null(
        listeners_acquire(here.listeners, &transport_tcp, &here.loopback, &here.settings, &fail));
    assert_int_equal(fail.code, FAULT_PORTS);
    snprintf(expected, sizeof expected, "the data ports %u to %u are used up there (--data-ports)",
             port, port);
    assert_string_equal(fail.text, expected);
    close(fd);
    here.descriptors--;
    struct listener *listener = acquire(&here.loopback);
    assert_int_equal(listener_port(listener), port);
    /* Another one would need another port. */
    here.settings.nodelay = 1;
    assert_null(
        listeners_acquire(here.listeners, &transport_tcp, &here.loopback, &here.settings, &fail));
    assert_int_equal(fail.code, FAULT_PORTS);
    listeners_release(here.listeners, listener);
    let_workers_work();
    listener = acquire(&here.loopback);
    assert_int_equal(listener_port(listener), port);
    listeners_release(here.listeners, listener);
    assert_int_equal(tear_down(state), 0);
}

static void test_the_next_port_of_a_range(void **state)
{
    uint16_t port;
    int fd = take_port(&port);
    uint16_t last = port < 65000 ? port + 500 : 65535;
    set_up_with_ports(port, last);
    struct listener *one = acquire(&here.loopback);
    here.settings.nodelay = 1;
    struct listener *two = acquire(&here.loopback);
    assert_in_range(listener_port(one), port + 1, last);
    assert_in_range(listener_port(two), listener_port(one) + 1, last);
    listeners_release(here.listeners, one);
    listeners_release(here.listeners, two);
    assert_int_equal(tear_down(state), 0);
    close(fd);
}

/* What is open at the end of the daemon is closed: see tear_down(). */
static void test_free_closes_all(void **state)
{
    (void)state;
    struct listener *listener = acquire(&here.loopback);
    for (int i = 0; i < 20; i++)
        here.clients[here.client_count++] = visit(listener);
    let_workers_work();
    acquire(&here.loopback);
    here.settings.nodelay = 1;
    acquire(&here.loopback);
}

#define WITH_WORKERS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORKERS(test_a_secret_opens),
        WITH_WORKERS(test_not_a_byte_more_is_read),
        WITH_WORKERS(test_a_secret_in_pieces),
        WITH_WORKERS(test_garbage_is_sent_away),
        WITH_WORKERS(test_a_wrong_secret_is_sent_away),
        WITH_WORKERS(test_the_silent_are_sent_away),
        WITH_WORKERS(test_speaking_as_the_time_is_over),
        WITH_WORKERS(test_visitors_that_leave),
        WITH_WORKERS(test_many_visitors),
        WITH_WORKERS(test_so_many_may_wait),
        WITH_WORKERS(test_no_descriptors_left),
        WITH_WORKERS(test_accept_fails),
        WITH_WORKERS(test_accept_is_interrupted),
        WITH_WORKERS(test_released_before_its_turn),
        WITH_WORKERS(test_equal_options_share_a_listener),
        WITH_WORKERS(test_other_options_have_another),
        WITH_WORKERS(test_options_are_those_of_the_connection),
        WITH_WORKERS(test_refused_options_have_a_sentence),
        WITH_WORKERS(test_where_it_listens),
        WITH_WORKERS(test_without_ipv6),
        cmocka_unit_test_setup(test_ports_of_a_range, set_up_nothing),
        cmocka_unit_test_setup(test_the_next_port_of_a_range, set_up_nothing),
        WITH_WORKERS(test_free_closes_all),
    };
    log_set_level(LOG_LEVEL_ERROR);
    alarm(60); /* a test that hangs fails */
    return cmocka_run_group_tests_name("listener", tests, NULL, NULL);
}
