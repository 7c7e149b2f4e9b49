/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Deadlines of one thread: a binary heap. Time is an argument; nothing here reads a clock. */
#ifndef FLOWRIG_TIMER_H
#define FLOWRIG_TIMER_H

#include <stddef.h>
#include <stdint.h>

#include "clock.h"

/* A deadline; lies in whatever it belongs to. All-zero is one that is not set. */
struct timer {
    int64_t at;
    size_t place; /* in the heap, counted from 1; 0 while it is not set */
    void (*fire)(struct timer *timer, int64_t now);
};

struct timers {
    struct timer **heap;
    size_t count, capacity;
};

/* Sets the deadline, or moves it; CLOCK_NEVER takes it out. */
void timers_set(struct timers *timers, struct timer *timer, int64_t at);
void timers_cancel(struct timers *timers, struct timer *timer);
/* The earliest deadline, CLOCK_NEVER without one. */
int64_t timers_first(const struct timers *timers);
/* Takes out the earliest timer that is due at `now` and gives it, or NULL. */
struct timer *timers_take_due(struct timers *timers, int64_t now);
void timers_free(struct timers *timers);

#endif
