/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests the methods of the control protocol: every schema is sound, and its defaults travel. */
#include "method_help.c"
#include "protocol.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "secret.h"
#include "wire.h"

enum { SCHEMAS_MAX = 64 };

/* Every schema that a method leads to, once. */
static const struct schema *schemas[SCHEMAS_MAX];
static size_t schemas_count;

static void collect(const struct schema *schema)
{
    for (size_t i = 0; i < schemas_count; i++)
        if (schemas[i] == schema)
            return;
    assert_true(schemas_count < SCHEMAS_MAX);
    schemas[schemas_count++] = schema;
    for (size_t i = 0; i < schema->count; i++)
        if (schema->fields[i].sub)
            collect(schema->fields[i].sub);
}

static int collect_all(void **state)
{
    (void)state;
    for (int i = 0; i < METHODS; i++) {
        collect(methods[i].call);
        collect(methods[i].reply);
    }
    return 0;
}

static const struct field *field_of(const struct schema *schema, const char *name)
{
    for (size_t i = 0; i < schema->count; i++)
        if (!strcmp(schema->fields[i].name, name))
            return &schema->fields[i];
    return NULL;
}

/* ---- methods */

static void methods_are_described(void **state)
{
    (void)state;
    for (int i = 0; i < METHODS; i++) {
        const char *name = methods[i].name, *point = strchr(name, '.');
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_."), strlen(name));
        assert_true(point && point > name && point[1] && !strchr(point + 1, '.'));
        assert_int_not_equal(strncmp(name, "system.", 7), 0); /* the registry's own */
        assert_true(strlen(methods[i].help) > 10);
        assert_non_null(methods[i].call);
        assert_non_null(methods[i].reply);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(name, methods[j].name);
    }
}

static void methods_are_those_of_the_design(void **state)
{
    static const char *const names[] = {
        "flowd.describe",  "flowd.clock",   "flowd.status",    "flowd.stop_all",   "session.open",
        "session.renew",   "session.close", "session.prepare", "session.prepared", "session.start",
        "session.reports", "session.stop",  "reports.schema",  "dumps.list",       "dumps.read",
    };
    (void)state;
    assert_int_equal(METHODS, COUNT(names));
    for (size_t i = 0; i < COUNT(names); i++) {
        bool found = false;
        for (int j = 0; j < METHODS; j++)
            found |= !strcmp(methods[j].name, names[i]);
        if (!found)
            fail_msg("there is no method %s", names[i]);
    }
}

/* Who knows the session may use it, and nobody else. */
static void calls_on_a_session_name_it(void **state)
{
    (void)state;
    for (int i = 0; i < METHODS; i++) {
        bool on_session = !strncmp(methods[i].name, "session.", 8) && i != METHOD_OPEN;
        const struct field *session = field_of(methods[i].call, "session");
        assert_int_equal(session != NULL, on_session);
        if (!session)
            continue;
        assert_int_equal(session->type, FIELD_TEXT);
        assert_true(session->flags & FIELD_ALWAYS);
        assert_int_equal(session->size, PROTOCOL_ID_MAX);
    }
}

static void calls_that_change_something_carry_a_key(void **state)
{
    static const enum method_id changing[] = {METHOD_OPEN, METHOD_PREPARE, METHOD_START,
                                              METHOD_STOP};
    (void)state;
    for (size_t i = 0; i < COUNT(changing); i++) {
        const struct field *key = field_of(methods[changing[i]].call, "key");
        assert_non_null(key);
        assert_int_equal(key->type, FIELD_TEXT);
        assert_true(key->flags & FIELD_ALWAYS);
    }
}

static void assert_mentions_all(const char *text, const struct schema *schema)
{
    for (size_t i = 0; i < schema->count; i++) {
        const struct field *field = &schema->fields[i];
        if (!strstr(text, field->name) || !strstr(text, field->help))
            fail_msg("%s is not in: %s", field->name, text);
        if (field->sub)
            assert_mentions_all(text, field->sub);
    }
}

static void help_mentions_every_member(void **state)
{
    (void)state;
    for (int i = 0; i < METHODS; i++) {
        char *text = method_help(&methods[i]);
        assert_int_equal(strncmp(text, methods[i].help, strlen(methods[i].help)), 0);
        assert_mentions_all(text, methods[i].call);
        assert_mentions_all(text, methods[i].reply);
        assert_null(strstr(text, "(null)"));
        assert_true(strstr(text, "Takes one struct:\n") < strstr(text, "Returns one struct:\n"));
        free(text);
    }
}

