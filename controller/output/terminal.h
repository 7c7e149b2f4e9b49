/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the screen is like. */
#ifndef FLOWRIG_TERMINAL_H
#define FLOWRIG_TERMINAL_H

#include <stdbool.h>

struct terminal {
    bool is_terminal;  /* and not a pipe or a file */
    bool colour;       /* it may be used: NO_COLOR is not set, and TERM is not "dumb" */
    int width, height; /* in characters; 80 by 24 where that is not known */
};

/* Looks at the terminal that `fd` is, if it is one. */
struct terminal terminal_look(int fd);

#endif
