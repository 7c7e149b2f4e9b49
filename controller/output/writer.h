/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes to a descriptor on a thread of its own, so that a slow reader or disk never holds up the
 * fetching of reports. */
#ifndef FLOWRIG_WRITER_H
#define FLOWRIG_WRITER_H

#include <stdbool.h>

#include "mem.h"

struct writer;

/* The descriptor stays the caller's. */
struct writer *writer_new(int fd);
/* Takes the content of the buffer, which is empty afterwards. Returns false once writing has
 * failed; writer_error() says why. */
bool writer_put(struct writer *writer, struct buffer *buffer);
/* Bytes that were put so far, and how many of them are written; after a failure, in whole lines. */
void writer_progress(struct writer *writer, uint64_t *put, uint64_t *written);
/* errno of the write that failed, 0 while all is well. */
int writer_error(struct writer *writer);
/* Waits until everything is written (or can't be). Nothing is taken any more. Returns the error. */
int writer_finish(struct writer *writer);
/* The same, and frees the writer. */
int writer_close(struct writer *writer);

#endif
