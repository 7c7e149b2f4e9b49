/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/ring.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "mem.h"

/* A list of chunks, filled at the tail by the producer and read at the head by the consumer. An
 * entry is published by the store of `written` with release, which the consumer loads with acquire;
 * a chunk that is full is left by the same means through `next`. A chunk belongs to the consumer
 * once there is a next one, and the consumer frees it.
 *
 * `pending` is only a limit: the producer adds to it and the consumer subtracts, in no order with
 * the data, so a row may be refused that would just have fitted. Entries other than rows are never
 * refused: without RING_DONE or RING_RELEASED a session would never end. */
enum { CHUNK_SIZE = 128 * 1024 };

struct chunk {
    _Atomic(struct chunk *) next;
    _Atomic size_t written; /* bytes that the consumer may read */
    size_t size;
    uint8_t data[] __attribute__((aligned(8)));
};

struct ring {
    /* producer */
    struct chunk *tail;
    size_t reserved; /* bytes of the entry that is being filled */
    int64_t limit;
    /* consumer */
    struct chunk *head __attribute__((aligned(64)));
    size_t read;
    /* both */
    _Atomic int64_t pending; /* bytes in it */
};

static size_t entry_size(size_t data)
{
    return (sizeof(struct ring_entry) + data + 7) & ~(size_t)7;
}

static struct chunk *chunk_new(size_t size)
{
    struct chunk *chunk = mem_grow(NULL, 1, sizeof *chunk + size);
    atomic_init(&chunk->next, NULL);
    atomic_init(&chunk->written, 0);
    chunk->size = size;
    return chunk;
}

struct ring *ring_new(int64_t limit)
{
    struct ring *ring = aligned_alloc(64, (sizeof *ring + 63) & ~(size_t)63);
    if (!ring)
        abort();
    *ring = (struct ring){.limit = limit};
    ring->head = ring->tail = chunk_new(0);
    return ring;
}

void ring_free(struct ring *ring)
{
    if (!ring)
        return;
    for (struct chunk *chunk = ring->head, *next; chunk; chunk = next) {
        next = atomic_load_explicit(&chunk->next, memory_order_relaxed);
        free(chunk);
    }
    free(ring);
}

struct ring_entry *ring_reserve(struct ring *ring, enum ring_type type, size_t size)
{
    size_t whole = entry_size(size);
    int64_t pending = atomic_load_explicit(&ring->pending, memory_order_relaxed);
    if (type == RING_ROW && pending + (int64_t)whole > ring->limit)
        return NULL;
    struct chunk *chunk = ring->tail;
    size_t written = atomic_load_explicit(&chunk->written, memory_order_relaxed);
    if (chunk->size - written < whole) {
        struct chunk *fresh = chunk_new(whole > CHUNK_SIZE ? whole : CHUNK_SIZE);
        atomic_store_explicit(&chunk->next, fresh, memory_order_release);
        ring->tail = chunk = fresh;
        written = 0;
    }
    struct ring_entry *entry = (struct ring_entry *)(chunk->data + written);
    *entry = (struct ring_entry){.size = (uint32_t)size, .type = (uint16_t)type};
    ring->reserved = whole;
    return entry;
}

void ring_push(struct ring *ring)
{
    atomic_fetch_add_explicit(&ring->pending, (int64_t)ring->reserved, memory_order_relaxed);
    size_t written = atomic_load_explicit(&ring->tail->written, memory_order_relaxed);
    atomic_store_explicit(&ring->tail->written, written + ring->reserved, memory_order_release);
}

const struct ring_entry *ring_peek(struct ring *ring)
{
    for (;;) {
        struct chunk *chunk = ring->head;
        /* `next` is read first: once it is there, nothing more is written to this chunk. */
        struct chunk *next = atomic_load_explicit(&chunk->next, memory_order_acquire);
        if (ring->read < atomic_load_explicit(&chunk->written, memory_order_acquire))
            return (const struct ring_entry *)(chunk->data + ring->read);
        if (!next)
            return NULL;
        free(chunk);
        ring->head = next;
        ring->read = 0;
    }
}

void ring_pop(struct ring *ring)
{
    const struct ring_entry *entry = (const struct ring_entry *)(ring->head->data + ring->read);
    size_t whole = entry_size(entry->size);
    ring->read += whole;
    atomic_fetch_sub_explicit(&ring->pending, (int64_t)whole, memory_order_relaxed);
}
