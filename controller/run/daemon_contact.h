/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether a daemon can still be reached, and when it is called again. Pure: no clock. */
#ifndef FLOWRIG_DAEMON_CONTACT_H
#define FLOWRIG_DAEMON_CONTACT_H

#include <stdbool.h>
#include <stdint.h>

enum {
    RUN_CALL_TIMEOUT_MS = 10000, /* of calls that wait for nothing */
    POLL_WAIT_MS = 2000,         /* how long a call for reports waits for some at most */
};

/* Instants of CLOCK_MONOTONIC. */
struct daemon_contact {
    int64_t last;          /* when it was heard, or called so that its lease is renewed */
    int64_t retry_at;      /* it is not called before */
    int64_t refused_since; /* since when its host refuses connections, 0: it does not */
};

/* What a call that failed says of the daemon. */
enum daemon_verdict {
    DAEMON_RETRY,  /* nothing yet */
    DAEMON_LEASE,  /* its lease is over: it has stopped its flows, but may have their reports */
    DAEMON_IS_OFF, /* its host refuses connections: what ended has kept nothing */
};

/* It has answered. */
void daemon_contact_heard(struct daemon_contact *contact, int64_t now);
/* It has not: the connection was refused, or whatever else. A network that is cut off answers
 * nothing, and may come back. */
enum daemon_verdict daemon_contact_failed(struct daemon_contact *contact, bool refused,
                                          int64_t lease, int64_t now);
/* How long a call for reports may take: no longer than the lease, after which the daemon has ended
 * its flows and is given up. */
int64_t daemon_contact_timeout_ms(const struct daemon_contact *contact, int64_t lease, int64_t now);
/* Whether its lease is to be renewed: three times as often as it has to be. */
bool daemon_contact_needs_renewal(const struct daemon_contact *contact, int64_t lease, int64_t now);

#endif
