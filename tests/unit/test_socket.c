/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests sockets on loopback: listening, connecting, and the options they have.
 */
#include "socket_ends.h"

static void sockets_do_not_block_and_are_not_inherited(void **state)
{
    struct address address = parsed("127.0.0.1", 0);
    int fds[] = {socket_create(IPPROTO_TCP, AF_INET, NULL, NULL),
                 socket_listen(IPPROTO_TCP, &address, NULL, NULL)};
    (void)state;
    for (size_t i = 0; i < COUNT(fds); i++) {
        assert_true(fds[i] >= 0);
        assert_true(fcntl(fds[i], F_GETFL) & O_NONBLOCK);
        assert_true(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
        close(fds[i]);
    }
}

/* A thousand flows to one listener must not wait for accept() one by one. */
static void listeners_have_the_longest_queue(void **state)
{
    struct address address = parsed("127.0.0.1", 0);
    struct tcp_info info;
    socklen_t length = sizeof info;
    int fd = socket_listen(IPPROTO_TCP, &address, NULL, NULL);
    (void)state;
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length), 0);
    /* Of a listening socket the kernel gives the backlog in this place. */
    assert_int_equal(info.tcpi_sacked, kernel_sysctl("/proc/sys/net/core/somaxconn", 4096));
    close(fd);
}

/* Only a port chosen at connect() can be shared by connections to different peers. */
static void a_bound_address_has_no_port_yet(void **state)
{
    struct address address = parsed("127.0.0.1", 0);
    int fd = socket_create(IPPROTO_TCP, AF_INET, NULL, NULL);
    (void)state;
    assert_int_equal(bind(fd, &address.any, address.length), 0);
    assert_true(address_local(fd, &address));
    assert_int_equal(address_port(&address), 0);
    close(fd);
}

static void both_ends_know_their_addresses(void **state)
{
    static const char *const cases[] = {"127.0.0.1", "::1"};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct address one, other;
        if (strchr(cases[i], ':') && !has_ipv6())
            continue;
        struct connection connection = connect_loopback(cases[i], cases[i], NULL);
        assert_true(address_local(connection.client, &one));
        assert_true(address_peer(connection.server, &other));
        assert_true(address_equal(&one, &other));
        assert_true(address_peer(connection.client, &one));
        assert_true(address_local(connection.server, &other));
        assert_true(address_equal(&one, &other));
        assert_int_not_equal(address_port(&one), 0);
        disconnect(&connection);
    }
}

static void what_is_not_connected_has_no_peer(void **state)
{
    struct address address;
    int fd = socket_create(IPPROTO_TCP, AF_INET, NULL, NULL);
    (void)state;
    assert_true(address_local(fd, &address));
    assert_false(address_peer(fd, &address));
    assert_int_equal(kernel_path_mtu(fd), METRIC_ABSENT);
    close(fd);
    assert_false(address_local(fd, &address));
    assert_int_equal(kernel_path_mtu(fd), METRIC_ABSENT);
    assert_int_equal(kernel_interface_mtu(fd), METRIC_ABSENT);
    assert_int_equal(kernel_buffer(fd, SO_SNDBUF), METRIC_ABSENT);
}

/* The kernel doubles what is asked for, within its limits (socket(7)). */
static void buffers_are_as_asked_for(void **state)
{
    struct endpoint_settings settings = default_settings(), larger = settings;
    (void)state;
    settings.send_buffer = 20000;
    settings.receive_buffer = 30000;
    larger.send_buffer = larger.receive_buffer = INT32_MAX;
    int none = socket_create(IPPROTO_TCP, AF_INET, NULL, NULL),
        fd = socket_create(IPPROTO_TCP, AF_INET, &settings, NULL);
    int large = socket_create(IPPROTO_TCP, AF_INET, &larger, NULL);
    assert_true(none >= 0 && fd >= 0 && large >= 0);
    assert_int_equal(kernel_buffer(fd, SO_SNDBUF), 40000);
    assert_int_equal(kernel_buffer(fd, SO_RCVBUF), 60000);
    /* Not every network namespace shows the limits. */
    int64_t sent =
        kernel_sysctl("/proc/sys/net/core/wmem_max", kernel_buffer(large, SO_SNDBUF) / 2);
    int64_t read =
        kernel_sysctl("/proc/sys/net/core/rmem_max", kernel_buffer(large, SO_RCVBUF) / 2);
    assert_int_equal(kernel_buffer(large, SO_SNDBUF), 2 * sent);
    assert_int_equal(kernel_buffer(large, SO_RCVBUF), 2 * read);
    assert_true(kernel_buffer(none, SO_SNDBUF) > 0);
    close(none);
    close(fd);
    close(large);
}

static void accepted_connections_inherit_the_options(void **state)
{
    struct endpoint_settings settings = default_settings();
    char name[SETTINGS_NAME_MAX];
    int nodelay = 0;
    socklen_t length = sizeof nodelay;
    (void)state;
    settings.receive_buffer = 30000;
    settings.nodelay = 1;
    strcpy(settings.congestion_control, "reno"); /* every kernel has it */
    struct connection connection = connect_loopback("127.0.0.1", "127.0.0.1", &settings);
    assert_int_equal(kernel_buffer(connection.server, SO_RCVBUF), 60000);
    int ends[] = {connection.client, connection.server};
    for (size_t i = 0; i < COUNT(ends); i++) {
        kernel_congestion_control(ends[i], name);
        assert_string_equal(name, "reno");
        assert_int_equal(getsockopt(ends[i], IPPROTO_TCP, TCP_NODELAY, &nodelay, &length), 0);
        assert_true(nodelay);
    }
    disconnect(&connection);
}

