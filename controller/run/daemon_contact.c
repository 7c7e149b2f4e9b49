/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/daemon_contact.h"

#include "clock.h"

enum {
    POLL_LEAST_MS = 200,
    RENEWALS = 3,
};

#define RETRY_PAUSE  (200 * NS_PER_MS)
#define REFUSED_TIME NS_PER_SEC /* a host that refuses so long has no daemon any more */

void daemon_contact_heard(struct daemon_contact *contact, int64_t now)
{
    contact->last = now;
    contact->refused_since = 0;
}

enum daemon_verdict daemon_contact_failed(struct daemon_contact *contact, bool refused,
                                          int64_t lease, int64_t now)
{
    if (!refused)
        contact->refused_since = 0;
    else if (!contact->refused_since)
        contact->refused_since = now;
    if (contact->refused_since && now - contact->refused_since >= REFUSED_TIME)
        return DAEMON_IS_OFF;
    if (now - contact->last >= lease)
        return DAEMON_LEASE;
    contact->retry_at = now + RETRY_PAUSE;
    return DAEMON_RETRY;
}

int64_t daemon_contact_timeout_ms(const struct daemon_contact *contact, int64_t lease, int64_t now)
{
    int64_t left = (contact->last + lease - now) / NS_PER_MS + 1;
    if (left < POLL_LEAST_MS)
        return POLL_LEAST_MS;
    return left < POLL_WAIT_MS + RUN_CALL_TIMEOUT_MS ? left : POLL_WAIT_MS + RUN_CALL_TIMEOUT_MS;
}

bool daemon_contact_needs_renewal(const struct daemon_contact *contact, int64_t lease, int64_t now)
{
    return now - contact->last >= lease / RENEWALS;
}
