/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What comes in is read here: wire_decode(). */
#include "wire.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "dist.h"
#include "mem.h"
#include "number.h"
#include "printable.h"

/* The library gives strings as new memory, or NULL with an error for text that holds a NUL. */
static char *read_text(xmlrpc_value *value)
{
    xmlrpc_env env;
    const char *text = NULL;
    xmlrpc_env_init(&env);
    xmlrpc_read_string(&env, value, &text);
    xmlrpc_env_clean(&env);
    return (char *)text;
}

static bool read_int(xmlrpc_value *value, int64_t *number, struct fail *fail)
{
    xmlrpc_env env;
    bool good = true;
    xmlrpc_env_init(&env);
    if (xmlrpc_value_type(value) == XMLRPC_TYPE_INT) {
        int small = 0;
        xmlrpc_read_int(&env, value, &small);
        *number = small;
    } else if (xmlrpc_value_type(value) == XMLRPC_TYPE_I8) {
        xmlrpc_int64 large = 0;
        xmlrpc_read_i8(&env, value, &large);
        *number = large;
    } else if (xmlrpc_value_type(value) == XMLRPC_TYPE_STRING) {
        char *text = read_text(value);
        good = text ? number_parse_int(text, number, fail) : fail_set(fail, 0, "contains a NUL");
        free(text);
    } else {
        good = fail_set(fail, 0, "an integer (or a decimal string) is expected");
    }
    xmlrpc_env_clean(&env);
    return good;
}

static bool decode_int(xmlrpc_value *value, const struct field *field, int64_t *number,
                       struct fail *fail)
{
    if (!read_int(value, number, fail))
        return false;
    /* A default may lie outside: it says that none was given. */
    if (*number != field->fallback && (*number < field->minimum || *number > field->maximum))
        return fail_set(fail, 0, "%" PRId64 " is not within %" PRId64 " to %" PRId64, *number,
                        field->minimum, field->maximum);
    return true;
}

static bool decode_bool(xmlrpc_value *value, int64_t *flag, struct fail *fail)
{
    xmlrpc_env env;
    xmlrpc_bool read = 0;
    if (xmlrpc_value_type(value) != XMLRPC_TYPE_BOOL)
        return fail_set(fail, 0, "a boolean is expected");
    xmlrpc_env_init(&env);
    xmlrpc_read_bool(&env, value, &read);
    xmlrpc_env_clean(&env);
    *flag = read != 0;
    return true;
}

static bool decode_text(xmlrpc_value *value, char *to, size_t size, struct fail *fail)
{
    if (xmlrpc_value_type(value) != XMLRPC_TYPE_STRING)
        return fail_set(fail, 0, "a string is expected");
    char *text = read_text(value);
    bool good = text && mem_copy_text(to, size, text);
    free(text);
    return good ||
           fail_set(fail, 0, "the string is longer than %zu bytes, or contains a NUL", size - 1);
}

static bool decode_dist(xmlrpc_value *value, const struct field *field, struct dist *dist,
                        struct fail *fail)
{
    char text[DIST_TEXT_MAX];
    if (!decode_text(value, text, sizeof text, fail) || !dist_parse(text, dist, fail))
        return false;
    /* What is drawn has bounds of its own: settings_check(). */
    if (dist->kind != DIST_CONSTANT)
        return true;
    if (dist->a >= (double)field->minimum && dist->a <= (double)field->maximum)
        return true;
    return fail_set(fail, 0, "'%s' is not within %" PRId64 " to %" PRId64, text, field->minimum,
                    field->maximum);
}

static bool decode_choice(xmlrpc_value *value, const struct field *field, int64_t *number,
                          struct fail *fail)
{
    if (xmlrpc_value_type(value) != XMLRPC_TYPE_STRING)
        return fail_set(fail, 0, "a string is expected");
    char *text = read_text(value);
    bool good = text ? choices_parse(field->choices, text, number, fail)
                     : fail_set(fail, 0, "contains a NUL");
    free(text);
    return good;
}

/* The length of an array, or false with a sentence if it is not an array or too long. */
static bool array_length(xmlrpc_value *value, const struct field *field, size_t *length,
                         struct fail *fail)
{
    xmlrpc_env env;
    if (xmlrpc_value_type(value) != XMLRPC_TYPE_ARRAY)
        return fail_set(fail, 0, "an array is expected");
    xmlrpc_env_init(&env);
    int count = xmlrpc_array_size(&env, value);
    xmlrpc_env_clean(&env);
    if (count < 0 || count > field->maximum)
        return fail_set(fail, 0, "has %d items, at most %" PRId64 " are allowed", count,
                        field->maximum);
    *length = (size_t)count;
    return true;
}

/* Item `index` of an array whose length is known; to be released. */
static xmlrpc_value *array_item(xmlrpc_value *array, size_t index)
{
    xmlrpc_env env;
    xmlrpc_value *item = NULL;
    xmlrpc_env_init(&env);
    xmlrpc_array_read_item(&env, array, (unsigned)index, &item);
    xmlrpc_env_clean(&env);
    return item;
}

