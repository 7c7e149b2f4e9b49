/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wire.h"

#include <stdlib.h>
#include <string.h>

#include "dist.h"
#include "mem.h"

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

static xmlrpc_value *encode_struct(xmlrpc_env *env, const struct schema *schema, void *object,
                                   const void *base, bool whole);

/* `base`: what the items have in common, or NULL. */
static xmlrpc_value *encode_list(xmlrpc_env *env, const struct field *field,
                                 const struct schema_list *list, const void *base)
{
    xmlrpc_value *array = xmlrpc_array_new(env);
    for (size_t i = 0; array && i < list->count; i++) {
        if (field->type == FIELD_INTS)
            append(env, array, wire_int(env, ((int64_t *)list->items)[i]));
        else
            append(env, array,
                   encode_struct(env, field->sub, (char *)list->items + i * field->sub->size, base,
                                 true));
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

/* `base` is that of a struct's or of a list's items. */
static xmlrpc_value *encode_field(xmlrpc_env *env, const struct field *field, void *at,
                                  const void *base)
{
    switch (field->type) {
    case FIELD_INT:
        return wire_int(env, *(int64_t *)at);
    case FIELD_BOOL:
        return xmlrpc_bool_new(env, *(int64_t *)at != 0);
    case FIELD_CHOICE:
        return wire_text(env, field->choices->names[*(int64_t *)at]);
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
        return encode_struct(env, field->sub, at, base, !(field->flags & FIELD_COMMON));
    case FIELD_LIST:
    case FIELD_INTS:
        return encode_list(env, field, at, base);
    case FIELD_VALUE:
        return take_value(at);
    }
    return NULL;
}

static bool struct_is_default(const struct schema *schema, const void *object, const void *base);

/* Whether it is as in `base`; without one, whether it has its default. */
static bool field_is_default(const struct field *field, const void *at, const void *base)
{
    struct dist constant = dist_constant((double)field->fallback);
    switch (field->type) {
    case FIELD_INT:
    case FIELD_BOOL:
    case FIELD_CHOICE:
        return *(const int64_t *)at == (base ? *(const int64_t *)base : field->fallback);
    case FIELD_TEXT:
    case FIELD_WORDS:
        return !strcmp(at, base ? base : "");
    case FIELD_DIST:
        return dist_equal(at, base ? base : &constant);
    case FIELD_BYTES:
        return ((const struct schema_bytes *)at)->length == 0;
    case FIELD_STRUCT:
        return struct_is_default(field->sub, at, base);
    case FIELD_LIST:
    case FIELD_INTS:
        return ((const struct schema_list *)at)->count == 0;
    case FIELD_VALUE:
        return *(void *const *)at == NULL;
    }
    return false;
}

static bool struct_is_default(const struct schema *schema, const void *object, const void *base)
{
    for (size_t i = 0; i < schema->count; i++) {
        const struct field *field = &schema->fields[i];
        if (!field_is_default(field, schema_member(object, field), schema_member(base, field)))
            return false;
    }
    return true;
}

/* What has to be there may be in the base instead, which says only what is no default. */
static bool is_left_out(const struct field *field, const void *at, const void *base, bool whole)
{
    bool has_to_be_there = whole && field->flags & FIELD_ALWAYS;
    return field_is_default(field, at, base) &&
           (!has_to_be_there || (base && !field_is_default(field, base, NULL)));
}

/* `base`: what need not be said, or NULL; not `whole`: nothing has to be there. */
static xmlrpc_value *encode_struct(xmlrpc_env *env, const struct schema *schema, void *object,
                                   const void *base, bool whole)
{
    xmlrpc_value *result = xmlrpc_struct_new(env);
    for (size_t i = 0; result && !env->fault_occurred && i < schema->count; i++) {
        const struct field *field = &schema->fields[i];
        void *at = (char *)object + field->offset;
        if (is_left_out(field, at, schema_member(base, field), whole))
            continue;
        const struct field *common =
            field->type == FIELD_LIST ? schema_common(schema, field) : field;
        xmlrpc_value *member = encode_field(env, field, at,
                                            !common           ? NULL
                                            : common == field ? schema_member(base, field)
                                                              : schema_member(object, common));
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

xmlrpc_value *wire_encode(xmlrpc_env *env, const struct schema *schema, void *object)
{
    return encode_struct(env, schema, object, NULL, true);
}
