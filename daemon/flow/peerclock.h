/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How the clock of a peer is seen from here: told by the controller, anew from time to time, and
 * read by the flows of any worker. */
#ifndef FLOWRIG_PEERCLOCK_H
#define FLOWRIG_PEERCLOCK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "clock.h"

struct peerclock {
    atomic_uint version; /* counts the changes; 0: nothing is known yet */
    pthread_mutex_t lock;
    struct clock_map map;
};

/* A reader's copy; all-zero is one that was never filled. */
struct peerclock_view {
    unsigned version;
    struct clock_map map;
};

/* An unknown clock, owned by the caller. */
struct peerclock *peerclock_new(void);
void peerclock_free(struct peerclock *clock);

/* Takes a newer map: one whose reference is not later than that of the last is left out, as calls
 * may be repeated. */
void peerclock_set(struct peerclock *clock, const struct clock_map *map);

/* Brings the view up to date; returns whether anything is known. It takes the lock only after a
 * change. `clock` may be NULL. */
bool peerclock_view(struct peerclock *clock, struct peerclock_view *view);

#endif
