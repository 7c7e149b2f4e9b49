/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sock.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "mem.h"
#include "metrics.h"
#include "number.h"
#include "protocol.h"
#include "sockopt.h"

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

bool address_parse(const char *text, uint16_t port, struct address *address)
{
    char host[NI_MAXHOST];
    size_t length = strlen(text);
    if (length >= sizeof host)
        return false;
    if (length >= 2 && text[0] == '[' && text[length - 1] == ']')
        snprintf(host, sizeof host, "%.*s", (int)length - 2, text + 1);
    else
        snprintf(host, sizeof host, "%s", text);
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM}, *found;
    if (!*host || getaddrinfo(host, NULL, &hints, &found))
        return false;
    *address = (struct address){.length = found->ai_addrlen};
    memcpy(&address->storage, found->ai_addr, found->ai_addrlen);
    address_set_port(address, port);
    freeaddrinfo(found);
    return true;
}

void address_format(const struct address *address, char text[ADDRESS_TEXT_MAX])
{
    if (getnameinfo(&address->any, address->length, text, ADDRESS_TEXT_MAX, NULL, 0,
                    NI_NUMERICHOST))
        snprintf(text, ADDRESS_TEXT_MAX, "?");
}

void address_format_port(const struct address *address, char text[ADDRESS_TEXT_MAX])
{
    char host[ADDRESS_TEXT_MAX];
    address_format(address, host);
    bool v6 = address->any.sa_family == AF_INET6;
    snprintf(text, ADDRESS_TEXT_MAX, "%s%.80s%s:%u", v6 ? "[" : "", host, v6 ? "]" : "",
             address_port(address));
}

uint16_t address_port(const struct address *address)
{
    return ntohs(address->any.sa_family == AF_INET6 ? address->v6.sin6_port : address->v4.sin_port);
}

void address_set_port(struct address *address, uint16_t port)
{
    if (address->any.sa_family == AF_INET6)
        address->v6.sin6_port = htons(port);
    else
        address->v4.sin_port = htons(port);
}

bool address_is_loopback(const struct address *address)
{
    if (address->any.sa_family == AF_INET)
        return ntohl(address->v4.sin_addr.s_addr) >> 24 == 127;
    const struct in6_addr *v6 = &address->v6.sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
}

bool address_equal(const struct address *one, const struct address *other)
{
    if (one->any.sa_family != other->any.sa_family || address_port(one) != address_port(other))
        return false;
    if (one->any.sa_family == AF_INET)
        return one->v4.sin_addr.s_addr == other->v4.sin_addr.s_addr;
    return IN6_ARE_ADDR_EQUAL(&one->v6.sin6_addr, &other->v6.sin6_addr) &&
           one->v6.sin6_scope_id == other->v6.sin6_scope_id;
}

struct address address_wildcard(int family, uint16_t port)
{
    struct address address = {.length = sizeof address.v4};
    address.any.sa_family = (sa_family_t)family;
    if (family == AF_INET6)
        address.length = sizeof address.v6;
    address_set_port(&address, port);
    return address;
}

static void add_family(struct addresses *addresses, const struct addrinfo *found, int family)
{
    for (; found; found = found->ai_next) {
        if (found->ai_family != family || addresses->count == ADDRESSES_MAX)
            continue;
        struct address *address = &addresses->list[addresses->count++];
        *address = (struct address){.length = found->ai_addrlen};
        memcpy(&address->storage, found->ai_addr, found->ai_addrlen);
    }
}

bool addresses_resolve(const char *host, struct addresses *addresses, struct fail *fail)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    *addresses = (struct addresses){0};
    if (address_parse(host, 0, &addresses->list[0])) {
        addresses->count = 1;
        return true;
    }
    int error = getaddrinfo(host, NULL, &hints, &found);
    if (error)
        return fail_set(fail, FAULT_CONNECT, "the host name '%s' is not known: %s", host,
                        error == EAI_SYSTEM ? fail_errno(errno) : gai_strerror(error));
    add_family(addresses, found, AF_INET);
    add_family(addresses, found, AF_INET6);
    freeaddrinfo(found);
    return addresses->count > 0 ||
           fail_set(fail, FAULT_CONNECT, "the host name '%s' has no IP address", host);
}

static bool take_port(const char *text, uint16_t *port, struct fail *fail)
{
    int64_t number;
    if (!number_parse_int(text, &number, NULL) || number < 1 || number > 65535)
        return fail_set(fail, 0, "'%s' is not a port: it is a number from 1 to 65535", text);
    *port = (uint16_t)number;
    return true;
}

