/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hoststats.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "number.h"
#include "printable.h"

const struct hoststat_info hoststats[HOSTSTATS] = {
#define HOSTSTAT(field_, scope_, kind_, unit_, source_, help_) \
    {#field_, HOSTSTAT_SCOPE_##scope_, HOSTSTAT_KIND_##kind_, #unit_, source_, help_},
#include "hoststats.def"
};

static const char *const scopes[HOSTSTAT_SCOPES] = {"host", "interface", "qdisc"};

const char *hoststat_scope_name(enum hoststat_scope scope)
{
    return scopes[scope];
}

void hoststat_row_init(struct hoststat_row *row, enum hoststat_scope scope, const char *object)
{
    memset(row, 0, sizeof *row);
    row->scope = scope;
    strncat(row->object, object, sizeof row->object - 1);
    for (int i = 0; i < HOSTSTATS; i++)
        row->value[i] = METRIC_ABSENT;
}

void hoststat_row_put(const struct hoststat_row *row, struct buffer *out)
{
    buffer_printf(out, "%s %s\n", scopes[row->scope], row->object);
    for (int i = 0; i < HOSTSTATS; i++)
        if (row->value[i] != METRIC_ABSENT)
            buffer_printf(out, "%s=%" PRId64 "\n", hoststats[i].field, row->value[i]);
}

/* An object's name is a word for logs. */
static bool read_head(char *line, struct hoststat_row *row)
{
    char *object = strchr(line, ' ');
    if (!object || strlen(object + 1) >= HOSTSTAT_OBJECT_MAX)
        return false;
    *object++ = '\0';
    printable(object);
    for (char *at = object; *at; at++)
        *at = *at == ' ' ? '?' : *at;
    for (int i = 0; i < HOSTSTAT_SCOPES; i++)
        if (!strcmp(line, scopes[i])) {
            hoststat_row_init(row, (enum hoststat_scope)i, object);
            return (i == HOSTSTAT_SCOPE_HOST) == !*object;
        }
    return false;
}

/* Figures are never negative. */
static bool read_value(char *line, struct hoststat_row *row)
{
    int64_t value;
    char *text = strchr(line, '=');
    if (!text)
        return false;
    *text++ = '\0';
    if (!number_parse_int(text, &value, NULL) || value < 0)
        return false;
    for (int i = 0; i < HOSTSTATS; i++)
        if (hoststats[i].scope == row->scope && !strcmp(hoststats[i].field, line))
            row->value[i] = value;
    return true;
}

bool hoststat_row_read(const char *text, size_t length, struct hoststat_row *row)
{
    char *copy = mem_printf("%.*s", (int)length, text), *save = NULL;
    char *line = strtok_r(copy, "\n", &save);
    bool good = line && read_head(line, row);
    while (good && (line = strtok_r(NULL, "\n", &save)))
        good = read_value(line, row);
    free(copy);
    return good;
}
