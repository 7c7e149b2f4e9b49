// SPDX-License-Identifier: GPL-3.0-or-later
/* err.h - one sentence about what went wrong, from where it is found to where it is told. */
#ifndef LAB_ERR_H
#define LAB_ERR_H

#include <stdarg.h>
#include <stdio.h>

struct err {
    char text[256]; /* no newline, no full stop */
};

/* Fills in the sentence (a longer one is cut) and returns -1, so that a caller can `return
 * err_set(...)`. */
__attribute__((format(printf, 2, 3))) static inline int err_set(struct err *err, const char *format,
                                                                ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    return -1;
}

#endif
