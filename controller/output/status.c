/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "output/terminal.h"

enum { LINE_ROOM = 512 };

static bool enabled, shown;
static void (*taker)(void *context, const char *text);
static void *taker_context;

void status_divert(void (*take)(void *context, const char *text), void *context)
{
    taker = take;
    taker_context = context;
}

void status_enable(bool wanted)
{
    const char *term = getenv("TERM");
    enabled = wanted && isatty(STDERR_FILENO) && term && *term && strcmp(term, "dumb") != 0;
    log_set_before(enabled ? status_clear : NULL);
}

void status_show(const char *format, ...)
{
    char text[LINE_ROOM];
    va_list args;
    if (!enabled && !taker)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (taker) {
        taker(taker_context, text);
        return;
    }
    /* The last place stays free: some terminals would wrap. */
    fprintf(stderr, "\r\033[K%.*s", terminal_look(STDERR_FILENO).width - 1, text);
    fflush(stderr);
    shown = true;
}

void status_clear(void)
{
    if (!shown)
        return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
    shown = false;
}
