/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests the table of socket options on connections over loopback: what is asked for is what both
 * ends have, and what is refused says why. */
#include "daemon/net/sockopt.c"
#include "net/socket.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "unit.h"

struct connection {
    int listener, client, server;
};

static struct endpoint_settings default_settings(void)
{
    struct endpoint_settings settings;
    schema_defaults(&endpoint_settings_schema, &settings);
    return settings;
}

static bool has_ipv6(void)
{
    struct address address;
    address_parse("::1", 0, &address);
    int fd = socket_listen(IPPROTO_TCP, &address, NULL, NULL);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static void must(bool good, const struct fail *fail)
{
    if (!good)
        fail_msg("%s", fail->text);
}

/* Connects as a flow does, with every phase: to `to` where a socket listens at `at`. */
static struct connection connect_with(const char *at, const char *to,
                                      const struct endpoint_settings *settings)
{
    struct connection connection;
    struct address address, target;
    struct fail fail = {0};
    assert_true(address_parse(at, 0, &address) && address_parse(to, 0, &target));
    connection.listener = socket_listen(IPPROTO_TCP, &address, settings, &fail);
    must(connection.listener >= 0, &fail);
    address_local(connection.listener, &address);
    address_set_port(&target, address_port(&address));
    int family = target.any.sa_family;
    connection.client = socket_create(IPPROTO_TCP, family, settings, &fail);
    must(connection.client >= 0, &fail);
    must(sockopt_set(connection.client, family, SOCKOPT_CONNECTING, settings, &fail), &fail);
    fcntl(connection.client, F_SETFL, 0);
    assert_int_equal(connect(connection.client, &target.any, target.length), 0);
    fcntl(connection.listener, F_SETFL, 0);
    connection.server = accept(connection.listener, NULL, NULL);
    assert_true(connection.server >= 0);
    must(sockopt_set(connection.server, AF_UNSPEC, SOCKOPT_ACCEPTED, settings, &fail), &fail);
    must(sockopt_set(connection.server, AF_UNSPEC, SOCKOPT_AGREED, settings, &fail), &fail);
    must(sockopt_set(connection.client, AF_UNSPEC, SOCKOPT_AGREED, settings, &fail), &fail);
    return connection;
}

static void disconnect(const struct connection *connection)
{
    close(connection->client);
    close(connection->server);
    close(connection->listener);
}

/* What sockopt_describe() says of a field, or "". */
static void described(int fd, const struct endpoint_settings *settings, const char *field,
                      char value[64])
{
    struct buffer lines = {0};
    char start[64];
    snprintf(start, sizeof start, "\n%s=", field);
    buffer_text(&lines, "\n");
    sockopt_describe(fd, settings, &lines);
    buffer_add(&lines, "", 1);
    const char *found = strstr(lines.data, start);
    value[0] = '\0';
    if (found)
        snprintf(value, 64, "%.*s", (int)strcspn(found + strlen(start), "\n"),
                 found + strlen(start));
    buffer_free(&lines);
}

/* An option that any user may set, and what is read back. */
static const struct {
    const char *field;
    size_t offset;
    int64_t value;
    const char *shown;
    bool v4_only;
} plain[] = {
#define CASE(field, value, shown) #field, offsetof(struct endpoint_settings, field), value, shown
    {CASE(dscp, 46, "46"), false},
    {CASE(dscp, 0, "0"), false},
    {CASE(tos, 184, "184"), false},
    {CASE(ttl, 7, "7"), false},
    {CASE(ttl, 255, "255"), false},
    {CASE(mtu_discover, 1, "1"), false},
    {CASE(nodelay, 1, "1"), false},
    {CASE(cork, 1, "1"), false},
    {CASE(notsent_lowat, 32768, "32768"), false},
    {CASE(quickack, 1, "1"), false},
    {CASE(user_timeout, 5000, "5000"), false},
    {CASE(priority, 5, "5"), false},
    {CASE(priority, 0, "0"), false},
    {CASE(route_record, 1, "1"), true},
};

enum { PLAIN = sizeof plain / sizeof plain[0] };

static void set_field(struct endpoint_settings *settings, size_t offset, int64_t value)
{
    *(int64_t *)((char *)settings + offset) = value;
}

static void check_plain(const char *at, const char *to)
{
    bool v6 = strcmp(to, "127.0.0.1") != 0;
    for (int i = 0; i < PLAIN; i++) {
        struct endpoint_settings settings = default_settings();
        char client[64], server[64];
        if (plain[i].v4_only && v6)
            continue;
        set_field(&settings, plain[i].offset, plain[i].value);
        struct connection connection = connect_with(at, to, &settings);
        described(connection.client, &settings, plain[i].field, client);
        described(connection.server, &settings, plain[i].field, server);
        if (strcmp(client, plain[i].shown) || strcmp(server, plain[i].shown))
            fail_msg("%s at %s, %s: '%s' and '%s'", plain[i].field, at, to, client, server);
        disconnect(&connection);
    }
}

static void both_ends_have_what_was_asked_for(void **state)
{
    (void)state;
    check_plain("127.0.0.1", "127.0.0.1");
    if (!has_ipv6()) {
        printf("# there is no IPv6\n");
        return;
    }
    check_plain("::1", "::1");
    check_plain("::", "127.0.0.1"); /* IPv4 through a socket of IPv6 */
}

/* TCP sets the lower two bits itself, so they are none of the value. UDP lets a test set them. */
static void bits_of_ecn_are_not_read_back(void **state)
{
    static const int families[] = {AF_INET, AF_INET6};
    int tos = 187, found = 0;
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        int fd = socket(families[k], SOCK_DGRAM | SOCK_CLOEXEC, 0);
        bool v6 = families[k] == AF_INET6;
        if (fd < 0)
            continue;
        assert_int_equal(setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_TCLASS : IP_TOS,
                                    &tos, sizeof tos),
                         0);
        for (int i = 0; i < ROWS; i++) {
            if (strcmp(rows[i].field, "tos") && strcmp(rows[i].field, "dscp"))
                continue;
            assert_int_equal(get_int(fd, v6, &rows[i]), rows[i].field[0] == 't' ? 184 : 46);
            found++;
        }
        close(fd);
    }
    assert_true(found >= 2);
}

