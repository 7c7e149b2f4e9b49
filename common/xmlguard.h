/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What calls and replies say, read by libexpat in one pass: nothing but XML-RPC gets through. */
#ifndef FLOWRIG_XMLGUARD_H
#define FLOWRIG_XMLGUARD_H

#include <stddef.h>
#include <stdint.h>

#include "fail.h"
#include "xmlbuild.h"

enum { XML_ELEMENTS_MAX = 400000 };

/* An upper bound of the memory in bytes that its values take. Costs little. */
int64_t xml_cost(const char *text, size_t length);

/* Passes well-formed XML in UTF-8 of the elements of XML-RPC and nothing else: no byte order mark,
 * document type, processing instruction or attribute, at most XML_ELEMENTS_MAX elements, nested at
 * most 150 deep. Its integers are integers of 64 bits and its doubles are finite. Where `method` is
 * not NULL, it has the method of a call then, with entities and CDATA resolved, "" if there is
 * none; longer names than any are cut off. */
bool xml_guard(const char *text, size_t length, char method[XML_METHOD_MAX], struct fail *fail);

/* Reads what passes, with each element where XML-RPC has it; the value is the caller's. */
bool xml_read(const char *text, size_t length, struct xml_message *message, struct fail *fail);

#endif
