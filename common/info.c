/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "info.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "settings.h"

const struct info infos[INFOS] = {
#define INFO(name_, type_, unit_, help_) {#name_, INFO_TYPE_##type_, #unit_, help_},
#include "info.def"
};

const struct info facts[FACTS] = {
#define FACT(name_, type_, unit_, help_) {#name_, INFO_TYPE_##type_, #unit_, help_},
#include "info.def"
};

void info_add_text(struct buffer *lines, enum info_id id, const char *text)
{
    buffer_printf(lines, "%s=", infos[id].name);
    for (; *text; text++)
        buffer_add(lines, *text == '\n' ? " " : text, 1);
    buffer_add(lines, "\n", 1);
}

void info_add_number(struct buffer *lines, enum info_id id, int64_t number)
{
    buffer_printf(lines, "%s=%" PRId64 "\n", infos[id].name, number);
}

void info_add_fact(char *words, size_t size, enum fact_id id, const char *value)
{
    size_t used = strlen(words), name = strlen(facts[id].name), length = strlen(value);
    if (!length || used + name + length + 3 > size)
        return;
    int head = snprintf(words + used, size - used, "%s%s=", used ? " " : "", facts[id].name);
    char *at = words + used + head;
    for (; *value; value++)
        *at++ = strchr(" \t", *value) ? ',' : *value;
    *at = '\0';
}

/* The next of the parts that `parting` ends. */
static bool next_part(const char **text, char parting, struct info_line *line)
{
    const char ends[] = {parting, '\0'}, name_ends[] = {'=', parting, '\0'};
    while (*text && **text) {
        const char *begin = *text;
        size_t length = strcspn(begin, ends), name = strcspn(begin, name_ends);
        *text += length + (begin[length] == parting);
        if (name == length)
            continue;
        *line = (struct info_line){begin, begin + name + 1, name, length - name - 1};
        return true;
    }
    return false;
}

bool info_next(const char **text, struct info_line *line)
{
    return next_part(text, '\n', line);
}

bool info_next_fact(const char **words, struct info_line *fact)
{
    return next_part(words, ' ', fact);
}

static bool is_called(const struct info_line *line, const char *name)
{
    return strlen(name) == line->name_length && !strncmp(line->name, name, line->name_length);
}

enum info_type info_type_of(const struct info_line *line)
{
    for (int i = 0; i < INFOS; i++)
        if (is_called(line, infos[i].name))
            return infos[i].type;
    for (int i = 0; i < FACTS; i++)
        if (is_called(line, facts[i].name))
            return facts[i].type;
    for (size_t i = 0; i < settings_count; i++)
        if (is_called(line, settings_list[i].field))
            return settings_list[i].type == SETTING_NAME ? INFO_TYPE_WORD : INFO_TYPE_NUMBER;
    return INFO_TYPE_UNKNOWN;
}

void info_find(const char *text, const char *name, char *value, size_t size)
{
    struct info_line line;
    value[0] = '\0';
    while (info_next(&text, &line))
        if (is_called(&line, name)) {
            snprintf(value, size, "%.*s", (int)line.value_length, line.value);
            return;
        }
}
