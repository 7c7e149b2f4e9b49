/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "peer/rendezvous.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "flow/flow.h"
#include "mem.h"

enum { FIRST_CAPACITY = 64 };

/* A hash table with open addressing. Tokens are random but for their high bits, and a guess that
 * takes one path or another through it tells nothing about the others. */
struct rendezvous {
    pthread_mutex_t lock;
    struct flow **slots; /* NULL: free; `gone`: was in use */
    size_t capacity, used, gone_count;
    int64_t patience; /* ns */
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

/* Fibonacci hashing: a product's upper half depends on all bits of the token's first half. */
static size_t first_slot(const struct rendezvous *rendezvous, const uint8_t *token)
{
    uint64_t bits;
    memcpy(&bits, token, sizeof bits);
    return bits * UINT64_C(0x9e3779b97f4a7c15) >> 32 & (rendezvous->capacity - 1);
}

static size_t next_slot(const struct rendezvous *rendezvous, size_t slot)
{
    return (slot + 1) & (rendezvous->capacity - 1);
}

static void insert(struct rendezvous *rendezvous, struct flow *flow)
{
    size_t slot = first_slot(rendezvous, flow_token(flow));
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

static struct flow **find(struct rendezvous *rendezvous, const uint8_t token[SECRET_SIZE])
{
    size_t slot = first_slot(rendezvous, token);
    for (; rendezvous->slots[slot]; slot = next_slot(rendezvous, slot))
        if (rendezvous->slots[slot] != gone &&
            secret_equal(flow_token(rendezvous->slots[slot]), token))
            return &rendezvous->slots[slot];
    return NULL;
}

static void erase(struct rendezvous *rendezvous, struct flow **slot)
{
    *slot = gone;
    rendezvous->used--;
    rendezvous->gone_count++;
    if (!rendezvous->used)
        rendezvous->patience = 0;
}

void rendezvous_add(struct rendezvous *rendezvous, struct flow *flow)
{
    pthread_mutex_lock(&rendezvous->lock);
    make_room(rendezvous);
    insert(rendezvous, flow);
    if (flow_common_settings(flow)->connect_timeout > rendezvous->patience)
        rendezvous->patience = flow_common_settings(flow)->connect_timeout;
    pthread_mutex_unlock(&rendezvous->lock);
}

void rendezvous_remove(struct rendezvous *rendezvous, struct flow *flow)
{
    pthread_mutex_lock(&rendezvous->lock);
    struct flow **slot = find(rendezvous, flow_token(flow));
    if (slot)
        erase(rendezvous, slot);
    pthread_mutex_unlock(&rendezvous->lock);
}

int64_t rendezvous_patience(struct rendezvous *rendezvous)
{
    pthread_mutex_lock(&rendezvous->lock);
    int64_t patience = rendezvous->patience;
    pthread_mutex_unlock(&rendezvous->lock);
    return patience;
}

bool rendezvous_meet(struct rendezvous *rendezvous, const struct preamble *preamble, int fd)
{
    pthread_mutex_lock(&rendezvous->lock);
    struct flow **slot = find(rendezvous, preamble->token);
    if (slot) {
        /* Posted under the lock: a removal after it finds the command in the mailbox before its
         * own, and the flow still there. */
        flow_post_adopt(*slot, fd, preamble);
        erase(rendezvous, slot);
    }
    pthread_mutex_unlock(&rendezvous->lock);
    return slot != NULL;
}
