/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Small objects of JSON, with jansson. Members that have no value are left out. */
#ifndef FLOWRIG_JSON_H
#define FLOWRIG_JSON_H

#include <jansson.h>

#include "mem.h"

struct hide;

/* Text with what is to be hidden replaced; `hide` NULL: nothing is. It need not be UTF-8: what is
 * not becomes question marks. */
json_t *json_new_text(const struct hide *hide, const char *text);
/* An object that has its type. */
json_t *json_new_record(const char *type);
/* These add a member: none for NULL and empty text, METRIC_ABSENT, NAN and infinity. */
void json_set_text(const struct hide *hide, json_t *object, const char *name, const char *text);
void json_set_integer(json_t *object, const char *name, int64_t value);
void json_set_real(json_t *object, const char *name, double value);
void json_set_seconds(json_t *object, const char *name, int64_t ns);
/* A member's number, NAN where it has none; and its text, "" where it has none, the object's. */
double json_number_in(const json_t *object, const char *name);
const char *json_text_in(const json_t *object, const char *name);
/* Appends the value's text, and frees the value. */
void json_put(json_t *value, struct buffer *out);

#endif
