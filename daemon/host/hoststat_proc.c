/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Counters of the host in text files of the kernel's. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/hoststat_sample.h"

void hoststat_parse_cpu(const char *line, struct hoststat_row *row)
{
    /* Guests are in user and nice already. */
    static const enum hoststat fields[] = {
        HOSTSTAT_cpu_user,   HOSTSTAT_cpu_nice, HOSTSTAT_cpu_system,  HOSTSTAT_cpu_idle,
        HOSTSTAT_cpu_iowait, HOSTSTAT_cpu_irq,  HOSTSTAT_cpu_softirq, HOSTSTAT_cpu_steal};
    if (strncmp(line, "cpu ", 4))
        return;
    const char *at = line + 4;
    for (size_t i = 0; i < COUNT(fields); i++) {
        char *end;
        int64_t ticks = strtoll(at, &end, 10);
        if (end == at || ticks < 0)
            return;
        row->value[fields[i]] = ticks;
        at = end;
    }
}

static bool is_source(const char *source, const char *group, size_t group_length, const char *name,
                      size_t length)
{
    return *source == *group && !strncmp(source, group, group_length) &&
           source[group_length] == ' ' && !strncmp(source + group_length + 1, name, length) &&
           !source[group_length + 1 + length];
}

static void take_counter(const char *group, size_t group_length, const char *name, size_t length,
                         const char *value, struct hoststat_row *row)
{
    for (int i = 0; i < HOSTSTATS; i++) {
        if (!is_source(hoststats[i].source, group, group_length, name, length))
            continue;
        char *end;
        errno = 0;
        long long number = strtoll(value, &end, 10);
        if (end > value && !errno && number >= 0 && (!*end || strchr(" \n", *end)))
            row->value[i] = number;
        return;
    }
}

/* The names and the values of a group, each up to the end of its line. */
static void take_lines(const char *group, size_t group_length, const char *names,
                       const char *values, struct hoststat_row *row)
{
    for (;;) {
        names += strspn(names, " ");
        values += strspn(values, " ");
        size_t length = strcspn(names, " \n"), value_length = strcspn(values, " \n");
        if (!length || !value_length)
            return;
        take_counter(group, group_length, names, length, values, row);
        names += length;
        values += value_length;
    }
}

void hoststat_parse_mib(const char *text, struct hoststat_row *row)
{
    while (*text) {
        const char *line = text, *next = strchr(line, '\n');
        size_t group = strcspn(line, ":\n");
        if (!next)
            return;
        text = next + 1;
        /* The line of values begins with the same word as that of names. */
        if (line[group] != ':' || strncmp(line, text, group + 1))
            continue;
        take_lines(line, group, line + group + 1, text + group + 1, row);
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
}
