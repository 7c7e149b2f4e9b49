/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "xmlbuild.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define IN(element) (UINT32_C(1) << (element))

/* What each element may stand in, and what it has to hold. */
static const struct rule {
    uint32_t in, holds;
    bool leaf;    /* its text counts */
    bool repeats; /* more than one may stand in what it stands in */
} rules[XML_ELEMENTS] = {
    [XML_E_CALL] = {IN(XML_ROOT), IN(XML_E_METHOD), false, false},
    [XML_E_RESPONSE] = {IN(XML_ROOT), 0, false, false},
    [XML_E_METHOD] = {IN(XML_E_CALL), 0, true, false},
    [XML_E_PARAMS] = {IN(XML_E_CALL) | IN(XML_E_RESPONSE), 0, false, false},
    [XML_E_FAULT] = {IN(XML_E_RESPONSE), IN(XML_E_VALUE), false, false},
    [XML_E_PARAM] = {IN(XML_E_PARAMS), IN(XML_E_VALUE), false, true},
    [XML_E_VALUE] = {IN(XML_ROOT) | IN(XML_E_PARAM) | IN(XML_E_MEMBER) | IN(XML_E_DATA) |
                         IN(XML_E_FAULT),
                     0, true, true},
    [XML_E_STRUCT] = {IN(XML_E_VALUE), 0, false, false},
    [XML_E_MEMBER] = {IN(XML_E_STRUCT), IN(XML_E_NAME) | IN(XML_E_VALUE), false, true},
    [XML_E_NAME] = {IN(XML_E_MEMBER), 0, true, false},
    [XML_E_ARRAY] = {IN(XML_E_VALUE), IN(XML_E_DATA), false, false},
    [XML_E_DATA] = {IN(XML_E_ARRAY), 0, false, false},
    [XML_E_I4] = {IN(XML_E_VALUE), 0, true, false},
    [XML_E_I8] = {IN(XML_E_VALUE), 0, true, false},
    [XML_E_INT] = {IN(XML_E_VALUE), 0, true, false},
    [XML_E_STRING] = {IN(XML_E_VALUE), 0, true, false},
    [XML_E_BOOLEAN] = {IN(XML_E_VALUE), 0, true, false},
    [XML_E_NIL] = {IN(XML_E_VALUE), 0, false, false},
    [XML_E_BASE64] = {IN(XML_E_VALUE), 0, true, false},
    [XML_E_DOUBLE] = {IN(XML_E_VALUE), 0, true, false},
    [XML_E_DATE] = {IN(XML_E_VALUE), 0, true, false},
};

static bool is_blank(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!strchr(" \t\r\n", text[i]))
            return false;
    return true;
}

/* What xmlrpc-c returns along with a fault is no value. */
static xmlrpc_value *checked(const xmlrpc_env *env, xmlrpc_value *value)
{
    return env->fault_occurred ? NULL : value;
}

void xml_builder_init(struct xml_builder *builder, struct xml_message *message)
{
    *message = (struct xml_message){.kind = XML_VALUE};
    builder->message = message;
    builder->text = (struct buffer){0};
    builder->depth = 0;
    builder->frames[0] = (struct xml_frame){.element = XML_ROOT};
    xmlrpc_env_init(&builder->env);
}

/* A value has one type or text, an array one list, a struct's member one name and one value. */
static bool may_stand(const struct xml_frame *parent, enum xml_element element)
{
    const struct rule *rule = &rules[element];
    bool many = rule->repeats && (parent->element == XML_E_DATA || element != XML_E_VALUE);
    if (!(rule->in & IN(parent->element)))
        return false;
    if (parent->element == XML_E_VALUE || parent->element == XML_E_RESPONSE ||
        parent->element == XML_ROOT)
        return !parent->seen;
    return many || !(parent->seen & IN(element));
}

const char *xml_builder_start(struct xml_builder *builder, enum xml_element element)
{
    struct xml_frame *parent = &builder->frames[builder->depth];
    if (!may_stand(parent, element))
        return "it contains an element where XML-RPC does not have it";
    if (parent->element == XML_E_VALUE && !is_blank(builder->text.data, builder->text.length))
        return "it contains text beside an element";
    parent->seen |= IN(element);
    struct xml_frame *frame = &builder->frames[++builder->depth];
    *frame = (struct xml_frame){.element = element};
    builder->text.length = 0;
    if (element == XML_E_STRUCT)
        frame->value = checked(&builder->env, xmlrpc_struct_new(&builder->env));
    else if (element == XML_E_ARRAY || element == XML_E_PARAMS)
        frame->value = checked(&builder->env, xmlrpc_array_new(&builder->env));
    return builder->env.fault_occurred ? builder->env.fault_string : NULL;
}