static bool take_host(const char *text, size_t length, char *host, size_t size, struct fail *fail)
{
    if (!length)
        return fail_set(fail, 0, "the host name is empty");
    if (length >= size)
        return fail_set(fail, 0, "the host name '%.40s...' is too long", text);
    snprintf(host, size, "%.*s", (int)length, text);
    /* Names in other scripts are the resolver's to refuse. */
    for (const char *at = host; *at; at++)
        if (!(*at & 0x80) && !isalnum((unsigned char)*at) && !strchr(".-_:%", *at))
            return fail_set(fail, 0, "'%s' is not a host name", host);
    return true;
}

bool sock_split_host_port(const char *text, char *host, size_t size, uint16_t *port,
                          struct fail *fail)
{
    if (text[0] == '[') {
        struct address address;
        const char *close = strchr(text, ']');
        if (!close)
            return fail_set(fail, 0, "the bracket of '%s' is not closed", text);
        if (!take_host(text + 1, (size_t)(close - text) - 1, host, size, fail))
            return false;
        if (!address_parse(host, 0, &address) || address.any.sa_family != AF_INET6)
            return fail_set(fail, 0, "'%s' is not an IPv6 address", host);
        if (close[1] == '\0')
            return true;
        if (close[1] != ':')
            return fail_set(fail, 0, "after the bracket of '%s' only a port can follow", text);
        return take_port(close + 2, port, fail);
    }
    const char *colon = strchr(text, ':');
    if (!colon)
        return take_host(text, strlen(text), host, size, fail);
    if (strchr(colon + 1, ':')) {
        struct address address;
        if (!address_parse(text, 0, &address))
            return fail_set(fail, 0,
                            "'%s' is not an IPv6 address; with a port it is written "
                            "[address]:port",
                            text);
        return take_host(text, strlen(text), host, size, fail);
    }
    return take_host(text, (size_t)(colon - text), host, size, fail) &&
           take_port(colon + 1, port, fail);
}

/* Reads the first line of a file; empty where there is none. */
static void read_line(const char *path, char *line, int size)
{
    FILE *file = fopen(path, "re");
    if (!file || !fgets(line, size, file))
        line[0] = '\0';
    line[strcspn(line, "\n")] = '\0';
    if (file)
        fclose(file);
}

void sock_congestion_controls(char names[SOCK_NAMES_MAX])
{
    /* Only the kernel knows: it is a capability in the first user namespace that counts, not root.
     */
    char all[SOCK_NAMES_MAX], standard[SETTINGS_NAME_MAX], *save = NULL;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    read_line("/proc/sys/net/ipv4/tcp_congestion_control", standard, sizeof standard);
    read_line("/proc/sys/net/ipv4/tcp_available_congestion_control", all, sizeof all);
    snprintf(names, SOCK_NAMES_MAX, "%s", standard);
    for (char *name = strtok_r(all, " ", &save); name; name = strtok_r(NULL, " ", &save)) {
        size_t used = strlen(names);
        if (strcmp(name, standard) &&
            !setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, (socklen_t)strlen(name)))
            snprintf(names + used, SOCK_NAMES_MAX - used, "%s%s", used ? " " : "", name);
    }
    if (fd >= 0)
        close(fd);
}

static bool congestion_refused(const char *name, int error, struct fail *fail)
{
    char names[SOCK_NAMES_MAX], *save = NULL;
    struct buffer list = {0};
    sock_congestion_controls(names);
    for (char *at = strtok_r(names, " ", &save); at; at = strtok_r(NULL, " ", &save))
        buffer_printf(&list, "%s%s", list.length ? ", " : "", at);
    buffer_add(&list, "", 1);
    if (error == EPERM)
        fail_set(fail, FAULT_CONGESTION,
                 "the congestion control '%s' may not be used there by this user; allowed are: %s",
                 name, list.data);
    else
        fail_set(fail, FAULT_CONGESTION, "there is no congestion control '%s' there; it has: %s",
                 name, list.data);
    buffer_free(&list);
    return false;
}

/* What can be set before the handshake is: some options shape it, and none of these suffers from
 * being early. */
static bool set_options(int fd, int family, const struct endpoint_settings *settings,
                        struct fail *fail)
{
    const char *algorithm = settings->congestion_control;
    if (!sockopt_set(fd, family, SOCKOPT_CREATED, settings, fail))
        return false;
    if (*algorithm &&
        setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, algorithm, (socklen_t)strlen(algorithm)))
        return congestion_refused(algorithm, errno, fail);
    return true;
}

