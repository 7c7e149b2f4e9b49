/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files that the programs keep, in directories where others may have put something of the same
 * name: a link, a FIFO, a device, a file of theirs. */
#ifndef FLOWRIG_FILE_H
#define FLOWRIG_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "fail.h"

/* Writes all of it where the descriptor stands; else returns false with errno. A part may be
 * written then: *done (NULL: nobody asks) says how much. */
bool file_write(int fd, const void *data, size_t length, size_t *done);

/* What file_open() demands. */
enum file_demand {
    FILE_NO_LINK = 1, /* the path itself is not a symbolic link */
    FILE_PRIVATE = 2, /* it belongs to the effective user, and nobody else may read or write it */
};

/* Opens a regular file with these flags of open(2) (no O_CREAT), and waits for nobody: a FIFO, a
 * device or a directory is refused. Returns -1 with errno and a sentence that begins with `name`
 * (NULL: the path). */
int file_open(const char *name, const char *path, int flags, unsigned demands, struct fail *fail);

/* Reads the file from its begin: its text in new memory. NULL with a sentence if it is larger than
 * `max` bytes, holds a NUL, or can't be read. */
char *file_read_text(const char *name, int fd, size_t max, struct fail *fail);

/* Puts a file of its own at the path, whole or not at all, on the disk when this returns: written
 * beside it, then renamed. `keep`: what is there already stays. Otherwise it is replaced, which
 * writes through no link. Returns false with a sentence. */
bool file_put(const char *path, mode_t mode, const void *data, size_t length, bool keep,
              struct fail *fail);

/* Opens /dev/null in the place of standard input, output and error where the caller closed them:
 * the first sockets and files would get their numbers, and what is printed. */
void file_hold_standard(void);

#endif
