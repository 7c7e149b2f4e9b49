/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "xmlguard.h"

#include <errno.h>
#include <expat.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    DEPTH_MAX = 150,
    NUMBER_MAX = 63,
    MEMBERS_MAX = 256, /* of one struct: xmlrpc-c compares each name with all others */
};

enum number_kind { NOT_A_NUMBER, AN_INTEGER, A_DOUBLE };

struct guard {
    XML_Parser parser;
    int depth;
    int members[DEPTH_MAX + 1]; /* of the element that is open at this depth */
    enum number_kind kind;      /* of the element that is open */
    char number[NUMBER_MAX + 1];
    size_t length;
    struct xml_call *call;     /* NULL: nobody wants to know */
    char name[XML_METHOD_MAX]; /* of the method or member that is open */
    size_t name_length;
    bool naming;
    const char *refused; /* why, once something was */
};

static void refuse(struct guard *guard, const char *why)
{
    if (!guard->refused)
        guard->refused = why;
    XML_StopParser(guard->parser, XML_FALSE);
}

static enum number_kind kind_of(const char *element)
{
    static const char *const integers[] = {"i8", "i4", "int", "i1", "i2"};
    const char *colon = strrchr(element, ':');
    const char *name = colon ? colon + 1 : element;
    for (size_t i = 0; i < sizeof integers / sizeof integers[0]; i++)
        if (!strcmp(name, integers[i]))
            return AN_INTEGER;
    return strcmp(name, "double") ? NOT_A_NUMBER : A_DOUBLE;
}

static void XMLCALL on_start(void *context, const XML_Char *element, const XML_Char **attributes)
{
    struct guard *guard = context;
    (void)attributes;
    if (++guard->depth > DEPTH_MAX) {
        refuse(guard, "it is nested too deep");
        return;
    }
    guard->members[guard->depth] = 0;
    if (!strcmp(element, "member") && ++guard->members[guard->depth - 1] > MEMBERS_MAX)
        refuse(guard, "it holds a struct with too many members");
    if (guard->kind != NOT_A_NUMBER)
        refuse(guard, "it holds an element inside a number");
    guard->kind = kind_of(element);
    guard->length = 0;
    if (guard->naming)
        refuse(guard, "it holds an element inside a name");
    guard->naming = guard->call && (!strcmp(element, "methodName") || !strcmp(element, "name"));
    if (guard->naming)
        guard->name_length = 0;
}

static void take_name(struct guard *guard, const XML_Char *text, size_t length)
{
    size_t room = sizeof guard->name - 1 - guard->name_length;
    length = length < room ? length : room;
    memcpy(guard->name + guard->name_length, text, length);
    guard->name_length += length;
}

static void end_name(struct guard *guard, const XML_Char *element)
{
    guard->name[guard->name_length] = '\0';
    bool of_member = !strcmp(element, "name");
    if (!of_member && guard->depth == 1 && !guard->call->method[0])
        memcpy(guard->call->method, guard->name, sizeof guard->name);
    else if (of_member && !strcmp(guard->name, "methodName"))
        guard->call->parts++;
    guard->naming = false;
}

static void XMLCALL on_text(void *context, const XML_Char *text, int length)
{
    struct guard *guard = context;
    if (guard->naming)
        take_name(guard, text, (size_t)length);
    if (guard->kind == NOT_A_NUMBER)
        return;
    if (guard->length + (size_t)length > NUMBER_MAX) {
        refuse(guard, "it holds a number that is too long");
        return;
    }
    memcpy(guard->number + guard->length, text, (size_t)length);
    guard->length += (size_t)length;
}

static bool is_integer(const char *text)
{
    char *end;
    errno = 0;
    strtoll(text, &end, 10);
    return *end == '\0' && errno == 0;
}

static bool is_finite_double(const char *text)
{
    char *end;
    double number = strtod(text, &end);
    return *end == '\0' && isfinite(number);
}

static void XMLCALL on_end(void *context, const XML_Char *element)
{
    struct guard *guard = context;
    guard->depth--;
    if (guard->naming)
        end_name(guard, element);
    guard->number[guard->length] = '\0';
    if (guard->kind == AN_INTEGER) {
        if (!guard->length || strspn(guard->number, "+-0123456789") != guard->length ||
            !is_integer(guard->number))
            refuse(guard, "it holds an integer that is none, or does not fit into 64 bits");
    } else if (guard->kind == A_DOUBLE) {
        if (!guard->length || strspn(guard->number, "+-.eE0123456789") != guard->length ||
            !is_finite_double(guard->number))
            refuse(guard, "it holds a double that is none, or not finite");
    }
    guard->kind = NOT_A_NUMBER;
}

static void XMLCALL on_doctype(void *context, const XML_Char *name, const XML_Char *system,
                               const XML_Char *public, int has_internal)
{
    (void)name, (void)system, (void)public, (void)has_internal;
    refuse(context, "it has a document type");
}

bool xml_guard(const char *text, size_t length, struct fail *fail)
{
    return xml_guard_call(text, length, NULL, fail);
}

bool xml_guard_call(const char *text, size_t length, struct xml_call *call, struct fail *fail)
{
    struct guard guard = {.parser = XML_ParserCreate("UTF-8"), .call = call};
    if (call)
        *call = (struct xml_call){.parts = 0};
    if (!guard.parser)
        return fail_set(fail, 0, "there is no memory to read it");
    bool in_utf16 = length && memchr(text, '\0', length); /* an empty text may be NULL */
    if (length > INT_MAX || in_utf16) {
        XML_ParserFree(guard.parser);
        return fail_set(fail, 0, in_utf16 ? "it holds a NUL" : "it is too large");
    }
    XML_SetUserData(guard.parser, &guard);
    XML_SetElementHandler(guard.parser, on_start, on_end);
    XML_SetCharacterDataHandler(guard.parser, on_text);
    XML_SetStartDoctypeDeclHandler(guard.parser, on_doctype);
    bool good = XML_Parse(guard.parser, text, (int)length, 1) == XML_STATUS_OK;
    if (!good)
        fail_set(fail, 0, "%s",
                 guard.refused ? guard.refused : XML_ErrorString(XML_GetErrorCode(guard.parser)));
    XML_ParserFree(guard.parser);
    return good;
}
