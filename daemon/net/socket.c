/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/socket.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "info.h"
#include "mem.h"
#include "net/kernel.h"
#include "net/route.h"
#include "net/sockopt.h"
#include "protocol.h"

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

static bool congestion_refused(const char *name, int error, struct fail *fail)
{
    char names[KERNEL_NAMES_MAX], *save = NULL;
    struct buffer list = {0};
    kernel_congestion_controls(names);
    for (char *at = strtok_r(names, " ", &save); at; at = strtok_r(NULL, " ", &save))
        buffer_printf(&list, "%s%s", list.length ? ", " : "", at);
    buffer_add(&list, "", 1);
    if (error == EPERM)
        fail_set(fail, FAULT_CONGESTION,
                 "congestion control '%s' may not be used by this user on this host (allowed: %s)",
                 name, list.data);
    else
        fail_set(fail, FAULT_CONGESTION,
                 "congestion control '%s' is not available on this host (available: %s)", name,
                 list.data);
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

bool socket_set_created(int fd, const struct endpoint_settings *settings, struct fail *fail)
{
    int family = AF_UNSPEC;
    socklen_t length = sizeof family;
    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &length);
    return set_options(fd, family, settings, fail);
}

static bool no_socket(int protocol, int error, struct fail *fail)
{
    if (protocol == IPPROTO_MPTCP && error == ENOPROTOOPT)
        return fail_set(fail, FAULT_SYSTEM, "MPTCP is disabled there: set net.mptcp.enabled to 1");
    if (protocol == IPPROTO_MPTCP && (error == EPROTONOSUPPORT || error == EINVAL))
        return fail_set(fail, FAULT_SYSTEM, "the kernel there does not support MPTCP (--mptcp)");
    if (error == EMFILE || error == ENFILE)
        return fail_set(fail, FAULT_FILES, "too many open files there: the limit is %ld",
                        sysconf(_SC_OPEN_MAX));
    return fail_set(fail, FAULT_SYSTEM, "can't create a socket there: %s", fail_errno(error));
}

int socket_create(int protocol, int family, const struct endpoint_settings *settings,
                  struct fail *fail)
{
    int type = protocol == IPPROTO_UDP ? SOCK_DGRAM : SOCK_STREAM;
    int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    if (fd < 0) {
        no_socket(protocol, errno, fail);
        return -1;
    }
    /* Several connections may share a local port towards different peers; one of datagrams must be
     * known before there is a peer. */
    int one = type == SOCK_STREAM;
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (!settings || set_options(fd, family, settings, fail))
        return fd;
    close(fd);
    return -1;
}

/* Whether the host has the address, or a route that makes it the host's own. */
static bool is_own(const struct address *address)
{
    struct address any_port = *address;
    int fd = socket(address->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    address_set_port(&any_port, 0);
    bool bound = fd >= 0 && !bind(fd, &any_port.any, any_port.length);
    if (fd >= 0)
        close(fd);
    return bound || route_is_local(address);
}

/* IP_FREEBIND lets a socket of IPv6 send from any address, also from those of others, to which the
 * answers would go. Of IPv4 the kernel sees to it when it connects. */
static bool check_free_bind(const struct address *address, const struct endpoint_settings *settings,
                            struct fail *fail)
{
    char text[ADDRESS_TEXT_MAX];
    if (!settings->freebind || is_own(address))
        return true;
    address_format(address, text);
    return fail_set(
        fail, FAULT_CONNECT,
        "the host has neither the address %s nor a local route for it, so a source can't "
        "send from there (--freebind)",
        text);
}

bool socket_bind_own(int fd, const struct addresses *own, const struct address *peer,
                     const struct endpoint_settings *settings, struct fail *fail)
{
    uint16_t port = (uint16_t)settings->source_port;
    for (size_t i = 0; i < own->count; i++) {
        struct address address = own->list[i];
        address_set_port(&address, port);
        if (address.any.sa_family == peer->any.sa_family && !bind(fd, &address.any, address.length))
            return check_free_bind(&own->list[i], settings, fail);
        if (port && errno != EADDRNOTAVAIL && errno != EINVAL)
            break;
    }
    struct address any = address_wildcard(peer->any.sa_family, port);
    return !port || !bind(fd, &any.any, any.length) ||
           fail_set(fail, FAULT_CONNECT, "the source port %u can't be used: %s", port,
                    fail_errno(errno));
}

void socket_describe_ends(int fd, struct buffer *lines)
{
    struct address address;
    char text[ADDRESS_TEXT_MAX];
    if (address_local(fd, &address)) {
        address_format_port(&address, text);
        info_add_text(lines, INFO_local, text);
    }
    if (address_peer(fd, &address)) {
        address_format_port(&address, text);
        info_add_text(lines, INFO_peer, text);
    }
}

int socket_listen(int protocol, const struct address *address,
                  const struct endpoint_settings *settings, struct fail *fail)
{
    int family = address->any.sa_family;
    int fd = socket_create(protocol, family, settings, fail);
    if (fd < 0)
        return -1;
    errno = 0;
    if ((!settings || sockopt_set(fd, family, SOCKOPT_LISTENING, settings, fail)) &&
        address_listen_with(fd, address, fail))
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}
