/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "rendezvous.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "flow.h"
#include "mem.h"

enum { FIRST_CAPACITY = 64 };

/* A hash table with open addressing. Secrets are random: their bits are hash enough, and a guess
 * that takes one path or another through it tells nothing about the others. */
struct rendezvous {
    pthread_mutex_t lock;
    struct flow **slots; /* NULL: free; `gone`: was in use */
    size_t capacity, used, gone_count;
};

static struct flow *const gone = (struct flow *)(uintptr_t)1;

struct rendezvous *rendezvous_new(void)
{
    struct rendezvous *rendezvous = mem_new(1, sizeof *rendezvous);
    pthread_mutex_init(&rendezvous->lock, NULL);
    rendezvous->capacity = FIRST_CAPACITY;
    rendezvous->slots = mem_new(FIRST_CAPACITY, sizeof(struct flow *));
    return rendezvous;
}

void rendezvous_free(struct rendezvous *rendezvous)
{
    if (!rendezvous)
        return;
    pthread_mutex_destroy(&rendezvous->lock);
    free(rendezvous->slots);
    free(rendezvous);
}

static size_t first_slot(const struct rendezvous *rendezvous, const uint8_t *secret)
{
    uint64_t bits;
    memcpy(&bits, secret, sizeof bits);
    return bits & (rendezvous->capacity - 1);
}

static size_t next_slot(const struct rendezvous *rendezvous, size_t slot)
{
    return (slot + 1) & (rendezvous->capacity - 1);
}

static void insert(struct rendezvous *rendezvous, struct flow *flow)
{
    size_t slot = first_slot(rendezvous, flow->secret);
    while (rendezvous->slots[slot])
        slot = next_slot(rendezvous, slot);
    rendezvous->slots[slot] = flow;
    rendezvous->used++;
}

/* A table at most half full, rid of what is gone. */
static void make_room(struct rendezvous *rendezvous)
{
    if (2 * (rendezvous->used + rendezvous->gone_count + 1) <= rendezvous->capacity)
        return;
    struct flow **old = rendezvous->slots;
    size_t old_capacity = rendezvous->capacity;
    while (4 * (rendezvous->used + 1) > rendezvous->capacity)
        rendezvous->capacity *= 2;
    rendezvous->slots = mem_new(rendezvous->capacity, sizeof(struct flow *));
    rendezvous->used = rendezvous->gone_count = 0;
    for (size_t i = 0; i < old_capacity; i++)
        if (old[i] && old[i] != gone)
            insert(rendezvous, old[i]);
    free(old);
}

static struct flow **find(struct rendezvous *rendezvous, const uint8_t secret[SECRET_SIZE])
{
    size_t slot = first_slot(rendezvous, secret);
    for (; rendezvous->slots[slot]; slot = next_slot(rendezvous, slot))
        if (rendezvous->slots[slot] != gone &&
            secret_equal(rendezvous->slots[slot]->secret, secret))
            return &rendezvous->slots[slot];
    return NULL;
}

static void erase(struct rendezvous *rendezvous, struct flow **slot)
{
    *slot = gone;
    rendezvous->used--;
    rendezvous->gone_count++;
}

void rendezvous_add(struct rendezvous *rendezvous, struct flow *flow)
{
    pthread_mutex_lock(&rendezvous->lock);
    make_room(rendezvous);
    insert(rendezvous, flow);
    pthread_mutex_unlock(&rendezvous->lock);
}

void rendezvous_remove(struct rendezvous *rendezvous, struct flow *flow)
{
    pthread_mutex_lock(&rendezvous->lock);
    struct flow **slot = find(rendezvous, flow->secret);
    if (slot)
        erase(rendezvous, slot);
    pthread_mutex_unlock(&rendezvous->lock);
}

bool rendezvous_meet(struct rendezvous *rendezvous, const uint8_t secret[SECRET_SIZE], int fd,
                     uint8_t header_size)
{
    pthread_mutex_lock(&rendezvous->lock);
    struct flow **slot = find(rendezvous, secret);
    if (slot) {
        /* Posted under the lock: a removal after it finds the command in the mailbox before its
         * own, and the flow still there. */
        flow_post_adopt(*slot, fd, header_size);
        erase(rendezvous, slot);
    }
    pthread_mutex_unlock(&rendezvous->lock);
    return slot != NULL;
}
