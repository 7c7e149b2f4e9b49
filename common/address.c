/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "address.h"

#include <ctype.h>
#include <errno.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "number.h"
#include "protocol.h"

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

bool address_is_link_local(const struct address *address)
{
    return address->any.sa_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&address->v6.sin6_addr);
}

struct address address_on_wire(const struct address *address)
{
    if (address->any.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&address->v6.sin6_addr))
        return *address;
    struct address plain = address_wildcard(AF_INET, address_port(address));
    memcpy(&plain.v4.sin_addr, &address->v6.sin6_addr.s6_addr[12], sizeof plain.v4.sin_addr);
    return plain;
}

int address_family_of(const char *text)
{
    char host[ADDRESS_TEXT_MAX];
    struct address address;
    size_t length = strcspn(text, "%");
    if (length >= sizeof host)
        return AF_UNSPEC;
    snprintf(host, sizeof host, "%.*s", (int)length, text);
    bool zone = text[length] != '\0';
    if (!address_parse(host, 0, &address) || (zone && !address_is_link_local(&address)))
        return AF_UNSPEC;
    return address_on_wire(&address).any.sa_family;
}

const char *address_family_name(int family)
{
    return family == AF_INET6 ? "IPv6" : "IPv4";
}

void address_find_zone(struct address *address)
{
    struct ifaddrs *all = NULL;
    uint32_t zone = 0;
    size_t found = 0;
    if (address->v6.sin6_scope_id || getifaddrs(&all))
        return;
    for (const struct ifaddrs *at = all; at; at = at->ifa_next) {
        const struct sockaddr_in6 *v6 = (const void *)at->ifa_addr;
        if (!v6 || v6->sin6_family != AF_INET6 ||
            !IN6_ARE_ADDR_EQUAL(&v6->sin6_addr, &address->v6.sin6_addr))
            continue;
        zone = v6->sin6_scope_id;
        found++;
    }
    if (found == 1)
        address->v6.sin6_scope_id = zone;
    freeifaddrs(all);
}

void address_format(const struct address *address, char text[ADDRESS_TEXT_MAX])
{
    struct address plain = address_on_wire(address);
    if (getnameinfo(&plain.any, plain.length, text, ADDRESS_TEXT_MAX, NULL, 0, NI_NUMERICHOST))
        snprintf(text, ADDRESS_TEXT_MAX, "?");
}

void address_format_port(const struct address *address, char text[ADDRESS_TEXT_MAX])
{
    char host[ADDRESS_TEXT_MAX];
    address_format(address, host);
    bool v6 = address_on_wire(address).any.sa_family == AF_INET6;
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

bool address_names_loopback(const char *text)
{
    struct address address;
    if (address_parse(text, 0, &address))
        return address_is_loopback(&address);
    return !strcasecmp(text, "localhost") || !strcasecmp(text, "ip6-localhost");
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

bool address_same_host(const struct address *one, const struct address *other)
{
    struct address a = *one, b = *other;
    address_set_port(&a, 0);
    address_set_port(&b, 0);
    return address_equal(&a, &b);
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

void addresses_keep(struct addresses *addresses, int family)
{
    size_t kept = 0;
    for (size_t i = 0; i < addresses->count; i++)
        if (addresses->list[i].any.sa_family == family)
            addresses->list[kept++] = addresses->list[i];
    addresses->count = kept;
}

bool addresses_resolve(const char *host, struct addresses *addresses, struct fail *fail)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    *addresses = (struct addresses){0};
    if (address_parse(host, 0, &addresses->list[0])) {
        addresses->list[0] = address_on_wire(&addresses->list[0]);
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
        return fail_set(fail, 0, "'%s' is not a port: expected a number from 1 to 65535", text);
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

bool address_split_host_port(const char *text, char *host, size_t size, uint16_t *port,
                             struct fail *fail)
{
    if (text[0] == '[') {
        const char *close = strchr(text, ']');
        if (!close)
            return fail_set(fail, 0, "the bracket of '%s' is not closed", text);
        if (!take_host(text + 1, (size_t)(close - text) - 1, host, size, fail))
            return false;
        if (!strchr(host, ':') || address_family_of(host) == AF_UNSPEC)
            return fail_set(fail, 0, "'%s' is not an IPv6 address", host);
        if (close[1] == '\0')
            return true;
        if (close[1] != ':')
            return fail_set(fail, 0, "only a port may follow the bracket in '%s'", text);
        return take_port(close + 2, port, fail);
    }
    const char *colon = strchr(text, ':');
    if (!colon)
        return take_host(text, strlen(text), host, size, fail);
    if (strchr(colon + 1, ':')) {
        if (address_family_of(text) == AF_UNSPEC) /* its zone is that host's */
            return fail_set(fail, 0,
                            "'%s' is not an IPv6 address; with a port it is written "
                            "[address]:port",
                            text);
        return take_host(text, strlen(text), host, size, fail);
    }
    return take_host(text, (size_t)(colon - text), host, size, fail) &&
           take_port(colon + 1, port, fail);
}

bool address_local(int fd, struct address *address)
{
    address->length = sizeof address->storage;
    return getsockname(fd, &address->any, &address->length) == 0;
}

bool address_peer(int fd, struct address *address)
{
    address->length = sizeof address->storage;
    return getpeername(fd, &address->any, &address->length) == 0;
}

bool address_listen_with(int fd, const struct address *address, struct fail *fail)
{
    char text[ADDRESS_TEXT_MAX];
    int one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    /* The kernel cuts the backlog to net.core.somaxconn. */
    if (!bind(fd, &address->any, address->length) && !listen(fd, INT32_MAX))
        return true;
    int error = errno;
    address_format_port(address, text);
    fail_set(fail, FAULT_SYSTEM, "can't listen on %s: %s", text, fail_errno(error));
    errno = error;
    return false;
}

int address_listen(const struct address *address, struct fail *fail)
{
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        int error = errno;
        fail_set(fail, FAULT_SYSTEM, "can't create a socket: %s", fail_errno(error));
        errno = error;
        return -1;
    }
    if (address_listen_with(fd, address, fail))
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}
