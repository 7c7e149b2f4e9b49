/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A transport: how connections are made and looked at. One ops table and one file each. */
#ifndef FLOWRIG_TRANSPORT_H
#define FLOWRIG_TRANSPORT_H

#include "mem.h"
#include "sock.h"
#include "tcpinfo.h"

struct transport {
    const char *name;
    /* A listening, non-blocking socket; -1 with errno and a sentence. */
    int (*listen)(const struct address *address, const struct endpoint_settings *settings,
                  struct fail *fail);
    /* A non-blocking socket with all options that are set before connect(); -1 with a sentence. */
    int (*create)(int family, const struct endpoint_settings *settings, struct fail *fail);
    /* A non-blocking socket that has begun to connect; bound to `own` if that is an address of
     * this host and of the peer's family. -1 with a sentence. */
    int (*connect)(const struct addresses *own, const struct address *peer,
                   const struct endpoint_settings *settings, struct fail *fail);
    /* tcpinfo_baseline() or tcpinfo_read(), and the MTU of the path. */
    void (*sample)(int fd, struct tcpinfo *info, bool baseline, int64_t values[METRICS]);
    /* "name=value" lines about the connection as it really is. */
    void (*describe)(int fd, struct buffer *lines);
    /* Bytes sent that the peer has not acknowledged. */
    int64_t (*unacked)(int fd);
    /* Ends the sending direction. */
    bool (*end_sending)(int fd);
    /* Whether the peer has acknowledged that end. */
    bool (*end_acknowledged)(int fd);
    /* Whether the socket has an event when that happens. */
    bool tells_end;
    /* Lets the kernel send no faster than `rate` bit/s. */
    void (*pace)(int fd, int64_t rate);
    /* Sends acknowledgments now that would wait for company. */
    void (*flush_acks)(int fd);
};

extern const struct transport transport_tcp, transport_mptcp;

/* The transports by enum transport_choice. */
extern const struct transport *const transports[TRANSPORTS];

/* `create` and `connect` of a transport with streams, of IPPROTO_TCP for example. */
int transport_create(int protocol, int family, const struct endpoint_settings *settings,
                     struct fail *fail);
int transport_connect(int protocol, const struct addresses *own, const struct address *peer,
                      const struct endpoint_settings *settings, struct fail *fail);

#endif
