/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What tests of schemas and the wire share: a schema with every type of field, and structs filled
 * at random. */
#ifndef FLOWRIG_UNIT_WIRE_EVERY_H
#define FLOWRIG_UNIT_WIRE_EVERY_H

#include "schema.c"
#include "wire.c"
#include "wire_decode.c"

#include "mem.h"
#include "protocol.h"
#include "xmlguard.h"

#include "unit.h"

enum { ROUNDS = 20000 };

/* ---- a schema with every type of field */

enum { TEXT_SIZE = 16, LIST_MAX = 3, INTS_MAX = 4, BYTES_MAX = 32 };

struct inner {
    int64_t depth;
    char label[TEXT_SIZE];
};

struct every {
    int64_t number, flag, choice;
    char text[TEXT_SIZE], words[TEXT_SIZE];
    struct dist size;
    struct schema_bytes bytes;
    struct inner inner;
    struct schema_list list, ints;
    void *value;
    int64_t must;
};

#define FIELD(owner, member, kind, ...)                                          \
    {                                                                            \
        .name = #member, .type = kind, .offset = offsetof(struct owner, member), \
        .size = sizeof(((struct owner *)0)->member), __VA_ARGS__                 \
    }

static const char *const colour_names[] = {"red", "green", "blue"};
static const struct choices colours = {colour_names, COUNT(colour_names)};

static const struct field inner_fields[] = {
    FIELD(inner, depth, FIELD_INT, .minimum = 0, .maximum = 9, .fallback = 3),
    FIELD(inner, label, FIELD_TEXT, .flags = 0),
};
static const struct schema inner_schema = {"inner", sizeof(struct inner), inner_fields,
                                           COUNT(inner_fields)};

static const struct field every_fields[] = {
    FIELD(every, number, FIELD_INT, .minimum = -5, .maximum = INT64_MAX, .fallback = 7),
    FIELD(every, flag, FIELD_BOOL, .fallback = 1),
    FIELD(every, choice, FIELD_CHOICE, .choices = &colours, .fallback = 1),
    FIELD(every, text, FIELD_TEXT, .flags = 0),
    FIELD(every, words, FIELD_WORDS, .flags = 0),
    FIELD(every, size, FIELD_DIST, .minimum = 1, .maximum = 1000, .fallback = 100),
    FIELD(every, bytes, FIELD_BYTES, .maximum = BYTES_MAX),
    FIELD(every, inner, FIELD_STRUCT, .sub = &inner_schema),
    FIELD(every, list, FIELD_LIST, .sub = &inner_schema, .maximum = LIST_MAX),
    FIELD(every, ints, FIELD_INTS, .maximum = INTS_MAX),
    FIELD(every, value, FIELD_VALUE, .flags = 0),
    FIELD(every, must, FIELD_INT, .flags = FIELD_ALWAYS, .minimum = INT64_MIN, .maximum = INT64_MAX,
          .help = "has to be there"),
};
static const struct schema every_schema = {"every", sizeof(struct every), every_fields,
                                           COUNT(every_fields)};

/* XML of one member, and of the one that has to be there. */
#define MEMBER(name, value) "<member><name>" name "</name><value>" value "</value></member>"
#define MUST                MEMBER("must", "<int>1</int>")

#define ARRAY(items) "<array><data>" items "</data></array>"
#define ITEM(value)  "<value>" value "</value>"
#define I(number)    ITEM("<int>" number "</int>")

/* ---- helpers */

/* Reads XML as both programs do. Returns NULL where it is refused. */
static inline xmlrpc_value *parse(const char *xml, size_t length)
{
    struct xml_message message;
    return xml_read(xml, length, &message, NULL) ? message.value : NULL;
}

/* Decodes a struct of these members. */
static inline bool decode_members(const char *members, bool lenient, struct every *every,
                                  struct fail *fail)
{
    char *xml = mem_printf("<value><struct>%s</struct></value>", members);
    xmlrpc_value *value = parse(xml, strlen(xml));
    if (!value)
        fail_msg("this is no test: %s", xml);
    bool good = wire_decode(value, &every_schema, every, lenient, fail);
    xmlrpc_DECREF(value);
    free(xml);
    return good;
}

static inline xmlrpc_value *encode(const struct schema *schema, void *object)
{
    xmlrpc_env env;
    xmlrpc_env_init(&env);
    xmlrpc_value *value = wire_encode(&env, schema, object);
    if (env.fault_occurred)
        fail_msg("%s", env.fault_string);
    xmlrpc_env_clean(&env);
    return value;
}

/* The value as XML, with a NUL behind it; free() it. */
static inline char *serialize(xmlrpc_value *value, size_t *length)
{
    xmlrpc_env env;
    xmlrpc_env_init(&env);
    xmlrpc_mem_block *block = XMLRPC_MEMBLOCK_NEW(char, &env, 0);
    xmlrpc_serialize_value(&env, block, value);
    assert_false(env.fault_occurred);
    *length = XMLRPC_MEMBLOCK_SIZE(char, block);
    char *xml = mem_printf("%.*s", (int)*length, XMLRPC_MEMBLOCK_CONTENTS(char, block));
    XMLRPC_MEMBLOCK_FREE(char, block);
    xmlrpc_env_clean(&env);
    return xml;
}

/* The value as the other side sees it. */
static inline xmlrpc_value *through_xml(xmlrpc_value *value)
{
    size_t length;
    char *xml = serialize(value, &length);
    xmlrpc_value *copy = parse(xml, length);
    if (!copy)
        fail_msg("what was encoded is refused: %s", xml);
    free(xml);
    return copy;
}

static inline bool objects_equal(const struct schema *schema, const void *one, const void *other);

