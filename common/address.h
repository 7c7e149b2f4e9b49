/* SPDX-License-Identifier: GPL-3.0-or-later */
/* IP addresses with a port, the names that stand for them, and those that a socket has. */
#ifndef FLOWRIG_ADDRESS_H
#define FLOWRIG_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "fail.h"

enum {
    ADDRESS_TEXT_MAX = 96, /* of an address with brackets and port, as text */
    ADDRESSES_MAX = 8,
};

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_storage storage;
    };
    socklen_t length;
};

/* Reads a numeric address, "10.0.0.1", "::1", "fe80::1%eth0", brackets allowed; false if it is not
 * one. */
bool address_parse(const char *text, uint16_t port, struct address *address);
/* "10.0.0.1" or "::1"; with a port "10.0.0.1:80" or "[::1]:80". An IPv4-mapped IPv6 address is
 * written as the IPv4 address that it is on the wire. */
void address_format(const struct address *address, char text[ADDRESS_TEXT_MAX]);
void address_format_port(const struct address *address, char text[ADDRESS_TEXT_MAX]);
/* The port in host byte order. */
uint16_t address_port(const struct address *address);
void address_set_port(struct address *address, uint16_t port);
/* The IPv4 address that an IPv4-mapped one stands for; any other as it is. */
struct address address_on_wire(const struct address *address);
/* AF_INET or AF_INET6 of a numeric address, whose zone need not be one of this host, as it is on
 * the wire (::ffff:192.0.2.1 is IPv4); AF_UNSPEC for a name. */
int address_family_of(const char *text);
/* "IPv4" or "IPv6". */
const char *address_family_name(int family);
/* Whether it is a link-local IPv6 address, which means something on one interface only. */
bool address_is_link_local(const struct address *address);
/* Gives a link-local address without a zone that of the interface that has it, if there is exactly
 * one. */
void address_find_zone(struct address *address);
/* Whether it is in 127/8 or ::1, also written as an IPv4-mapped IPv6 address. */
bool address_is_loopback(const struct address *address);
/* Whether the text is such an address, or "localhost". */
bool address_names_loopback(const char *text);
/* Whether family, address, port and scope are equal. */
bool address_equal(const struct address *one, const struct address *other);
/* The same without the port. */
bool address_same_host(const struct address *one, const struct address *other);
/* 0.0.0.0 or ::, by the address family. */
struct address address_wildcard(int family, uint16_t port);

/* What a name stands for, IPv4 first: measurements of a name shall not change their protocol with
 * the resolver's mood. */
struct addresses {
    struct address list[ADDRESSES_MAX];
    size_t count;
};

/* Drops those of other families. */
void addresses_keep(struct addresses *addresses, int family);
/* Asks the resolver, which may take seconds; a numeric address costs nothing. False with a
 * sentence. */
bool addresses_resolve(const char *host, struct addresses *addresses, struct fail *fail);

/* Splits "host", "host:port", "[v6]", "[v6%if]:port" or a bare IPv6 address. `port` is left alone
 * if the text has none. `host` has room for `size` bytes. False with a sentence. */
bool address_split_host_port(const char *text, char *host, size_t size, uint16_t *port,
                             struct fail *fail);

/* Reads the address of this end of a socket, or of the other; false with errno. */
bool address_local(int fd, struct address *address);
bool address_peer(int fd, struct address *address);

/* Binds a stream socket to the address and listens; false with a sentence and errno. */
bool address_listen_with(int fd, const struct address *address, struct fail *fail);
/* A listening, non-blocking TCP socket at the address (port 0: any), closed on exec; -1 with a
 * sentence and errno. */
int address_listen(const struct address *address, struct fail *fail);

#endif