static void options_that_are_not_given_are_the_system_s(void **state)
{
    struct endpoint_settings settings = default_settings();
    char with[SETTINGS_NAME_MAX], without[SETTINGS_NAME_MAX], standard[SETTINGS_NAME_MAX] = "";
    int one = socket_create(IPPROTO_TCP, AF_INET, &settings, NULL),
        other = socket_create(IPPROTO_TCP, AF_INET, NULL, NULL);
    (void)state;
    kernel_congestion_control(one, with);
    kernel_congestion_control(other, without);
    FILE *file = fopen("/proc/sys/net/ipv4/tcp_congestion_control", "r");
    assert_int_equal(fscanf(file, "%31s", standard), 1);
    fclose(file);
    assert_string_equal(with, standard);
    assert_string_equal(without, standard);
    assert_int_equal(kernel_buffer(one, SO_SNDBUF), kernel_buffer(other, SO_SNDBUF));
    assert_int_equal(kernel_buffer(one, SO_RCVBUF), kernel_buffer(other, SO_RCVBUF));
    close(one);
    close(other);
    kernel_congestion_control(-1, with);
    assert_string_equal(with, "");
}

static void a_taken_port_is_named(void **state)
{
    struct address address = parsed("127.0.0.1", 0);
    struct fail fail = {0};
    char text[ADDRESS_TEXT_MAX];
    int fd = socket_listen(IPPROTO_TCP, &address, NULL, NULL), files = count_files();
    (void)state;
    assert_true(fd >= 0 && address_local(fd, &address));
    errno = 0;
    assert_int_equal(socket_listen(IPPROTO_TCP, &address, NULL, &fail), -1);
    assert_int_equal(errno, EADDRINUSE);
    assert_int_equal(fail.code, FAULT_SYSTEM);
    address_format_port(&address, text);
    assert_non_null(strstr(fail.text, text));
    assert_non_null(strstr(fail.text, "Address already in use"));
    assert_int_equal(count_files(), files);
    close(fd);
}

/* A daemon that is started again finds its port free, though connections linger. */
static void a_port_can_be_listened_at_again(void **state)
{
    struct connection connection = connect_loopback("127.0.0.1", "127.0.0.1", NULL);
    struct address address;
    (void)state;
    assert_true(address_local(connection.server, &address));
    shutdown(connection.server, SHUT_WR); /* the server's end waits longest */
    disconnect(&connection);
    int fd = socket_listen(IPPROTO_TCP, &address, NULL, NULL);
    assert_true(fd >= 0);
    close(fd);
}

static void too_many_files_are_told_from_other_failures(void **state)
{
    struct rlimit before, low;
    struct fail fail = {0};
    (void)state;
    int next = dup(STDOUT_FILENO);
    assert_true(next >= 0);
    close(next);
    getrlimit(RLIMIT_NOFILE, &before);
    low = (struct rlimit){(rlim_t)next, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    int fd = socket_create(IPPROTO_TCP, AF_INET, NULL, &fail);
    setrlimit(RLIMIT_NOFILE, &before);
    char limit[64];
    snprintf(limit, sizeof limit, "too many open files there: the limit is %d", next);
    assert_int_equal(fd, -1);
    assert_int_equal(fail.code, FAULT_FILES);
    assert_string_equal(fail.text, limit);
    assert_int_equal(socket_create(IPPROTO_TCP, AF_UNSPEC, NULL, &fail), -1);
    assert_int_equal(fail.code, FAULT_SYSTEM);
    assert_non_null(strstr(fail.text, "can't create a socket there: "));
}

static void multipath_that_is_missing_says_so(void **state)
{
    struct fail fail = {0};
    (void)state;
    no_socket(IPPROTO_MPTCP, ENOPROTOOPT, &fail);
    assert_string_equal(fail.text, "MPTCP is disabled there: set net.mptcp.enabled to 1");
    no_socket(IPPROTO_MPTCP, EPROTONOSUPPORT, &fail);
    assert_string_equal(fail.text, "the kernel there does not support MPTCP (--mptcp)");
    int fd = socket_create(IPPROTO_MPTCP, AF_INET, NULL, &fail);
    int64_t enabled = kernel_sysctl("/proc/sys/net/mptcp/enabled", 0);
    assert_int_equal(fd >= 0, enabled == 1);
    if (fd >= 0)
        close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sockets_do_not_block_and_are_not_inherited),
        cmocka_unit_test(listeners_have_the_longest_queue),
        cmocka_unit_test(a_bound_address_has_no_port_yet),
        cmocka_unit_test(both_ends_know_their_addresses),
        cmocka_unit_test(what_is_not_connected_has_no_peer),
        cmocka_unit_test(buffers_are_as_asked_for),
        cmocka_unit_test(accepted_connections_inherit_the_options),
        cmocka_unit_test(options_that_are_not_given_are_the_system_s),
        cmocka_unit_test(a_taken_port_is_named),
        cmocka_unit_test(multipath_that_is_missing_says_so),
        cmocka_unit_test(a_port_can_be_listened_at_again),
        cmocka_unit_test(too_many_files_are_told_from_other_failures),
    };
    seed_random();
    if (!has_ipv6())
        printf("# no IPv6 here: sockets are tested with IPv4 only\n");
    return cmocka_run_group_tests_name("socket", tests, NULL, NULL);
}