const char *xml_builder_text(struct xml_builder *builder, const char *text, size_t length)
{
    const struct xml_frame *frame = &builder->frames[builder->depth];
    if (!rules[frame->element].leaf || frame->seen)
        return is_blank(text, length) ? NULL : "it contains text beside an element";
    buffer_add(&builder->text, text, length);
    return NULL;
}

/* ---- scalars */

static xmlrpc_value *make_int(xmlrpc_env *env, const char *text, bool wide)
{
    long long number = strtoll(text, NULL, 10);
    if (!wide && (number < INT32_MIN || number > INT32_MAX)) {
        xmlrpc_env_set_fault(env, 0, "an int is out of the 32-bit range: write it as i8");
        return NULL;
    }
    return wide ? xmlrpc_i8_new(env, number) : xmlrpc_int_new(env, (int)number);
}

static xmlrpc_value *make_bool(xmlrpc_env *env, const char *text)
{
    if (!strcmp(text, "0") || !strcmp(text, "1"))
        return xmlrpc_bool_new(env, *text == '1');
    xmlrpc_env_set_fault(env, 0, "a boolean is neither 0 nor 1");
    return NULL;
}

/* The value of a digit of base64, or -1. */
static int digit_of(char character)
{
    if (character >= 'A' && character <= 'Z')
        return character - 'A';
    if (character >= 'a' && character <= 'z')
        return character - 'a' + 26;
    if (character >= '0' && character <= '9')
        return character - '0' + 52;
    return character == '+' ? 62 : character == '/' ? 63 : -1;
}

/* Decodes in place, which it never overtakes; returns false where it is no base64. */
static bool decode_base64(struct buffer *text, size_t *length)
{
    uint32_t bits = 0;
    int count = 0, padding = 0;
    *length = 0;
    for (size_t i = 0; i < text->length; i++) {
        bool pads = text->data[i] == '=';
        int digit = pads ? 0 : digit_of(text->data[i]);
        if (digit < 0 && is_blank(text->data + i, 1))
            continue;
        if (digit < 0 || (padding && !pads))
            return false;
        padding += pads;
        bits = bits << 6 | (uint32_t)digit;
        if (++count % 4)
            continue;
        for (int shift = 16; shift >= 0; shift -= 8)
            text->data[(*length)++] = (char)(bits >> shift);
        bits = 0;
    }
    if (count % 4 || padding > 2)
        return false;
    *length -= (size_t)padding;
    return true;
}

static xmlrpc_value *make_base64(xmlrpc_env *env, struct buffer *text)
{
    size_t length;
    if (decode_base64(text, &length))
        return xmlrpc_base64_new(env, length, (unsigned char *)text->data);
    xmlrpc_env_set_fault(env, 0, "malformed base64");
    return NULL;
}

static xmlrpc_value *make_of(struct xml_builder *builder, enum xml_element element)
{
    struct buffer *text = &builder->text;
    xmlrpc_env *env = &builder->env;
    *buffer_reserve(text, 1) = '\0';
    switch (element) {
    case XML_E_I4:
    case XML_E_INT:
    case XML_E_I8:
        return make_int(env, text->data, element == XML_E_I8);
    case XML_E_BOOLEAN:
        return make_bool(env, text->data);
    case XML_E_DOUBLE:
        return xmlrpc_double_new(env, strtod(text->data, NULL));
    case XML_E_BASE64:
        return make_base64(env, text);
    case XML_E_DATE:
        return xmlrpc_datetime_new_str(env, text->data);
    case XML_E_NIL:
        return xmlrpc_nil_new(env);
    default:
        return xmlrpc_string_new_lp(env, text->length, text->data);
    }
}

static xmlrpc_value *make_scalar(struct xml_builder *builder, enum xml_element element)
{
    return checked(&builder->env, make_of(builder, element));
}

/* ---- the ends of elements */

static xmlrpc_value *take(struct xml_frame *frame)
{
    xmlrpc_value *value = frame->value;
    frame->value = NULL;
    return value;
}

