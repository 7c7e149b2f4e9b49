/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/kernel.h"

#include <ifaddrs.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "address.h"

#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif

void kernel_read_line(const char *path, char *line, int size)
{
    FILE *file = fopen(path, "re");
    if (!file || !fgets(line, size, file))
        line[0] = '\0';
    line[strcspn(line, "\n")] = '\0';
    if (file)
        fclose(file);
}

void kernel_congestion_controls(char names[KERNEL_NAMES_MAX])
{
    /* Only the kernel knows: it is a capability in the first user namespace that counts, not root.
     */
    char all[KERNEL_NAMES_MAX], standard[SETTINGS_NAME_MAX], *save = NULL;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    kernel_read_line("/proc/sys/net/ipv4/tcp_congestion_control", standard, sizeof standard);
    kernel_read_line("/proc/sys/net/ipv4/tcp_available_congestion_control", all, sizeof all);
    snprintf(names, KERNEL_NAMES_MAX, "%s", standard);
    for (char *name = strtok_r(all, " ", &save); name; name = strtok_r(NULL, " ", &save)) {
        size_t used = strlen(names);
        if (strcmp(name, standard) &&
            !setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, (socklen_t)strlen(name)))
            snprintf(names + used, KERNEL_NAMES_MAX - used, "%s%s", used ? " " : "", name);
    }
    if (fd >= 0)
        close(fd);
}

bool kernel_memory(int fd, int64_t values[METRICS], uint32_t *drops)
{
    uint32_t info[SK_MEMINFO_VARS] = {0};
    socklen_t length = sizeof info;
    if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &length) ||
        length < (SK_MEMINFO_DROPS + 1) * sizeof *info)
        return false;
    if (values) {
        values[METRIC_receive_queue] = info[SK_MEMINFO_RMEM_ALLOC];
        values[METRIC_receive_buffer] = info[SK_MEMINFO_RCVBUF];
        values[METRIC_send_buffer] = info[SK_MEMINFO_SNDBUF];
    }
    if (drops)
        *drops = info[SK_MEMINFO_DROPS];
    return true;
}

void kernel_congestion_control(int fd, char name[SETTINGS_NAME_MAX])
{
    socklen_t length = SETTINGS_NAME_MAX - 1;
    memset(name, 0, SETTINGS_NAME_MAX);
    if (getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &length))
        name[0] = '\0';
}

int64_t kernel_path_mtu(int fd)
{
    struct address address;
    int mtu;
    socklen_t length = sizeof mtu;
    if (!address_local(fd, &address))
        return METRIC_ABSENT;
    bool v6 = address.any.sa_family == AF_INET6 && !IN6_IS_ADDR_V4MAPPED(&address.v6.sin6_addr);
    if (getsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_MTU : IP_MTU, &mtu, &length))
        return METRIC_ABSENT;
    return mtu;
}

/* An IPv4 address that an IPv6 socket shows as ::ffff:a.b.c.d, as itself. */
static void unmap(struct address *address)
{
    if (address->any.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&address->v6.sin6_addr))
        return;
    struct address v4 = address_wildcard(AF_INET, address_port(address));
    memcpy(&v4.v4.sin_addr, address->v6.sin6_addr.s6_addr + 12, 4);
    *address = v4;
}

bool kernel_interface(int fd, char name[IFNAMSIZ])
{
    struct address local, candidate;
    struct ifaddrs *interfaces;
    name[0] = '\0';
    if (!address_local(fd, &local) || getifaddrs(&interfaces))
        return false;
    unmap(&local);
    address_set_port(&local, 0);
    for (struct ifaddrs *at = interfaces; at && !name[0]; at = at->ifa_next) {
        if (!at->ifa_addr || at->ifa_addr->sa_family != local.any.sa_family)
            continue;
        candidate.length = local.length;
        memcpy(&candidate.storage, at->ifa_addr, local.length);
        /* All of 127/8 belongs to the loopback interface, which has but one of its addresses. */
        if (address_equal(&candidate, &local) ||
            (address_is_loopback(&local) && address_is_loopback(&candidate)))
            snprintf(name, IFNAMSIZ, "%s", at->ifa_name);
    }
    freeifaddrs(interfaces);
    return name[0];
}

int64_t kernel_interface_mtu(int fd)
{
    struct ifreq request = {0};
    if (!kernel_interface(fd, request.ifr_name) || ioctl(fd, SIOCGIFMTU, &request))
        return METRIC_ABSENT;
    return request.ifr_mtu;
}

int64_t kernel_buffer(int fd, int option)
{
    int size = 0;
    socklen_t length = sizeof size;
    if (getsockopt(fd, SOL_SOCKET, option, &size, &length))
        return METRIC_ABSENT;
    return size;
}

int64_t kernel_sysctl(const char *path, int64_t fallback)
{
    long long number = fallback;
    FILE *file = fopen(path, "re");
    if (!file)
        return fallback;
    if (fscanf(file, "%lld", &number) != 1)
        number = fallback;
    fclose(file);
    return number;
}

void kernel_local_ports(int64_t *low, int64_t *high)
{
    long long from = 32768, to = 60999;
    FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
    if (file && fscanf(file, "%lld %lld", &from, &to) != 2)
        from = 32768, to = 60999;
    if (file)
        fclose(file);
    *low = from;
    *high = to;
}
