/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests addresses and sockets: reading, writing, splitting, resolving, and real loopback sockets.
 */
#include <netdb.h>

/* The resolver of these tests: numeric addresses are the system's, names come from a list. */
static int scripted_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                                struct addrinfo **found);
static void scripted_freeaddrinfo(struct addrinfo *found);
#define getaddrinfo  scripted_getaddrinfo
#define freeaddrinfo scripted_freeaddrinfo
#include "sock.c"
#undef getaddrinfo
#undef freeaddrinfo

#include <linux/capability.h>
#include <netinet/ip.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "unit.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { ROUNDS = 20000 };

/* ---- the scripted resolver */

static struct {
    const char *addresses[12]; /* what every name stands for, NULL ends them */
    int error;                 /* or how the look-up fails */
    struct addrinfo info[12];
    struct address storage[12];
    int open; /* lists given and not freed */
} script;

static int scripted_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                                struct addrinfo **found)
{
    if (hints->ai_flags & AI_NUMERICHOST || !script.addresses[0]) {
        int error = script.error && !(hints->ai_flags & AI_NUMERICHOST)
                        ? script.error
                        : getaddrinfo(host, service, hints, found);
        script.open += !error;
        return error;
    }
    size_t count = 0;
    for (; count < COUNT(script.info) && script.addresses[count]; count++) {
        struct address *address = &script.storage[count];
        assert_true(address_parse(script.addresses[count], 0, address));
        script.info[count] = (struct addrinfo){.ai_family = address->any.sa_family,
                                               .ai_addr = &address->any,
                                               .ai_addrlen = address->length};
        if (count)
            script.info[count - 1].ai_next = &script.info[count];
    }
    *found = script.info;
    script.open++;
    return 0;
}

static void scripted_freeaddrinfo(struct addrinfo *found)
{
    script.open--;
    if (found != script.info)
        freeaddrinfo(found);
}

static struct address parsed(const char *text, uint16_t port)
{
    struct address address;
    if (!address_parse(text, port, &address))
        fail_msg("'%s' is no address", text);
    return address;
}

/* ---- addresses */

static void addresses_are_read_and_written(void **state)
{
    static const struct {
        const char *text;
        int family;
        const char *shown, *with_port;
    } cases[] = {
        {"10.0.0.1", AF_INET, "10.0.0.1", "10.0.0.1:80"},
        {"0.0.0.0", AF_INET, "0.0.0.0", "0.0.0.0:80"},
        {"255.255.255.255", AF_INET, "255.255.255.255", "255.255.255.255:80"},
        {"[10.0.0.1]", AF_INET, "10.0.0.1", "10.0.0.1:80"},
        {"::1", AF_INET6, "::1", "[::1]:80"},
        {"[::1]", AF_INET6, "::1", "[::1]:80"},
        {"::", AF_INET6, "::", "[::]:80"},
        {"2001:DB8:0:0:0:0:0:1", AF_INET6, "2001:db8::1", "[2001:db8::1]:80"},
        {"::ffff:10.0.0.1", AF_INET6, "::ffff:10.0.0.1", "[::ffff:10.0.0.1]:80"},
        {"fe80::1%lo", AF_INET6, "fe80::1%lo", "[fe80::1%lo]:80"},
        {"[fe80::1%lo]", AF_INET6, "fe80::1%lo", "[fe80::1%lo]:80"},
        {"fe80::1%1", AF_INET6, "fe80::1%lo", "[fe80::1%lo]:80"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[ADDRESS_TEXT_MAX];
        struct address address = parsed(cases[i].text, 80);
        assert_int_equal(address.any.sa_family, cases[i].family);
        assert_int_equal(address.length,
                         cases[i].family == AF_INET ? sizeof address.v4 : sizeof address.v6);
        assert_int_equal(address_port(&address), 80);
        address_format(&address, text);
        assert_string_equal(text, cases[i].shown);
        address_format_port(&address, text);
        assert_string_equal(text, cases[i].with_port);
    }
}

static void zones_are_interfaces(void **state)
{
    struct address address = parsed("fe80::1%lo", 0);
    (void)state;
    assert_int_equal(address.v6.sin6_scope_id, if_nametoindex("lo"));
    assert_false(address_parse("fe80::1%no-such-if", 0, &address));
    assert_false(address_parse("fe80::1%", 0, &address));
}

static void texts_that_are_no_addresses(void **state)
{
    static const char *const cases[] = {
        "",           "[]",          "[",          "]",          "[::1",        "::1]",
        "[[::1]]",    "localhost",   "10.0.0.256", "10.0.0.1.2", "10.0.0.1:80", ":::",
        "1:2:3",      "::g",         "10.0.0.1 ",  " 10.0.0.1",  "[::1]:80",    "::1/64",
        "10.0.0.0/8", "h\xc3\xb6st", "%lo",        "1::1]",      "x10.0.0.1]",  "[10.0.0.1x",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct address address;
        if (address_parse(cases[i], 0, &address))
            fail_msg("'%s' was taken", cases[i]);
    }
}

static void a_text_longer_than_any_address_is_none(void **state)
{
    char text[NI_MAXHOST + 8];
    struct address address;
    (void)state;
    memset(text, '0', sizeof text);
    text[sizeof text - 2] = 'x'; /* 000...0x would be 0 if its end was not read */
    text[sizeof text - 1] = '\0';
    assert_false(address_parse(text, 0, &address));
}

static void ports_are_kept_apart_from_addresses(void **state)
{
    static const char *const cases[] = {"127.0.0.1", "::1"};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct address one = parsed(cases[i], 5999), other = parsed(cases[i], 6000);
        assert_int_equal(address_port(&one), 5999);
        assert_false(address_equal(&one, &other));
        address_set_port(&other, 5999);
        assert_true(address_equal(&one, &other));
        address_set_port(&one, 65535);
        assert_int_equal(address_port(&one), 65535);
        address_set_port(&one, 0);
        assert_int_equal(address_port(&one), 0);
    }
}

