/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mem.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *or_abort(void *memory, size_t count, size_t size)
{
    if (memory || !count || !size)
        return memory;
    fprintf(stderr, "out of memory: %zu times %zu bytes\n", count, size);
    abort();
}

void *mem_new(size_t count, size_t size)
{
    count = count ? count : 1;
    size = size ? size : 1;
    return or_abort(calloc(count, size), count, size);
}

void *mem_grow(void *old, size_t count, size_t size)
{
    return or_abort(reallocarray(old, count, size), count, size);
}

char *mem_strdup(const char *text)
{
    return or_abort(strdup(text), 1, strlen(text) + 1);
}

char *mem_printf(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    return or_abort(text, 1, strlen(format));
}

bool mem_copy_text(char *to, size_t size, const char *text)
{
    size_t length = strlen(text);
    if (length >= size)
        return false;
    memcpy(to, text, length + 1);
    return true;
}

/* Who shares may hold as much as then is left: one alone half of all, two a third each, and there
 * is always room for one more. */
static int64_t budget_room(const struct budget *budget, int64_t used)
{
    const struct budget *top = budget;
    int64_t room = budget->limit - used;
    while (top->parent)
        top = top->parent;
    if (!budget->shares || top->limit == INT64_MAX)
        return room;
    int64_t share = (top->limit - top->used - used) / 2;
    return share < room ? share : room;
}

bool budget_take(struct budget *budget, int64_t bytes)
{
    if (!budget)
        return true;
    int64_t before = budget->used;
    do {
        if (bytes > budget_room(budget, before))
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&budget->used, &before, before + bytes,
                                                    memory_order_relaxed, memory_order_relaxed));
    if (budget_take(budget->parent, bytes))
        return true;
    atomic_fetch_sub_explicit(&budget->used, bytes, memory_order_relaxed);
    return false;
}

void budget_give(struct budget *budget, int64_t bytes)
{
    for (; budget; budget = budget->parent)
        atomic_fetch_sub_explicit(&budget->used, bytes, memory_order_relaxed);
}

const struct budget *budget_short(const struct budget *budget, int64_t bytes)
{
    while (budget->parent && bytes <= budget_room(budget, budget->used))
        budget = budget->parent;
    return budget;
}

bool account_take(struct account *account, int64_t bytes)
{
    if (!account || budget_take(account->budget, bytes)) {
        if (account)
            account->taken += bytes;
        return true;
    }
    account->refused = true;
    return false;
}

void account_close(struct account *account)
{
    budget_give(account->budget, account->taken);
    account->taken = 0;
}

char *buffer_reserve(struct buffer *buffer, size_t more)
{
    if (buffer->capacity - buffer->length < more) {
        size_t capacity = buffer->capacity ? buffer->capacity : 256;
        while (capacity - buffer->length < more)
            capacity *= 2;
        buffer->data = mem_grow(buffer->data, capacity, 1);
        buffer->capacity = capacity;
    }
    return buffer->data + buffer->length;
}

void buffer_add(struct buffer *buffer, const void *data, size_t length)
{
    if (!length) /* memcpy() takes no NULL, not even then */
        return;
    memcpy(buffer_reserve(buffer, length), data, length);
    buffer->length += length;
}

void buffer_text(struct buffer *buffer, const char *text)
{
    buffer_add(buffer, text, strlen(text));
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    if (length >= 0) {
        vsnprintf(buffer_reserve(buffer, (size_t)length + 1), (size_t)length + 1, format, again);
        buffer->length += (size_t)length;
    }
    va_end(again);
    va_end(args);
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){0};
}
