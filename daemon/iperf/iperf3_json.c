/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "iperf/iperf3_json.h"

#include <math.h>

/* Whether brackets nest no deeper than is allowed: before the parser, which recurses, sees them. */
static bool is_flat(const char *text, size_t length)
{
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < length; i++) {
        if (quoted && text[i] == '\\')
            i++;
        else if (text[i] == '"')
            quoted = !quoted;
        else if (!quoted && (text[i] == '{' || text[i] == '['))
            depth++;
        else if (!quoted && (text[i] == '}' || text[i] == ']'))
            depth--;
        if (depth > IPERF3_JSON_DEPTH)
            return false;
    }
    return true;
}

json_t *iperf3_json_object(const char *text, size_t length, struct fail *fail)
{
    json_error_t error;
    if (!is_flat(text, length)) {
        fail_set(fail, 0, "JSON is nested deeper than %d", IPERF3_JSON_DEPTH);
        return NULL;
    }
    /* Old clients print -1 as 18446744073709551615, which no integer of jansson holds. */
    json_t *object = json_loadb(text, length, JSON_DECODE_INT_AS_REAL, &error);
    if (!object)
        fail_set(fail, 0, "malformed JSON at byte %d: %s", error.position, error.text);
    else if (!json_is_object(object))
        fail_set(fail, 0, "the JSON is not an object");
    if (json_is_object(object))
        return object;
    json_decref(object);
    return NULL;
}

static bool wrong_type(const char *name, const char *type, struct fail *fail)
{
    return fail_set(fail, 0, "'%s' is not %s", name, type);
}

static int64_t whole(double number)
{
    if (number >= 18446744073709549568.0 && number <= 18446744073709551616.0)
        return -1; /* -1 to -2047 are the same double */
    if (number >= 9223372036854775808.0)
        return INT64_MAX;
    return number <= -9223372036854775808.0 ? INT64_MIN : (int64_t)number;
}

bool iperf3_json_number(const json_t *object, const char *name, int64_t *value, struct fail *fail)
{
    const json_t *member = json_object_get(object, name);
    if (!member)
        return true;
    if (!json_is_number(member) || isnan(json_number_value(member)))
        return wrong_type(name, "a number", fail);
    *value = whole(json_number_value(member));
    return true;
}

bool iperf3_json_text(const json_t *object, const char *name, const char **value, struct fail *fail)
{
    const json_t *member = json_object_get(object, name);
    if (!member)
        return true;
    if (!json_is_string(member))
        return wrong_type(name, "a string", fail);
    *value = json_string_value(member);
    return true;
}

bool iperf3_json_flag(const json_t *object, const char *name, bool *value, struct fail *fail)
{
    const json_t *member = json_object_get(object, name);
    if (!member)
        return true;
    if (!json_is_boolean(member) && !json_is_number(member))
        return wrong_type(name, "a boolean", fail);
    *value = !json_is_number(member) || json_number_value(member) != 0;
    return true;
}