static void equal_addresses(void **state)
{
    static const struct {
        const char *one, *other;
        bool equal;
    } cases[] = {
        {"10.0.0.1", "10.0.0.1", true},
        {"10.0.0.1", "10.0.0.2", false},
        {"::1", "0:0:0:0:0:0:0:1", true},
        {"::1", "::2", false},
        {"::ffff:10.0.0.1", "10.0.0.1", false},
        {"fe80::1%1", "fe80::1%2", false},
        {"fe80::1%lo", "fe80::1%1", true},
        {"fe80::1", "fe80::1%1", false},
        {"0.0.0.0", "::", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct address one = parsed(cases[i].one, 1), other = parsed(cases[i].other, 1);
        assert_int_equal(address_equal(&one, &other), cases[i].equal);
        assert_int_equal(address_equal(&other, &one), cases[i].equal);
    }
}

static void loopback_addresses(void **state)
{
    static const struct {
        const char *text;
        bool loopback;
    } cases[] = {
        {"127.0.0.1", true},
        {"127.255.255.255", true},
        {"126.255.255.255", false},
        {"128.0.0.1", false},
        {"0.0.0.0", false},
        {"1.0.0.127", false},
        {"::1", true},
        {"::", false},
        {"::2", false},
        {"::ffff:127.0.0.1", true},
        {"::ffff:1.0.0.127", false},
        {"fe80::1%lo", false},
        {"::127.0.0.1", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct address address = parsed(cases[i].text, 80);
        if (address_is_loopback(&address) != cases[i].loopback)
            fail_msg("%s", cases[i].text);
    }
}

static void wildcards(void **state)
{
    char text[ADDRESS_TEXT_MAX];
    struct address address = address_wildcard(AF_INET, 5999);
    (void)state;
    address_format_port(&address, text);
    assert_string_equal(text, "0.0.0.0:5999");
    assert_int_equal(address.length, sizeof address.v4);
    address = address_wildcard(AF_INET6, 5999);
    address_format_port(&address, text);
    assert_string_equal(text, "[::]:5999");
    assert_int_equal(address.length, sizeof address.v6);
}

static void what_is_no_address_is_shown_as_such(void **state)
{
    char text[ADDRESS_TEXT_MAX];
    struct address address = {.length = sizeof address.any};
    (void)state;
    address_format(&address, text);
    assert_string_equal(text, "?");
}

static void random_addresses_come_back(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        char text[ADDRESS_TEXT_MAX], host[ADDRESS_TEXT_MAX];
        struct address address = address_wildcard(random_below(2) ? AF_INET6 : AF_INET, 0), read;
        uint16_t port = (uint16_t)(1 + random_below(65535)), read_port = 0;
        bool v6 = address.any.sa_family == AF_INET6;
        uint8_t *bytes = v6 ? address.v6.sin6_addr.s6_addr : (uint8_t *)&address.v4.sin_addr;
        for (int at = 0; at < (v6 ? 16 : 4); at++)
            bytes[at] = (uint8_t)(random_below(2) ? random_bits() : 0);
        if (v6 && random_below(4) == 0)
            memcpy(bytes, "\xfe\x80\0\0\0\0\0\0", 8);
        if (v6 && IN6_IS_ADDR_LINKLOCAL(&address.v6.sin6_addr))
            address.v6.sin6_scope_id = 1 + (uint32_t)random_below(100000);
        address_set_port(&address, port);
        address_format_port(&address, text);
        assert_true(sock_split_host_port(text, host, sizeof host, &read_port, NULL));
        assert_int_equal(read_port, port);
        assert_true(address_parse(host, read_port, &read));
        if (!address_equal(&address, &read))
            fail_msg("%s became another address", text);
    }
}

/* ---- host and port */

static void hosts_and_ports_are_split(void **state)
{
    static const struct {
        const char *text, *host;
        uint16_t port; /* 7 where none is given */
    } cases[] = {
        {"host", "host", 7},
        {"host:80", "host", 80},
        {"host.example.org:1", "host.example.org", 1},
        {"10.0.0.1", "10.0.0.1", 7},
        {"10.0.0.1:65535", "10.0.0.1", 65535},
        {"::1", "::1", 7},
        {"fe80::1%lo", "fe80::1%lo", 7},
        {"[::1]", "::1", 7},
        {"[::1]:5999", "::1", 5999},
        {"[fe80::1%lo]:5999", "fe80::1%lo", 5999},
        {"[::ffff:10.0.0.1]:80", "::ffff:10.0.0.1", 80},
        {"2001:db8::1", "2001:db8::1", 7},
        {"h\xc3\xb6st:80", "h\xc3\xb6st", 80},
        {"host:00080", "host", 80},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char host[64];
        uint16_t port = 7;
        struct fail fail = {0};
        if (!sock_split_host_port(cases[i].text, host, sizeof host, &port, &fail))
            fail_msg("'%s': %s", cases[i].text, fail.text);
        assert_string_equal(host, cases[i].host);
        assert_int_equal(port, cases[i].port);
    }
}

static void what_is_no_host_and_port(void **state)
{
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"", "the host name is empty"},
        {":80", "the host name is empty"},
        {"[]", "the host name is empty"},
        {"[]:80", "the host name is empty"},
        {"host:", "'' is not a port: it is a number from 1 to 65535"},
        {"host:0", "'0' is not a port"},
        {"host:65536", "'65536' is not a port"},
        {"host:-1", "'-1' is not a port"},
        {"host:+80", "'+80' is not a port"},
        {"host:80x", "'80x' is not a port"},
        {"host: 80", "' 80' is not a port"},
        {"host:http", "'http' is not a port"},
        {"host:18446744073709551696", "'18446744073709551696' is not a port"},
        {"[::1]:", "'' is not a port"},
        {"[::1]:0", "'0' is not a port"},
        {"[::1]80", "after the bracket of '[::1]80' only a port can follow"},
        {"[::1]]", "after the bracket of '[::1]]' only a port can follow"},
        {"[::1", "the bracket of '[::1' is not closed"},
        {"[", "the bracket of '[' is not closed"},
        {"[10.0.0.1]:80", "'10.0.0.1' is not an IPv6 address"},
        {"[host]:80", "'host' is not an IPv6 address"},
        {"[[::1]]", "'[::1' is not a host name"},
        {"1:2:3", "'1:2:3' is not an IPv6 address; with a port it is written [address]:port"},
        {"host:80:90", "'host:80:90' is not an IPv6 address"},
        {"fe80::1%no-such-if", "'fe80::1%no-such-if' is not an IPv6 address"},
        {"two words", "'two words' is not a host name"},
        {"host\n", "'host\n' is not a host name"},
        {"a/b", "'a/b' is not a host name"},
        {"a,b", "'a,b' is not a host name"},
        {"a=b:80", "'a=b' is not a host name"},
        {"::1]", "'::1]' is not an IPv6 address"},
        {"host]", "'host]' is not a host name"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char host[64];
        uint16_t port = 7;
        struct fail fail = {0};
        if (sock_split_host_port(cases[i].text, host, sizeof host, &port, &fail) ||
            !strstr(fail.text, cases[i].sentence))
            fail_msg("'%s': %s", cases[i].text, fail.text);
        assert_int_equal(port, 7);
        assert_false(sock_split_host_port(cases[i].text, host, sizeof host, &port, NULL));
    }
}

