/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A description of a C struct: enough to write it to the wire, to read it back with every check,
 * and to explain it. Settings, calls and replies are described so. */
#ifndef FLOWRIG_SCHEMA_H
#define FLOWRIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fail.h"

/* A bit stands for each field of a schema. */
enum { SCHEMA_FIELDS_MAX = 64 };

enum field_type {
    FIELD_INT,    /* int64_t; a 64-bit integer, or a decimal string, on the wire */
    FIELD_BOOL,   /* int64_t that is 0 or 1; a boolean */
    FIELD_TEXT,   /* char[size]; a string */
    FIELD_WORDS,  /* char[size], words with single spaces between; an array of strings */
    FIELD_DIST,   /* struct dist; a string */
    FIELD_BYTES,  /* struct schema_bytes; base64 */
    FIELD_STRUCT, /* the struct that `sub` describes; a struct */
    FIELD_LIST,   /* struct schema_list of the structs that `sub` describes; an array of structs */
    FIELD_INTS,   /* struct schema_list of int64_t; an array of integers */
    FIELD_CHOICE, /* int64_t, the index of a name in `choices`; that name */
    FIELD_VALUE,  /* void *: an encoded value as it is; only written */
};

enum field_flags {
    FIELD_ALWAYS = 1, /* written even where it has its default; must be there when it is read */
    /* A struct whose members hold for the items of the lists beside it that have the same schema,
     * as far as those don't say otherwise. Nothing in it has to be there. It owns no memory: such a
     * schema has no lists and bytes. */
    FIELD_COMMON = 2,
};

struct schema;

/* An enumeration from 0 on, by names. */
struct choices {
    const char *const *names;
    int64_t count;
};

struct field {
    const char *name;
    enum field_type type;
    unsigned flags;
    size_t offset;
    size_t size;              /* of a text with its NUL */
    int64_t minimum, maximum; /* of an int; of the length of a list or of bytes */
    int64_t fallback;         /* an int's, bool's or choice's default; a dist's constant */
    const struct schema *sub;
    const struct choices *choices;
    const char *help;
};

struct schema {
    const char *name;
    size_t size; /* of the C struct */
    const struct field *fields;
    size_t count;
};

/* Memory of FIELD_BYTES; belongs to the struct, schema_free() frees it. */
struct schema_bytes {
    void *data;
    size_t length;
};

/* Items of FIELD_LIST and FIELD_INTS; belong to the struct, schema_free() frees them. */
struct schema_list {
    void *items;
    size_t count;
};

/* Finds the number of a name; returns false, with a sentence that lists the names, if it is not one
 * of them. */
bool choices_parse(const struct choices *choices, const char *text, int64_t *number,
                   struct fail *fail);

/* Fills the struct with its defaults; lists and bytes are empty. */
void schema_defaults(const struct schema *schema, void *object);
/* The FIELD_COMMON of the items of this list of the schema, or NULL. */
const struct field *schema_common(const struct schema *schema, const struct field *list);
/* Where the field is in an object of its schema; NULL where there is no object. */
const void *schema_member(const void *object, const struct field *field);
/* Frees what the struct owns, not the struct itself. NULL is allowed. */
void schema_free(const struct schema *schema, void *object);

#endif
