/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Host names to addresses, off the threads that answer calls: a few threads ask, answers are kept
 * for a while. Sessions take turns, so that names that no server answers for delay no others. */
#ifndef FLOWRIG_RESOLVER_H
#define FLOWRIG_RESOLVER_H

#include "address.h"
#include "engine/waitlist.h"

struct resolver;

/* Who asks for a name, and until when (CLOCK_MONOTONIC): a name that nobody waits for any more is
 * not looked up. */
struct resolver_client {
    const void *session, *user; /* compared, never used; `user` NULL: no limit for one user */
    int64_t until;
};

/* Starts the first thread. Returns NULL with a sentence if that fails. */
struct resolver *resolver_start(struct fail *fail);
/* Ends the threads and frees; one that a name server keeps waiting is left behind. NULL is
 * allowed. */
void resolver_stop(struct resolver *resolver);

enum resolver_answer { RESOLVER_KNOWN, RESOLVER_UNKNOWN, RESOLVER_PENDING };

/* Numeric addresses and names that were asked for lately are known, or known to be unknown (with a
 * sentence), at once. Any other name is pending until it was looked up; waiters are woken at each
 * answer, and then ask again. */
enum resolver_answer resolver_lookup(struct resolver *resolver, const char *host,
                                     const struct resolver_client *client,
                                     struct addresses *addresses, struct fail *fail);
/* The session is gone: what it asked for and was not begun is forgotten. */
void resolver_forget(struct resolver *resolver, const void *session);
/* Waits for the next answer. To be called before the lookup that it waits for. */
struct waitlist *resolver_waitlist(struct resolver *resolver);

#endif
