// SPDX-License-Identifier: GPL-3.0-or-later
/* queue.c - a binary heap: entry i has its children at 2i+1 and 2i+2. */
#include "queue.h"

#include <stdio.h>
#include <stdlib.h>

#include "frame.h"

static bool before(const struct queue_entry *a, const struct queue_entry *b)
{
    return a->due < b->due || (a->due == b->due && a->serial < b->serial);
}

static void grow(struct queue *queue)
{
    size_t room = queue->room ? queue->room * 2 : 4096;
    struct queue_entry *entry = realloc(queue->entry, room * sizeof *entry);

    if (!entry) {
        fputs("labwire: out of memory for the queue\n", stderr);
        exit(1);
    }
    queue->entry = entry;
    queue->room = room;
}

void queue_push(struct queue *queue, struct frame *frame)
{
    struct queue_entry added = {frame->due, queue->next_serial++, frame};
    size_t hole;

    if (queue->count == queue->room)
        grow(queue);
    hole = queue->count++;
    while (hole > 0 && before(&added, &queue->entry[(hole - 1) / 2])) {
        queue->entry[hole] = queue->entry[(hole - 1) / 2];
        hole = (hole - 1) / 2;
    }
    queue->entry[hole] = added;
}

struct frame *queue_pop(struct queue *queue)
{
    struct frame *first = queue->entry[0].frame;
    struct queue_entry last = queue->entry[--queue->count];
    size_t hole = 0, child;

    while ((child = 2 * hole + 1) < queue->count) {
        if (child + 1 < queue->count && before(&queue->entry[child + 1], &queue->entry[child]))
            child++;
        if (!before(&queue->entry[child], &last))
            break;
        queue->entry[hole] = queue->entry[child];
        hole = child;
    }
    queue->entry[hole] = last;
    return first;
}
