/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests addresses: they are read, written, split and resolved. */
#include "socket_ends.h"

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
        {"::ffff:10.0.0.1", AF_INET6, "10.0.0.1", "10.0.0.1:80"},
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
        assert_true(address_split_host_port(text, host, sizeof host, &read_port, NULL));
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
        if (!address_split_host_port(cases[i].text, host, sizeof host, &port, &fail))
            fail_msg("'%s': %s", cases[i].text, fail.text);
        assert_string_equal(host, cases[i].host);
        assert_int_equal(port, cases[i].port);
    }
}

static void a_zone_is_the_other_hosts(void **state)
{
    static const struct {
        const char *text;
        int family;
    } cases[] = {
        {"fe80::1%no-such-if", AF_INET6},
        {"fe80::1", AF_INET6},
        {"fd00::1%eth0", AF_UNSPEC},
        {"10.0.0.1%eth0", AF_UNSPEC},
        {"10.0.0.1", AF_INET},
        {"host", AF_UNSPEC},
        {"", AF_UNSPEC},
        {"%eth0", AF_UNSPEC},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(address_family_of(cases[i].text), cases[i].family);
    char host[64];
    uint16_t port = 7;
    assert_true(address_split_host_port("fe80::1%no-such-if", host, sizeof host, &port, NULL));
    assert_string_equal(host, "fe80::1%no-such-if");
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
        {"host:", "'' is not a port: expected a number from 1 to 65535"},
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
        {"[::1]80", "only a port may follow the bracket in '[::1]80'"},
        {"[::1]]", "only a port may follow the bracket in '[::1]]'"},
        {"[::1", "the bracket of '[::1' is not closed"},
        {"[", "the bracket of '[' is not closed"},
        {"[10.0.0.1]:80", "'10.0.0.1' is not an IPv6 address"},
        {"[host]:80", "'host' is not an IPv6 address"},
        {"[[::1]]", "'[::1' is not a host name"},
        {"1:2:3", "'1:2:3' is not an IPv6 address; with a port it is written [address]:port"},
        {"host:80:90", "'host:80:90' is not an IPv6 address"},
        {"fd00::1%no-such-if", "'fd00::1%no-such-if' is not an IPv6 address"},
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
        if (address_split_host_port(cases[i].text, host, sizeof host, &port, &fail) ||
            !strstr(fail.text, cases[i].sentence))
            fail_msg("'%s': %s", cases[i].text, fail.text);
        assert_int_equal(port, 7);
        assert_false(address_split_host_port(cases[i].text, host, sizeof host, &port, NULL));
    }
}

static void host_names_fit_with_their_nul(void **state)
{
    char host[8] = "";
    uint16_t port = 7;
    struct fail fail = {0};
    (void)state;
    assert_true(address_split_host_port("1234567:80", host, sizeof host, &port, NULL));
    assert_string_equal(host, "1234567");
    assert_false(address_split_host_port("12345678:80", host, sizeof host, &port, &fail));
    assert_non_null(strstr(fail.text, "the host name '12345678"));
    assert_non_null(strstr(fail.text, "is too long"));
    assert_false(address_split_host_port("[2001:db8::1]:80", host, sizeof host, &port, &fail));
    assert_non_null(strstr(fail.text, "is too long"));
    assert_false(address_split_host_port("2001:db8::1", host, sizeof host, &port, &fail));
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
        if (address_split_host_port(text, host, sizeof host, &port, &fail)) {
            taken++;
            assert_true(*host && strlen(host) < sizeof host && !strpbrk(host, "[] "));
            assert_non_null(strstr(text, host));
            assert_true(!strchr(host, ':') || address_family_of(host) != AF_UNSPEC ||
                        address_parse(host, 0, &(struct address){0}));
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
        cmocka_unit_test(a_zone_is_the_other_hosts),
        cmocka_unit_test(what_is_no_host_and_port),
        cmocka_unit_test(host_names_fit_with_their_nul),
        cmocka_unit_test(random_texts_are_split_or_refused),
        cmocka_unit_test(numeric_addresses_cost_nothing),
        cmocka_unit_test(names_give_ipv4_first),
        cmocka_unit_test(names_with_many_addresses_are_cut),
        cmocka_unit_test(names_that_are_not_known),
    };
    seed_random();
    if (!has_ipv6())
        printf("# no IPv6 here: sockets are tested with IPv4 only\n");
    return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
