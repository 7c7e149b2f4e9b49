/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where reports go when memory runs short: a file without a name in the state directory. One
 * thread writes, so that nobody who has a row to keep waits for a disk as long as there is memory
 * left; it begins when half of the memory is used. The file has places of one size. A place that
 * is free again is taken first, and its disk space is given back at once. */
#ifndef FLOWRIG_SPILL_H
#define FLOWRIG_SPILL_H

#include "list.h"
#include "mem.h"

struct spill;

enum spill_state { SPILL_IN_MEMORY, SPILL_IN_WRITING, SPILL_IN_FILE };

/* Rows that lie one after the other. The store that it belongs to fills it, offers it, reads it and
 * drops it; what may change in between is marked. */
struct spill_block {
    struct list link; /* of the store's blocks */
    int64_t first;    /* number of its first row */
    int64_t rows;
    size_t used, size;
    bool offered;             /* it takes no further row */
    uint8_t *data;            /* changes: NULL once it is in the file */
    struct budget *budget;    /* that `size` is charged to while it is in memory; may be NULL */
    _Atomic int64_t *bytes;   /* the store's own count of these */
    _Atomic int64_t *spilled; /* and of what it has in the file */
    struct list waiting;      /* of the spill: those that may be written */
    enum spill_state state;   /* changes */
    bool dropped;             /* while it was written: the writer frees it */
    int64_t place;            /* in the file */
};

/* Opens a spill file in `directory`; gives -1 and a sentence where there can't be one. */
int spill_open(const char *directory, struct fail *fail);
/* Takes the file over, of at most `size` bytes, for what is charged to `memory`, which has to
 * outlive it. Returns NULL and a sentence where its thread can't be started. */
struct spill *spill_new(int fd, int64_t size, struct budget *memory, struct fail *fail);
/* All blocks must have been dropped. NULL is allowed. */
void spill_free(struct spill *spill);

/* Size of a block, as of all places of the file; a larger one stays in memory. */
size_t spill_block_size(const struct spill *spill);

/* No further row comes into the block: it may be written. Without a spill nothing happens. */
void spill_offer(struct spill *spill, struct spill_block *block);
/* Copies what is used of the block, wherever it is. Returns false if the file can't be read. */
bool spill_read(struct spill *spill, struct spill_block *block, uint8_t *to);
/* Frees the block, its memory and its place. */
void spill_drop(struct spill *spill, struct spill_block *block);

/* Waits until there may be room for `bytes` in memory. Returns false where waiting is of no use:
 * all is written that can be. Without a spill at once. */
bool spill_wait(struct spill *spill, int64_t bytes);

/* For a sentence: " nor in its spill file ..." with the reason, or "" without a spill. */
void spill_explain(struct spill *spill, char *text, size_t size);

#endif
