/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "number.h"

enum { WIDTH = 80, HEIGHT = 24, LEAST = 20, MOST = 1000 };

/* A size from the environment, as users of pipes set it. */
static int from_environment(const char *name, int otherwise)
{
    const char *text = getenv(name);
    int64_t value;
    if (text && number_parse_int(text, &value, NULL) && value >= LEAST && value <= MOST)
        return (int)value;
    return otherwise;
}

struct terminal terminal_look(int fd)
{
    const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
    struct terminal terminal = {.is_terminal = isatty(fd), .width = WIDTH, .height = HEIGHT};
    struct winsize size;
    terminal.colour = terminal.is_terminal && !(no_colour && *no_colour) && term && *term &&
                      strcmp(term, "dumb") != 0;
    if (!terminal.is_terminal) {
        terminal.width = from_environment("COLUMNS", WIDTH);
    } else if (!ioctl(fd, TIOCGWINSZ, &size) && size.ws_col >= LEAST) {
        terminal.width = size.ws_col;
        terminal.height = size.ws_row ? size.ws_row : HEIGHT;
    }
    return terminal;
}
