/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dumpname.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Not isalnum(): no locale widens this list. */
#define ALLOWED "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

enum { PART_MAX = 40 };

static bool is_plain(const char *text)
{
    return text[0] && text[0] != '.' && text[strspn(text, ALLOWED)] == '\0';
}

bool dump_prefix_check(const char *prefix, struct fail *fail)
{
    return is_plain(prefix) ||
           fail_set(fail, 0,
                    "the dump prefix '%s' (-e) may contain only letters, digits, '.', '_' and '-', "
                    "and may not start with a dot",
                    prefix);
}

static void make_plain(char plain[PART_MAX + 1], const char *text)
{
    size_t length = strlen(text);
    length = length < PART_MAX ? length : PART_MAX;
    for (size_t i = 0; i < length; i++)
        plain[i] = strchr(ALLOWED, text[i]) ? text[i] : '_';
    plain[length] = '\0';
}

void dump_name_make(char name[DUMP_NAME_MAX], const char *prefix, const char *run, int64_t flow,
                    char endpoint, const char *host, const char *suffix)
{
    char plain_run[PART_MAX + 1], plain_host[PART_MAX + 1];
    make_plain(plain_run, run);
    make_plain(plain_host, host);
    snprintf(name, DUMP_NAME_MAX, "%.40s%s-%" PRId64 "-%c-%s%s", *prefix ? prefix : DUMP_PREFIX,
             plain_run, flow, endpoint, plain_host, suffix);
}

static bool ends_with(const char *name, size_t length, const char *suffix)
{
    return length > strlen(suffix) && !strcmp(name + length - strlen(suffix), suffix);
}

bool dump_name_check(const char *name)
{
    size_t length = strlen(name);
    return length < DUMP_NAME_MAX && is_plain(name) &&
           (ends_with(name, length, DUMP_SUFFIX) || ends_with(name, length, TRACE_SUFFIX));
}

bool dump_name_of_run(const char *name, const char *run)
{
    char plain[PART_MAX + 1];
    make_plain(plain, run);
    size_t length = strlen(plain);
    for (const char *at = strstr(name, plain); *plain && at; at = strstr(at + 1, plain)) {
        const char *flow = at + length;
        size_t digits = flow[0] == '-' ? strspn(flow + 1, "0123456789") : 0;
        const char *end = flow + 1 + digits;
        bool begins = at == name || !strchr(ALLOWED, at[-1]) || strchr("._-", at[-1]);
        if (digits && begins && end[0] == '-' && (end[1] == 's' || end[1] == 'd') && end[2] == '-')
            return true;
    }
    return false;
}
