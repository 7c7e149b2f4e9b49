/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/waitlist.h"

void waitlist_init(struct waitlist *waitlist)
{
    pthread_mutex_init(&waitlist->lock, NULL);
    list_init(&waitlist->waiters);
    waitlist->turn = 0;
}

void waitlist_destroy(struct waitlist *waitlist)
{
    pthread_mutex_destroy(&waitlist->lock);
}

void waitlist_add(struct waitlist *waitlist, struct waiter *waiter)
{
    pthread_mutex_lock(&waitlist->lock);
    waiter->turn = waitlist->turn;
    list_append(&waitlist->waiters, &waiter->link);
    pthread_mutex_unlock(&waitlist->lock);
}

bool waitlist_cancel(struct waitlist *waitlist, struct waiter *waiter)
{
    pthread_mutex_lock(&waitlist->lock);
    bool waits = !list_empty(&waiter->link);
    list_remove(&waiter->link);
    pthread_mutex_unlock(&waitlist->lock);
    return waits;
}

/* With the lock: takes out the first that was added before the turn, if there is one. */
static struct waiter *take_first(struct waitlist *waitlist, uint64_t turn)
{
    if (list_empty(&waitlist->waiters))
        return NULL;
    struct waiter *first = list_item(waitlist->waiters.next, struct waiter, link);
    if (first->turn >= turn)
        return NULL;
    list_remove(&first->link);
    return first;
}

void waitlist_wake(struct waitlist *waitlist)
{
    struct waiter *waiter;
    pthread_mutex_lock(&waitlist->lock);
    uint64_t turn = ++waitlist->turn;
    while ((waiter = take_first(waitlist, turn))) {
        pthread_mutex_unlock(&waitlist->lock);
        waiter->wake(waiter);
        pthread_mutex_lock(&waitlist->lock);
    }
    pthread_mutex_unlock(&waitlist->lock);
}
