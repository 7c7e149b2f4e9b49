/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fail.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool fail_set(struct fail *fail, int code, const char *format, ...)
{
    if (!fail)
        return false;
    va_list args;
    va_start(args, format);
    fail->code = code;
    vsnprintf(fail->text, sizeof fail->text, format, args);
    va_end(args);
    return false;
}

bool fail_prefix(struct fail *fail, const char *format, ...)
{
    if (!fail)
        return false;
    char prefix[FAIL_TEXT_MAX], text[2 * FAIL_TEXT_MAX + 2];
    va_list args;
    va_start(args, format);
    vsnprintf(prefix, sizeof prefix, format, args);
    va_end(args);
    snprintf(text, sizeof text, "%s: %s", prefix, fail->text);
    snprintf(fail->text, sizeof fail->text, "%.*s", FAIL_TEXT_MAX - 1, text);
    return false;
}

const char *fail_errno(int error_number)
{
    static _Thread_local char buffer[128];
    return strerror_r(error_number, buffer, sizeof buffer);
}
