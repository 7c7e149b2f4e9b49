// SPDX-License-Identifier: GPL-3.0-or-later
/* fdb.h - the forwarding database: behind which port a group's stations were last heard. */
#ifndef LAB_FDB_H
#define LAB_FDB_H

#include <stdint.h>

/* A power of two. At 2048 ports the table stays nearly empty. */
#define FDB_SLOTS 65536

/* All zero is empty. */
struct fdb {
    struct {
        uint64_t key; /* group (1 or more) and address; 0: free */
        unsigned port;
    } slot[FDB_SLOTS];
};

void fdb_learn(struct fdb *fdb, unsigned group, const unsigned char mac[6], unsigned port);

/* Returns the port, or -1 when this group has not heard of the address: flood. */
int fdb_find(const struct fdb *fdb, unsigned group, const unsigned char mac[6]);

#endif
