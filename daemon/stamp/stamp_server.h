/* SPDX-License-Identifier: GPL-3.0-or-later */
/* flowd as a reflector of STAMP and TWAMP Light (RFC 8762, RFC 8972): sockets, and the thread that
 * answers. */
#ifndef FLOWRIG_STAMP_SERVER_H
#define FLOWRIG_STAMP_SERVER_H

#include "engine/worker.h"
#include "session/quota.h"
#include "stamp/stamp_counts.h"

struct stamp_server_config {
    const char *at; /* "ADDR", "ADDR:PORT" or "PORT"; NULL or "": the loopback addresses, or where
                     * senders are allowed, all */
    const char *key_file; /* NULL: packets are plain */
    struct netlist allow; /* senders besides those of this host */
};

struct stamp_server;

/* Reads the key and binds the sockets; the caller owns the server. NULL with a sentence. */
struct stamp_server *stamp_server_open(const struct stamp_server_config *config, struct fail *fail);
/* Prints on stderr where it listens. */
void stamp_server_tell(const struct stamp_server *server);
/* Answers on a thread of its own; both are borrowed. */
bool stamp_server_start(struct stamp_server *server, struct collector *collector,
                        const struct quotas *quotas, struct fail *fail);
/* Ends the thread. NULL is allowed, here and below. */
void stamp_server_stop(struct stamp_server *server);
void stamp_server_free(struct stamp_server *server);
/* What it has counted, for as long as it lives; NULL where there is no server. */
const struct stamp_counts *stamp_server_counts(const struct stamp_server *server);

#endif
