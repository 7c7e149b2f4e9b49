/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The keys of daemons that this user has come to trust: a file with "HOST:PORT FINGERPRINT" in each
 * line. */
#ifndef FLOWRIG_KNOWN_HOSTS_H
#define FLOWRIG_KNOWN_HOSTS_H

#include "fingerprint.h"

/* flowrig/known_hosts in $XDG_CONFIG_HOME or ~/.config; NULL where there is neither. The caller
 * owns the text. */
char *known_hosts_path(void);

/* Looks the daemon `name` ("host1:5999") up. `line` becomes the line that it is in, 0 where it is
 * in none or there is no file. Returns false and a sentence where the file can't be read or a line
 * of it is not as it should be. */
bool known_hosts_find(const char *path, const char *name, char fingerprint[FINGERPRINT_MAX],
                      int *line, struct fail *fail);
/* Adds a daemon, and makes the file and its directories where they are not there. */
bool known_hosts_add(const char *path, const char *name, const char *fingerprint,
                     struct fail *fail);

#endif
