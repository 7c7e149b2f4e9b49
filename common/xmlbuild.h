/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages of XML-RPC, and how their values are built while their elements come by: only xmlguard.c
 * does, which passes nothing but known elements and well-formed numbers, within its limits. */
#ifndef FLOWRIG_XMLBUILD_H
#define FLOWRIG_XMLBUILD_H

#include <xmlrpc-c/base.h>

#include "mem.h"

enum { XML_METHOD_MAX = 64 };

enum xml_kind { XML_VALUE, XML_CALL, XML_RESPONSE, XML_FAULT };

struct xml_message {
    enum xml_kind kind;
    char method[XML_METHOD_MAX]; /* of a call; longer names than any are cut off */
    /* Of a call the array of its parameters, of a response its value, of a fault its struct. */
    xmlrpc_value *value;
};

enum xml_element {
    XML_ROOT, /* above the first one */
    XML_E_VALUE,
    XML_E_MEMBER,
    XML_E_NAME,
    XML_E_I4,
    XML_E_I8,
    XML_E_INT,
    XML_E_STRING,
    XML_E_STRUCT,
    XML_E_ARRAY,
    XML_E_DATA,
    XML_E_BOOLEAN,
    XML_E_NIL,
    XML_E_BASE64,
    XML_E_DOUBLE,
    XML_E_DATE,
    XML_E_CALL,
    XML_E_PARAMS,
    XML_E_RESPONSE,
    XML_E_METHOD,
    XML_E_PARAM,
    XML_E_FAULT,
    XML_ELEMENTS
};

enum { XML_DEPTH_MAX = 150 };

struct xml_builder {
    struct xml_message *message;
    xmlrpc_env env;
    struct buffer text; /* of the leaf that is open */
    int depth;
    struct xml_frame {
        enum xml_element element;
        uint32_t seen;       /* a bit for each element that it holds */
        xmlrpc_value *value; /* so far; owned */
        xmlrpc_value *name;  /* of a member; owned */
    } frames[XML_DEPTH_MAX + 1];
};

/* For a message that is yet to come. */
void xml_builder_init(struct xml_builder *builder, struct xml_message *message);
/* Each returns NULL, or why the message is no XML-RPC. */
const char *xml_builder_start(struct xml_builder *builder, enum xml_element element);
const char *xml_builder_text(struct xml_builder *builder, const char *text, size_t length);
const char *xml_builder_end(struct xml_builder *builder);
/* What was built is the message's if all of it is there, which is what this returns. */
bool xml_builder_finish(struct xml_builder *builder, bool good);

#endif
