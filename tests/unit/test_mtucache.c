/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/net/mtucache.c: it asks once for each address and time. */
#include "daemon/net/mtucache.c"
#include "daemon/net/socket.h"

#include <unistd.h>

#include "unit.h"

#define START INT64_C(123456789012345) /* some time after boot */

/* A socket that is bound to the address. */
static int bound_to(const char *text)
{
    struct address address;
    assert_true(address_parse(text, 0, &address));
    int fd = socket_listen(IPPROTO_TCP, &address, NULL, NULL);
    assert_true(fd >= 0);
    return fd;
}

static int64_t loopback_mtu(void)
{
    return kernel_sysctl("/sys/class/net/lo/mtu", -1);
}

static void an_answer_is_kept_for_a_while(void **state)
{
    struct mtucache cache = {0};
    int one = bound_to("127.0.0.1"), other = bound_to("127.0.0.1"), far = bound_to("127.0.0.2");
    (void)state;
    assert_int_equal(mtucache_of(&cache, one, START), loopback_mtu());
    cache.entries[0].mtu = 1234; /* so that one sees where it comes from */
    assert_int_equal(mtucache_of(&cache, one, START + MTUCACHE_AGE - 1), 1234);
    assert_int_equal(mtucache_of(&cache, other, START), 1234); /* whatever its port */
    assert_int_equal(mtucache_of(&cache, far, START), loopback_mtu());
    assert_int_equal(mtucache_of(&cache, one, START + MTUCACHE_AGE), loopback_mtu());
    close(one);
    close(other);
    close(far);
}

static void more_addresses_than_entries(void **state)
{
    struct mtucache cache = {0};
    (void)state;
    for (int i = 0; i < 3 * MTUCACHE_ENTRIES; i++) {
        char text[32];
        snprintf(text, sizeof text, "127.0.0.%d", 1 + i % (2 * MTUCACHE_ENTRIES));
        int fd = bound_to(text);
        assert_int_equal(mtucache_of(&cache, fd, START), loopback_mtu());
        close(fd);
    }
    assert_int_equal(cache.next, 3 * MTUCACHE_ENTRIES);
}

static void nothing_is_known_of_no_socket(void **state)
{
    struct mtucache cache = {0};
    (void)state;
    assert_int_equal(mtucache_of(&cache, -1, START), METRIC_ABSENT);
    int fd = bound_to("0.0.0.0");
    assert_int_equal(mtucache_of(&cache, fd, START), METRIC_ABSENT); /* it is on all interfaces */
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_kept_for_a_while),
        cmocka_unit_test(more_addresses_than_entries),
        cmocka_unit_test(nothing_is_known_of_no_socket),
    };
    return cmocka_run_group_tests_name("mtucache", tests, NULL, NULL);
}
