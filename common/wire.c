/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wire.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dist.h"
#include "mem.h"
#include "number.h"

/* Length of the valid UTF-8 sequence of one to three bytes at `text`, or 0: xmlrpc-c takes no
 * four-byte sequences, and XML 1.0 no control characters but tab, newline and return. */
static size_t sequence_length(const unsigned char *text)
{
    if (text[0] < 0x20)
        return text[0] == '\t' || text[0] == '\n' || text[0] == '\r';
    if (text[0] < 0x7f)
        return 1;
    if (text[0] >= 0xc2 && text[0] < 0xe0 && (text[1] & 0xc0) == 0x80)
        return 2;
    if ((text[0] & 0xf0) != 0xe0 || (text[1] & 0xc0) != 0x80 || (text[2] & 0xc0) != 0x80)
        return 0;
    unsigned code = (text[0] & 0xfU) << 12 | (text[1] & 0x3fU) << 6 | (text[2] & 0x3fU);
    return code >= 0x800 && (code < 0xd800 || code > 0xdfff) && code < 0xfffe ? 3 : 0;
}

xmlrpc_value *wire_text(xmlrpc_env *env, const char *text)
{
    char *clean = mem_strdup(text);
    for (size_t at = 0; clean[at];) {
        size_t length = sequence_length((unsigned char *)clean + at);
        if (!length)
            clean[at] = '?';
        at += length ? length : 1;
    }
    xmlrpc_value *value = xmlrpc_string_new(env, clean);
    free(clean);
    return value;
}

xmlrpc_value *wire_int(xmlrpc_env *env, int64_t number)
{
    if (number >= INT32_MIN && number <= INT32_MAX)
        return xmlrpc_int_new(env, (int)number);
    return xmlrpc_i8_new(env, number);
}

static void append(xmlrpc_env *env, xmlrpc_value *array, xmlrpc_value *item)
{
    if (!item)
        return;
    if (!env->fault_occurred)
        xmlrpc_array_append_item(env, array, item);
    xmlrpc_DECREF(item);
}

static xmlrpc_value *encode_words(xmlrpc_env *env, const char *words)
{
    xmlrpc_value *array = xmlrpc_array_new(env);
    for (const char *at = words; array && *at;) {
        size_t length = strcspn(at, " ");
        char *word = mem_printf("%.*s", (int)length, at);
        append(env, array, wire_text(env, word));
        free(word);
        at += length + (at[length] == ' ');
    }
    return array;
}

static xmlrpc_value *encode_list(xmlrpc_env *env, const struct field *field,
                                 const struct schema_list *list)
{
    xmlrpc_value *array = xmlrpc_array_new(env);
    for (size_t i = 0; array && i < list->count; i++) {
        if (field->type == FIELD_INTS)
            append(env, array, wire_int(env, ((int64_t *)list->items)[i]));
        else
            append(env, array,
                   wire_encode(env, field->sub, (char *)list->items + i * field->sub->size));
    }
    return array;
}

static xmlrpc_value *encode_dist(xmlrpc_env *env, const struct dist *dist)
{
    char text[DIST_TEXT_MAX];
    dist_format(dist, text);
    return wire_text(env, text);
}

static xmlrpc_value *take_value(void **at)
{
    xmlrpc_value *value = *at;
    *at = NULL;
    return value;
}

static xmlrpc_value *encode_field(xmlrpc_env *env, const struct field *field, void *at)
{
    switch (field->type) {
    case FIELD_INT:
        return wire_int(env, *(int64_t *)at);
    case FIELD_BOOL:
        return xmlrpc_bool_new(env, *(int64_t *)at != 0);
    case FIELD_TEXT:
        return wire_text(env, at);
    case FIELD_WORDS:
        return encode_words(env, at);
    case FIELD_DIST:
        return encode_dist(env, at);
    case FIELD_BYTES:
        return xmlrpc_base64_new(env, ((struct schema_bytes *)at)->length,
                                 ((struct schema_bytes *)at)->data);
    case FIELD_STRUCT:
        return wire_encode(env, field->sub, at);
    case FIELD_LIST:
    case FIELD_INTS:
        return encode_list(env, field, at);
    case FIELD_VALUE:
        return take_value(at);
    }
    return NULL;
}

static bool struct_is_default(const struct schema *schema, const void *object);

static bool field_is_default(const struct field *field, const void *at)
{
    struct dist constant = dist_constant((double)field->fallback);
    switch (field->type) {
    case FIELD_INT:
    case FIELD_BOOL:
        return *(const int64_t *)at == field->fallback;
    case FIELD_TEXT:
    case FIELD_WORDS:
        return *(const char *)at == '\0';
    case FIELD_DIST:
        return dist_equal(at, &constant);
    case FIELD_BYTES:
        return ((const struct schema_bytes *)at)->length == 0;
    case FIELD_STRUCT:
        return struct_is_default(field->sub, at);
    case FIELD_LIST:
    case FIELD_INTS:
        return ((const struct schema_list *)at)->count == 0;
    case FIELD_VALUE:
        return *(void *const *)at == NULL;
    }
    return false;
}

static bool struct_is_default(const struct schema *schema, const void *object)
{
    for (size_t i = 0; i < schema->count; i++)
        if (!field_is_default(&schema->fields[i], (const char *)object + schema->fields[i].offset))
            return false;
    return true;
}

