/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a daemon reports besides figures, listed in info.def: lines "name=value" about a connection,
 * and words "name=value" about its host. */
#ifndef FLOWRIG_INFO_H
#define FLOWRIG_INFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem.h"

/* INFO_<name>. */
enum info_id {
#define INFO(name, ...) INFO_##name,
#include "info.def"
    INFOS
};

/* FACT_<name>. */
enum fact_id {
#define FACT(name, ...) FACT_##name,
#include "info.def"
    FACTS
};

enum info_type {
    INFO_TYPE_ADDRESS,
    INFO_TYPE_WORD,
    INFO_TYPE_NUMBER,
    INFO_TYPE_TEXT,
    INFO_TYPE_UNKNOWN, /* of a name that is not listed: a newer daemon's */
};

struct info {
    const char *name;
    enum info_type type;
    const char *unit; /* "B", "1"; "-" for what is not a number */
    const char *help;
};

extern const struct info infos[INFOS];
extern const struct info facts[FACTS];

/* Appends the line of `id`. A line feed in the text becomes a space. */
void info_add_text(struct buffer *lines, enum info_id id, const char *text);
void info_add_number(struct buffer *lines, enum info_id id, int64_t number);

/* Appends the word of a fact to `words`, which spaces part; spaces and tabs in the value become
 * commas, and an empty one is left out. */
void info_add_fact(char *words, size_t size, enum fact_id id, const char *value);

/* A line, in the memory of its text. */
struct info_line {
    const char *name, *value;
    size_t name_length, value_length;
};

/* Reads the line at *text, which NULL or "" has none of, and moves *text to the next one; lines
 * without "=" are skipped. Returns false at the end. */
bool info_next(const char **text, struct info_line *line);

/* Reads the fact at *words, likewise, with spaces for the ends of lines. */
bool info_next_fact(const char **words, struct info_line *fact);

/* Either of them. */
typedef bool info_reader(const char **text, struct info_line *line);

/* The type of a line's value: of the lists, or of the setting of that name. */
enum info_type info_type_of(const struct info_line *line);

/* Copies the value of the first line called `name` to `value`, cut to its size; "" where there is
 * none. */
void info_find(const char *text, const char *name, char *value, size_t size);

#endif
