/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests values of settings: parsing with ranges, and how they are shown. */
#include "setting_objects.h"

enum { ROUNDS = 20000 };

static void values_are_read(void **state)
{
    static const struct {
        const char *field, *text;
        int64_t value;
    } cases[] = {
        {"duration", "10", 10000000000},
        {"duration", "0", 0},
        {"duration", "366h", 1317600000000000},
        {"delay", "20ms", 20000000},
        {"block_cap", "64k", 65536},
        {"rate", "10Mbit", 10000000},
        {"rate", "1z", 1},
        {"send_buffer", "2147483647", INT32_MAX},
        {"receive_buffer", "1M", 1048576},
        {"interval", "100us", 100000},
        {"interval", "24h", 86400000000000},
        {"framing", "auto", FRAMING_AUTO},
        {"framing", "stream", FRAMING_STREAM},
        {"framing", "message", FRAMING_MESSAGE},
        {"drain", "0", 0},
        {"drain", "1h", 3600000000000},
        {"nodelay", "0", 0},
        {"nodelay", "1", 1},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct setting *setting = setting_of(cases[i].field);
        union object object;
        struct fail fail = {0};
        object_default(setting, &object);
        if (!setting_parse(setting, cases[i].text, &object, &fail))
            fail_msg("%s '%s': %s", cases[i].field, cases[i].text, fail.text);
        assert_int_equal(*(int64_t *)((char *)&object + setting->offset), cases[i].value);
        assert_int_equal(setting_is_default(setting, &object), cases[i].value == setting->fallback);
    }
}

static void sizes_are_constants(void **state)
{
    struct endpoint_settings end;
    (void)state;
    schema_defaults(&endpoint_settings_schema, &end);
    end.request_size.b = 42;
    assert_true(setting_parse(setting_of("request_size"), "64k", &end, NULL));
    assert_int_equal(end.request_size.kind, DIST_CONSTANT);
    assert_true(end.request_size.a == 65536 && end.request_size.b == 0);
    assert_false(setting_is_default(setting_of("request_size"), &end));
    assert_true(setting_parse(setting_of("request_size"), "8192", &end, NULL));
    assert_true(setting_is_default(setting_of("request_size"), &end));
}

static void options_without_a_value(void **state)
{
    struct endpoint_settings end;
    struct flow_settings flow;
    (void)state;
    schema_defaults(&endpoint_settings_schema, &end);
    schema_defaults(&flow_settings_schema, &flow);
    assert_true(setting_parse(setting_of("response_size"), NULL, &end, NULL));
    assert_true(end.response_size.a == BLOCK_HEADER_SIZE);
    assert_true(setting_parse(setting_of("nodelay"), NULL, &end, NULL));
    assert_int_equal(end.nodelay, 1);
    assert_true(setting_parse(setting_of("summarize_only"), NULL, &flow, NULL));
    assert_int_equal(flow.summarize_only, 1);
    assert_int_equal(flow.late_connect, 0);
    assert_true(setting_parse(setting_of("late_connect"), NULL, &flow, NULL));
    assert_int_equal(flow.late_connect, 1);
    assert_true(setting_parse(setting_of("shutdown"), NULL, &flow, NULL));
    assert_int_equal(flow.shutdown, 1);
}