xmlrpc_value *wire_encode(xmlrpc_env *env, const struct schema *schema, void *object)
{
    xmlrpc_value *result = xmlrpc_struct_new(env);
    for (size_t i = 0; result && !env->fault_occurred && i < schema->count; i++) {
        const struct field *field = &schema->fields[i];
        void *at = (char *)object + field->offset;
        if (!(field->flags & FIELD_ALWAYS) && field_is_default(field, at))
            continue;
        xmlrpc_value *member = encode_field(env, field, at);
        if (!member)
            continue;
        xmlrpc_struct_set_value(env, result, field->name, member);
        xmlrpc_DECREF(member);
    }
    if (!env->fault_occurred)
        return result;
    if (result)
        xmlrpc_DECREF(result);
    return NULL;
}

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
        good = text ? number_parse_int(text, number, fail) : fail_set(fail, 0, "holds a NUL");
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
           fail_set(fail, 0, "the string is longer than %zu bytes, or holds a NUL", size - 1);
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

/* The length of an array, or false with a sentence if it is none or too long. */
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
        return fail_set(fail, 0, "has %d items, at most %" PRId64 " are taken", count,
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

static bool decode_list(xmlrpc_value *value, const struct field *field, struct schema_list *list,
                        bool lenient, struct fail *fail)
{
    size_t length, size = field->sub ? field->sub->size : sizeof(int64_t);
    if (!array_length(value, field, &length, fail))
        return false;
    list->items = mem_new(length, size);
    struct field number = {.minimum = INT64_MIN, .maximum = INT64_MAX};
    for (size_t i = 0; i < length; i++) {
        xmlrpc_value *item = array_item(value, i);
        void *at = (char *)list->items + i * size;
        bool good = item && (field->sub ? wire_decode(item, field->sub, at, lenient, fail)
                                        : decode_int(item, &number, at, fail));
        if (item)
            xmlrpc_DECREF(item);
        if (!good)
            return fail_prefix(fail, "item %zu", i);
        list->count = i + 1;
    }
    return true;
}

static bool decode_field(xmlrpc_value *value, const struct field *field, void *at, bool lenient,
                         struct fail *fail)
{
    switch (field->type) {
    case FIELD_INT:
        return decode_int(value, field, at, fail);
    case FIELD_BOOL:
        return decode_bool(value, at, fail);
    case FIELD_TEXT:
        return decode_text(value, at, field->size, fail);
    case FIELD_WORDS:
        return decode_words(value, field, at, fail);
    case FIELD_DIST:
        return decode_dist(value, field, at, fail);
    case FIELD_BYTES:
        return decode_bytes(value, field, at, fail);
    case FIELD_STRUCT:
        return wire_decode(value, field->sub, at, lenient, fail);
    case FIELD_LIST:
    case FIELD_INTS:
        return decode_list(value, field, at, lenient, fail);
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
             known.length ? "there are " : "none is taken");
    if (fail && known.length)
        strncat(fail->text, known.data, sizeof fail->text - strlen(fail->text) - 1);
    buffer_free(&known);
    return false;
}

/* Decodes member `index` and marks its field in `seen`. */
static bool decode_member(xmlrpc_value *value, int index, const struct schema *schema, void *object,
                          uint64_t *seen, bool lenient, struct fail *fail)
{
    xmlrpc_env env;
    xmlrpc_value *key = NULL, *member = NULL;
    xmlrpc_env_init(&env);
    xmlrpc_struct_read_member(&env, value, (unsigned)index, &key, &member);
    xmlrpc_env_clean(&env);
    char *name = key ? read_text(key) : NULL;
    const struct field *field = name ? find_field(schema, name) : NULL;
    bool good = true;
    if (field) {
        size_t bit = (size_t)(field - schema->fields);
        good = !(*seen >> bit & 1) || fail_set(fail, 0, "is there twice");
        *seen |= UINT64_C(1) << bit;
        good = good && decode_field(member, field, (char *)object + field->offset, lenient, fail);
        if (!good)
            fail_prefix(fail, "%s", name);
    } else if (!lenient) {
        good = unknown_member(schema, name ? name : "", fail);
    }
    free(name);
    if (key)
        xmlrpc_DECREF(key);
    if (member)
        xmlrpc_DECREF(member);
    return good;
}

static bool missing_member(const struct schema *schema, uint64_t seen, struct fail *fail)
{
    for (size_t i = 0; i < schema->count; i++)
        if ((schema->fields[i].flags & FIELD_ALWAYS) && !(seen >> i & 1))
            return fail_set(fail, 0, "member '%s' is missing: %s", schema->fields[i].name,
                            schema->fields[i].help);
    return true;
}

bool wire_decode(xmlrpc_value *value, const struct schema *schema, void *object, bool lenient,
                 struct fail *fail)
{
    xmlrpc_env env;
    uint64_t seen = 0;
    schema_defaults(schema, object);
    if (xmlrpc_value_type(value) != XMLRPC_TYPE_STRUCT)
        return fail_set(fail, 0, "a struct is expected");
    xmlrpc_env_init(&env);
    int members = xmlrpc_struct_size(&env, value);
    xmlrpc_env_clean(&env);
    for (int i = 0; i < members; i++) {
        if (!decode_member(value, i, schema, object, &seen, lenient, fail)) {
            schema_free(schema, object);
            return false;
        }
    }
    if (missing_member(schema, seen, fail))
        return true;
    schema_free(schema, object);
    return false;
}