/* Nothing is said of what was not asked for. */
static void what_is_not_asked_for_is_not_described(void **state)
{
    struct endpoint_settings settings = default_settings();
    struct buffer lines = {0};
    (void)state;
    struct connection connection = connect_with("127.0.0.1", "127.0.0.1", &settings);
    sockopt_describe(connection.client, &settings, &lines);
    assert_int_equal(lines.length, 0);
    buffer_free(&lines);
    disconnect(&connection);
}

/* The peer's announcement and the options of each segment make it smaller. */
static void segments_are_as_large_as_allowed(void **state)
{
    struct endpoint_settings settings = default_settings();
    char text[64];
    (void)state;
    settings.maxseg = 1000;
    struct connection connection = connect_with("127.0.0.1", "127.0.0.1", &settings);
    for (int end = 0; end < 2; end++) {
        described(end ? connection.client : connection.server, &settings, "maxseg", text);
        assert_in_range(atoi(text), 988, 1000);
    }
    disconnect(&connection);
}

static void the_window_is_clamped(void **state)
{
    struct endpoint_settings settings = default_settings();
    char text[64];
    (void)state;
    settings.window_clamp = 20000;
    struct connection connection = connect_with("127.0.0.1", "127.0.0.1", &settings);
    for (int end = 0; end < 2; end++) {
        described(end ? connection.client : connection.server, &settings, "window_clamp", text);
        assert_in_range(atoi(text), 1, 20000);
    }
    disconnect(&connection);
}

static void interfaces_are_bound(void **state)
{
    struct endpoint_settings settings = default_settings();
    struct fail fail = {0};
    char text[64];
    (void)state;
    strcpy(settings.bind_device, "no-such-if");
    assert_int_equal(socket_create(IPPROTO_TCP, AF_INET, &settings, &fail), -1);
    assert_string_equal(fail.text, "SO_BINDTODEVICE: no interface 'no-such-if' on this host");
    strcpy(settings.bind_device, "lo");
    struct connection connection = connect_with("127.0.0.1", "127.0.0.1", &settings);
    described(connection.client, &settings, "bind_device", text);
    assert_string_equal(text, "lo");
    described(connection.server, &settings, "bind_device", text);
    assert_string_equal(text, "lo");
    disconnect(&connection);
}

static void ipv6_records_no_route(void **state)
{
    struct endpoint_settings settings = default_settings();
    struct fail fail = {0};
    (void)state;
    settings.route_record = 1;
    assert_false(sockopt_set(-1, AF_INET6, SOCKOPT_CONNECTING, &settings, &fail));
    assert_string_equal(fail.text, "ROUTE_RECORD is an IPv4 option, but the connection uses IPv6");
}

static void fast_open_wants_its_sysctl(void **state)
{
    int64_t allowed = kernel_sysctl("/proc/sys/net/ipv4/tcp_fastopen", 0);
    (void)state;
    for (int listens = 0; listens < 2; listens++) {
        struct endpoint_settings settings = default_settings();
        struct fail fail = {0};
        int fd = socket_create(IPPROTO_TCP, AF_INET, NULL, NULL);
        settings.fastopen = 1;
        bool good = sockopt_set(fd, AF_INET, listens ? SOCKOPT_LISTENING : SOCKOPT_CONNECTING,
                                &settings, &fail);
        assert_int_equal(good, (allowed & (listens ? 2 : 1)) != 0);
        if (!good)
            assert_non_null(strstr(fail.text, "net.ipv4.tcp_fastopen"));
        close(fd);
    }
}

/* Takes CAP_NET_ADMIN and CAP_NET_RAW out of what is in force, or puts them back. */
static bool set_privileges(bool on)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    if (syscall(SYS_capget, &header, data))
        return false;
    uint32_t bits = UINT32_C(1) << CAP_NET_ADMIN | UINT32_C(1) << CAP_NET_RAW;
    data[0].effective =
        on ? data[0].effective | (bits & data[0].permitted) : data[0].effective & ~bits;
    return !syscall(SYS_capset, &header, data) && (data[0].permitted & bits) == bits;
}

