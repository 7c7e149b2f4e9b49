/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the names that options have for files lead to. */
#ifndef FLOWRIG_TARGET_H
#define FLOWRIG_TARGET_H

#include <stdbool.h>

/* Whether a target is standard output: "-", or a name of what that is, such as /dev/stdout. */
bool target_is_stdout(const char *target);

/* Whether a target is or will be a regular file, that another one may take the place of. */
bool target_is_replaceable(const char *target);

#endif
