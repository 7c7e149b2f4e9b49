/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a worker tells the collector: entries of any length in order, from one thread to one other,
 * without a lock. It grows and shrinks by chunks, so that an idle daemon holds next to nothing. */
#ifndef FLOWRIG_RING_H
#define FLOWRIG_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct flow;

enum ring_type {
    RING_READY,    /* the endpoint is prepared */
    RING_FAILED,   /* it is not, for the reason in the text; a number of protocol.h in `code` */
    RING_ROW,      /* a packed report */
    RING_LOST,     /* for the first time a row of the flow found no room */
    RING_DONE,     /* the flow has reported its last; `code` is not 0 if it failed. The data is an
                      int64_t: how many of its rows found no room */
    RING_RELEASED, /* the worker has forgotten the flow */
};

struct ring_entry {
    uint32_t size; /* of the data */
    uint16_t type;
    int16_t code;
    struct flow *flow;
    uint8_t data[];
};

struct ring;

/* `limit` bounds the bytes of rows that wait in it. */
struct ring *ring_new(int64_t limit);
void ring_free(struct ring *ring);

/* Producer: gives an entry with room for `size` bytes of data, to be filled and then published
 * with ring_push(). A row is refused (NULL) beyond the limit; other types never are: their number
 * is bounded by that of the flows. */
struct ring_entry *ring_reserve(struct ring *ring, enum ring_type type, size_t size);
void ring_push(struct ring *ring);

/* Consumer: the oldest entry, or NULL; it stays until ring_pop(). */
const struct ring_entry *ring_peek(struct ring *ring);
void ring_pop(struct ring *ring);

#endif
