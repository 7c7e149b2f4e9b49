/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conf.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mem.h"

static const char blanks[] = " \t\r";

static char *trim(char *text)
{
    text += strspn(text, blanks);
    size_t length = strlen(text);
    while (length && strchr(blanks, text[length - 1]))
        text[--length] = '\0';
    return text;
}

/* The name reaches to a blank or "=". */
static bool parse_line(char *line, conf_handler *handler, void *context, struct fail *fail)
{
    line = trim(line);
    if (!*line || *line == '#')
        return true;
    size_t length = strcspn(line, " \t=");
    char *value = trim(line + length);
    bool given = *value == '=';
    if (given)
        value = trim(value + 1);
    if (!length)
        return fail_set(fail, 0, "a setting has no name");
    if (given && !*value)
        return fail_set(fail, 0, "%.*s has no value after its '='", (int)length, line);
    given = *value;
    line[length] = '\0';
    return handler(context, line, given ? value : NULL, fail);
}

bool conf_parse(char *text, conf_handler *handler, void *context, struct fail *fail)
{
    for (int number = 1; text; number++) {
        char *line = strsep(&text, "\n");
        bool commented = strstr(line, " #") || strstr(line, "\t#");
        if (parse_line(line, handler, context, fail))
            continue;
        if (commented && fail)
            strncat(fail->text, " (comments need their own line)",
                    sizeof fail->text - strlen(fail->text) - 1);
        return fail_prefix(fail, "line %d", number);
    }
    return true;
}

bool conf_read(const char *path, conf_handler *handler, void *context, char **text,
               struct fail *fail)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return fail_set(fail, 0, "option --config: %s can't be read: %s", path, fail_errno(errno));
    *text = mem_new(CONF_MAX + 1, 1);
    size_t length = fread(*text, 1, CONF_MAX + 1, file);
    bool broken = ferror(file);
    int error = errno;
    fclose(file);
    if (broken)
        return fail_set(fail, 0, "option --config: %s can't be read: %s", path, fail_errno(error));
    if (length > CONF_MAX)
        return fail_set(fail, 0, "option --config: %s is larger than %d bytes", path, CONF_MAX);
    if (memchr(*text, '\0', length))
        return fail_set(fail, 0, "option --config: %s is not a text file", path);
    return conf_parse(*text, handler, context, fail) || fail_prefix(fail, "%s", path);
}
