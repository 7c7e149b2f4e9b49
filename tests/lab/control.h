// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * control.h - live changes through a Unix stream socket: a client sends one line (see labconf.h, or
 * `stats`) and reads the answer up to the end: `ok`, the statistics, or `error: ` and one sentence.
 */
#ifndef LAB_CONTROL_H
#define LAB_CONTROL_H

struct control;
struct core;
struct err;

/* Listens at a path, where it replaces a socket that is left over but nothing else. Returns what
 * control_close() takes, or NULL with a sentence. */
struct control *control_open(struct core *core, const char *path, struct err *err);

/* Also removes the socket. NULL is allowed. */
void control_close(struct control *control);

/* The other side: sends the words as one line and prints the answer. Returns an exit code: 1 for an
 * error. */
int control_ask(const char *path, char **words, int count);

#endif
