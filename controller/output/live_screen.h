/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The terminal as a live view uses it, through ncursesw: there is one. Messages to standard error
 * are held back while it is open, where that is a terminal. However the program ends, but by
 * SIGKILL, the terminal is as it was, and the messages are on it. Only the main thread calls this.
 */
#ifndef FLOWRIG_LIVE_SCREEN_H
#define FLOWRIG_LIVE_SCREEN_H

#include "fail.h"
#include "output/live_view.h"

/* Whether standard output can show a live view; false with a sentence. */
bool live_screen_possible(struct fail *fail);
/* Takes the terminal; false if it can't be had. */
bool live_screen_open(void);
/* The next key, or LIVE_KEY_NONE: it does not wait. */
int live_screen_key(void);
/* Empties the screen and gives a canvas for it, to be used until it is shown. */
struct live_canvas live_screen_begin(void);
void live_screen_show(void);
/* The last message that was held back since the last call; "" for none. */
void live_screen_message(char *text, size_t size);
/* Gives the terminal back. */
void live_screen_close(void);

#endif
