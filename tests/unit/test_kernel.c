/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests what is read of the kernel: congestion controls, MTUs and numbers of this system. */
#include "socket_ends.h"

static void an_unknown_congestion_control_is_refused(void **state)
{
    struct endpoint_settings settings = default_settings();
    struct address address = parsed("127.0.0.1", 0);
    struct fail fail = {0};
    char names[KERNEL_NAMES_MAX];
    int files = count_files();
    (void)state;
    strcpy(settings.congestion_control, "no-such-algorithm");
    assert_int_equal(socket_create(IPPROTO_TCP, AF_INET, &settings, &fail), -1);
    assert_int_equal(fail.code, FAULT_CONGESTION);
    assert_non_null(strstr(fail.text, "'no-such-algorithm'"));
    kernel_congestion_controls(names);
    names[strcspn(names, " ")] = '\0'; /* the first of those that there are */
    assert_non_null(strstr(fail.text, names));
    fail = (struct fail){0};
    assert_int_equal(socket_listen(IPPROTO_TCP, &address, &settings, &fail), -1);
    assert_int_equal(fail.code, FAULT_CONGESTION);
    assert_int_equal(socket_listen(IPPROTO_TCP, &address, &settings, NULL), -1);
    assert_int_equal(count_files(), files);
}

static void a_forbidden_congestion_control_says_so(void **state)
{
    struct fail fail = {0};
    (void)state;
    assert_false(congestion_refused("bbr", EPERM, &fail));
    assert_int_equal(fail.code, FAULT_CONGESTION);
    assert_non_null(
        strstr(fail.text, "'bbr' may not be used by this user on this host (allowed: "));
}

static void congestion_controls_are_words(void **state)
{
    char names[KERNEL_NAMES_MAX], standard[SETTINGS_NAME_MAX], copy[KERNEL_NAMES_MAX], *save = NULL;
    int fd = socket_create(IPPROTO_TCP, AF_INET, NULL, NULL), reno = 0;
    (void)state;
    kernel_congestion_controls(names);
    kernel_congestion_control(fd, standard);
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

/* Takes CAP_NET_ADMIN out of what is in force, or puts it back; returns whether that was possible.
 */
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
        char names[KERNEL_NAMES_MAX], *save = NULL;
        bool changed = !privileged && set_net_admin(false);
        kernel_congestion_controls(names);
        for (char *name = strtok_r(names, " ", &save); name; name = strtok_r(NULL, " ", &save)) {
            struct endpoint_settings settings = default_settings();
            struct fail fail = {0};
            strcpy(settings.congestion_control, name);
            int fd = socket_create(IPPROTO_TCP, AF_INET, &settings, &fail);
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

static int64_t loopback_mtu(void)
{
    return kernel_sysctl("/sys/class/net/lo/mtu", -1);
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
        assert_int_equal(kernel_interface_mtu(connection.client), loopback_mtu());
        assert_int_equal(kernel_interface_mtu(connection.server), loopback_mtu());
        int64_t most = strchr(cases[i][1], ':') ? loopback_mtu() : IP_MAXPACKET;
        int64_t path = loopback_mtu() < most ? loopback_mtu() : most;
        assert_int_equal(kernel_path_mtu(connection.client), path);
        assert_int_equal(kernel_path_mtu(connection.server), path);
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
        int fd =
            address_is_loopback(&address) ? -1 : socket_listen(IPPROTO_TCP, &address, NULL, NULL);
        if (fd < 0)
            continue;
        snprintf(path, sizeof path, "/sys/class/net/%s/mtu", at->ifa_name);
        int64_t mtu = kernel_sysctl(path, -1);
        assert_int_equal(kernel_interface_mtu(fd), mtu);
        close(fd);
        tried++;
        if (family == AF_INET && is_dual_stack()) {
            char text[ADDRESS_TEXT_MAX];
            address_format(&address, text);
            struct connection connection = connect_loopback("::", text, NULL);
            assert_int_equal(kernel_interface_mtu(connection.server), mtu);
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
    int fd = socket_listen(IPPROTO_TCP, &address, NULL, NULL);
    (void)state;
    assert_int_equal(kernel_interface_mtu(fd), METRIC_ABSENT);
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
        assert_int_equal(kernel_sysctl(path, 77), cases[i].value);
    }
    fclose(file);
    assert_int_equal(kernel_sysctl(path, 77), 77);
}

static void local_ports_are_a_range(void **state)
{
    int64_t low = -1, high = -1;
    (void)state;
    kernel_local_ports(&low, &high);
    assert_in_range(low, 1, 65535);
    assert_in_range(high, low, 65535);
    struct connection connection = connect_loopback("127.0.0.1", "127.0.0.1", NULL);
    struct address address;
    assert_true(address_local(connection.client, &address));
    assert_in_range(address_port(&address), low, high);
    disconnect(&connection);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_congestion_control_is_refused),
        cmocka_unit_test(a_forbidden_congestion_control_says_so),
        cmocka_unit_test(congestion_controls_are_words),
        cmocka_unit_test(listed_congestion_controls_may_be_used),
        cmocka_unit_test(loopback_has_its_mtu),
        cmocka_unit_test(other_interfaces_have_their_mtu),
        cmocka_unit_test(a_wildcard_has_no_interface),
        cmocka_unit_test(numbers_in_files),
        cmocka_unit_test(local_ports_are_a_range),
    };
    seed_random();
    if (!has_ipv6())
        printf("# no IPv6 here: sockets are tested with IPv4 only\n");
    return cmocka_run_group_tests_name("kernel", tests, NULL, NULL);
}
