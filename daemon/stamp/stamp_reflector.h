/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a STAMP reflector answers, and to whom: a request becomes its reply in place. No sockets. */
#ifndef FLOWRIG_STAMP_REFLECTOR_H
#define FLOWRIG_STAMP_REFLECTOR_H

#include "session/quota.h"
#include "stamp/stamp_counts.h"
#include "stamp/stamp_peers.h"
#include "stamp_tlv.h"

struct stamp_reflector {
    struct netlist allow;        /* besides this host */
    const struct quotas *quotas; /* whose addresses hold, too */
    struct stamp_key key;
    struct stamp_peers *peers;
};

/* A datagram that has come. */
struct stamp_datagram {
    uint8_t *bytes;
    size_t length;
    struct address from; /* as it is on the wire */
    uint16_t to_port;
    bool to_this_host; /* not to a group, or to all */
    int64_t received;  /* CLOCK_REALTIME */
    int tos, ttl;      /* -1: unknown */
};

/* A reply that is to be finished. */
struct stamp_answer {
    struct stamp_reply reply;
    int dscp;
};

/* Decides about a request, and where the verdict is STAMP_ANSWERED fills in the answer, and the
 * extensions in the request's bytes. `now` is CLOCK_MONOTONIC, `error` stamp_error_own(). */
enum stamp_verdict stamp_reflect(struct stamp_reflector *reflector, struct stamp_datagram *datagram,
                                 uint16_t error, int64_t now, struct stamp_answer *answer);
/* Writes the head of the reply, which leaves at `wall` (CLOCK_REALTIME). */
void stamp_reflect_finish(const struct stamp_reflector *reflector, struct stamp_answer *answer,
                          int64_t wall, struct stamp_datagram *datagram);

#endif
