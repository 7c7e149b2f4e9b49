/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Paths of what the programs keep. */
#ifndef FLOWRIG_PATH_H
#define FLOWRIG_PATH_H

#include <stdbool.h>

/* The value of an environment variable that is an absolute path, else NULL. */
const char *path_from_environment(const char *variable);
/* "VARIABLE/name", or "HOME/fallback/name" where the variable is not an absolute path (XDG Base
 * Directory Specification), in new memory; NULL where there is no home either. */
char *path_of_user(const char *variable, const char *fallback, const char *name);
/* The path as it is meant now, in new memory. */
char *path_absolute(const char *path);
/* Makes the directory and what is missing above it, for their owner only. Returns whether it is
 * there and sets `made` (NULL: nobody asks) to whether it is new; else errno says why. */
bool path_make(const char *directory, bool *made);
/* The same with what lies above a file. */
bool path_make_parent(const char *file);

#endif
