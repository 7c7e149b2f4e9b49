/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ctrl-C in two stages: the first asks for an end, the second ends at once. */
#ifndef FLOWRIG_INTERRUPT_H
#define FLOWRIG_INTERRUPT_H

#include <stdbool.h>

enum { EXIT_INTERRUPTED = 130 };

/* From now on SIGINT, SIGTERM and SIGHUP are counted; the second one exits with
 * EXIT_INTERRUPTED. */
void interrupt_catch(void);
bool interrupt_asked(void);
/* A descriptor that is readable once one has come. */
int interrupt_fd(void);

#endif
