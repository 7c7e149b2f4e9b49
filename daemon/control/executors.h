/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Threads that carry out calls beside those that serve connections, so that a slow call delays
 * nobody else's. Whoever has the fewest calls under way is next; nobody has all threads. */
#ifndef FLOWRIG_EXECUTORS_H
#define FLOWRIG_EXECUTORS_H

#include <stdbool.h>
#include <stddef.h>

#include "list.h"
#include "token.h"

/* What is to be carried out; lies in whatever it belongs to, and is not touched any more once `run`
 * was called. */
struct job {
    struct list link;
    void (*run)(struct job *job);
    char owner[TOKEN_NAME_MAX]; /* any bytes, the same for the same owner */
};

struct executors;

/* `count` threads, of which one owner has at most `share` at once. NULL with errno on failure. */
struct executors *executors_new(size_t count, size_t share);
/* From any thread. */
void executors_add(struct executors *executors, struct job *job);
/* Carries out what was added, and ends the threads. Nothing may be added any more. */
void executors_free(struct executors *executors);

#endif
