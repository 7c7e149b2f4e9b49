/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What tests of addresses, sockets and the kernel's facts share: a scripted resolver, and
 * connections over loopback. */
#ifndef FLOWRIG_UNIT_SOCKET_ENDS_H
#define FLOWRIG_UNIT_SOCKET_ENDS_H

#include <netdb.h>

/* The resolver of these tests: numeric addresses are the system's, names come from a list. */
static inline int scripted_getaddrinfo(const char *host, const char *service,
                                       const struct addrinfo *hints, struct addrinfo **found);
static inline void scripted_freeaddrinfo(struct addrinfo *found);
#define getaddrinfo  scripted_getaddrinfo
#define freeaddrinfo scripted_freeaddrinfo
#include "address.c"
#undef getaddrinfo
#undef freeaddrinfo
#include "daemon/net/kernel.c"
#include "daemon/net/socket.c"

#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/ip.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "mem.h"
#include "unit.h"

enum { ROUNDS = 20000 };

/* ---- the scripted resolver */

static struct {
    const char *addresses[12]; /* what every name stands for, NULL ends them */
    int error;                 /* or how the look-up fails */
    struct addrinfo info[12];
    struct address storage[12];
    int open; /* lists given and not freed */
} script;

static inline int scripted_getaddrinfo(const char *host, const char *service,
                                       const struct addrinfo *hints, struct addrinfo **found)
{
    if (hints->ai_flags & AI_NUMERICHOST || !script.addresses[0]) {
        int error = script.error && !(hints->ai_flags & AI_NUMERICHOST)
                        ? script.error
                        : getaddrinfo(host, service, hints, found);
        script.open += !error;
        return error;
    }
    size_t count = 0;
    for (; count < COUNT(script.info) && script.addresses[count]; count++) {
        struct address *address = &script.storage[count];
        assert_true(address_parse(script.addresses[count], 0, address));
        script.info[count] = (struct addrinfo){.ai_family = address->any.sa_family,
                                               .ai_addr = &address->any,
                                               .ai_addrlen = address->length};
        if (count)
            script.info[count - 1].ai_next = &script.info[count];
    }
    *found = script.info;
    script.open++;
    return 0;
}

static inline void scripted_freeaddrinfo(struct addrinfo *found)
{
    script.open--;
    if (found != script.info)
        freeaddrinfo(found);
}

static inline struct address parsed(const char *text, uint16_t port)
{
    struct address address;
    if (!address_parse(text, port, &address))
        fail_msg("'%s' is no address", text);
    return address;
}

/* ---- real sockets */

static inline struct endpoint_settings default_settings(void)
{
    struct endpoint_settings settings;
    schema_defaults(&endpoint_settings_schema, &settings);
    return settings;
}

/* Three ends of one loopback connection. */
struct connection {
    int listener, client, server;
};

static inline bool has_ipv6(void)
{
    struct address address = parsed("::1", 0);
    int fd = socket_listen(IPPROTO_TCP, &address, NULL, NULL);
    if (fd < 0) {
        return false;
    }
    close(fd);
    return true;
}

/* Whether a socket of IPv6 takes connections of IPv4 too. */
static inline bool is_dual_stack(void)
{
    return has_ipv6() && !kernel_sysctl("/proc/sys/net/ipv6/bindv6only", 1);
}

/* Connects to `to`, where a socket listens at `at`. */
static inline struct connection connect_loopback(const char *at, const char *to,
                                                 const struct endpoint_settings *settings)
{
    struct connection connection;
    struct address address = parsed(at, 0), target = parsed(to, 0);
    struct fail fail = {0};
    connection.listener = socket_listen(IPPROTO_TCP, &address, settings, &fail);
    if (connection.listener < 0)
        fail_msg("%s", fail.text);
    assert_true(address_local(connection.listener, &address));
    address_set_port(&target, address_port(&address));
    connection.client = socket_create(IPPROTO_TCP, target.any.sa_family, settings, &fail);
    assert_true(connection.client >= 0);
    /* Both are non-blocking, and loopback connects at once or soon. */
    fcntl(connection.client, F_SETFL, 0);
    assert_int_equal(connect(connection.client, &target.any, target.length), 0);
    fcntl(connection.listener, F_SETFL, 0);
    connection.server = accept(connection.listener, NULL, NULL);
    assert_true(connection.server >= 0);
    return connection;
}

static inline void disconnect(struct connection *connection)
{
    close(connection->client);
    close(connection->server);
    close(connection->listener);
}

static inline int count_files(void)
{
    int count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

#endif