static void host_names_fit_with_their_nul(void **state)
{
    char host[8] = "";
    uint16_t port = 7;
    struct fail fail = {0};
    (void)state;
    assert_true(sock_split_host_port("1234567:80", host, sizeof host, &port, NULL));
    assert_string_equal(host, "1234567");
    assert_false(sock_split_host_port("12345678:80", host, sizeof host, &port, &fail));
    assert_non_null(strstr(fail.text, "the host name '12345678"));
    assert_non_null(strstr(fail.text, "is too long"));
    assert_false(sock_split_host_port("[2001:db8::1]:80", host, sizeof host, &port, &fail));
    assert_non_null(strstr(fail.text, "is too long"));
    assert_false(sock_split_host_port("2001:db8::1", host, sizeof host, &port, &fail));
    assert_non_null(strstr(fail.text, "is too long"));
}

static void random_texts_are_split_or_refused(void **state)
{
    static const char *const pieces[] = {"[", "]", ":", "::1", "10.0.0.1", "host",  "%lo", "80",
                                         "0", ".", "-", " ",   "fe80:",    "65536", "x",   "\xff"};
    int taken = 0;
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        char text[64] = "", host[24];
        uint16_t port = 0;
        struct fail fail = {0};
        for (uint64_t parts = random_below(6); parts > 0; parts--)
            strcat(text, pieces[random_below(COUNT(pieces))]);
        if (sock_split_host_port(text, host, sizeof host, &port, &fail)) {
            taken++;
            assert_true(*host && strlen(host) < sizeof host && !strpbrk(host, "[] "));
            assert_non_null(strstr(text, host));
            assert_true(!strchr(host, ':') || address_parse(host, 0, &(struct address){0}));
        } else {
            assert_int_not_equal(fail.text[0], '\0');
        }
    }
    assert_in_range(taken, 1, ROUNDS - 1);
}

