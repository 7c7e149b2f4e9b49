/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A queue of items of one size that grows as needed. All zeros is an empty one. */
#ifndef FLOWRIG_FIFO_H
#define FLOWRIG_FIFO_H

#include <stddef.h>

struct fifo {
    char *items;
    size_t first, count, capacity; /* capacity: a power of two, or 0 */
};

/* Bytes that the next fifo_add() allocates beyond what there is: 0 while there is room. */
size_t fifo_growth(const struct fifo *fifo, size_t item_size);
/* Room for a new last item; good until the next fifo_add(). */
void *fifo_add(struct fifo *fifo, size_t item_size);
/* The item after `index` others; good until the next fifo_add(). */
void *fifo_at(const struct fifo *fifo, size_t index, size_t item_size);
/* Takes the first away. */
void fifo_drop(struct fifo *fifo);
void fifo_free(struct fifo *fifo);

#endif
