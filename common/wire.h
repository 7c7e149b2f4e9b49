/* SPDX-License-Identifier: GPL-3.0-or-later */
/* C structs to XML-RPC values and back, by their schemas. */
#ifndef FLOWRIG_WIRE_H
#define FLOWRIG_WIRE_H

#include <xmlrpc-c/base.h>

#include "fail.h"
#include "schema.h"

/* The struct as a new XML-RPC struct value that the caller owns. Members that have their default,
 * or in items of a list what its FIELD_COMMON says, are left out. Text that XML can't carry is
 * written with '?' in its place. A FIELD_VALUE is taken over: its member is NULL afterwards. Gives
 * NULL with `env` at fault when there is no memory. */
xmlrpc_value *wire_encode(xmlrpc_env *env, const struct schema *schema, void *object);

/* Reads `value` into `object`, which is overwritten; members that are absent get their default,
 * or what a FIELD_COMMON says.
 * Refused, with a sentence that names the member: a value of another type, a number out of range,
 * a text or list that is too long, a member that the schema does not know (unless `lenient`, for
 * replies of newer daemons), a missing FIELD_ALWAYS. With `lenient`, texts are made printable.
 * After a failure there is nothing to free; else schema_free() frees. */
bool wire_decode(xmlrpc_value *value, const struct schema *schema, void *object, bool lenient,
                 struct fail *fail);

/* A string value of any text; an integer value in the smallest form that holds it. */
xmlrpc_value *wire_text(xmlrpc_env *env, const char *text);
xmlrpc_value *wire_int(xmlrpc_env *env, int64_t number);

#endif
