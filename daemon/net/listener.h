/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Listening data sockets, shared by destinations with equal addresses and options. */
#ifndef FLOWRIG_LISTENER_H
#define FLOWRIG_LISTENER_H

#include "net/transport.h"
#include "engine/worker.h"

struct listener;
struct listeners;

/* Takes an accepted connection, and owns it from then on; on the listener's worker. */
typedef void listener_accepted(void *owner, struct worker *worker,
                               const struct transport *transport, int fd);

/* `low` to `high` are the ports to choose from, 0: the system chooses. The workers, of which the
 * listeners are spread over, are borrowed. `accepted` is called with `owner`. */
struct listeners *listeners_new(uint16_t low, uint16_t high, struct worker **workers,
                                size_t worker_count, listener_accepted *accepted, void *owner);
/* After the workers have ended. */
void listeners_free(struct listeners *listeners);

/* Before the first one is acquired: only addresses that are asked for are listened at, never the
 * wildcard in their place. */
void listeners_refuse_wildcard(struct listeners *listeners);

/* A listener at the first of `own` that is an address of this host, else at the wildcard unless
 * that is refused; NULL with a sentence. To be released. Of a range of ports, no session and no
 * user may hold more than they leave for others. */
struct listener *listeners_acquire(struct listeners *listeners, const struct holder *holder,
                                   const struct transport *transport, const struct addresses *own,
                                   const struct endpoint_settings *settings, struct fail *fail);
/* For a transport of datagrams: in the same way a socket that is bound, for one flow. The caller
 * owns the socket, and releases its port. */
struct listener *listeners_acquire_socket(struct listeners *listeners, const struct holder *holder,
                                          const struct transport *transport,
                                          const struct addresses *own,
                                          const struct endpoint_settings *settings, int *fd,
                                          struct fail *fail);
void listeners_release(struct listeners *listeners, struct listener *listener);

/* The port that it listens on. */
uint16_t listener_port(const struct listener *listener);

#endif
