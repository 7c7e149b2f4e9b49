/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where the daemon keeps what shall outlive it. */
#ifndef FLOWRIG_STATE_DIR_H
#define FLOWRIG_STATE_DIR_H

#include "fail.h"

/* The directory where none was named: $STATE_DIRECTORY (as systemd sets it), /var/lib/flowd for
 * root, else flowd in $XDG_STATE_HOME or ~/.local/state. It is made if it is not there, closed to
 * others, for `user` if that is not NULL. The caller owns the text; NULL and a sentence on
 * failure. */
char *state_dir_default(const char *user, struct fail *fail);
/* Whether the directory that an option names (NULL: it names none) can be written to; false with a
 * sentence. */
bool state_dir_check(const char *option, const char *path, struct fail *fail);
/* Logs where others may write to it: whoever may, can take the identity and the key away. */
void state_dir_warn(const char *path);

#endif
