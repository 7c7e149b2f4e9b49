/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How the tables of the members of calls and replies are written; for protocol.c alone. */
#ifndef FLOWRIG_PROTOCOL_FIELDS_H
#define FLOWRIG_PROTOCOL_FIELDS_H

#include <stddef.h>

#include "mem.h"
#include "schema.h"

/* Rows of the field tables; `owner` is the struct. */
#define BASE(owner, member, kind, flags_, help_)                                              \
    .name = #member, .type = kind, .flags = flags_, .offset = offsetof(struct owner, member), \
    .size = sizeof(((struct owner *)0)->member), .help = help_
#define INT(owner, member, flags, low, high, standard, help)                          \
    {                                                                                 \
        BASE(owner, member, FIELD_INT, flags, help), .minimum = low, .maximum = high, \
                                                     .fallback = standard             \
    }
/* Half of what an integer holds: two can be added and subtracted, whoever sent them. */
#define NUMBER_MAX (INT64_MAX / 2)
#define NUMBER(owner, member, help) \
    INT(owner, member, FIELD_ALWAYS, -NUMBER_MAX, NUMBER_MAX, 0, help)
#define FLAG(owner, member, help)                           \
    {                                                       \
        BASE(owner, member, FIELD_BOOL, FIELD_ALWAYS, help) \
    }
#define TEXT(owner, member, flags, help)             \
    {                                                \
        BASE(owner, member, FIELD_TEXT, flags, help) \
    }
#define WORDS(owner, member, flags, help)             \
    {                                                 \
        BASE(owner, member, FIELD_WORDS, flags, help) \
    }
#define CHOICE(owner, member, flags, list, help)                         \
    {                                                                    \
        BASE(owner, member, FIELD_CHOICE, flags, help), .choices = &list \
    }
#define STRUCT(owner, member, schema, help)                       \
    {                                                             \
        BASE(owner, member, FIELD_STRUCT, 0, help), .sub = schema \
    }
#define LIST(owner, member, flags, schema, most, help)                               \
    {                                                                                \
        BASE(owner, member, FIELD_LIST, flags, help), .sub = schema, .maximum = most \
    }

#define SCHEMA(owner)                                                                          \
    _Static_assert(COUNT(owner##_fields) <= SCHEMA_FIELDS_MAX, "too many members of " #owner); \
    static const struct schema owner##_schema = {#owner, sizeof(struct owner), owner##_fields, \
                                                 COUNT(owner##_fields)}

#endif
