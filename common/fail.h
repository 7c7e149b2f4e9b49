/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One sentence about what went wrong, handed upwards until somebody can print or send it. */
#ifndef FLOWRIG_FAIL_H
#define FLOWRIG_FAIL_H

#include <stdbool.h>

enum { FAIL_TEXT_MAX = 512 };

/* A failure: a code (0 none; a fault number of protocol.h where it crosses the network) and a
 * sentence that says what was wrong, where, and what to do. Owned by the caller, no clean-up. */
struct fail {
    int code;
    char text[FAIL_TEXT_MAX];
};

/* Fills `fail` (may be NULL) and returns false, so that a check reads `return fail_set(...)`. */
bool fail_set(struct fail *fail, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before the sentence that is there. Returns false. */
bool fail_prefix(struct fail *fail, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* strerror() that is safe in threads: the name of an errno value, in a buffer of the thread. */
const char *fail_errno(int error_number);

#endif
