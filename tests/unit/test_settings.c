/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests the list of settings: every line of settings.def, and the options that are made of it. */
#include "setting_objects.h"

/* ---- the list */

static void every_setting_is_described(void **state)
{
    (void)state;
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *setting = &settings_list[i];
        assert_int_equal(strspn(setting->field, "abcdefghijklmnopqrstuvwxyz_46"),
                         strlen(setting->field));
        assert_true(setting->help && strlen(setting->help) > 8);
        assert_true(setting->name && *setting->name);
        assert_true(setting->minimum <= setting->maximum);
        /* Below the range: none was given. */
        bool none = setting->fallback == -1 || setting->fallback == 0;
        if (setting->type != SETTING_NAME && !(none && setting->fallback < setting->minimum))
            assert_in_range(setting->fallback - setting->minimum, 0,
                            setting->maximum - setting->minimum);
        if (setting->form == SETTING_FORM_PRESET)
            assert_true(setting->preset >= setting->minimum && setting->preset <= setting->maximum);
        if (setting->form == SETTING_FORM_VALUE)
            assert_non_null(setting->argument);
    }
}

static void no_two_settings_share_a_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < settings_count; i++)
        for (size_t j = 0; j < i; j++) {
            const struct setting *one = &settings_list[i], *other = &settings_list[j];
            assert_string_not_equal(one->field, other->field);
            assert_string_not_equal(one->name, other->name);
            if (one->letter && one->letter == other->letter)
                assert_true(one->form == SETTING_FORM_SOCKOPT &&
                            other->form == SETTING_FORM_SOCKOPT);
            if (one->scope == other->scope)
                assert_int_not_equal(one->offset, other->offset);
        }
}

static void defaults_are_defaults(void **state)
{
    (void)state;
    for (size_t i = 0; i < settings_count; i++) {
        union object object;
        object_default(&settings_list[i], &object);
        assert_true(setting_is_default(&settings_list[i], &object));
    }
}

static void defaults_are_the_ones_that_help_names(void **state)
{
    struct endpoint_settings end;
    struct flow_settings flow;
    (void)state;
    schema_defaults(&endpoint_settings_schema, &end);
    schema_defaults(&flow_settings_schema, &flow);
    assert_int_equal(end.duration, 0);
    assert_int_equal(SETTINGS_SOURCE_DURATION, INT64_C(10000000000));
    assert_int_equal(end.delay, 0);
    assert_true(end.request_size.kind == DIST_CONSTANT && end.request_size.a == 8192);
    assert_true(end.response_size.kind == DIST_CONSTANT && end.response_size.a == 0);
    assert_int_equal(end.rate, 0);
    assert_int_equal(end.send_buffer, 0);
    assert_int_equal(end.receive_buffer, 0);
    assert_string_equal(end.congestion_control, "");
    assert_int_equal(end.nodelay, 0);
    assert_int_equal(flow.interval, 50000000);
    assert_int_equal(flow.framing, FRAMING_AUTO);
    assert_int_equal(flow.drain, INT64_C(5000000000));
    assert_int_equal(flow.summarize_only + flow.late_connect + flow.shutdown, 0);
}

static void schemas_have_a_field_for_each_setting(void **state)
{
    size_t seen[2] = {0};
    (void)state;
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *setting = &settings_list[i];
        const struct schema *schema =
            setting->scope == SCOPE_FLOW ? &flow_settings_schema : &endpoint_settings_schema;
        assert_true(seen[setting->scope] < schema->count);
        const struct field *field = &schema->fields[seen[setting->scope]++];
        assert_string_equal(field->name, setting->field);
        assert_int_equal(field->offset, setting->offset);
        assert_int_equal(field->minimum, setting->minimum);
        assert_int_equal(field->maximum, setting->maximum);
        assert_int_equal(field->fallback, setting->fallback);
        assert_true(field->offset + field->size <= schema->size);
        assert_false(field->flags & FIELD_ALWAYS); /* settings travel sparse */
    }
    assert_int_equal(seen[SCOPE_ENDPOINT], endpoint_settings_schema.count);
    assert_int_equal(seen[SCOPE_FLOW], flow_settings_schema.count);
}

/* ---- options */