static void append(xmlrpc_env *env, xmlrpc_value *array, xmlrpc_value *item)
{
    if (!env->fault_occurred)
        xmlrpc_array_append_item(env, array, item);
    if (item)
        xmlrpc_DECREF(item);
}

/* The value is over: of an item it goes into the array, two elements above. */
static void end_value(struct xml_builder *builder, struct xml_frame *frame)
{
    struct xml_frame *parent = frame - 1;
    xmlrpc_value *value = frame->seen ? take(frame) : make_scalar(builder, XML_E_STRING);
    if (parent->element == XML_E_DATA)
        append(&builder->env, parent[-1].value, value);
    else
        parent->value = value;
}

static void end_member(struct xml_builder *builder, struct xml_frame *frame)
{
    xmlrpc_struct_set_value_v(&builder->env, frame[-1].value, frame->name, frame->value);
    xmlrpc_DECREF(take(frame));
    xmlrpc_DECREF(frame->name);
    frame->name = NULL;
}

static void end_method(struct xml_builder *builder)
{
    struct xml_message *message = builder->message;
    size_t most = sizeof message->method - 1, length = builder->text.length;
    memcpy(message->method, builder->text.data, length < most ? length : most);
}

static void end_element(struct xml_builder *builder, struct xml_frame *frame)
{
    static const enum xml_kind kinds[XML_ELEMENTS] = {
        [XML_E_CALL] = XML_CALL, [XML_E_RESPONSE] = XML_RESPONSE, [XML_E_FAULT] = XML_FAULT};
    switch (frame->element) {
    case XML_E_VALUE:
        end_value(builder, frame);
        break;
    case XML_E_MEMBER:
        end_member(builder, frame);
        break;
    case XML_E_NAME:
        frame[-1].name = make_scalar(builder, XML_E_STRING);
        break;
    case XML_E_METHOD:
        buffer_add(&builder->text, "", 1);
        end_method(builder);
        break;
    case XML_E_PARAM:
        append(&builder->env, frame[-1].value, take(frame));
        break;
    case XML_E_DATA:
        break;
    case XML_E_STRUCT:
    case XML_E_ARRAY:
    case XML_E_PARAMS:
        frame[-1].value = take(frame);
        break;
    case XML_E_CALL:
    case XML_E_RESPONSE:
    case XML_E_FAULT:
        if (builder->message->kind == XML_VALUE)
            builder->message->kind = kinds[frame->element];
        frame[-1].value = take(frame);
        break;
    default:
        frame[-1].value = make_scalar(builder, frame->element);
        break;
    }
}

const char *xml_builder_end(struct xml_builder *builder)
{
    struct xml_frame *frame = &builder->frames[builder->depth];
    const struct rule *rule = &rules[frame->element];
    if ((frame->seen & rule->holds) != rule->holds ||
        (frame->element == XML_E_RESPONSE && !frame->seen))
        return "it lacks an element that XML-RPC has there";
    end_element(builder, frame);
    builder->depth--;
    return builder->env.fault_occurred ? builder->env.fault_string : NULL;
}

/* A call without parameters has an empty list of them; a response has one. */
static bool settle(struct xml_builder *builder)
{
    struct xml_message *message = builder->message;
    xmlrpc_value *whole = take(&builder->frames[0]), *only = NULL;
    if (message->kind == XML_CALL && !whole)
        whole = checked(&builder->env, xmlrpc_array_new(&builder->env));
    message->value = whole;
    if (message->kind != XML_RESPONSE || !whole)
        return whole != NULL;
    if (xmlrpc_array_size(&builder->env, whole) == 1)
        xmlrpc_array_read_item(&builder->env, whole, 0, &only);
    xmlrpc_DECREF(whole);
    message->value = only;
    return only != NULL;
}

bool xml_builder_finish(struct xml_builder *builder, bool good)
{
    good = good && !builder->env.fault_occurred && settle(builder);
    for (int i = 0; i <= builder->depth; i++) {
        if (builder->frames[i].value)
            xmlrpc_DECREF(builder->frames[i].value);
        if (builder->frames[i].name)
            xmlrpc_DECREF(builder->frames[i].name);
    }
    buffer_free(&builder->text);
    xmlrpc_env_clean(&builder->env);
    return good;
}
