/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writing to files. */
#ifndef FLOWRIG_FILE_H
#define FLOWRIG_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* Writes all of it where the descriptor stands; else gives false with errno. A part may be written
 * then: *done (NULL: nobody asks) says how much. */
bool file_write(int fd, const void *data, size_t length, size_t *done);

#endif
