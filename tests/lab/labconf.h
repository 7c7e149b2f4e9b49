// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * labconf.h - the language of the configuration and of live changes, one command a line:
 *
 *   port NAME NETNS DEVICE GROUP      a host's TAP device; ports of a group see each other
 *   up NAME [OPTION=VALUE...]         the link from the host to the switch
 *   down NAME [OPTION=VALUE...]       the link from the switch to the host
 *   path FROM TO [OPTION=VALUE...]    between them, for this ordered pair only
 *
 * `#` begins a comment. linkopt.h has the options.
 */
#ifndef LAB_LABCONF_H
#define LAB_LABCONF_H

struct core;
struct err;

/* Carries out one line, which is cut up; an empty one does nothing. Returns 0, or -1 with a
 * sentence and nothing changed. */
int labconf_line(struct core *core, char *line, struct err *err);

/* Carries out a file, or standard input for NULL. The sentence then begins with file name and line
 * number. */
int labconf_file(struct core *core, const char *path, struct err *err);

#endif
