/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Connections that sources were sent to make, and whether whoever was there agreed to the flow.
 * Those that led to no agreement are bounded for each target and each user, whatever becomes of
 * the sessions that asked for them: a daemon is no means to flood or to scan a third party. */
#ifndef FLOWRIG_CONTACTS_H
#define FLOWRIG_CONTACTS_H

#include "fail.h"
#include "address.h"

enum {
    CONTACTS_PER_SECOND = 50,    /* without an agreement, in the long run */
    CONTACTS_BURST = 100,        /* of these at once */
    CONTACTS_UNKNOWN_MAX = 2000, /* under way to a target that has not agreed lately */
};

/* How much of it one user has used up. All-zero: nothing. */
struct contact_bucket {
    int64_t free_at; /* when nothing of it is used any more, CLOCK_MONOTONIC in ns */
};

struct contacts;

/* No contacts yet; the caller owns it. */
struct contacts *contacts_new(void);
void contacts_free(struct contacts *contacts);

/* A source will be sent to `target` (its port does not matter) for the user whose bucket this is;
 * NULL: nobody has to say who it is, and one shall not use up what others need.
 * Returns false with FAULT_POLICY and a sentence where too many before have led to no agreement. */
bool contacts_begin(struct contacts *contacts, struct contact_bucket *user,
                    const struct address *target, int64_t now, struct fail *fail);

enum contact_end {
    CONTACT_AGREED,
    CONTACT_REFUSED, /* it was tried, and led to no agreement */
    CONTACT_UNTRIED,
};

/* What became of one that was begun. */
void contacts_end(struct contacts *contacts, struct contact_bucket *user,
                  const struct address *target, enum contact_end end, int64_t now);

#endif
