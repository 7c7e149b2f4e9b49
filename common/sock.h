/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses, sockets, and the table of socket options. */
#ifndef FLOWRIG_SOCK_H
#define FLOWRIG_SOCK_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

#include "fail.h"
#include "settings.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

enum { ADDRESS_TEXT_MAX = 96, SOCK_NAMES_MAX = 512 };

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_storage storage;
    };
    socklen_t length;
};

/* Reads a numeric address, "10.0.0.1", "::1", "fe80::1%eth0", brackets allowed. */
bool address_parse(const char *text, uint16_t port, struct address *address);
/* "10.0.0.1" or "::1"; with a port "10.0.0.1:80" or "[::1]:80". */
void address_format(const struct address *address, char text[ADDRESS_TEXT_MAX]);
void address_format_port(const struct address *address, char text[ADDRESS_TEXT_MAX]);
uint16_t address_port(const struct address *address);
void address_set_port(struct address *address, uint16_t port);
bool address_is_loopback(const struct address *address);
bool address_equal(const struct address *one, const struct address *other);
struct address address_wildcard(int family, uint16_t port);

enum { ADDRESSES_MAX = 8 };

/* What a name stands for, IPv4 first: measurements of a name shall not change their protocol with
 * the resolver's mood. */
struct addresses {
    struct address list[ADDRESSES_MAX];
    size_t count;
};

/* Asks the resolver, which may take seconds; a numeric address costs nothing. */
bool addresses_resolve(const char *host, struct addresses *addresses, struct fail *fail);

/* Splits "host", "host:port", "[v6]", "[v6%if]:port" or a bare IPv6 address. `port` is left alone
 * where none is given. `host` has room for `size` bytes. */
bool sock_split_host_port(const char *text, char *host, size_t size, uint16_t *port,
                          struct fail *fail);

/* A listening, non-blocking TCP socket at the address (port 0: any), or -1 with errno of the call
 * that failed. */
int sock_listen(const struct address *address, const struct endpoint_settings *settings,
                struct fail *fail);
/* A non-blocking TCP socket with the options that must be set before the handshake, or -1. */
int sock_create(int family, const struct endpoint_settings *settings, struct fail *fail);
/* The same of IPPROTO_MPTCP, or another protocol with streams. */
int sock_listen_protocol(int protocol, const struct address *address,
                         const struct endpoint_settings *settings, struct fail *fail);
int sock_create_protocol(int protocol, int family, const struct endpoint_settings *settings,
                         struct fail *fail);

/* Reads the address of this end, or of the other. */
bool sock_local(int fd, struct address *address);
bool sock_peer(int fd, struct address *address);

/* IP_MTU of a connected socket in bytes, or METRIC_ABSENT. */
int64_t sock_path_mtu(int fd);
/* MTU of the interface that has the socket's local address, or METRIC_ABSENT. */
int64_t sock_interface_mtu(int fd);
/* SO_SNDBUF or SO_RCVBUF as the kernel has it, in bytes. */
int64_t sock_buffer(int fd, int option);
/* Name of the congestion control that is in force. */
void sock_congestion_control(int fd, char name[SETTINGS_NAME_MAX]);
/* The algorithms that this process may use, with single spaces between, the default first. */
void sock_congestion_controls(char names[SOCK_NAMES_MAX]);

/* A number in a file of /proc/sys, or `fallback`. */
int64_t sock_sysctl(const char *path, int64_t fallback);
/* net.ipv4.ip_local_port_range. */
void sock_local_ports(int64_t *low, int64_t *high);

#endif
