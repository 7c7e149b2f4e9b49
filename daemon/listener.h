/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Listening data sockets, shared by destinations with equal addresses and options, and the
 * visitors they accept until those have shown a secret. */
#ifndef FLOWRIG_LISTENER_H
#define FLOWRIG_LISTENER_H

#include "rendezvous.h"
#include "transport.h"
#include "worker.h"

struct listener;
struct listeners;

/* `low` to `high` are the ports to choose from, 0: the system chooses. The workers, of which the
 * listeners are spread over, are borrowed. */
struct listeners *listeners_new(uint16_t low, uint16_t high, struct worker **workers,
                                size_t worker_count, struct rendezvous *rendezvous);
/* After the workers have ended. */
void listeners_free(struct listeners *listeners);

/* A listener at the first of `own` that is an address of this host, else at the wildcard; NULL
 * with a sentence. To be released. */
struct listener *listeners_acquire(struct listeners *listeners, const struct transport *transport,
                                   const struct addresses *own,
                                   const struct endpoint_settings *settings, struct fail *fail);
void listeners_release(struct listeners *listeners, struct listener *listener);

uint16_t listener_port(const struct listener *listener);

#endif