/* ---- resolving */

static void numeric_addresses_cost_nothing(void **state)
{
    static const char *const cases[] = {"127.0.0.1", "::1", "[::1]", "fe80::1%lo"};
    (void)state;
    script.error = EAI_AGAIN; /* nobody is asked */
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct addresses addresses;
        struct address expected = parsed(cases[i], 0);
        assert_true(addresses_resolve(cases[i], &addresses, NULL));
        assert_int_equal(addresses.count, 1);
        assert_true(address_equal(&addresses.list[0], &expected));
    }
    script.error = 0;
    assert_int_equal(script.open, 0);
}

static void resolve(const char *const *found, const char *const *expected)
{
    struct addresses addresses;
    size_t count = 0;
    memset(&addresses, 0xee, sizeof addresses);
    for (size_t i = 0; i < COUNT(script.addresses) && found[i]; i++)
        script.addresses[i] = found[i];
    assert_true(addresses_resolve("host.example", &addresses, NULL));
    for (; expected[count]; count++) {
        struct address address = parsed(expected[count], 0);
        assert_true(count < addresses.count);
        assert_true(address_equal(&addresses.list[count], &address));
    }
    assert_int_equal(addresses.count, count);
    memset(script.addresses, 0, sizeof script.addresses);
    assert_int_equal(script.open, 0);
}

static void names_give_ipv4_first(void **state)
{
    (void)state;
    resolve((const char *[]){"2001:db8::1", "10.0.0.1", "2001:db8::2", "10.0.0.2", NULL},
            (const char *[]){"10.0.0.1", "10.0.0.2", "2001:db8::1", "2001:db8::2", NULL});
    resolve((const char *[]){"2001:db8::1", NULL}, (const char *[]){"2001:db8::1", NULL});
    resolve((const char *[]){"10.0.0.1", NULL}, (const char *[]){"10.0.0.1", NULL});
}

static void names_with_many_addresses_are_cut(void **state)
{
    (void)state;
    resolve((const char *[]){"::1", "::2", "::3", "::4", "::5", "::6", "::7", "::8", "::9",
                             "10.0.0.1", NULL},
            (const char *[]){"10.0.0.1", "::1", "::2", "::3", "::4", "::5", "::6", "::7", NULL});
}

static void names_that_are_not_known(void **state)
{
    struct addresses addresses;
    struct fail fail = {0};
    (void)state;
    script.error = EAI_NONAME;
    assert_false(addresses_resolve("no-such-host", &addresses, &fail));
    assert_int_equal(fail.code, FAULT_CONNECT);
    assert_non_null(strstr(fail.text, "the host name 'no-such-host' is not known: "));
    assert_non_null(strstr(fail.text, gai_strerror(EAI_NONAME)));
    assert_int_equal(addresses.count, 0);
    script.error = EAI_SYSTEM;
    errno = ENETDOWN;
    assert_false(addresses_resolve("no-such-host", &addresses, &fail));
    assert_non_null(strstr(fail.text, "Network is down"));
    script.error = 0;
    assert_int_equal(script.open, 0);
}

/* ---- real sockets */

static struct endpoint_settings default_settings(void)
{
    struct endpoint_settings settings;
    schema_defaults(&endpoint_settings_schema, &settings);
    return settings;
}

/* Three ends of one loopback connection. */
struct connection {
    int listener, client, server;
};

static bool has_ipv6(void)
{
    struct address address = parsed("::1", 0);
    int fd = sock_listen(&address, NULL, NULL);
    if (fd < 0) {
        return false;
    }
    close(fd);
    return true;
}