static inline bool lists_equal(const struct field *field, const struct schema_list *one,
                               const struct schema_list *other)
{
    bool equal = one->count == other->count;
    for (size_t i = 0; equal && i < one->count; i++) {
        if (field->type == FIELD_INTS)
            equal = ((int64_t *)one->items)[i] == ((int64_t *)other->items)[i];
        else
            equal = objects_equal(field->sub, (char *)one->items + i * field->sub->size,
                                  (char *)other->items + i * field->sub->size);
    }
    return equal;
}

static inline bool fields_equal(const struct field *field, const void *one, const void *other)
{
    const struct schema_bytes *bytes = one, *more = other;
    switch (field->type) {
    case FIELD_INT:
    case FIELD_BOOL:
    case FIELD_CHOICE:
        return *(const int64_t *)one == *(const int64_t *)other;
    case FIELD_TEXT:
    case FIELD_WORDS:
        return !strcmp(one, other);
    case FIELD_DIST:
        return dist_equal(one, other);
    case FIELD_BYTES:
        return bytes->length == more->length &&
               (!bytes->length || !memcmp(bytes->data, more->data, bytes->length));
    case FIELD_STRUCT:
        return objects_equal(field->sub, one, other);
    case FIELD_LIST:
    case FIELD_INTS:
        return lists_equal(field, one, other);
    case FIELD_VALUE:
        return true;
    }
    return false;
}

static inline bool objects_equal(const struct schema *schema, const void *one, const void *other)
{
    bool equal = true;
    for (size_t i = 0; equal && i < schema->count; i++)
        equal = fields_equal(&schema->fields[i], (const char *)one + schema->fields[i].offset,
                             (const char *)other + schema->fields[i].offset);
    return equal;
}

/* Text of at most `size` bytes with its NUL that XML can carry as it is. */
static inline void random_text(char *text, size_t size, bool words)
{
    static const char *const pieces[] = {"a",
                                         "Z",
                                         "0",
                                         "<",
                                         "&",
                                         "\"",
                                         "]]>",
                                         "'",
                                         "?",
                                         "=",
                                         "\xc2\x80",
                                         "\xc3\xa9",
                                         "\xdf\xbf",
                                         "\xe0\xa0\x80",
                                         "\xe2\x82\xac",
                                         "\xef\xbf\xbd",
                                         "\t",
                                         "\n",
                                         " "};
    size_t length = 0, room = random_below(4) ? random_below(size < 40 ? size : 40) : size - 1;
    size_t kinds = COUNT(pieces) - (words ? 3 : 0);
    while (length < room) {
        const char *piece = pieces[random_below(kinds)];
        if (words && length && text[length - 1] != ' ' && random_below(4) == 0)
            piece = " ";
        if (length + strlen(piece) > room)
            piece = "x";
        length += (size_t)sprintf(text + length, "%s", piece);
    }
    text[length] = '\0';
    if (words && length && text[length - 1] == ' ')
        text[length - 1] = '\0';
}

static inline int64_t random_between(int64_t low, int64_t high)
{
    uint64_t span = (uint64_t)high - (uint64_t)low;
    if (random_below(8) == 0)
        return random_below(2) ? low : high;
    uint64_t step = random_bits() >> random_below(64);
    return (int64_t)((uint64_t)low + (span == UINT64_MAX ? step : step % (span + 1)));
}

static inline void fill(const struct schema *schema, void *object);

static inline void fill_list(const struct field *field, struct schema_list *list)
{
    size_t size = field->sub ? field->sub->size : sizeof(int64_t);
    list->count = random_below((uint64_t)(field->maximum < 3 ? field->maximum : 3) + 1);
    list->items = list->count ? mem_new(list->count, size) : NULL;
    for (size_t i = 0; i < list->count; i++) {
        if (field->sub)
            fill(field->sub, (char *)list->items + i * size);
        else
            ((int64_t *)list->items)[i] = random_between(INT64_MIN, INT64_MAX);
    }
}

static inline void fill_bytes(const struct field *field, struct schema_bytes *bytes)
{
    bytes->length = random_below((uint64_t)(field->maximum < 99 ? field->maximum : 99) + 1);
    bytes->data = bytes->length ? mem_new(bytes->length, 1) : NULL;
    for (size_t i = 0; i < bytes->length; i++)
        ((uint8_t *)bytes->data)[i] = (uint8_t)random_bits();
}

static inline void fill_field(const struct field *field, void *at)
{
    switch (field->type) {
    case FIELD_INT:
        *(int64_t *)at = random_between(field->minimum, field->maximum);
        break;
    case FIELD_BOOL:
        *(int64_t *)at = (int64_t)random_below(2);
        break;
    case FIELD_CHOICE:
        *(int64_t *)at = (int64_t)random_below((uint64_t)field->choices->count);
        break;
    case FIELD_TEXT:
        random_text(at, field->size, false);
        break;
    case FIELD_WORDS:
        random_text(at, field->size - 1, true);
        break;
    case FIELD_DIST:
        *(struct dist *)at = dist_constant((double)random_between(field->minimum, field->maximum));
        break;
    case FIELD_BYTES:
        fill_bytes(field, at);
        break;
    case FIELD_STRUCT:
        fill(field->sub, at);
        break;
    case FIELD_LIST:
    case FIELD_INTS:
        fill_list(field, at);
        break;
    case FIELD_VALUE:
        break;
    }
}

/* Fills an object with values within the ranges; some fields keep their defaults. */
static inline void fill(const struct schema *schema, void *object)
{
    schema_defaults(schema, object);
    for (size_t i = 0; i < schema->count; i++)
        if (random_below(3))
            fill_field(&schema->fields[i], (char *)object + schema->fields[i].offset);
}

#endif
