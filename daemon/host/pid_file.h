/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The file with the number of the daemon's process. */
#ifndef FLOWRIG_PID_FILE_H
#define FLOWRIG_PID_FILE_H

#include "fail.h"

/* Writes the number of this process into the file, in place of one that a daemon left. Returns
 * false with a sentence, and leaves alone what is there, if that is a symbolic link, is not the
 * number of a process, or is that of another flowd that runs. */
bool pid_file_write(const char *path, struct fail *fail);
/* Removes the file if it still holds the number of this process. NULL is allowed. */
void pid_file_remove(const char *path);

#endif