/* Whether a socket of IPv6 takes connections of IPv4 too. */
static bool is_dual_stack(void)
{
    return has_ipv6() && !sock_sysctl("/proc/sys/net/ipv6/bindv6only", 1);
}

/* Connects to `to`, where a socket listens at `at`. */
static struct connection connect_loopback(const char *at, const char *to,
                                          const struct endpoint_settings *settings)
{
    struct connection connection;
    struct address address = parsed(at, 0), target = parsed(to, 0);
    struct fail fail = {0};
    connection.listener = sock_listen(&address, settings, &fail);
    if (connection.listener < 0)
        fail_msg("%s", fail.text);
    assert_true(sock_local(connection.listener, &address));
    address_set_port(&target, address_port(&address));
    connection.client = sock_create(target.any.sa_family, settings, &fail);
    assert_true(connection.client >= 0);
    /* Both are non-blocking, and loopback connects at once or soon. */
    fcntl(connection.client, F_SETFL, 0);
    assert_int_equal(connect(connection.client, &target.any, target.length), 0);
    fcntl(connection.listener, F_SETFL, 0);
    connection.server = accept(connection.listener, NULL, NULL);
    assert_true(connection.server >= 0);
    return connection;
}

static void disconnect(struct connection *connection)
{
    close(connection->client);
    close(connection->server);
    close(connection->listener);
}

static void sockets_do_not_block_and_are_not_inherited(void **state)
{
    struct address address = parsed("127.0.0.1", 0);
    int fds[] = {sock_create(AF_INET, NULL, NULL), sock_listen(&address, NULL, NULL)};
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
    int fd = sock_listen(&address, NULL, NULL);
    (void)state;
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length), 0);
    /* Of a listening socket the kernel gives the backlog in this place. */
    assert_int_equal(info.tcpi_sacked, sock_sysctl("/proc/sys/net/core/somaxconn", 4096));
    close(fd);
}

/* Only a port chosen at connect() can be shared by connections to different peers. */
static void a_bound_address_has_no_port_yet(void **state)
{
    struct address address = parsed("127.0.0.1", 0);
    int fd = sock_create(AF_INET, NULL, NULL);
    (void)state;
    assert_int_equal(bind(fd, &address.any, address.length), 0);
    assert_true(sock_local(fd, &address));
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
        assert_true(sock_local(connection.client, &one));
        assert_true(sock_peer(connection.server, &other));
        assert_true(address_equal(&one, &other));
        assert_true(sock_peer(connection.client, &one));
        assert_true(sock_local(connection.server, &other));
        assert_true(address_equal(&one, &other));
        assert_int_not_equal(address_port(&one), 0);
        disconnect(&connection);
    }
}

static void what_is_not_connected_has_no_peer(void **state)
{
    struct address address;
    int fd = sock_create(AF_INET, NULL, NULL);
    (void)state;
    assert_true(sock_local(fd, &address));
    assert_false(sock_peer(fd, &address));
    assert_int_equal(sock_path_mtu(fd), METRIC_ABSENT);
    close(fd);
    assert_false(sock_local(fd, &address));
    assert_int_equal(sock_path_mtu(fd), METRIC_ABSENT);
    assert_int_equal(sock_interface_mtu(fd), METRIC_ABSENT);
    assert_int_equal(sock_buffer(fd, SO_SNDBUF), METRIC_ABSENT);
}

