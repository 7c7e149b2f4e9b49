/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/json.h"

#include <math.h>
#include <stdlib.h>

#include "clock.h"
#include "metrics.h"
#include "output/hide.h"

json_t *json_new_text(const struct hide *hide, const char *text)
{
    char *shown = hide_text(hide, text);
    json_t *value = json_string(shown);
    if (!value) {
        for (char *at = shown; *at; at++)
            *at = (unsigned char)*at < 0x80 ? *at : '?';
        value = json_string(shown);
    }
    free(shown);
    return value;
}

void json_set_text(const struct hide *hide, json_t *object, const char *name, const char *text)
{
    if (text && *text)
        json_object_set_new(object, name, json_new_text(hide, text));
}

void json_set_integer(json_t *object, const char *name, int64_t value)
{
    if (value != METRIC_ABSENT)
        json_object_set_new(object, name, json_integer(value));
}

void json_set_real(json_t *object, const char *name, double value)
{
    if (isfinite(value))
        json_object_set_new(object, name, json_real(value));
}

void json_set_seconds(json_t *object, const char *name, int64_t ns)
{
    if (ns != METRIC_ABSENT && ns != CLOCK_NEVER)
        json_set_real(object, name, (double)ns / NS_PER_SEC);
}

static int append(const char *bytes, size_t length, void *out)
{
    buffer_add(out, bytes, length);
    return 0;
}

void json_put(json_t *value, struct buffer *out)
{
    json_dump_callback(value, append, out,
                       JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15));
    json_decref(value);
}

json_t *json_new_record(const char *type)
{
    json_t *record = json_object();
    json_object_set_new(record, "type", json_string(type));
    return record;
}

double json_number_in(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

const char *json_text_in(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}
