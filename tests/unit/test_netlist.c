/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/session/netlist.c: which networks are read, and which addresses lie in them. */
#include "daemon/session/netlist.c"

#include "mem.h"
#include "unit.h"

static bool has(const char *networks, const char *text)
{
    struct netlist list = {0};
    struct address address;
    struct fail fail = {0};
    if (!netlist_add(&list, networks, &fail))
        fail_msg("%s", fail.text);
    assert_true(address_parse(text, 80, &address));
    return netlist_has(&list, &address);
}

static void addresses(void **state)
{
    static const struct {
        const char *networks, *address;
        bool in;
    } cases[] = {
        {"10.0.0.0/8", "10.255.255.255", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"10.0.0.0/8", "9.255.255.255", false},
        {"10.0.0.0/9", "10.127.255.255", true},
        {"10.0.0.0/9", "10.128.0.0", false},
        {"10.0.0.4/30", "10.0.0.7", true},
        {"10.0.0.4/30", "10.0.0.8", false},
        {"10.0.0.4/30", "10.0.0.3", false},
        {"10.0.0.1", "10.0.0.1", true},
        {"10.0.0.1/32", "10.0.0.0", false},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"0.0.0.0/0", "fd00::1", false},
        {"::/0", "fd00::1", true},
        {"::/0", "10.0.0.1", false},
        {"fd00::/8", "fdff::", true},
        {"fd00::/8", "fe00::", false},
        {"fe80::/10", "febf::1", true},
        {"fe80::/10", "fec0::1", false},
        {"2001:db8::1", "2001:db8::1", true},
        {"2001:db8::1", "2001:db8::2", false},
        {"192.0.2.0/24,10.0.0.0/8", "10.1.2.3", true},
        /* The same address, written otherwise. */
        {"10.0.0.0/8", "::ffff:10.0.0.1", true},
        {"::ffff:10.0.0.0/104", "10.0.0.1", true},
        {"::/0", "::ffff:10.0.0.1", false},
        /* connect() to nowhere goes to this host. */
        {"127.0.0.0/8", "0.0.0.0", true},
        {"127.0.0.0/8", "::ffff:0.0.0.0", true},
        {"::1", "::", true},
        {"0.0.0.0", "0.0.0.0", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (has(cases[i].networks, cases[i].address) != cases[i].in)
            fail_msg("%s in %s", cases[i].address, cases[i].networks);
}

static void what_is_refused(void **state)
{
    static const char *const cases[][2] = {
        {"", "'' is not a network (e.g. 10.0.0.0/8): '' is not an IPv4 or IPv6 address"},
        {"10.0.0.0/8,", "'' is not a network (e.g. 10.0.0.0/8): '' is not an IPv4 or IPv6 address"},
        {"host",
         "'host' is not a network (e.g. 10.0.0.0/8): 'host' is not an IPv4 or IPv6 address"},
        {"10.0.0.0/33", "'10.0.0.0/33' is not a network (e.g. 10.0.0.0/8): a prefix of 33 bits is "
                        "not within 0 to 32"},
        {"fd00::/129",
         "'fd00::/129' is not a network (e.g. 10.0.0.0/8): a prefix of 129 bits is not "
         "within 0 to 128"},
        {"10.0.0.0/-1", "'10.0.0.0/-1' is not a network (e.g. 10.0.0.0/8): a prefix of -1 bits is "
                        "not within 0 to 32"},
        {"10.0.0.0/8x", "'10.0.0.0/8x' is not a network (e.g. 10.0.0.0/8): '8x' is not a whole "
                        "number"},
        {"10.0.0.1/8", "'10.0.0.1/8' is not a network (e.g. 10.0.0.0/8): the address has bits set "
                       "beyond its prefix length of 8"},
        {"::ffff:0.0.0.0/95", "'::ffff:0.0.0.0/95' is not a network (e.g. 10.0.0.0/8): write a "
                              "network of IPv4-mapped addresses as an IPv4 network"},
        {"fe80::1%lo", "'fe80::1%lo' is not a network (e.g. 10.0.0.0/8): 'fe80::1%lo' is not an "
                       "IPv4 or IPv6 address"},
        {"10.0.0.0/8 ", "'10.0.0.0/8 ' is not a network (e.g. 10.0.0.0/8): '8 ' is not a whole "
                        "number"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct netlist list = {0};
        struct fail fail = {0};
        if (netlist_add(&list, cases[i][0], &fail))
            fail_msg("taken: %s", cases[i][0]);
        assert_string_equal(fail.text, cases[i][1]);
    }
}

static void so_many(void **state)
{
    (void)state;
    struct netlist list = {0};
    struct fail fail = {0};
    for (int i = 0; i < NETWORKS_MAX; i++)
        assert_true(netlist_add(&list, "10.0.0.1", &fail));
    assert_false(netlist_add(&list, "10.0.0.1", &fail));
    assert_string_equal(fail.text, "more than 128 networks");
}

/* Against a comparison of numbers. */
static void random_networks(void **state)
{
    (void)state;
    for (int round = 0; round < 5000; round++) {
        unsigned bits = (unsigned)random_below(33);
        uint32_t mask = bits ? ~UINT32_C(0) << (32 - bits) : 0;
        uint32_t net = (uint32_t)random_bits() & mask, one = (uint32_t)random_bits();
        if (random_below(2)) /* near it */
            one =
                (one & ~mask) | (net ^ (bits && random_below(2) ? UINT32_C(1) << (32 - bits) : 0));
        char network[32], address[32];
        snprintf(network, sizeof network, "%u.%u.%u.%u/%u", net >> 24, net >> 16 & 255,
                 net >> 8 & 255, net & 255, bits);
        snprintf(address, sizeof address, "%u.%u.%u.%u", one >> 24, one >> 16 & 255, one >> 8 & 255,
                 one & 255);
        if (one && has(network, address) != ((one & mask) == net))
            fail_msg("%s in %s", address, network);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(so_many),
        cmocka_unit_test(random_networks),
    };
    seed_random();
    return cmocka_run_group_tests_name("netlist", tests, NULL, NULL);
}
