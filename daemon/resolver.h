/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Host names to addresses, off the threads that answer calls: one thread asks, answers are kept
 * for a while. */
#ifndef FLOWRIG_RESOLVER_H
#define FLOWRIG_RESOLVER_H

#include "sock.h"
#include "waitlist.h"

struct resolver;

struct resolver *resolver_start(struct fail *fail);
void resolver_stop(struct resolver *resolver);

enum resolver_answer { RESOLVER_KNOWN, RESOLVER_UNKNOWN, RESOLVER_PENDING };

/* Numeric addresses and names that were asked for lately are known, or known to be unknown (with a
 * sentence), at once. Any other name is asked for, and is pending until then; waiters are woken
 * at each answer. */
enum resolver_answer resolver_lookup(struct resolver *resolver, const char *host,
                                     struct addresses *addresses, struct fail *fail);
/* Waits for the next answer. To be called before the lookup that it waits for. */
struct waitlist *resolver_waitlist(struct resolver *resolver);

#endif
