/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Splits the packets of a capture into connections, and these into the dumps of flows. A flow knows
 * its connection only after the first packets have passed: each connection's first ones are kept
 * until somebody has claimed it. All of it belongs to the capture's thread. */
#ifndef FLOWRIG_SPLITTER_H
#define FLOWRIG_SPLITTER_H

#include "capture/dump_file.h"
#include "list.h"
#include "capture/packet.h"
#include "address.h"

enum {
    SPLITTER_BUCKETS = 1024,
    SPLITTER_CONNECTIONS_MAX = 8192,
    SPLITTER_EARLY_MAX = 64, /* packets that are kept of a connection */
};

/* How long an unclaimed connection is remembered. */
#define SPLITTER_PATIENCE (15 * NS_PER_SEC)

struct connection {
    struct list link; /* in its bucket */
    struct packet_end ends[2];
    int64_t seen; /* when it began, CLOCK_MONOTONIC */
    struct list early;
    size_t early_count;
    int64_t overlooked;         /* packets after those, which who claims it now has missed */
    struct dump_file *files[2]; /* of the two ends, where both are here */
    bool reset;
    struct {
        bool ended, acknowledged; /* its FIN was seen; and the peer's acknowledgment */
        uint32_t after;           /* the sequence number after its FIN */
    } directions[2];              /* from ends[0], from ends[1] */
};

struct splitter {
    struct list buckets[SPLITTER_BUCKETS];
    size_t count;
    int link;    /* enum packet_link */
    int64_t now; /* CLOCK_MONOTONIC */
};

/* Set up for packets of one link type; splitter_free() it. */
void splitter_init(struct splitter *splitter, int link);
void splitter_free(struct splitter *splitter);

/* A packet of the capture. */
void splitter_take(struct splitter *splitter, const struct captured *captured);

/* From now on, and for its first packets, the connection between the two ends goes to the file as
 * well. NULL where two files have it already. */
struct connection *splitter_claim(struct splitter *splitter, const struct address *one,
                                  const struct address *other, struct dump_file *file);
void splitter_release(struct splitter *splitter, struct connection *connection,
                      struct dump_file *file);
/* Whether both ends have closed the connection, and know it. */
bool connection_is_over(const struct connection *connection);

/* Forgets connections that nobody has claimed in time, and what was kept of the others. */
void splitter_sweep(struct splitter *splitter);

#endif
