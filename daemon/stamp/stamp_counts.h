/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What became of the datagrams that came to a STAMP reflector. Written by its thread, read by any.
 */
#ifndef FLOWRIG_STAMP_COUNTS_H
#define FLOWRIG_STAMP_COUNTS_H

#include <stdatomic.h>

enum stamp_verdict {
    STAMP_ANSWERED,
    STAMP_FROM_STRANGER, /* whose address may not ask, or asked a group */
    STAMP_FROM_SERVICE,  /* from a port that would answer in turn */
    STAMP_TOO_SHORT,     /* for a reply that is no longer */
    STAMP_IS_REPLY,
    STAMP_NOT_AUTHENTIC,
    STAMP_TOO_MANY, /* from this address within a second */
    STAMP_NOT_SENT, /* by the kernel */
    STAMP_VERDICTS
};

/* As metrics name those that were not answered. */
#define STAMP_VERDICT_NAMES                                                     \
    {                                                                           \
        "answered", "address", "port", "short", "reply", "hmac", "rate", "send" \
    }

struct stamp_counts {
    atomic_int_fast64_t verdicts[STAMP_VERDICTS];
};

#endif
