/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where a server beside the control port listens: an option [ADDR:]PORT, and what it leaves out. */
#ifndef FLOWRIG_LISTEN_AT_H
#define FLOWRIG_LISTEN_AT_H

#include "address.h"

struct listen_at {
    const char *option; /* PORT, ADDR, ADDR:PORT or [ADDR]:PORT; NULL or empty: no address, the
                           default port */
    uint16_t port;      /* the default; 0: any that is free */
    bool loopback; /* without an address: those of the loopback interface, else all of the host */
    bool both_at_once; /* a socket at the wildcard of IPv6 takes IPv4 as well */
    /* Listens at an address, and stores the one that it got. Returns false with a sentence and
     * errno. */
    bool (*listen)(void *owner, const struct address *address, struct address *bound,
                   struct fail *fail);
    void *owner;
};

/* Listens at each address that the option names, or, without one, at both families as far as the
 * host has them, with one port. Returns false with a sentence; what was listened at before stays.
 */
bool listen_at(const struct listen_at *how, struct fail *fail);

#endif
