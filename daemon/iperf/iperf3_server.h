/* SPDX-License-Identifier: GPL-3.0-or-later */
/* flowd as an iperf3 server: it listens, and tells by their cookies the clients' control
 * connections from those that carry their streams. */
#ifndef FLOWRIG_IPERF3_SERVER_H
#define FLOWRIG_IPERF3_SERVER_H

#include "session/session.h"

enum { IPERF3_PORT = 5201 };

struct iperf3_server_config {
    const char *at; /* "ADDR", "ADDR:PORT" or "PORT"; NULL or "": the loopback addresses, or where
                     * clients are allowed, all */
    struct netlist allow; /* clients besides those of this host; none: no others */
};

struct iperf3_server;

/* Binds the sockets; the caller owns the server. NULL with a sentence. */
struct iperf3_server *iperf3_server_open(const struct iperf3_server_config *config,
                                         struct fail *fail);
/* Prints on stderr where it listens. */
void iperf3_server_tell(const struct iperf3_server *server);
/* Serves clients on a thread of its own; all is borrowed. `max_sessions` is the daemon's limit, of
 * which the server takes a part. */
bool iperf3_server_start(struct iperf3_server *server, struct sessions *sessions,
                         struct collector *collector, const struct quotas *quotas,
                         int64_t max_sessions, struct fail *fail);
/* Ends all tests and the thread, before the sessions and the workers end. */
void iperf3_server_stop(struct iperf3_server *server);
/* After the collector has ended. */
void iperf3_server_free(struct iperf3_server *server);

#endif