static const struct {
    size_t offset;
    int64_t value;
    const char *field, *sentence;
} privileged[] = {
    {offsetof(struct endpoint_settings, mark), UINT32_MAX, "mark",
     "SO_MARK=4294967295 needs the capability CAP_NET_ADMIN, which flowd lacks there"},
    {offsetof(struct endpoint_settings, debug), 1, "debug",
     "SO_DEBUG=1 needs the capability CAP_NET_ADMIN, which flowd lacks there"},
    {offsetof(struct endpoint_settings, priority), 7, "priority",
     "SO_PRIORITY=7 needs the capability CAP_NET_ADMIN, which flowd lacks there"},
};

enum { PRIVILEGED = sizeof privileged / sizeof privileged[0] };

static void a_missing_capability_is_named(void **state)
{
    bool had = set_privileges(false);
    (void)state;
    for (int i = 0; i < PRIVILEGED; i++) {
        struct endpoint_settings settings = default_settings();
        struct fail fail = {0};
        set_field(&settings, privileged[i].offset, privileged[i].value);
        int fd = socket_create(IPPROTO_TCP, AF_INET, &settings, &fail);
        if (had && fd >= 0)
            set_privileges(true);
        assert_int_equal(fd, -1);
        assert_string_equal(fail.text, privileged[i].sentence);
    }
    if (had)
        set_privileges(true);
}

static void the_privileged_may(void **state)
{
    (void)state;
    if (!set_privileges(true)) {
        printf("# there is no privilege\n");
        return;
    }
    for (int i = 0; i < PRIVILEGED; i++) {
        struct endpoint_settings settings = default_settings();
        char text[64], expected[64];
        set_field(&settings, privileged[i].offset, privileged[i].value);
        struct connection connection = connect_with("127.0.0.1", "127.0.0.1", &settings);
        snprintf(expected, sizeof expected, "%" PRId64, privileged[i].value);
        described(connection.client, &settings, privileged[i].field, text);
        assert_string_equal(text, expected);
        described(connection.server, &settings, privileged[i].field, text);
        assert_string_equal(text, expected);
        disconnect(&connection);
    }
}

/* A listener is shared only by endpoints that would have made the same one. */
static void every_option_makes_a_difference(void **state)
{
    struct endpoint_settings one = default_settings(), other = one;
    (void)state;
    assert_true(sockopt_same(&one, &other));
    for (int i = 0; i < ROWS; i++) {
        other = one;
        set_field(&other, rows[i].offset, 100);
        assert_false(sockopt_same(&one, &other));
    }
    other = one;
    strcpy(other.bind_device, "lo");
    assert_false(sockopt_same(&one, &other));
    other = one;
    strcpy(other.congestion_control, "reno");
    assert_false(sockopt_same(&one, &other));
    other = one;
    other.duration = other.rate = other.cpu = 5; /* not the socket's */
    assert_true(sockopt_same(&one, &other));
}

/* Each row's setting exists, has the row's "none" as its default, and the row's name. */
static void the_table_fits_the_settings(void **state)
{
    (void)state;
    for (int i = 0; i < ROWS; i++) {
        const struct setting *found = NULL;
        for (size_t k = 0; k < settings_count; k++)
            if (settings_list[k].scope == SCOPE_ENDPOINT &&
                settings_list[k].offset == rows[i].offset)
                found = &settings_list[k];
        assert_non_null(found);
        assert_string_equal(found->field, rows[i].field);
        assert_int_equal(found->fallback, rows[i].none);
        if (found->form == SETTING_FORM_SOCKOPT)
            assert_string_equal(found->name, rows[i].name);
        assert_true(found->type != SETTING_NAME && found->type != SETTING_SIZE);
    }
    for (size_t k = 0; k < settings_count; k++) {
        int there =
            settings_list[k].type == SETTING_NAME || settings_list[k].form != SETTING_FORM_SOCKOPT;
        for (int i = 0; i < ROWS; i++)
            there |= !strcmp(rows[i].field, settings_list[k].field);
        if (!there)
            fail_msg("nothing sets %s", settings_list[k].name);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ends_have_what_was_asked_for),
        cmocka_unit_test(bits_of_ecn_are_not_read_back),
        cmocka_unit_test(what_is_not_asked_for_is_not_described),
        cmocka_unit_test(segments_are_as_large_as_allowed),
        cmocka_unit_test(the_window_is_clamped),
        cmocka_unit_test(interfaces_are_bound),
        cmocka_unit_test(ipv6_records_no_route),
        cmocka_unit_test(fast_open_wants_its_sysctl),
        cmocka_unit_test(a_missing_capability_is_named),
        cmocka_unit_test(the_privileged_may),
        cmocka_unit_test(every_option_makes_a_difference),
        cmocka_unit_test(the_table_fits_the_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
