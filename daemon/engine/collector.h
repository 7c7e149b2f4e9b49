/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The collector: one thread that carries what the workers tell to the sessions, and looks after
 * what runs out (leases, retained reports). */
#ifndef FLOWRIG_COLLECTOR_H
#define FLOWRIG_COLLECTOR_H

#include <stdint.h>

#include "fail.h"
#include "engine/ring.h"

struct collector;

/* `take` is called for each entry, with the time of its batch; `idle` after each batch and at the
 * latest at the time that it gave last (CLOCK_MONOTONIC, ns). Both run on the collector's thread.
 */
struct collector *
collector_start(void (*take)(void *context, const struct ring_entry *entry, int64_t now),
                int64_t (*idle)(void *context, int64_t now), void *context, struct fail *fail);
/* Ends the thread after what the rings still hold was taken, and frees the rings. */
void collector_stop(struct collector *collector);

/* A new ring that it empties; before the first entry is pushed. Belongs to the collector. */
struct ring *collector_add_ring(struct collector *collector, int64_t limit);
/* From any thread: there is something to do. */
void collector_wake(struct collector *collector);

#endif