static void values_that_are_refused(void **state)
{
    static const struct {
        const char *field, *text, *sentence;
    } cases[] = {
        {"duration", "31622401", "'31622401' is not within 0s to 31622400s"},
        {"duration", "-1", "'-1' is negative"},
        {"duration", "", "'' is not a number"},
        {"delay", "1 s", "'1 s' has an unknown unit ' s'"},
        {"request_size", "0", "'0' is not within 1B to 1073741824B"},
        {"request_size", "1073741825", "'1073741825' is not within"},
        {"request_size", "2G", "'2G' is not within"},
        {"request_size", "8 k", "'8 k' has an unknown unit"},
        {"block_cap", "1073741825", "'1073741825' is not within 0B to 1073741824B"},
        {"rate", "0.4", "'0.4' is not a rate: it must be above 0"},
        {"rate", "1001Tbit", "'1001Tbit' is not within 0bit/s to 1000000000000000bit/s"},
        {"rate", "10 Mbit", "'10 Mbit' has an unknown unit"},
        {"send_buffer", "2147483648", "'2147483648' is not within"},
        {"interval", "0", "'0' is not within 0.0001s to 86400s"},
        {"interval", "99us", "'99us' is not within 0.0001s to 86400s"},
        {"interval", "24.1h", "'24.1h' is not within"},
        {"framing", "", "'' is not one of auto, stream, message"},
        {"framing", "str", "'str' is not one of auto, stream, message"},
        {"framing", "Stream", "'Stream' is not one of auto, stream, message"},
        {"framing", "1", "'1' is not one of auto, stream, message"},
        {"drain", "3601", "'3601' is not within 0s to 3600s"},
        {"nodelay", "2", "'2' is not within 0 to 1"},
        {"nodelay", "yes", "'yes' is not a whole number"},
        {"congestion_control", "", "'' is not a name"},
        {"congestion_control", "new reno", "'new reno' is not a name"},
        {"congestion_control", "a=b", "'a=b' is not a name"},
        {"congestion_control", "a,b", "'a,b' is not a name"},
        {"congestion_control", "0123456789012345678901234567890x",
         "'0123456789012345678901234567890x' is longer than 31 characters"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct setting *setting = setting_of(cases[i].field);
        union object object, before;
        struct fail fail = {0};
        object_default(setting, &object);
        before = object;
        if (setting_parse(setting, cases[i].text, &object, &fail) ||
            !strstr(fail.text, cases[i].sentence))
            fail_msg("%s '%s': %s", cases[i].field, cases[i].text, fail.text);
        assert_memory_equal(&object, &before, sizeof object);
    }
}

static void names_fit_with_their_nul(void **state)
{
    static const char longest[] = "0123456789012345678901234567890";
    struct endpoint_settings end;
    (void)state;
    schema_defaults(&endpoint_settings_schema, &end);
    assert_int_equal(strlen(longest), SETTINGS_NAME_MAX - 1);
    assert_true(setting_parse(setting_of("congestion_control"), longest, &end, NULL));
    assert_string_equal(end.congestion_control, longest);
    assert_false(setting_is_default(setting_of("congestion_control"), &end));
    assert_true(setting_parse(setting_of("congestion_control"), "reno", &end, NULL));
    assert_string_equal(end.congestion_control, "reno");
}

static void values_are_shown_with_their_unit(void **state)
{
    static const struct {
        const char *field, *text, *shown;
    } cases[] = {
        {"duration", "10", "10s"},
        {"delay", "1.5ms", "0.0015s"},
        {"request_size", "64k", "65536B"},
        {"response_size", NULL, "40B"},
        {"block_cap", "1M", "1048576B"},
        {"rate", "10Mbit", "10000000bit/s"},
        {"framing", "message", "message"},
        {"request_size", "N:2000:50", "N:2000:50"},
        {"gap", "C:0.008", "0.008s"},
        {"gap", "E:0.008", "E:0.008"},
        {"in_flight", "16", "16"},
        {"seed", "4294967295", "4294967295"},
        {"nodelay", NULL, "1"},
        {"congestion_control", "cubic", "cubic"},
        {"dscp", "46", "ef"},
        {"dscp", "0x0A", "af11"},
        {"dscp", "VA", "va"},
        {"dscp", "be", "df"},
        {"dscp", "63", "63"},
        {"cpu", "0", "0"},
        {"mark", "0xffffffff", "4294967295"},
        {"transport", NULL, "mptcp"},
        {"maxseg", "1000", "1000B"},
        {"bind_device", "eth0.7", "eth0.7"},
        {"interval", "0.05", "0.05s"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct setting *setting = setting_of(cases[i].field);
        char text[SETTING_TEXT_MAX];
        union object object;
        object_default(setting, &object);
        assert_true(setting_parse(setting, cases[i].text, &object, NULL));
        setting_format(setting, &object, text);
        assert_string_equal(text, cases[i].shown);
    }
}

/* The limits of every setting that has a range, in the text of its own unit. */
static void limits_belong_to_the_range(void **state)
{
    (void)state;
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *setting = &settings_list[i];
        const char *unit = setting->type == SETTING_SECONDS ? "ns" : "";
        char text[64];
        union object object;
        if (setting->type == SETTING_NAME || setting->type == SETTING_CHOICE_FRAMING ||
            setting->type == SETTING_CHOICE_TRANSPORT ||
            setting->type == SETTING_CHOICE_TRACE_FILTER || setting->type == SETTING_CHOICE_GSO)
            continue;
        if (setting->type == SETTING_GAP) { /* always with the letter of a distribution */
            assert_true(setting_parse(setting, "C:0", &object, NULL));
            assert_true(setting_parse(setting, "C:86400", &object, NULL));
            assert_false(setting_parse(setting, "C:86400.001", &object, NULL));
            continue;
        }
        object_default(setting, &object);
        snprintf(text, sizeof text, "%" PRId64 "%s", setting->maximum, unit);
        assert_true(setting_parse(setting, text, &object, NULL));
        snprintf(text, sizeof text, "%" PRId64 "%s", setting->maximum + 1, unit);
        assert_false(setting_parse(setting, text, &object, NULL));
        snprintf(text, sizeof text, "%" PRId64 "%s", setting->minimum, unit);
        assert_true(setting_parse(setting, text, &object, NULL));
        snprintf(text, sizeof text, "%" PRId64 "%s", setting->minimum - 1, unit);
        assert_false(setting_parse(setting, text, &object, NULL));
    }
}

static void values_that_are_shown_are_read_again(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        const struct setting *setting = &settings_list[random_below(settings_count)];
        char text[SETTING_TEXT_MAX], again[SETTING_TEXT_MAX];
        union object object, read;
        if (setting->type != SETTING_SECONDS && setting->type != SETTING_RATE)
            continue;
        object_default(setting, &object);
        object_default(setting, &read);
        uint64_t span = (uint64_t)(setting->maximum - setting->minimum) >> random_below(50);
        *(int64_t *)((char *)&object + setting->offset) =
            setting->maximum - (int64_t)random_below(span + 1);
        setting_format(setting, &object, text);
        assert_true(setting_parse(setting, text, &read, NULL));
        setting_format(setting, &read, again);
        assert_string_equal(again, text);
        assert_int_equal(*(int64_t *)((char *)&read + setting->offset),
                         *(int64_t *)((char *)&object + setting->offset));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_read),
        cmocka_unit_test(sizes_are_constants),
        cmocka_unit_test(options_without_a_value),
        cmocka_unit_test(values_that_are_refused),
        cmocka_unit_test(names_fit_with_their_nul),
        cmocka_unit_test(values_are_shown_with_their_unit),
        cmocka_unit_test(limits_belong_to_the_range),
        cmocka_unit_test(values_that_are_shown_are_read_again),
    };
    seed_random();
    return cmocka_run_group_tests_name("settings_values", tests, NULL, NULL);
}
