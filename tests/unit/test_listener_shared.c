/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/net/listener.c: who shares a listener, and where it listens. */
#include "visited.h"
#include "net/kernel.h"
#include "net/socket.h"

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

/* A dump is of a listener's port: it must not have the packets of others in it. */
static void test_a_dump_has_its_own(void **state)
{
    (void)state;
    struct listener *plain = acquire(&here.loopback);
    here.settings.dump = 1;
    struct listener *dumped = acquire(&here.loopback), *again = acquire(&here.loopback);
    assert_ptr_not_equal(plain, dumped);
    assert_int_not_equal(listener_port(plain), listener_port(dumped));
    assert_ptr_equal(dumped, again);
    here.settings.dump = 0;
    assert_ptr_equal(acquire(&here.loopback), plain);
    for (int i = 0; i < 2; i++) {
        listeners_release(here.listeners, plain);
        listeners_release(here.listeners, dumped);
    }
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
    kernel_congestion_control(adopted[at].fd, name);
    assert_string_equal(name, "reno");
    assert_int_equal(kernel_buffer(adopted[at].fd, SO_RCVBUF), 100000); /* socket(7): doubled */
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
        listeners_acquire(here.listeners, &nobody, &transport_tcp, &here.loopback, &here.settings, &fail));
    assert_int_equal(fail.code, FAULT_CONGESTION);
    assert_memory_equal(
        fail.text, "congestion control 'nonsense' is not available on this host (available: ", 72);
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
        return socket_listen(IPPROTO_TCP, address, settings, fail);
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
        listeners_acquire(here.listeners, &nobody, &transport, &none, &here.settings, &fail);
    assert_non_null(listener);
    address_format(&listener->address, text);
    assert_string_equal(text, "0.0.0.0");
    assert_true(is_listening(listener_port(listener)));
    /* Another transport has its own. */
    struct listener *other =
        listeners_acquire(here.listeners, &nobody, &transport_tcp, &none, &here.settings, &fail);
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
    int fd = socket_listen(IPPROTO_TCP, &address, NULL, &fail);
    assert_true(fd >= 0);
    address_local(fd, &address);
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
        listeners_acquire(here.listeners, &nobody, &transport_tcp, &here.loopback, &here.settings, &fail));
    assert_int_equal(fail.code, FAULT_PORTS);
    snprintf(expected, sizeof expected,
             "all data ports from %u to %u are in use there (--data-ports)", port, port);
    assert_string_equal(fail.text, expected);
    close(fd);
    here.descriptors--;
    struct listener *listener = acquire(&here.loopback);
    assert_int_equal(listener_port(listener), port);
    /* Another one would need another port. */
    here.settings.nodelay = 1;
    assert_null(
        listeners_acquire(here.listeners, &nobody, &transport_tcp, &here.loopback, &here.settings, &fail));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORKERS(test_equal_options_share_a_listener),
        WITH_WORKERS(test_other_options_have_another),
        WITH_WORKERS(test_a_dump_has_its_own),
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
    return cmocka_run_group_tests_name("listener_shared", tests, NULL, NULL);
}
