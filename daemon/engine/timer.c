/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/timer.h"

#include <stdlib.h>

#include "mem.h"

/* Places count from 1, so that the parent of p is p/2. */
static void put(struct timers *timers, size_t place, struct timer *timer)
{
    timers->heap[place - 1] = timer;
    timer->place = place;
}

static void move_up(struct timers *timers, struct timer *timer, size_t place)
{
    while (place > 1 && timers->heap[place / 2 - 1]->at > timer->at) {
        put(timers, place, timers->heap[place / 2 - 1]);
        place /= 2;
    }
    put(timers, place, timer);
}

static void move_down(struct timers *timers, struct timer *timer, size_t place)
{
    for (;;) {
        size_t child = 2 * place;
        if (child > timers->count)
            break;
        if (child < timers->count && timers->heap[child]->at < timers->heap[child - 1]->at)
            child++;
        if (timers->heap[child - 1]->at >= timer->at)
            break;
        put(timers, place, timers->heap[child - 1]);
        place = child;
    }
    put(timers, place, timer);
}

static void settle(struct timers *timers, struct timer *timer, size_t place)
{
    if (place > 1 && timers->heap[place / 2 - 1]->at > timer->at)
        move_up(timers, timer, place);
    else
        move_down(timers, timer, place);
}

void timers_set(struct timers *timers, struct timer *timer, int64_t at)
{
    if (at == CLOCK_NEVER) {
        timers_cancel(timers, timer);
        return;
    }
    timer->at = at;
    if (timer->place) {
        settle(timers, timer, timer->place);
        return;
    }
    if (timers->count == timers->capacity) {
        timers->capacity = timers->capacity ? 2 * timers->capacity : 64;
        timers->heap = mem_grow(timers->heap, timers->capacity, sizeof(struct timer *));
    }
    move_up(timers, timer, ++timers->count);
}

void timers_cancel(struct timers *timers, struct timer *timer)
{
    size_t place = timer->place;
    if (!place)
        return;
    timer->place = 0;
    struct timer *last = timers->heap[--timers->count];
    if (last != timer)
        settle(timers, last, place);
}

int64_t timers_first(const struct timers *timers)
{
    return timers->count ? timers->heap[0]->at : CLOCK_NEVER;
}

struct timer *timers_take_due(struct timers *timers, int64_t now)
{
    if (timers_first(timers) > now)
        return NULL;
    struct timer *timer = timers->heap[0];
    timers_cancel(timers, timer);
    return timer;
}

void timers_free(struct timers *timers)
{
    free(timers->heap);
    *timers = (struct timers){0};
}
