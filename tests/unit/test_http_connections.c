/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests which connection goes where there are too many: of unknown users, of one peer, of idle
 * known ones. */
#include "control/http_connections.c"

#include <unistd.h>

#include "unit.h"

enum { MAX = 8, UNKNOWN = 5, PER_PEER = 3, FDS = 16 };

static int fds[FDS][2];

static int make_fds(void **state)
{
    (void)state;
    for (int i = 0; i < FDS; i++)
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds[i]))
            return -1;
    return 0;
}

static int close_fds(void **state)
{
    (void)state;
    for (int i = 0; i < FDS; i++) {
        close(fds[i][0]);
        close(fds[i][1]);
    }
    return 0;
}

/* Whether the connection of that number was shut down. */
static bool is_shut(int number)
{
    char byte;
    return recv(fds[number][1], &byte, 1, MSG_DONTWAIT) == 0;
}

static bool held; /* add() has shut down one whose answer was held back */

static struct http_connection *add(struct http_connections *all, int number, const char *peer)
{
    struct address address;
    assert_true(address_parse(peer, 0, &address));
    return http_connections_add(all, fds[number][0], &address, CLOCK_NEVER, &held);
}

static void remove_all(struct http_connections *all)
{
    while (!list_empty(&all->list))
        http_connections_remove(all, list_item(all->list.next, struct http_connection, link));
    assert_int_equal(all->count, 0);
    assert_int_equal(all->unknown, 0);
    http_connections_destroy(all);
}

static void a_peer_displaces_its_own(void **state)
{
    struct http_connections all;
    (void)state;
    http_connections_init(&all, MAX, UNKNOWN, PER_PEER);
    add(&all, 0, "10.0.0.2");
    for (int i = 1; i <= PER_PEER; i++)
        add(&all, i, "10.0.0.1");
    for (int i = 0; i <= PER_PEER; i++)
        assert_false(is_shut(i));
    add(&all, 4, "10.0.0.1");
    assert_true(is_shut(1));
    assert_false(is_shut(0));
    add(&all, 5, "10.0.0.1");
    assert_true(is_shut(2));
    assert_false(is_shut(0));
    remove_all(&all);
}

static void what_is_held_back_from_nobody_is_told(void **state)
{
    struct http_connections all;
    (void)state;
    http_connections_init(&all, MAX, UNKNOWN, PER_PEER);
    struct http_connection *first = add(&all, 0, "10.0.0.1"), *second = add(&all, 1, "10.0.0.1");
    struct http_connection *third = add(&all, 2, "10.0.0.1");
    http_connections_hold(&all, first);
    http_connections_hold(&all, third);
    http_connections_end(&all, third, CLOCK_NEVER); /* it was answered */
    assert_false(http_connections_is_closing(&all, first));
    assert_false(held);
    add(&all, 3, "10.0.0.1");
    assert_true(held);
    assert_true(http_connections_is_closing(&all, first));
    add(&all, 4, "10.0.0.1");
    assert_true(http_connections_is_closing(&all, second));
    assert_false(held);
    add(&all, 5, "10.0.0.1");
    assert_true(http_connections_is_closing(&all, third));
    assert_false(held);
    remove_all(&all);
}

static void of_ipv6_a_network_is_one_peer(void **state)
{
    struct http_connections all;
    (void)state;
    http_connections_init(&all, MAX, UNKNOWN, PER_PEER);
    add(&all, 0, "fd00::1");
    add(&all, 1, "fd00::2");
    add(&all, 2, "fd00:0:0:1::3");
    add(&all, 3, "fd00::4");
    assert_false(is_shut(0));
    add(&all, 4, "fd00::5");
    assert_true(is_shut(0));
    assert_false(is_shut(2));
    remove_all(&all);
}

static void many_peers_displace_the_oldest(void **state)
{
    static const char *const peers[] = {"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"};
    struct http_connections all;
    (void)state;
    http_connections_init(&all, MAX, UNKNOWN, PER_PEER);
    struct http_connection *known = add(&all, 0, "10.0.0.9");
    http_connections_know(&all, known);
    for (int i = 0; i < UNKNOWN; i++)
        add(&all, i + 1, peers[i]);
    assert_false(is_shut(1));
    add(&all, 6, "10.0.0.6");
    assert_true(is_shut(1));
    assert_false(is_shut(0)); /* it is known */
    remove_all(&all);
}

static void the_longest_idle_one_makes_room(void **state)
{
    struct http_connections all;
    struct http_connection *known[MAX];
    (void)state;
    http_connections_init(&all, MAX, UNKNOWN, PER_PEER);
    for (int i = 0; i < MAX; i++) {
        known[i] = add(&all, i, "10.0.0.1");
        http_connections_know(&all, known[i]);
        http_connections_end(&all, known[i], CLOCK_NEVER);
    }
    http_connections_begin(&all, known[0], CLOCK_NEVER); /* a call */
    http_connections_begin(&all, known[1], CLOCK_NEVER); /* a call that is over */
    http_connections_end(&all, known[1], CLOCK_NEVER);
    add(&all, 8, "10.0.0.2");
    assert_false(is_shut(0));
    assert_false(is_shut(1));
    assert_true(is_shut(2));
    add(&all, 9, "10.0.0.3");
    assert_true(is_shut(3));
    remove_all(&all);
}

static void what_is_over_its_time_is_shut_once(void **state)
{
    struct http_connections all;
    (void)state;
    http_connections_init(&all, MAX, UNKNOWN, PER_PEER);
    struct http_connection *late = add(&all, 0, "10.0.0.1"), *other = add(&all, 1, "10.0.0.1");
    http_connections_set_deadline(&all, late, 100);
    http_connections_set_deadline(&all, other, 200);
    assert_int_equal(http_connections_reap(&all, 99), 100);
    assert_false(is_shut(0));
    assert_int_equal(http_connections_reap(&all, 100), 200);
    assert_true(is_shut(0));
    assert_int_equal(all.count, 1);
    http_connections_set_deadline(&all, late, 150); /* it is going already */
    assert_int_equal(http_connections_reap(&all, 160), 200);
    remove_all(&all);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_fds, close_fds)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_peer_displaces_its_own),           TEST(of_ipv6_a_network_is_one_peer),
        TEST(many_peers_displace_the_oldest),     TEST(the_longest_idle_one_makes_room),
        TEST(what_is_over_its_time_is_shut_once), TEST(what_is_held_back_from_nobody_is_told),
    };
    return cmocka_run_group_tests_name("http_connections", tests, NULL, NULL);
}
