/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "xmlguard.h"

#include <errno.h>
#include <expat.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    NUMBER_MAX = 63,
    MEMBERS_MAX = 256,  /* of one struct: xmlrpc-c compares each name with all others */
    ELEMENT_COST = 320, /* bytes that <value/> takes as a value of xmlrpc-c 1.33.14, measured */
    TEXT_COST = 3,      /* bytes of a value and the buffer that it is gathered in, for each byte */
};

enum number_kind { NOT_A_NUMBER, AN_INTEGER, A_DOUBLE };

struct guard {
    XML_Parser parser;
    int depth;
    int elements;
    int members[XML_DEPTH_MAX + 1]; /* of the element that is open at this depth */
    enum number_kind kind;          /* of the element that is open */
    char number[NUMBER_MAX + 1];
    size_t length;
    struct xml_builder *builder; /* NULL: no value is wanted */
    char *method;                /* NULL: nobody wants to know */
    size_t method_length;
    bool naming;         /* its element is open */
    const char *refused; /* why, once something was */
};

static void refuse(struct guard *guard, const char *why)
{
    if (!guard->refused)
        guard->refused = why;
    XML_StopParser(guard->parser, XML_FALSE);
}

/* The elements of XML-RPC, and of its extensions those that this protocol uses. */
static const struct element {
    const char *name;
    enum xml_element element;
    enum number_kind kind;
} elements[] = {
    {"value", XML_E_VALUE, NOT_A_NUMBER},
    {"member", XML_E_MEMBER, NOT_A_NUMBER},
    {"name", XML_E_NAME, NOT_A_NUMBER},
    {"i4", XML_E_I4, AN_INTEGER},
    {"i8", XML_E_I8, AN_INTEGER},
    {"int", XML_E_INT, AN_INTEGER},
    {"string", XML_E_STRING, NOT_A_NUMBER},
    {"struct", XML_E_STRUCT, NOT_A_NUMBER},
    {"array", XML_E_ARRAY, NOT_A_NUMBER},
    {"data", XML_E_DATA, NOT_A_NUMBER},
    {"boolean", XML_E_BOOLEAN, NOT_A_NUMBER},
    {"nil", XML_E_NIL, NOT_A_NUMBER},
    {"base64", XML_E_BASE64, NOT_A_NUMBER},
    {"double", XML_E_DOUBLE, A_DOUBLE},
    {"dateTime.iso8601", XML_E_DATE, NOT_A_NUMBER},
    {"methodCall", XML_E_CALL, NOT_A_NUMBER},
    {"params", XML_E_PARAMS, NOT_A_NUMBER},
    {"methodResponse", XML_E_RESPONSE, NOT_A_NUMBER},
    {"methodName", XML_E_METHOD, NOT_A_NUMBER},
    {"param", XML_E_PARAM, NOT_A_NUMBER},
    {"fault", XML_E_FAULT, NOT_A_NUMBER},
};

static const struct element *find_element(const char *name)
{
    for (size_t i = 0; i < sizeof elements / sizeof elements[0]; i++)
        if (!strcmp(name, elements[i].name))
            return &elements[i];
    return NULL;
}

/* Counts the element, and refuses what is not XML-RPC. */
static bool take_element(struct guard *guard, const struct element *element,
                         const XML_Char **attributes)
{
    const char *why = !element        ? "it contains an element that XML-RPC does not have"
                      : attributes[0] ? "it contains an attribute"
                      : ++guard->elements > XML_ELEMENTS_MAX ? "it contains too many elements"
                      : ++guard->depth > XML_DEPTH_MAX       ? "it is nested too deeply"
                                                             : NULL;
    if (why)
        refuse(guard, why);
    return !why;
}

/* Refuses it where the builder, which is asked where there is one, says why. */
static void build(struct guard *guard, const char *why)
{
    if (why)
        refuse(guard, why);
}

static void XMLCALL on_start(void *context, const XML_Char *element, const XML_Char **attributes)
{
    struct guard *guard = context;
    const struct element *known = find_element(element);
    if (!take_element(guard, known, attributes))
        return;
    guard->members[guard->depth] = 0;
    if (!strcmp(element, "member") && ++guard->members[guard->depth - 1] > MEMBERS_MAX)
        refuse(guard, "it contains a struct with too many members");
    if (guard->kind != NOT_A_NUMBER)
        refuse(guard, "it contains an element inside a number");
    guard->kind = known->kind;
    guard->length = 0;
    if (guard->naming)
        refuse(guard, "it contains an element inside a name");
    guard->naming = guard->method && guard->depth == 2 && known->element == XML_E_METHOD &&
                    !guard->method_length;
    if (guard->builder && !guard->refused)
        build(guard, xml_builder_start(guard->builder, known->element));
}

static void take_name(struct guard *guard, const XML_Char *text, size_t length)
{
    size_t room = XML_METHOD_MAX - 1 - guard->method_length;
    length = length < room ? length : room;
    memcpy(guard->method + guard->method_length, text, length);
    guard->method_length += length;
}

