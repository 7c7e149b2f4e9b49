/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the sequence numbers of datagrams tell as they come: what is lost, what came twice, what was
 * overtaken. Exact for all that is at most SEQTRACK_WINDOW behind the highest number; what comes
 * later than that is counted apart, as nobody can tell a late one from a duplicate there. */
#ifndef FLOWRIG_SEQTRACK_H
#define FLOWRIG_SEQTRACK_H

#include <stdbool.h>
#include <stdint.h>

#include "fifo.h"
#include "mem.h"

enum {
    SEQTRACK_WINDOW = 128 * 1024,
    SEQTRACK_WORDS = SEQTRACK_WINDOW / 64 + 1,
    SEQTRACK_N = 3, /* of n-reordering: what TCP's three duplicate acknowledgments take for loss */
};

/* Numbers that had not come when a higher one did. */
struct seqtrack_gap {
    uint64_t from, to; /* `to` is the one that came */
    uint64_t arrival;  /* its place among the distinct ones that came */
    int64_t at;        /* when */
};

/* Runs of numbers that have not come (RFC 3357). */
struct seqtrack_runs {
    int64_t count, longest;
    int64_t open; /* length of the run that the next number may end */
};

/* Begins as zeros, but for the account; seqtrack_free() frees what it has allocated. */
struct seqtrack {
    uint64_t next; /* one above the highest number that has come */
    int64_t received, distinct, duplicates, old;
    int64_t missing;              /* below `next`, and not here */
    int64_t reordered;            /* came after a higher one (RFC 4737) */
    int64_t reordered_n;          /* of these: right after SEQTRACK_N higher ones */
    int64_t extent_max, late_max; /* of these: arrivals, and ns, after the first higher one */
    uint64_t recent[SEQTRACK_N];  /* the last distinct ones, the latest first */
    uint64_t head;                /* the highest word of the window */
    uint64_t *seen;               /* SEQTRACK_WORDS, a bit for each number */
    struct fifo gaps;             /* of struct seqtrack_gap, in the window */
    struct seqtrack_runs settled; /* of what has left the window */
    struct account *account;      /* that gaps are charged to; borrowed, NULL: none */
};

enum seqtrack_verdict { SEQTRACK_IN_ORDER, SEQTRACK_REORDERED, SEQTRACK_DUPLICATE, SEQTRACK_OLD };

/* Takes a number that has come at `now`. */
enum seqtrack_verdict seqtrack_take(struct seqtrack *track, uint64_t number, int64_t now);
/* The runs of all below `end`, or below `next` if that is higher. */
struct seqtrack_runs seqtrack_runs(const struct seqtrack *track, uint64_t end);
void seqtrack_free(struct seqtrack *track);

#endif