static bool no_socket(int protocol, int error, struct fail *fail)
{
    if (protocol == IPPROTO_MPTCP && error == ENOPROTOOPT)
        return fail_set(fail, FAULT_SYSTEM,
                        "MPTCP is switched off there: set net.mptcp.enabled to 1");
    if (protocol == IPPROTO_MPTCP && (error == EPROTONOSUPPORT || error == EINVAL))
        return fail_set(fail, FAULT_SYSTEM, "the kernel there has no MPTCP (--mptcp)");
    if (error == EMFILE || error == ENFILE)
        return fail_set(fail, FAULT_FILES, "too many open files there: the limit is %ld",
                        sysconf(_SC_OPEN_MAX));
    return fail_set(fail, FAULT_SYSTEM, "a socket can't be made there: %s", fail_errno(error));
}

int sock_create(int family, const struct endpoint_settings *settings, struct fail *fail)
{
    return sock_create_protocol(IPPROTO_TCP, family, settings, fail);
}

int sock_create_protocol(int protocol, int family, const struct endpoint_settings *settings,
                         struct fail *fail)
{
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    if (fd < 0) {
        no_socket(protocol, errno, fail);
        return -1;
    }
    /* Several connections may share a local port towards different peers. */
    int one = 1;
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (!settings || set_options(fd, family, settings, fail))
        return fd;
    close(fd);
    return -1;
}

int sock_listen(const struct address *address, const struct endpoint_settings *settings,
                struct fail *fail)
{
    return sock_listen_protocol(IPPROTO_TCP, address, settings, fail);
}

int sock_listen_protocol(int protocol, const struct address *address,
                         const struct endpoint_settings *settings, struct fail *fail)
{
    char text[ADDRESS_TEXT_MAX];
    int one = 1, family = address->any.sa_family;
    int fd = sock_create_protocol(protocol, family, settings, fail);
    if (fd < 0)
        return -1;
    if (settings && !sockopt_set(fd, family, SOCKOPT_LISTENING, settings, fail)) {
        close(fd);
        errno = 0;
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    /* The kernel cuts the backlog to net.core.somaxconn. */
    if (!bind(fd, &address->any, address->length) && !listen(fd, INT32_MAX))
        return fd;
    int error = errno;
    address_format_port(address, text);
    fail_set(fail, FAULT_SYSTEM, "can't listen at %s: %s", text, fail_errno(error));
    close(fd);
    errno = error;
    return -1;
}

bool sock_local(int fd, struct address *address)
{
    address->length = sizeof address->storage;
    return getsockname(fd, &address->any, &address->length) == 0;
}

bool sock_peer(int fd, struct address *address)
{
    address->length = sizeof address->storage;
    return getpeername(fd, &address->any, &address->length) == 0;
}

int64_t sock_path_mtu(int fd)
{
    struct address address;
    int mtu;
    socklen_t length = sizeof mtu;
    if (!sock_local(fd, &address))
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

int64_t sock_interface_mtu(int fd)
{
    struct address local, candidate;
    struct ifaddrs *interfaces;
    struct ifreq request = {0};
    if (!sock_local(fd, &local) || getifaddrs(&interfaces))
        return METRIC_ABSENT;
    unmap(&local);
    address_set_port(&local, 0);
    for (struct ifaddrs *at = interfaces; at && !request.ifr_name[0]; at = at->ifa_next) {
        if (!at->ifa_addr || at->ifa_addr->sa_family != local.any.sa_family)
            continue;
        candidate.length = local.length;
        memcpy(&candidate.storage, at->ifa_addr, local.length);
        /* All of 127/8 belongs to the loopback interface, which has but one of its addresses. */
        if (address_equal(&candidate, &local) ||
            (address_is_loopback(&local) && address_is_loopback(&candidate)))
            snprintf(request.ifr_name, sizeof request.ifr_name, "%s", at->ifa_name);
    }
    freeifaddrs(interfaces);
    if (!request.ifr_name[0] || ioctl(fd, SIOCGIFMTU, &request))
        return METRIC_ABSENT;
    return request.ifr_mtu;
}

int64_t sock_buffer(int fd, int option)
{
    int size = 0;
    socklen_t length = sizeof size;
    if (getsockopt(fd, SOL_SOCKET, option, &size, &length))
        return METRIC_ABSENT;
    return size;
}

void sock_congestion_control(int fd, char name[SETTINGS_NAME_MAX])
{
    socklen_t length = SETTINGS_NAME_MAX - 1;
    memset(name, 0, SETTINGS_NAME_MAX);
    if (getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &length))
        name[0] = '\0';
}

int64_t sock_sysctl(const char *path, int64_t fallback)
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

void sock_local_ports(int64_t *low, int64_t *high)
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
