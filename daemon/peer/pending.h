/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pending connections: those that were accepted and have not shown the secret of a flow. */
#ifndef FLOWRIG_PENDING_H
#define FLOWRIG_PENDING_H

#include "engine/worker.h"
#include "net/transport.h"
#include "peer/rendezvous.h"

struct pending_connections;

/* Connections go to the flows of `rendezvous`; all is borrowed. */
struct pending_connections *pending_new(struct worker **workers, size_t worker_count,
                                        struct rendezvous *rendezvous);
/* After the workers have ended, and before they are freed. */
void pending_free(struct pending_connections *pending);

/* A listener_accepted: waits for the preamble, for 5 s or for as long as a flow that waits lets its
 * source try; hands the connection to its flow or closes it. Where too many wait, the one that has
 * for longest is closed. */
void pending_accept(void *pending, struct worker *worker, const struct transport *transport,
                    int fd);

#endif
