/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One line on standard error, where that is a terminal, that says what is going on while nothing
 * else does. It is rewritten in place, and erased before anything else is written. Only the main
 * thread uses it. */
#ifndef FLOWRIG_STATUS_H
#define FLOWRIG_STATUS_H

#include <stdbool.h>

/* Whether there is to be one; where standard error is no terminal there never is. */
void status_enable(bool wanted);
/* Writes the line, cut to the width of the terminal. */
void status_show(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* From now on `take` gets the lines instead of standard error, wherever that goes; NULL: no more.
 */
void status_divert(void (*take)(void *context, const char *text), void *context);
/* Erases it, if it is there. */
void status_clear(void);

#endif
