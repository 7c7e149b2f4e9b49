// SPDX-License-Identifier: GPL-3.0-or-later
/* queue.h - frames in the order in which they fall due; equal times keep the order of arrival. */
#ifndef LAB_QUEUE_H
#define LAB_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct frame;

/* The key is kept beside the pointer so that comparing does not fetch the frames themselves. */
struct queue_entry {
    uint64_t due;
    uint64_t serial;
    struct frame *frame;
};

/* A binary heap; all zero is an empty queue. */
struct queue {
    struct queue_entry *entry;
    size_t count;
    size_t room;
    uint64_t next_serial;
};

/* Takes the frame until frame->due. Ends the process when memory is out. */
void queue_push(struct queue *queue, struct frame *frame);

/* Gives back the frame that is due first; the queue must not be empty. */
struct frame *queue_pop(struct queue *queue);

#endif
