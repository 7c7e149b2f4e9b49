/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The daemon as a process: it leaves its terminal, and ends on signals. */
#ifndef FLOWRIG_BACKGROUND_H
#define FLOWRIG_BACKGROUND_H

/* Forks; the parent waits until the child says that it listens, and takes over its exit status.
 * Returns, in the child, the descriptor for background_leave_terminal(); -1 with errno. */
int background_enter(void);
/* The daemon listens: tells the parent, and lets go of terminal and directory. */
void background_leave_terminal(int ready_fd);

/* Before any thread is started: signals that end the daemon wait for signals_wait(). */
void signals_block(void);
/* Waits for one of them. A second signal then ends the process at once. */
void signals_wait(void);

#endif
