/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the kernel says of the interface that a connection uses: its name, queueing discipline,
 * offloads and speed. */
#ifndef FLOWRIG_INTERFACE_H
#define FLOWRIG_INTERFACE_H

#include "address.h"
#include "clock.h"
#include "mem.h"

/* How old an answer may be: thousands of flows are prepared together. */
#define INTERFACE_AGE (2 * NS_PER_SEC)

/* The last answer, by the local address. Begins as zeros, and is used by one thread. */
struct interface_cache {
    struct address local;
    int64_t until;
    char lines[256];
};

/* Appends the lines of INFO_interface and what follows it in info.def for the interface that has
 * the socket's local address; what is not known is left out. */
void interface_describe(struct interface_cache *cache, int fd, int64_t now, struct buffer *lines);

#endif
