/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/peerclock.h"

#include <stdlib.h>

#include "mem.h"

struct peerclock *peerclock_new(void)
{
    struct peerclock *clock = mem_new(1, sizeof *clock);
    pthread_mutex_init(&clock->lock, NULL);
    return clock;
}

void peerclock_free(struct peerclock *clock)
{
    if (!clock)
        return;
    pthread_mutex_destroy(&clock->lock);
    free(clock);
}

void peerclock_set(struct peerclock *clock, const struct clock_map *map)
{
    pthread_mutex_lock(&clock->lock);
    unsigned version = atomic_load(&clock->version);
    if (!version || map->reference > clock->map.reference) {
        clock->map = *map;
        atomic_store(&clock->version, version + 1 ? version + 1 : 1);
    }
    pthread_mutex_unlock(&clock->lock);
}

bool peerclock_view(struct peerclock *clock, struct peerclock_view *view)
{
    if (!clock)
        return false;
    if (atomic_load_explicit(&clock->version, memory_order_acquire) != view->version) {
        pthread_mutex_lock(&clock->lock);
        view->version = atomic_load(&clock->version);
        view->map = clock->map;
        pthread_mutex_unlock(&clock->lock);
    }
    return view->version != 0;
}
