/* SPDX-License-Identifier: GPL-3.0-or-later */
/* MTUs of interfaces, by the local address: the kernel is asked for all of its addresses to find
 * one, which thousands of flows that end together can share. */
#ifndef FLOWRIG_MTUCACHE_H
#define FLOWRIG_MTUCACHE_H

#include "clock.h"
#include "address.h"

enum { MTUCACHE_ENTRIES = 8 };

/* How old an answer may be. */
#define MTUCACHE_AGE (100 * NS_PER_MS)

struct mtucache {
    struct {
        struct address local;
        int64_t mtu; /* bytes, or METRIC_ABSENT */
        int64_t until;
    } entries[MTUCACHE_ENTRIES];
    size_t next; /* to be replaced */
};

/* What kernel_interface_mtu() gives, or gave within MTUCACHE_AGE before `now` for the same address.
 * A cache begins as zeros, and is used by one thread. */
int64_t mtucache_of(struct mtucache *cache, int fd, int64_t now);

#endif
