/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An end in two stages: the first signal asks for it, the second one quits at once. */
#ifndef FLOWRIG_INTERRUPT_H
#define FLOWRIG_INTERRUPT_H

#include <stdbool.h>

enum { EXIT_INTERRUPTED = 130, INTERRUPT_WORDS_MAX = 256 };

/* From now on SIGINT, SIGTERM and SIGHUP ask for the end, unless they are ignored already. A second
 * one quits with EXIT_INTERRUPTED, unless it is the same again within a second. */
void interrupt_catch(void);
bool interrupt_asked(void);
/* Which signal it was, as the beginning of a sentence; NULL: none came. */
const char *interrupt_cause(void);
/* What is written to standard error when a second signal quits, with its newline; shorter than
 * INTERRUPT_WORDS_MAX, and set once at most. */
void interrupt_set_last_words(const char *text);
/* Called before that, in the handler of the signal: it has to be signal-safe. NULL: nothing is. */
void interrupt_set_cleanup(void (*function)(void));
/* A descriptor that is readable once one has come. */
int interrupt_fd(void);

#endif
