/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Data sockets with the options that were asked for, for transports. */
#ifndef FLOWRIG_SOCKET_H
#define FLOWRIG_SOCKET_H

#include "address.h"
#include "mem.h"
#include "settings.h"

/* Who wants to know of a socket before it connects. */
struct socket_watcher {
    void (*made)(void *context, int fd);
    void *context;
};

/* A non-blocking socket of the protocol (IPPROTO_TCP, IPPROTO_MPTCP; IPPROTO_UDP: of datagrams),
 * with the options that are set when it is created; `settings` may be NULL. -1 with a sentence. */
int socket_create(int protocol, int family, const struct endpoint_settings *settings,
                  struct fail *fail);
/* Sets those options on a socket that was made without them. */
bool socket_set_created(int fd, const struct endpoint_settings *settings, struct fail *fail);
/* One that listens at the address (port 0: any); -1 with a sentence, and errno of the call that
 * failed. */
int socket_listen(int protocol, const struct address *address,
                  const struct endpoint_settings *settings, struct fail *fail);
/* Binds a source to the first of its addresses that is this host's; none may be, behind NAT for
 * example. Returns false with a sentence where the port that was asked for can't be had, or where
 * it would send from somebody else's address. */
bool socket_bind_own(int fd, const struct addresses *own, const struct address *peer,
                     const struct endpoint_settings *settings, struct fail *fail);
/* Adds lines "local=" and "peer=" with the addresses of both ends, as far as there are. */
void socket_describe_ends(int fd, struct buffer *lines);

#endif
