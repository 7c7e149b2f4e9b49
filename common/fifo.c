/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fifo.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"

enum { FIRST_CAPACITY = 4 };

static size_t next_capacity(const struct fifo *fifo)
{
    return fifo->capacity ? 2 * fifo->capacity : FIRST_CAPACITY;
}

size_t fifo_growth(const struct fifo *fifo, size_t item_size)
{
    if (fifo->count < fifo->capacity)
        return 0;
    return (next_capacity(fifo) - fifo->capacity) * item_size;
}

static void grow(struct fifo *fifo, size_t item_size)
{
    size_t capacity = next_capacity(fifo);
    size_t behind = fifo->capacity - fifo->first; /* items up to the end of the memory */
    char *items = mem_grow(NULL, capacity, item_size);
    if (fifo->capacity) {
        memcpy(items, fifo->items + fifo->first * item_size, behind * item_size);
        memcpy(items + behind * item_size, fifo->items, fifo->first * item_size);
    }
    free(fifo->items);
    *fifo = (struct fifo){items, 0, fifo->count, capacity};
}

void *fifo_add(struct fifo *fifo, size_t item_size)
{
    if (fifo->count == fifo->capacity)
        grow(fifo, item_size);
    return fifo_at(fifo, fifo->count++, item_size);
}

void *fifo_at(const struct fifo *fifo, size_t index, size_t item_size)
{
    if (!fifo->capacity)
        return NULL;
    return fifo->items + ((fifo->first + index) & (fifo->capacity - 1)) * item_size;
}

void fifo_drop(struct fifo *fifo)
{
    fifo->first = (fifo->first + 1) & (fifo->capacity - 1);
    fifo->count--;
}

void fifo_free(struct fifo *fifo)
{
    free(fifo->items);
    *fifo = (struct fifo){0};
}