static void options_come_from_the_list(void **state)
{
    struct option_spec specs[64];
    size_t count = settings_options(specs, 100, "Group"), at = 0;
    (void)state;
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *setting = &settings_list[i];
        if (setting->form == SETTING_FORM_SOCKOPT || setting->form == SETTING_FORM_TRAFFIC)
            continue;
        assert_true(at < count);
        assert_int_equal(specs[at].letter, setting->letter);
        assert_string_equal(specs[at].name, setting->name);
        assert_string_equal(specs[at].help, setting->help);
        assert_string_equal(specs[at].group, "Group");
        assert_int_equal(specs[at].id, 100 + i);
        enum option_argument takes =
            setting->form == SETTING_FORM_BOTH ? OPTION_LOOSE : OPTION_REQUIRED;
        assert_int_equal(specs[at].argument, setting->argument ? takes : OPTION_NONE);
        assert_true(!setting->argument || !strcmp(specs[at].value, setting->argument));
        at++;
    }
    assert_int_equal(at, count);
}

static void socket_options_have_whole_names(void **state)
{
    static const struct {
        const char *name;
        size_t length;
        const char *field;
    } cases[] = {
        {"TCP_CONGESTION", 14, "congestion_control"},
        {"TCP_CONGESTION=cubic", 14, "congestion_control"},
        {"TCP_NODELAY", 11, "nodelay"},
        {"TCP_NODELAY", 10, NULL},
        {"IP_TOS=4", 6, "tos"},
        {"IPV6_TCLASS=4", 11, "tos"},
        {"IPV6_UNICAST_HOPS", 17, "ttl"},
        {"IPV6_MTU_DISCOVER", 17, "mtu_discover"},
        {"IPV6_MTU_DISCOVE", 16, NULL},
        {"TCP_MTCP", 8, NULL},
        {"TCP_ELCN", 8, NULL},
        {"TCP_LCD", 7, NULL},
        {"TCP_NODELAYS", 12, NULL},
        {"tcp_nodelay", 11, NULL},
        {"", 0, NULL},
        {"duration", 8, NULL},
        {"block-size", 10, NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct setting *setting = settings_find_sockopt(cases[i].name, cases[i].length);
        assert_ptr_equal(setting, cases[i].field ? setting_of(cases[i].field) : NULL);
    }
}

/* No setting stands for them, so nothing can set them. */
static void socket_options_with_other_meanings_are_refused(void **state)
{
    static const char *const names[] = {"TCP_MTCP", "TCP_ELCN", "TCP_LCD"};
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        size_t length = strlen(names[i]);
        assert_non_null(settings_refused_sockopt(names[i], length));
        assert_null(settings_find_sockopt(names[i], length));
        assert_null(settings_refused_sockopt(names[i], length - 1));
    }
    for (size_t i = 0; i < settings_count; i++)
        assert_null(settings_refused_sockopt(settings_list[i].name, strlen(settings_list[i].name)));
}

static void socket_options_are_listed(void **state)
{
    char *text = NULL;
    size_t size;
    (void)state;
    FILE *out = open_memstream(&text, &size);
    settings_sockopt_help(out);
    fclose(out);
    assert_non_null(strstr(text, "  -O x=TCP_CONGESTION=ALG\n"));
    assert_non_null(strstr(text, "  -O x=TCP_NODELAY\n"));
    assert_null(strstr(text, "duration"));
    assert_null(strstr(text, "(null)"));
    free(text);
}

static void endpoints_have_letters_and_names(void **state)
{
    (void)state;
    assert_int_equal(endpoint_letter(SOURCE), 's');
    assert_int_equal(endpoint_letter(DESTINATION), 'd');
    assert_string_equal(endpoint_name(SOURCE), "source");
    assert_string_equal(endpoint_name(DESTINATION), "destination");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_setting_is_described),
        cmocka_unit_test(no_two_settings_share_a_name),
        cmocka_unit_test(defaults_are_defaults),
        cmocka_unit_test(defaults_are_the_ones_that_help_names),
        cmocka_unit_test(schemas_have_a_field_for_each_setting),
        cmocka_unit_test(options_come_from_the_list),
        cmocka_unit_test(socket_options_have_whole_names),
        cmocka_unit_test(socket_options_with_other_meanings_are_refused),
        cmocka_unit_test(socket_options_are_listed),
        cmocka_unit_test(endpoints_have_letters_and_names),
    };
    return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
