/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calls that wait for something to happen, such as a report. */
#ifndef FLOWRIG_WAITLIST_H
#define FLOWRIG_WAITLIST_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "list.h"

/* One that waits; lies in whatever it belongs to. `wake` is called once, from any thread and with
 * no lock of the list held. */
struct waiter {
    struct list link;
    uint64_t turn; /* the list's when it was added */
    void (*wake)(struct waiter *waiter);
};

struct waitlist {
    pthread_mutex_t lock;
    struct list waiters;
    uint64_t turn; /* how often the list was woken */
};

/* An empty list. It must be empty again when it is destroyed. */
void waitlist_init(struct waitlist *waitlist);
void waitlist_destroy(struct waitlist *waitlist);
/* Adds a waiter, which the caller owns, at the end. */
void waitlist_add(struct waitlist *waitlist, struct waiter *waiter);
/* Takes the waiter out and returns true, or false if it was woken already. */
bool waitlist_cancel(struct waitlist *waitlist, struct waiter *waiter);
/* Wakes all that wait now; who waits anew when it is woken waits for the next time. */
void waitlist_wake(struct waitlist *waitlist);

#endif
