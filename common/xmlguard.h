/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The check that stands before every parse by xmlrpc-c, on calls and on replies. xmlrpc-c 1.33.14
 * crashes on integers that are none or out of range and on deep nesting, and spends seconds on
 * small entity bombs; none of these gets through here. */
#ifndef FLOWRIG_XMLGUARD_H
#define FLOWRIG_XMLGUARD_H

#include <stddef.h>

#include "fail.h"

/* Passes well-formed UTF-8 XML without a document type, nested at most 150 deep, whose integers
 * are integers of 64 bits and whose doubles are finite. */
bool xml_guard(const char *text, size_t length, struct fail *fail);

enum { XML_METHOD_MAX = 64 };

/* What a call asks for, with entities and CDATA resolved as xmlrpc-c will resolve them. */
struct xml_call {
    char method[XML_METHOD_MAX]; /* cut off where it is longer than any */
    int parts;                   /* members named "methodName": the calls in a system.multicall */
};

/* The same for a call, and says what it is. */
bool xml_guard_call(const char *text, size_t length, struct xml_call *call, struct fail *fail);

#endif