static bool decode_words(xmlrpc_value *value, const struct field *field, char *to,
                         struct fail *fail)
{
    struct field any = {.maximum = (int64_t)field->size};
    size_t count, used = 0;
    if (!array_length(value, &any, &count, fail))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (used && used + 2 >= field->size)
            return fail_set(fail, 0, "the strings are longer than %zu bytes", field->size - 1);
        if (used)
            to[used++] = ' ';
        xmlrpc_value *item = array_item(value, i);
        bool good = item && decode_text(item, to + used, field->size - used, fail);
        if (item)
            xmlrpc_DECREF(item);
        if (!good)
            return false;
        if (!to[used] || strchr(to + used, ' '))
            return fail_set(fail, 0, "'%s' is not one word", to + used);
        used += strlen(to + used);
    }
    return true;
}

static bool decode_bytes(xmlrpc_value *value, const struct field *field, struct schema_bytes *bytes,
                         struct fail *fail)
{
    xmlrpc_env env;
    const unsigned char *data = NULL;
    if (xmlrpc_value_type(value) != XMLRPC_TYPE_BASE64)
        return fail_set(fail, 0, "base64 is expected");
    xmlrpc_env_init(&env);
    xmlrpc_read_base64(&env, value, &bytes->length, &data);
    bytes->data = (void *)data;
    xmlrpc_env_clean(&env);
    if ((int64_t)bytes->length <= field->maximum)
        return true;
    free(bytes->data);
    *bytes = (struct schema_bytes){0};
    return fail_set(fail, 0, "is longer than %" PRId64 " bytes", field->maximum);
}

static bool decode_ints(xmlrpc_value *value, const struct field *field, struct schema_list *list,
                        struct fail *fail)
{
    static const struct field any = {.minimum = INT64_MIN, .maximum = INT64_MAX};
    size_t length;
    if (!array_length(value, field, &length, fail))
        return false;
    int64_t *numbers = list->items = mem_new(length, sizeof *numbers);
    for (; list->count < length; list->count++) {
        xmlrpc_value *item = array_item(value, list->count);
        bool good = item && decode_int(item, &any, &numbers[list->count], fail);
        if (item)
            xmlrpc_DECREF(item);
        if (!good)
            return fail_prefix(fail, "item %zu", list->count);
    }
    return true;
}

/* A struct that is read. */
struct reading {
    const struct schema *schema; /* of SCHEMA_FIELDS_MAX fields at most */
    void *object;
    const void *base;     /* where absent members are taken from; NULL: their defaults */
    uint64_t optional;    /* a bit for each field: it need not be there */
    uint64_t seen;        /* likewise: it is there */
    uint64_t common_seen; /* likewise: it is there in this struct's FIELD_COMMON */
    bool lenient;
    struct fail *fail;
};

static bool read_struct(xmlrpc_value *value, struct reading *reading);

static bool read_list(xmlrpc_value *value, const struct reading *owner, const struct field *field)
{
    const struct field *common = schema_common(owner->schema, field);
    struct schema_list *list = (void *)((char *)owner->object + field->offset);
    size_t length;
    if (!array_length(value, field, &length, owner->fail))
        return false;
    list->items = mem_new(length, field->sub->size);
    for (; list->count < length; list->count++) {
        xmlrpc_value *item = array_item(value, list->count);
        struct reading reading = {
            .schema = field->sub,
            .object = (char *)list->items + list->count * field->sub->size,
            .base = common ? schema_member(owner->object, common) : NULL,
            .optional = common ? owner->common_seen : 0,
            .lenient = owner->lenient,
            .fail = owner->fail,
        };
        bool good = item && read_struct(item, &reading);
        if (item)
            xmlrpc_DECREF(item);
        if (!good)
            return fail_prefix(owner->fail, "item %zu", list->count);
    }
    return true;
}

static bool read_sub_struct(xmlrpc_value *value, struct reading *owner, const struct field *field)
{
    bool common = field->flags & FIELD_COMMON;
    struct reading reading = {
        .schema = field->sub,
        .object = (char *)owner->object + field->offset,
        .base = schema_member(owner->base, field),
        .optional = common || owner->base ? UINT64_MAX : 0,
        .lenient = owner->lenient,
        .fail = owner->fail,
    };
    bool good = read_struct(value, &reading);
    if (common)
        owner->common_seen = reading.seen;
    return good;
}

/* A caller reads what a reply says; a call is taken or refused as it is. */
static bool for_people(const struct reading *owner, char *text)
{
    if (owner->lenient)
        printable(text);
    return true;
}

