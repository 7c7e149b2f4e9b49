/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "session/store.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

/* The first block of a store is small: many sessions may have but a few rows. */
enum { BLOCK_BYTES = 64 * 1024, FIRST_BYTES = 4 * 1024 };

void store_init(struct store *store, struct budget *budget)
{
    *store = (struct store){.next = 1, .budget = budget};
    list_init(&store->blocks);
}

static void drop_block(struct store *store, struct spill_block *block)
{
    list_remove(&block->link);
    budget_give(store->quota, (int64_t)block->size);
    spill_drop(store->spill, block);
}

void store_free(struct store *store)
{
    list_for_each_safe (link, &store->blocks)
        drop_block(store, list_item(link, struct spill_block, link));
}

static struct spill_block *last_block(struct store *store)
{
    return list_empty(&store->blocks) ? NULL
                                      : list_item(store->blocks.prev, struct spill_block, link);
}

void store_seal(struct store *store)
{
    struct spill_block *last = last_block(store);
    if (!last || !store->spill)
        return;
    last->offered = true;
    spill_offer(store->spill, last);
}

/* A new last block with room for `length` bytes; the one before is complete. */
static struct spill_block *add_block(struct store *store, size_t length)
{
    size_t usual = store->spill ? spill_block_size(store->spill) : BLOCK_BYTES;
    struct spill_block *full = last_block(store);
    size_t size = full ? 2 * full->size : FIRST_BYTES;
    size = size > usual ? usual : size;
    size = size < length ? length : size;
    store->over_quota = false;
    store_seal(store);
    while (!budget_take(store->budget, (int64_t)size)) {
        /* Places of the file are of one size, and too good for small blocks. */
        if (store->spill || size / 2 < length || size / 2 < FIRST_BYTES)
            return NULL;
        size /= 2;
    }
    store->over_quota = !budget_take(store->quota, (int64_t)size);
    if (store->over_quota) {
        budget_give(store->budget, (int64_t)size);
        return NULL;
    }
    struct spill_block *block = mem_new(1, sizeof *block);
    *block = (struct spill_block){.first = store->next,
                                  .size = size,
                                  .data = mem_grow(NULL, size, 1),
                                  .budget = store->budget,
                                  .bytes = &store->bytes,
                                  .spilled = &store->spilled};
    store->bytes += (int64_t)size;
    list_init(&block->waiting);
    list_append(&store->blocks, &block->link);
    return block;
}

bool store_add(struct store *store, const void *row, size_t length)
{
    struct spill_block *block = last_block(store);
    /* One that was offered is complete, even where a shorter row would fit. */
    if (!block || block->offered || block->size - block->used < length)
        block = add_block(store, length);
    if (!block)
        return false;
    memcpy(block->data + block->used, row, length);
    block->used += length;
    block->rows++;
    store->next++;
    return true;
}

void store_acknowledge(struct store *store, int64_t number)
{
    if (number >= store->next)
        number = store->next - 1;
    if (number > store->acknowledged)
        store->acknowledged = number;
    while (!list_empty(&store->blocks)) {
        struct spill_block *block = list_item(store->blocks.next, struct spill_block, link);
        if (block->first + block->rows - 1 > store->acknowledged)
            break;
        drop_block(store, block);
    }
}

int64_t store_rows(const struct store *store)
{
    return store->next - 1 - store->acknowledged;
}

/* A packed row begins with its length. */
static size_t row_length(const uint8_t *row)
{
    uint32_t length;
    memcpy(&length, row, sizeof length);
    return le32toh(length);
}

/* Appends the block's rows, which lie at `data`, from number `from` on; returns false when `most`
 * is reached. */
static bool read_rows(const struct spill_block *block, const uint8_t *data, int64_t from,
                      size_t most, struct buffer *rows, int64_t *count)
{
    size_t at = 0;
    for (int64_t number = block->first; number < block->first + block->rows; number++) {
        size_t length = row_length(data + at);
        if (number >= from) {
            if (*count && rows->length + length > most)
                return false;
            buffer_add(rows, data + at, length);
            ++*count;
        }
        at += length;
    }
    return true;
}

/* The same for a block wherever it is; one that can't be read is given up. */
static bool read_block(struct store *store, struct spill_block *block, int64_t from, size_t most,
                       struct buffer *rows, int64_t *count)
{
    if (!store->spill)
        return read_rows(block, block->data, from, most, rows, count);
    uint8_t *data = mem_grow(NULL, block->used, 1);
    bool readable = spill_read(store->spill, block, data);
    bool go_on = readable && read_rows(block, data, from, most, rows, count);
    free(data);
    if (readable)
        return go_on;
    store->unreadable += block->rows;
    drop_block(store, block);
    return *count == 0; /* rows that are given together have no gap */
}

int64_t store_read(struct store *store, int64_t after, size_t most, struct buffer *rows,
                   int64_t *first)
{
    int64_t last = store->next - 1, count = 0;
    int64_t from = (after > store->acknowledged ? after : store->acknowledged);
    from = (from < last ? from : last) + 1; /* `after` may be any number */
    *first = from;
    list_for_each_safe (link, &store->blocks) {
        struct spill_block *block = list_item(link, struct spill_block, link);
        if (block->first + block->rows <= from)
            continue;
        if (!count && block->first > from)
            *first = block->first;
        if (!read_block(store, block, from, most, rows, &count))
            break;
    }
    return count;
}
