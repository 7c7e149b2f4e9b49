/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 64 * 1024 };

/* Rows that lie behind each other. */
struct block {
    struct list link;
    int64_t first; /* number of its first row */
    int64_t rows;
    size_t used, size;
    uint8_t data[];
};

void store_init(struct store *store, struct budget *budget)
{
    *store = (struct store){.next = 1, .budget = budget};
    list_init(&store->blocks);
}

static void drop_block(struct store *store, struct block *block)
{
    list_remove(&block->link);
    budget_give(store->budget, (int64_t)block->size);
    store->bytes -= (int64_t)block->size;
    free(block);
}

void store_free(struct store *store)
{
    list_for_each_safe (link, &store->blocks)
        drop_block(store, list_item(link, struct block, link));
}

static struct block *last_block(struct store *store)
{
    return list_empty(&store->blocks) ? NULL : list_item(store->blocks.prev, struct block, link);
}

bool store_add(struct store *store, const void *row, size_t length)
{
    struct block *block = last_block(store);
    if (!block || block->size - block->used < length) {
        size_t size = length > BLOCK_BYTES ? length : BLOCK_BYTES;
        if (!budget_take(store->budget, (int64_t)size))
            return false;
        block = mem_grow(NULL, 1, sizeof *block + size);
        *block = (struct block){.first = store->next, .size = size};
        store->bytes += (int64_t)size;
        list_append(&store->blocks, &block->link);
    }
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
        struct block *block = list_item(store->blocks.next, struct block, link);
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

/* Appends the block's rows from number `from` on; gives false when `most` is reached. */
static bool read_block(const struct block *block, int64_t from, size_t most, struct buffer *rows,
                       int64_t *count)
{
    size_t at = 0;
    for (int64_t number = block->first; number < block->first + block->rows; number++) {
        size_t length = row_length(block->data + at);
        if (number >= from) {
            if (*count && rows->length + length > most)
                return false;
            buffer_add(rows, block->data + at, length);
            ++*count;
        }
        at += length;
    }
    return true;
}

int64_t store_read(const struct store *store, int64_t after, size_t most, struct buffer *rows,
                   int64_t *first)
{
    int64_t last = store->next - 1, count = 0;
    int64_t from = (after > store->acknowledged ? after : store->acknowledged);
    from = (from < last ? from : last) + 1; /* `after` may be any number */
    *first = from;
    list_for_each (link, &store->blocks) {
        const struct block *block = list_item(link, struct block, link);
        if (block->first + block->rows <= from)
            continue;
        if (!read_block(block, from, most, rows, &count))
            break;
    }
    return count;
}
