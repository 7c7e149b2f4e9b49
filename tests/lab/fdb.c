// SPDX-License-Identifier: GPL-3.0-or-later
/* fdb.c - open addressing with a short probe. A full neighbourhood loses its first entry: the cost
 * is a flood. */
#include "fdb.h"

#define PROBES 8

static uint64_t make_key(unsigned group, const unsigned char mac[6])
{
    uint64_t key = group;

    for (int i = 0; i < 6; i++)
        key = key << 8 | mac[i];
    return key;
}

/* Fibonacci hashing (Knuth, TAOCP vol. 3, 6.4). */
static unsigned first_slot(uint64_t key)
{
    return (unsigned)((key * 0x9e3779b97f4a7c15) >> 48);
}

void fdb_learn(struct fdb *fdb, unsigned group, const unsigned char mac[6], unsigned port)
{
    uint64_t key = make_key(group, mac);
    unsigned first = first_slot(key);
    unsigned slot = first;

    for (unsigned i = 0; i < PROBES; i++) {
        unsigned probe = (first + i) % FDB_SLOTS;

        if (fdb->slot[probe].key == key || fdb->slot[probe].key == 0) {
            slot = probe;
            break;
        }
    }
    fdb->slot[slot].key = key;
    fdb->slot[slot].port = port;
}

int fdb_find(const struct fdb *fdb, unsigned group, const unsigned char mac[6])
{
    uint64_t key = make_key(group, mac);
    unsigned first = first_slot(key);

    for (unsigned i = 0; i < PROBES; i++) {
        unsigned probe = (first + i) % FDB_SLOTS;

        if (fdb->slot[probe].key == key)
            return (int)fdb->slot[probe].port;
    }
    return -1;
}
