/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/net/listener.c with workers and sockets: who shows a secret is handed over, all
 * others are sent away. */
#include "visited.h"

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
    say(fd, "GET / HTTP/1.1\r\nHost: localhost:5999\r\n\r\n", 40);
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
    assert_int_equal(here.pending->count, 0);
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
        preamble_token(flows[i].secret, flows[i].token);
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
    assert_true(here.pending->max <= PENDING_MAX &&
                (rlim_t)here.pending->max <= files.rlim_cur / PENDING_OF_FILES);
    here.pending->max = 2;
    int first = visit(listener);
    let_workers_work();
    int second = visit(listener);
    let_workers_work();
    int third = visit(listener);
    let_workers_work();
    check_sent_away(first); /* it has waited for longest */
    check_open(second);
    check_open(third);
    assert_int_equal(here.pending->count, 2);
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
    assert_int_equal(here.pending->count, 0);
    /* Those who wait elsewhere are not this worker's to send away. */
    here.pending->count = 2;
    int fifth = visit(listener);
    check_sent_away(fifth);
    assert_int_equal(here.pending->count, 2);
    here.pending->count = 0;
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
    };
    log_set_level(LOG_LEVEL_ERROR);
    alarm(60); /* a test that hangs fails */
    return cmocka_run_group_tests_name("listener_visitors", tests, NULL, NULL);
}