/* The kernel doubles what is asked for, within its limits (socket(7)). */
static void buffers_are_as_asked_for(void **state)
{
    struct endpoint_settings settings = default_settings(), larger = settings;
    (void)state;
    settings.send_buffer = 20000;
    settings.receive_buffer = 30000;
    larger.send_buffer = larger.receive_buffer = INT32_MAX;
    int none = sock_create(AF_INET, NULL, NULL), fd = sock_create(AF_INET, &settings, NULL);
    int large = sock_create(AF_INET, &larger, NULL);
    assert_true(none >= 0 && fd >= 0 && large >= 0);
    assert_int_equal(sock_buffer(fd, SO_SNDBUF), 40000);
    assert_int_equal(sock_buffer(fd, SO_RCVBUF), 60000);
    /* Not every network namespace shows the limits. */
    int64_t sent = sock_sysctl("/proc/sys/net/core/wmem_max", sock_buffer(large, SO_SNDBUF) / 2);
    int64_t read = sock_sysctl("/proc/sys/net/core/rmem_max", sock_buffer(large, SO_RCVBUF) / 2);
    assert_int_equal(sock_buffer(large, SO_SNDBUF), 2 * sent);
    assert_int_equal(sock_buffer(large, SO_RCVBUF), 2 * read);
    assert_true(sock_buffer(none, SO_SNDBUF) > 0);
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
    assert_int_equal(sock_buffer(connection.server, SO_RCVBUF), 60000);
    int ends[] = {connection.client, connection.server};
    for (size_t i = 0; i < COUNT(ends); i++) {
        sock_congestion_control(ends[i], name);
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
    int one = sock_create(AF_INET, &settings, NULL), other = sock_create(AF_INET, NULL, NULL);
    (void)state;
    sock_congestion_control(one, with);
    sock_congestion_control(other, without);
    FILE *file = fopen("/proc/sys/net/ipv4/tcp_congestion_control", "r");
    assert_int_equal(fscanf(file, "%31s", standard), 1);
    fclose(file);
    assert_string_equal(with, standard);
    assert_string_equal(without, standard);
    assert_int_equal(sock_buffer(one, SO_SNDBUF), sock_buffer(other, SO_SNDBUF));
    assert_int_equal(sock_buffer(one, SO_RCVBUF), sock_buffer(other, SO_RCVBUF));
    close(one);
    close(other);
    sock_congestion_control(-1, with);
    assert_string_equal(with, "");
}

static int count_files(void)
{
    int count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void an_unknown_congestion_control_is_refused(void **state)
{
    struct endpoint_settings settings = default_settings();
    struct address address = parsed("127.0.0.1", 0);
    struct fail fail = {0};
    char names[SOCK_NAMES_MAX];
    int files = count_files();
    (void)state;
    strcpy(settings.congestion_control, "no-such-algorithm");
    assert_int_equal(sock_create(AF_INET, &settings, &fail), -1);
    assert_int_equal(fail.code, FAULT_CONGESTION);
    assert_non_null(strstr(fail.text, "'no-such-algorithm'"));
    sock_congestion_controls(names);
    names[strcspn(names, " ")] = '\0'; /* the first of those that there are */
    assert_non_null(strstr(fail.text, names));
    fail = (struct fail){0};
    assert_int_equal(sock_listen(&address, &settings, &fail), -1);
    assert_int_equal(fail.code, FAULT_CONGESTION);
    assert_int_equal(sock_listen(&address, &settings, NULL), -1);
    assert_int_equal(count_files(), files);
}

static void a_forbidden_congestion_control_says_so(void **state)
{
    struct fail fail = {0};
    (void)state;
    assert_false(congestion_refused("bbr", EPERM, &fail));
    assert_int_equal(fail.code, FAULT_CONGESTION);
    assert_non_null(strstr(fail.text, "'bbr' may not be used there by this user; allowed are: "));
}

static void congestion_controls_are_words(void **state)
{
    char names[SOCK_NAMES_MAX], standard[SETTINGS_NAME_MAX], copy[SOCK_NAMES_MAX], *save = NULL;
    int fd = sock_create(AF_INET, NULL, NULL), reno = 0;
    (void)state;
    sock_congestion_controls(names);
    sock_congestion_control(fd, standard);
    close(fd);
    assert_int_equal(strncmp(names, standard, strlen(standard)), 0);
    assert_null(strstr(names, "  "));
    assert_true(names[strlen(names) - 1] != ' ' && names[strlen(names) - 1] != '\n');
    strcpy(copy, names);
    for (char *name = strtok_r(copy, " ", &save); name; name = strtok_r(NULL, " ", &save)) {
        size_t length = strlen(name), seen = 0;
        for (const char *at = names; (at = strstr(at, name)); at += length)
            seen += (at == names || at[-1] == ' ') && (at[length] == ' ' || !at[length]);
        assert_int_equal(seen, 1);
        reno += !strcmp(name, "reno");
    }
    assert_int_equal(reno, 1);
}

/* Takes CAP_NET_ADMIN out of what is in force, or puts it back; gives whether that was possible. */
static bool set_net_admin(bool on)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    if (syscall(SYS_capget, &header, data))
        return false;
    uint32_t bit = UINT32_C(1) << CAP_NET_ADMIN;
    data[0].effective = on ? data[0].effective | bit : data[0].effective & ~bit;
    return (data[0].permitted & bit) && !syscall(SYS_capset, &header, data);
}

/* It is a capability that allows the others, not being root: a container's root often lacks it. */
static void listed_congestion_controls_may_be_used(void **state)
{
    (void)state;
    for (int privileged = 1; privileged >= 0; privileged--) {
        char names[SOCK_NAMES_MAX], *save = NULL;
        bool changed = !privileged && set_net_admin(false);
        sock_congestion_controls(names);
        for (char *name = strtok_r(names, " ", &save); name; name = strtok_r(NULL, " ", &save)) {
            struct endpoint_settings settings = default_settings();
            struct fail fail = {0};
            strcpy(settings.congestion_control, name);
            int fd = sock_create(AF_INET, &settings, &fail);
            if (fd < 0 && changed)
                set_net_admin(true);
            if (fd < 0)
                fail_msg("%s", fail.text);
            close(fd);
        }
        if (changed)
            assert_true(set_net_admin(true));
    }
}

static void a_taken_port_is_named(void **state)
{
    struct address address = parsed("127.0.0.1", 0);
    struct fail fail = {0};
    char text[ADDRESS_TEXT_MAX];
    int fd = sock_listen(&address, NULL, NULL), files = count_files();
    (void)state;
    assert_true(fd >= 0 && sock_local(fd, &address));
    errno = 0;
    assert_int_equal(sock_listen(&address, NULL, &fail), -1);
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
    assert_true(sock_local(connection.server, &address));
    shutdown(connection.server, SHUT_WR); /* the server's end waits longest */
    disconnect(&connection);
    int fd = sock_listen(&address, NULL, NULL);
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
    int fd = sock_create(AF_INET, NULL, &fail);
    setrlimit(RLIMIT_NOFILE, &before);
    char limit[64];
    snprintf(limit, sizeof limit, "too many open files there: the limit is %d", next);
    assert_int_equal(fd, -1);
    assert_int_equal(fail.code, FAULT_FILES);
    assert_string_equal(fail.text, limit);
    assert_int_equal(sock_create(AF_UNSPEC, NULL, &fail), -1);
    assert_int_equal(fail.code, FAULT_SYSTEM);
    assert_non_null(strstr(fail.text, "a socket can't be made there: "));
}

static void multipath_that_is_missing_says_so(void **state)
{
    struct fail fail = {0};
    (void)state;
    no_socket(IPPROTO_MPTCP, ENOPROTOOPT, &fail);
    assert_string_equal(fail.text, "MPTCP is switched off there: set net.mptcp.enabled to 1");
    no_socket(IPPROTO_MPTCP, EPROTONOSUPPORT, &fail);
    assert_string_equal(fail.text, "the kernel there has no MPTCP (--mptcp)");
    int fd = sock_create_protocol(IPPROTO_MPTCP, AF_INET, NULL, &fail);
    int64_t enabled = sock_sysctl("/proc/sys/net/mptcp/enabled", 0);
    assert_int_equal(fd >= 0, enabled == 1);
    if (fd >= 0)
        close(fd);
}

static int64_t loopback_mtu(void)
{
    return sock_sysctl("/sys/class/net/lo/mtu", -1);
}

static void loopback_has_its_mtu(void **state)
{
    static const char *const cases[][2] = {
        {"127.0.0.1", "127.0.0.1"},
        {"127.0.0.2", "127.0.0.2"},
        {"0.0.0.0", "127.1.2.3"},
        {"::1", "::1"},
        {"::", "::1"},
        {"::", "127.0.0.1"},
    };
    (void)state;
    assert_true(loopback_mtu() > 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (strchr(cases[i][0], ':') && !(strchr(cases[i][1], ':') ? has_ipv6() : is_dual_stack()))
            continue;
        struct connection connection = connect_loopback(cases[i][0], cases[i][1], NULL);
        assert_int_equal(sock_interface_mtu(connection.client), loopback_mtu());
        assert_int_equal(sock_interface_mtu(connection.server), loopback_mtu());
        int64_t most = strchr(cases[i][1], ':') ? loopback_mtu() : IP_MAXPACKET;
        int64_t path = loopback_mtu() < most ? loopback_mtu() : most;
        assert_int_equal(sock_path_mtu(connection.client), path);
        assert_int_equal(sock_path_mtu(connection.server), path);
        disconnect(&connection);
    }
}

/* The other addresses of this machine, each with the MTU of its own interface. */
static void other_interfaces_have_their_mtu(void **state)
{
    struct ifaddrs *interfaces;
    int tried = 0;
    (void)state;
    assert_int_equal(getifaddrs(&interfaces), 0);
    for (struct ifaddrs *at = interfaces; at; at = at->ifa_next) {
        int family = at->ifa_addr ? at->ifa_addr->sa_family : AF_UNSPEC;
        struct address address = address_wildcard(family, 0);
        char path[64];
        if (family != AF_INET && family != AF_INET6)
            continue;
        memcpy(&address.storage, at->ifa_addr, address.length);
        int fd = address_is_loopback(&address) ? -1 : sock_listen(&address, NULL, NULL);
        if (fd < 0)
            continue;
        snprintf(path, sizeof path, "/sys/class/net/%s/mtu", at->ifa_name);
        int64_t mtu = sock_sysctl(path, -1);
        assert_int_equal(sock_interface_mtu(fd), mtu);
        close(fd);
        tried++;
        if (family == AF_INET && is_dual_stack()) {
            char text[ADDRESS_TEXT_MAX];
            address_format(&address, text);
            struct connection connection = connect_loopback("::", text, NULL);
            assert_int_equal(sock_interface_mtu(connection.server), mtu);
            disconnect(&connection);
        }
    }
    freeifaddrs(interfaces);
    if (!tried)
        printf("# no interface but loopback here: not tested\n");
}

static void a_wildcard_has_no_interface(void **state)
{
    struct address address = address_wildcard(AF_INET, 0);
    int fd = sock_listen(&address, NULL, NULL);
    (void)state;
    assert_int_equal(sock_interface_mtu(fd), METRIC_ABSENT);
    close(fd);
}

/* ---- numbers of the system */

static void numbers_in_files(void **state)
{
    static const struct {
        const char *content;
        int64_t value;
    } cases[] = {
        {"42\n", 42}, {"-1\n", -1},   {"9223372036854775807", INT64_MAX}, {"1 2 3\n", 1}, {"", 77},
        {"\n", 77},   {"none\n", 77},
    };
    char path[64];
    FILE *file = tmpfile();
    (void)state;
    assert_non_null(file);
    int fd = fileno(file);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(pwrite(fd, cases[i].content, strlen(cases[i].content), 0),
                         strlen(cases[i].content));
        assert_int_equal(sock_sysctl(path, 77), cases[i].value);
    }
    fclose(file);
    assert_int_equal(sock_sysctl(path, 77), 77);
}

