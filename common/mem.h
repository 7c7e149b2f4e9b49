/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Memory: our own small allocations abort with a message when they fail; allocations whose size a
 * request decides are first charged to a budget, which refuses them with a sentence. */
#ifndef FLOWRIG_MEM_H
#define FLOWRIG_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fail.h"

/* Elements of an array. */
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The struct of type `type` of which `pointer` points to `member`. */
#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

/* Zeroed memory for `count` items of `size` bytes; aborts where there is none. free() it. */
void *mem_new(size_t count, size_t size);
/* realloc() that aborts where there is no memory. The grown part is not zeroed. */
void *mem_grow(void *old, size_t count, size_t size);
char *mem_strdup(const char *text);
/* sprintf() into new memory; free() the result. */
char *mem_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Copies `text` into `to` of `size` bytes. Returns false, and copies nothing, if it does not fit.
 */
bool mem_copy_text(char *to, size_t size, const char *text);

/* Bytes that may be held at once on behalf of others. Safe to use from any thread. */
struct budget {
    _Atomic int64_t used;
    int64_t limit;
    struct budget *parent; /* charged as well, NULL for none */
    bool shares;           /* holds no more than its topmost parent has left for others */
};

/* Charges `bytes` to the budget and its parents, or gives false and charges nothing. */
bool budget_take(struct budget *budget, int64_t bytes);
void budget_give(struct budget *budget, int64_t bytes);
/* Which of the budget and its parents has no room for `bytes` now; the last if all have. */
const struct budget *budget_short(const struct budget *budget, int64_t bytes);

/* Of things that are few, such as ports: whether who holds `held` of them may take one more where
 * `left` are left. Everybody may have one, and as many as they leave for others. */
static inline bool share_allows(int64_t held, int64_t left)
{
    return left > 0 && (!held || held + 1 < left);
}

/* Whom something is held for. */
struct holder {
    int64_t session;  /* its number; 0: nobody in particular */
    const void *user; /* NULL: nobody has to say who they are */
};

/* What one owner has charged to a budget, bit by bit; used by one thread. */
struct account {
    struct budget *budget; /* NULL: nothing bounds it */
    int64_t taken;
    bool refused; /* it was refused something */
};

/* Charges `bytes` more, or notes that they were refused and returns false. NULL takes all. */
bool account_take(struct account *account, int64_t bytes);
/* Gives back all that was charged. */
void account_close(struct account *account);

/* A byte buffer that grows. All-zero is an empty one. */
struct buffer {
    char *data;
    size_t length, capacity;
};

/* Makes room for `more` bytes after the content and gives where they go; length is unchanged. */
char *buffer_reserve(struct buffer *buffer, size_t more);
void buffer_add(struct buffer *buffer, const void *data, size_t length);
void buffer_text(struct buffer *buffer, const char *text);
void buffer_printf(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void buffer_free(struct buffer *buffer);

#endif