static bool read_field(xmlrpc_value *value, struct reading *owner, const struct field *field)
{
    void *at = (char *)owner->object + field->offset;
    struct fail *fail = owner->fail;
    switch (field->type) {
    case FIELD_INT:
        return decode_int(value, field, at, fail);
    case FIELD_BOOL:
        return decode_bool(value, at, fail);
    case FIELD_CHOICE:
        return decode_choice(value, field, at, fail);
    case FIELD_TEXT:
        return decode_text(value, at, field->size, fail) && for_people(owner, at);
    case FIELD_WORDS:
        return decode_words(value, field, at, fail) && for_people(owner, at);
    case FIELD_DIST:
        return decode_dist(value, field, at, fail);
    case FIELD_BYTES:
        return decode_bytes(value, field, at, fail);
    case FIELD_STRUCT:
        return read_sub_struct(value, owner, field);
    case FIELD_LIST:
        return read_list(value, owner, field);
    case FIELD_INTS:
        return decode_ints(value, field, at, fail);
    case FIELD_VALUE:
        return true;
    }
    return false;
}

static const struct field *find_field(const struct schema *schema, const char *name)
{
    for (size_t i = 0; i < schema->count; i++)
        if (!strcmp(schema->fields[i].name, name))
            return &schema->fields[i];
    return NULL;
}

static bool unknown_member(const struct schema *schema, const char *name, struct fail *fail)
{
    struct buffer known = {0};
    for (size_t i = 0; i < schema->count; i++)
        buffer_printf(&known, "%s%s", i ? ", " : "", schema->fields[i].name);
    fail_set(fail, 0, "unknown member '%.64s'; %s", name,
             known.length ? "there are " : "none is allowed");
    if (fail && known.length)
        strncat(fail->text, known.data, sizeof fail->text - strlen(fail->text) - 1);
    buffer_free(&known);
    return false;
}

/* Reads the member if it is a FIELD_COMMON, or if it is not, and marks its field as seen. */
static bool read_named(xmlrpc_value *member, const char *name, struct reading *reading, bool common)
{
    const struct field *field = name ? find_field(reading->schema, name) : NULL;
    if (!field)
        return reading->lenient || unknown_member(reading->schema, name ? name : "", reading->fail);
    uint64_t bit = UINT64_C(1) << (field - reading->schema->fields);
    if (common != !!(field->flags & FIELD_COMMON))
        return true;
    if (reading->seen & bit) {
        fail_set(reading->fail, 0, "is given twice");
        return fail_prefix(reading->fail, "%s", name);
    }
    reading->seen |= bit;
    return read_field(member, reading, field) || fail_prefix(reading->fail, "%s", name);
}

static bool read_member(xmlrpc_value *value, int index, struct reading *reading, bool common)
{
    xmlrpc_env env;
    xmlrpc_value *key = NULL, *member = NULL;
    xmlrpc_env_init(&env);
    xmlrpc_struct_read_member(&env, value, (unsigned)index, &key, &member);
    xmlrpc_env_clean(&env);
    char *name = key ? read_text(key) : NULL;
    bool good = read_named(member, name, reading, common);
    free(name);
    if (key)
        xmlrpc_DECREF(key);
    if (member)
        xmlrpc_DECREF(member);
    return good;
}

static bool read_members(xmlrpc_value *value, struct reading *reading, bool common)
{
    xmlrpc_env env;
    xmlrpc_env_init(&env);
    int members = xmlrpc_struct_size(&env, value);
    xmlrpc_env_clean(&env);
    for (int i = 0; i < members; i++)
        if (!read_member(value, i, reading, common))
            return false;
    return true;
}

static bool has_all(const struct reading *reading)
{
    const struct schema *schema = reading->schema;
    uint64_t there = reading->seen | reading->optional;
    for (size_t i = 0; i < schema->count; i++)
        if ((schema->fields[i].flags & FIELD_ALWAYS) && !(there >> i & 1))
            return fail_set(reading->fail, 0, "member '%s' is missing: %s", schema->fields[i].name,
                            schema->fields[i].help);
    return true;
}

static bool has_common(const struct schema *schema)
{
    for (size_t i = 0; i < schema->count; i++)
        if (schema->fields[i].flags & FIELD_COMMON)
            return true;
    return false;
}

/* The struct of what items have in common is read before them, wherever it stands. */
static bool read_struct(xmlrpc_value *value, struct reading *reading)
{
    const struct schema *schema = reading->schema;
    if (reading->base)
        memcpy(reading->object, reading->base, schema->size);
    else
        schema_defaults(schema, reading->object);
    if (xmlrpc_value_type(value) != XMLRPC_TYPE_STRUCT)
        return fail_set(reading->fail, 0, "a struct is expected");
    if ((!has_common(schema) || read_members(value, reading, true)) &&
        read_members(value, reading, false) && has_all(reading))
        return true;
    schema_free(schema, reading->object);
    return false;
}

bool wire_decode(xmlrpc_value *value, const struct schema *schema, void *object, bool lenient,
                 struct fail *fail)
{
    struct reading reading = {.schema = schema, .object = object, .lenient = lenient, .fail = fail};
    return read_struct(value, &reading);
}
