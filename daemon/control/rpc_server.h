/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The methods of the control protocol: decode, call, encode. */
#ifndef FLOWRIG_RPC_SERVER_H
#define FLOWRIG_RPC_SERVER_H

#include <xmlrpc-c/base.h>

#include "capture/dump_file.h"
#include "control/rpc_system.h"
#include "session/session.h"
#include "stamp/stamp_counts.h"

struct rpc_server;

/* What the answers of flowd.describe are made of, besides the system and the sessions. */
struct rpc_server_config {
    struct sessions *sessions;
    struct dump_dir *dumps;           /* borrowed */
    const struct stamp_counts *stamp; /* borrowed; NULL: there is no reflector */
    char daemon_id[PROTOCOL_ID_MAX], boot_id[PROTOCOL_ID_MAX];
    int64_t workers;
    int64_t data_ports_low, data_ports_high;
};

/* The caller owns it. */
struct rpc_server *rpc_server_new(const struct rpc_server_config *config);
void rpc_server_free(struct rpc_server *server);

/* Carries out the call in `xml` and gives its answer, a fault included, as XML that the caller
 * owns. CALL_WAIT instead: nothing happened yet; the call is to be made again when the waiter is
 * woken or `wait->deadline` is over (or, if waiting was not allowed, again with it allowed). From
 * any thread. */
enum call_result rpc_server_call(struct rpc_server *server, const char *xml, size_t length,
                                 struct call_wait *wait, xmlrpc_mem_block **answer);

#endif