static void XMLCALL on_text(void *context, const XML_Char *text, int length)
{
    struct guard *guard = context;
    if (guard->builder && !guard->refused)
        build(guard, xml_builder_text(guard->builder, text, (size_t)length));
    if (guard->naming)
        take_name(guard, text, (size_t)length);
    if (guard->kind == NOT_A_NUMBER)
        return;
    if (guard->length + (size_t)length > NUMBER_MAX) {
        refuse(guard, "it contains a number that is too long");
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
    (void)element;
    struct guard *guard = context;
    if (guard->refused) /* the end of an empty element still comes */
        return;
    guard->depth--;
    guard->naming = false;
    guard->number[guard->length] = '\0';
    if (guard->kind == AN_INTEGER) {
        if (!guard->length || strspn(guard->number, "+-0123456789") != guard->length ||
            !is_integer(guard->number))
            refuse(guard, "malformed integer, or out of the 64-bit range");
    } else if (guard->kind == A_DOUBLE) {
        if (!guard->length || strspn(guard->number, "+-.eE0123456789") != guard->length ||
            !is_finite_double(guard->number))
            refuse(guard, "malformed or non-finite double");
    }
    guard->kind = NOT_A_NUMBER;
    if (guard->builder && !guard->refused)
        build(guard, xml_builder_end(guard->builder));
}

static void XMLCALL on_doctype(void *context, const XML_Char *name, const XML_Char *system,
                               const XML_Char *public, int has_internal)
{
    (void)name, (void)system, (void)public, (void)has_internal;
    refuse(context, "it has a document type");
}

static void XMLCALL on_instruction(void *context, const XML_Char *target, const XML_Char *data)
{
    (void)target, (void)data;
    refuse(context, "it has a processing instruction");
}

static void XMLCALL on_declaration(void *context, const XML_Char *version, const XML_Char *encoding,
                                   int standalone)
{
    (void)version, (void)standalone;
    if (encoding && strcasecmp(encoding, "UTF-8"))
        refuse(context, "its encoding is not UTF-8");
}

/* What expat is not to be shown. */
static const char *refusal_of_bytes(const char *text, size_t length)
{
    static const char mark[] = "\xef\xbb\xbf";
    if (length > INT_MAX)
        return "it is too large";
    if (length >= sizeof mark - 1 && !memcmp(text, mark, sizeof mark - 1))
        return "it begins with a byte order mark";
    /* An empty text may be NULL. UTF-16 is full of these. */
    return length && memchr(text, '\0', length) ? "it contains a NUL" : NULL;
}

int64_t xml_cost(const char *text, size_t length)
{
    int64_t count = 0;
    const char *end = text + length;
    for (const char *at = text; at && at < end; count++) {
        at = memchr(at, '<', (size_t)(end - at));
        if (!at)
            break;
        at++;
        count -= at < end && *at == '/';
    }
    count = count < XML_ELEMENTS_MAX ? count : XML_ELEMENTS_MAX;
    return count * ELEMENT_COST + TEXT_COST * (int64_t)length;
}

/* Goes through the text once. */
static bool pass(struct guard *guard, const char *text, size_t length, struct fail *fail)
{
    const char *bytes = refusal_of_bytes(text, length);
    if (bytes)
        return fail_set(fail, 0, "%s", bytes);
    guard->parser = XML_ParserCreate("UTF-8");
    if (!guard->parser)
        return fail_set(fail, 0, "there is not enough memory to read it");
    XML_SetUserData(guard->parser, guard);
    XML_SetElementHandler(guard->parser, on_start, on_end);
    XML_SetCharacterDataHandler(guard->parser, on_text);
    XML_SetStartDoctypeDeclHandler(guard->parser, on_doctype);
    XML_SetProcessingInstructionHandler(guard->parser, on_instruction);
    XML_SetXmlDeclHandler(guard->parser, on_declaration);
    bool good = XML_Parse(guard->parser, text, (int)length, 1) == XML_STATUS_OK;
    if (!good)
        fail_set(fail, 0, "%s",
                 guard->refused ? guard->refused
                                : XML_ErrorString(XML_GetErrorCode(guard->parser)));
    XML_ParserFree(guard->parser);
    return good;
}

bool xml_guard(const char *text, size_t length, char method[XML_METHOD_MAX], struct fail *fail)
{
    struct guard guard = {.method = method};
    if (method)
        memset(method, 0, XML_METHOD_MAX);
    return pass(&guard, text, length, fail);
}

bool xml_read(const char *text, size_t length, struct xml_message *message, struct fail *fail)
{
    struct xml_builder *builder = mem_new(1, sizeof *builder);
    struct guard guard = {.builder = builder};
    xml_builder_init(builder, message);
    bool good = pass(&guard, text, length, fail);
    bool whole = xml_builder_finish(builder, good);
    free(builder);
    return whole || (good && fail_set(fail, 0, "it lacks the value that a response has"));
}