static void help_says_type_and_place(void **state)
{
    char *text = method_help(&methods[METHOD_PREPARE]);
    (void)state;
    assert_non_null(strstr(text, "\n  session (string, always): "));
    assert_non_null(strstr(text, "\n  endpoints (structs, always): "));
    assert_non_null(strstr(text, "\n    flow (integer, always): "));
    assert_non_null(strstr(text, "\n    source (struct): "));
    assert_non_null(strstr(text, "\n      duration (integer): "));
    assert_non_null(strstr(text, "\n      nodelay (boolean): "));
    assert_non_null(strstr(text, "\n      request_size (string): "));
    free(text);
}

/* ---- schemas */

static void every_schema_is_found(void **state)
{
    bool settings = false, flow = false;
    (void)state;
    for (size_t i = 0; i < schemas_count; i++) {
        settings |= schemas[i] == &endpoint_settings_schema;
        flow |= schemas[i] == &flow_settings_schema;
    }
    assert_true(settings && flow);
    assert_true(schemas_count > METHODS);
}

/* One bit per field tells what a struct had. */
static void schemas_have_at_most_64_fields(void **state)
{
    (void)state;
    for (size_t i = 0; i < schemas_count; i++) {
        if (schemas[i]->count > 64)
            fail_msg("%s has %zu fields", schemas[i]->name, schemas[i]->count);
        assert_true(schemas[i]->name && *schemas[i]->name);
    }
}

static void fields_have_names_of_their_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < schemas_count; i++) {
        const struct field *fields = schemas[i]->fields;
        for (size_t j = 0; j < schemas[i]->count; j++) {
            assert_true(strlen(fields[j].name) > 0);
            assert_int_equal(strspn(fields[j].name, "abcdefghijklmnopqrstuvwxyz0123456789_"),
                             strlen(fields[j].name));
            if (!fields[j].help || strlen(fields[j].help) < 5)
                fail_msg("%s.%s is not explained", schemas[i]->name, fields[j].name);
            for (size_t k = 0; k < j; k++)
                assert_string_not_equal(fields[j].name, fields[k].name);
        }
    }
}

static void fields_do_not_overlap(void **state)
{
    (void)state;
    for (size_t i = 0; i < schemas_count; i++) {
        const struct field *fields = schemas[i]->fields;
        for (size_t j = 0; j < schemas[i]->count; j++) {
            assert_true(fields[j].offset + fields[j].size <= schemas[i]->size);
            for (size_t k = 0; k < j; k++)
                assert_true(fields[j].offset + fields[j].size <= fields[k].offset ||
                            fields[k].offset + fields[k].size <= fields[j].offset);
        }
    }
}

/* The size in memory that each type stands for; 0 where the field says it. */
static size_t size_of_type(const struct field *field)
{
    switch (field->type) {
    case FIELD_INT:
    case FIELD_BOOL:
    case FIELD_CHOICE:
        return sizeof(int64_t);
    case FIELD_DIST:
        return sizeof(struct dist);
    case FIELD_BYTES:
        return sizeof(struct schema_bytes);
    case FIELD_STRUCT:
        return field->sub->size;
    case FIELD_LIST:
    case FIELD_INTS:
        return sizeof(struct schema_list);
    case FIELD_VALUE:
        return sizeof(void *);
    case FIELD_TEXT:
    case FIELD_WORDS:
        break;
    }
    return 0;
}

static void fields_have_the_memory_of_their_type(void **state)
{
    (void)state;
    for (size_t i = 0; i < schemas_count; i++) {
        for (size_t j = 0; j < schemas[i]->count; j++) {
            const struct field *field = &schemas[i]->fields[j];
            bool has_sub = field->type == FIELD_STRUCT || field->type == FIELD_LIST;
            assert_int_equal(field->sub != NULL, has_sub);
            assert_int_equal(field->choices != NULL, field->type == FIELD_CHOICE);
            if (size_of_type(field) ? field->size != size_of_type(field) : field->size < 2)
                fail_msg("%s.%s has %zu bytes", schemas[i]->name, field->name, field->size);
        }
    }
}

static void ranges_hold_their_defaults(void **state)
{
    (void)state;
    for (size_t i = 0; i < schemas_count; i++) {
        for (size_t j = 0; j < schemas[i]->count; j++) {
            const struct field *field = &schemas[i]->fields[j];
            bool number = field->type == FIELD_INT || field->type == FIELD_DIST;
            bool list = field->type == FIELD_LIST || field->type == FIELD_INTS ||
                        field->type == FIELD_BYTES;
            /* What has no default of its own says so below its range. */
            bool none = field->fallback == (field->minimum ? 0 : -1) || field->fallback == -1;
            if (number && (field->minimum >= field->maximum || field->fallback > field->maximum ||
                           (field->fallback < field->minimum && !none)))
                fail_msg("%s.%s has no sound range", schemas[i]->name, field->name);
            if (list && field->maximum <= 0)
                fail_msg("%s.%s takes nothing", schemas[i]->name, field->name);
        }
    }
}

/* ---- defaults */

