/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reports of a session, numbered from 1, kept until they are acknowledged: in memory as long as
 * its budget has room, then in the file of a spill. The caller locks. */
#ifndef FLOWRIG_STORE_H
#define FLOWRIG_STORE_H

#include "list.h"
#include "mem.h"
#include "session/spill.h"

struct store {
    struct list blocks;
    int64_t next;            /* number that the next row gets */
    int64_t acknowledged;    /* rows up to this number are given up */
    _Atomic int64_t bytes;   /* charged to the budget */
    _Atomic int64_t spilled; /* bytes in the file */
    int64_t unreadable;      /* rows that the file did not give back */
    struct budget *budget;   /* of memory; may be NULL */
    struct budget *quota;    /* of memory and file; NULL, or set before the first row */
    bool over_quota;         /* the quota, not the budget, had no room for the last row */
    struct spill *spill;     /* NULL, or set before the first row */
};

/* An empty store whose memory is charged to `budget`; store_free() it. */
void store_init(struct store *store, struct budget *budget);
void store_free(struct store *store);

/* Keeps a packed row; returns false, and keeps nothing, where budget or quota have no room. With a
 * spill, the budget may have room after spill_wait(). */
bool store_add(struct store *store, const void *row, size_t length);

/* No further row is expected: what is there may go to the file as it is. */
void store_seal(struct store *store);

/* Gives up the rows up to number `number`. */
void store_acknowledge(struct store *store, int64_t number);

/* Rows that are kept. */
int64_t store_rows(const struct store *store);

/* Appends rows after number `after` to `rows`, as many as fit into `most` bytes but one at least.
 * Gives their number, and the number of the first in *first. Rows that the file does not give back
 * are given up, and counted. */
int64_t store_read(struct store *store, int64_t after, size_t most, struct buffer *rows,
                   int64_t *first);

#endif