static void local_ports_are_a_range(void **state)
{
    int64_t low = -1, high = -1;
    (void)state;
    sock_local_ports(&low, &high);
    assert_in_range(low, 1, 65535);
    assert_in_range(high, low, 65535);
    struct connection connection = connect_loopback("127.0.0.1", "127.0.0.1", NULL);
    struct address address;
    assert_true(sock_local(connection.client, &address));
    assert_in_range(address_port(&address), low, high);
    disconnect(&connection);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_and_written),
        cmocka_unit_test(zones_are_interfaces),
        cmocka_unit_test(texts_that_are_no_addresses),
        cmocka_unit_test(a_text_longer_than_any_address_is_none),
        cmocka_unit_test(ports_are_kept_apart_from_addresses),
        cmocka_unit_test(equal_addresses),
        cmocka_unit_test(loopback_addresses),
        cmocka_unit_test(wildcards),
        cmocka_unit_test(what_is_no_address_is_shown_as_such),
        cmocka_unit_test(random_addresses_come_back),
        cmocka_unit_test(hosts_and_ports_are_split),
        cmocka_unit_test(what_is_no_host_and_port),
        cmocka_unit_test(host_names_fit_with_their_nul),
        cmocka_unit_test(random_texts_are_split_or_refused),
        cmocka_unit_test(numeric_addresses_cost_nothing),
        cmocka_unit_test(names_give_ipv4_first),
        cmocka_unit_test(names_with_many_addresses_are_cut),
        cmocka_unit_test(names_that_are_not_known),
        cmocka_unit_test(sockets_do_not_block_and_are_not_inherited),
        cmocka_unit_test(listeners_have_the_longest_queue),
        cmocka_unit_test(a_bound_address_has_no_port_yet),
        cmocka_unit_test(both_ends_know_their_addresses),
        cmocka_unit_test(what_is_not_connected_has_no_peer),
        cmocka_unit_test(buffers_are_as_asked_for),
        cmocka_unit_test(accepted_connections_inherit_the_options),
        cmocka_unit_test(options_that_are_not_given_are_the_system_s),
        cmocka_unit_test(an_unknown_congestion_control_is_refused),
        cmocka_unit_test(a_forbidden_congestion_control_says_so),
        cmocka_unit_test(congestion_controls_are_words),
        cmocka_unit_test(listed_congestion_controls_may_be_used),
        cmocka_unit_test(a_taken_port_is_named),
        cmocka_unit_test(multipath_that_is_missing_says_so),
        cmocka_unit_test(a_port_can_be_listened_at_again),
        cmocka_unit_test(too_many_files_are_told_from_other_failures),
        cmocka_unit_test(loopback_has_its_mtu),
        cmocka_unit_test(other_interfaces_have_their_mtu),
        cmocka_unit_test(a_wildcard_has_no_interface),
        cmocka_unit_test(numbers_in_files),
        cmocka_unit_test(local_ports_are_a_range),
    };
    seed_random();
    if (!has_ipv6())
        printf("# no IPv6 here: sockets are tested with IPv4 only\n");
    return cmocka_run_group_tests_name("sock", tests, NULL, NULL);
}