static void check_defaults(const struct schema *schema)
{
    void *object = mem_new(1, schema->size), *read = mem_new(1, schema->size);
    struct fail fail = {0};
    xmlrpc_env env;
    xmlrpc_env_init(&env);
    schema_defaults(schema, object);
    xmlrpc_value *value = wire_encode(&env, schema, object);
    assert_false(env.fault_occurred);
    size_t always = 0;
    for (size_t i = 0; i < schema->count; i++)
        always += (schema->fields[i].flags & FIELD_ALWAYS) != 0;
    assert_int_equal(xmlrpc_struct_size(&env, value), always);
    memset(read, 0xee, schema->size);
    if (!wire_decode(value, schema, read, false, &fail))
        fail_msg("%s: %s", schema->name, fail.text);
    for (size_t i = 0; i < schema->count; i++) {
        const struct field *field = &schema->fields[i];
        const char *one = (char *)object + field->offset, *other = (char *)read + field->offset;
        if (field->type == FIELD_INT || field->type == FIELD_BOOL || field->type == FIELD_CHOICE)
            assert_int_equal(*(const int64_t *)one, *(const int64_t *)other);
        else if (field->type == FIELD_TEXT || field->type == FIELD_WORDS)
            assert_string_equal(one, other);
        else if (field->type == FIELD_DIST)
            assert_true(dist_equal((const void *)one, (const void *)other));
    }
    schema_free(schema, read);
    xmlrpc_DECREF(value);
    xmlrpc_env_clean(&env);
    free(object);
    free(read);
}

static void defaults_travel(void **state)
{
    (void)state;
    for (size_t i = 0; i < schemas_count; i++)
        check_defaults(schemas[i]);
}

/* ---- numbers */

static void secrets_fit_into_ids(void **state)
{
    (void)state;
    assert_int_equal(PROTOCOL_ID_MAX, 2 * SECRET_SIZE + 1);
    assert_int_equal(sizeof(((struct prepare_endpoint *)0)->secret), PROTOCOL_ID_MAX);
    assert_int_equal(sizeof(((struct prepare_endpoint *)0)->proof), PROTOCOL_ID_MAX);
    assert_true((int)PROTOCOL_REASON_MAX >= (int)FAIL_TEXT_MAX);
}

static void faults_tell_whose_turn_it_is(void **state)
{
    static const struct {
        enum fault fault;
        int thousand;
    } cases[] = {
        {FAULT_BAD_CALL, 1}, {FAULT_BAD_STATE, 1}, {FAULT_BAD_XML, 1}, {FAULT_POLICY, 2},
        {FAULT_TOO_MANY, 2}, {FAULT_NO_MEMORY, 2}, {FAULT_SYSTEM, 3},  {FAULT_CONGESTION, 3},
        {FAULT_PORTS, 3},    {FAULT_FILES, 3},     {FAULT_CONNECT, 3}, {FAULT_GONE, 4},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(cases[i].fault / 1000, cases[i].thousand);
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(cases[i].fault, cases[j].fault);
    }
}

static void calls_have_bounds(void **state)
{
    const struct field *after = field_of(methods[METHOD_REPORTS].call, "after");
    const struct field *in_ms = field_of(methods[METHOD_START].call, "in_ms");
    const struct field *wait = field_of(methods[METHOD_REPORTS].call, "wait_ms");
    const struct field *endpoints = field_of(methods[METHOD_PREPARE].call, "endpoints");
    (void)state;
    assert_int_equal(after->minimum, 0);
    assert_int_equal(after->maximum, INT64_MAX);
    assert_int_equal(in_ms->fallback, -1); /* not given */
    assert_int_equal(wait->minimum, 0);
    assert_int_equal(wait->maximum, PROTOCOL_WAIT_MAX_MS);
    assert_int_equal(endpoints->maximum, PROTOCOL_CHUNK_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(methods_are_described),
        cmocka_unit_test(methods_are_those_of_the_design),
        cmocka_unit_test(calls_on_a_session_name_it),
        cmocka_unit_test(calls_that_change_something_carry_a_key),
        cmocka_unit_test(help_mentions_every_member),
        cmocka_unit_test(help_says_type_and_place),
        cmocka_unit_test(every_schema_is_found),
        cmocka_unit_test(schemas_have_at_most_64_fields),
        cmocka_unit_test(fields_have_names_of_their_own),
        cmocka_unit_test(fields_do_not_overlap),
        cmocka_unit_test(fields_have_the_memory_of_their_type),
        cmocka_unit_test(ranges_hold_their_defaults),
        cmocka_unit_test(defaults_travel),
        cmocka_unit_test(secrets_fit_into_ids),
        cmocka_unit_test(faults_tell_whose_turn_it_is),
        cmocka_unit_test(calls_have_bounds),
    };
    return cmocka_run_group_tests_name("protocol", tests, collect_all, NULL);
}
