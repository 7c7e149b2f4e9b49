/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests schemas and the wire: defaults, and every type of field. */
#include "wire_every.h"

/* ---- defaults */

static void defaults_fill_the_struct(void **state)
{
    struct every every;
    (void)state;
    memset(&every, 0xee, sizeof every);
    schema_defaults(&every_schema, &every);
    assert_int_equal(every.number, 7);
    assert_int_equal(every.flag, 1);
    assert_string_equal(every.text, "");
    assert_string_equal(every.words, "");
    assert_true(every.size.kind == DIST_CONSTANT && every.size.a == 100 && every.size.b == 0);
    assert_int_equal(every.bytes.length, 0);
    assert_int_equal(every.inner.depth, 3);
    assert_string_equal(every.inner.label, "");
    assert_int_equal(every.list.count, 0);
    assert_int_equal(every.ints.count, 0);
    assert_null(every.value);
    assert_int_equal(every.must, 0);
}

static void freeing_leaves_an_empty_struct(void **state)
{
    struct every every;
    (void)state;
    schema_free(&every_schema, NULL);
    schema_defaults(&every_schema, &every);
    schema_free(&every_schema, &every);
    every.bytes = (struct schema_bytes){mem_new(3, 1), 3};
    every.ints = (struct schema_list){mem_new(2, sizeof(int64_t)), 2};
    every.list = (struct schema_list){mem_new(2, sizeof(struct inner)), 2};
    schema_free(&every_schema, &every);
    assert_null(every.bytes.data);
    assert_null(every.ints.items);
    assert_null(every.list.items);
    assert_int_equal(every.bytes.length + every.ints.count + every.list.count, 0);
    schema_free(&every_schema, &every);
}

static void what_has_its_default_is_left_out(void **state)
{
    struct every every;
    size_t length;
    (void)state;
    schema_defaults(&every_schema, &every);
    xmlrpc_value *value = encode(&every_schema, &every);
    char *xml = serialize(value, &length);
    assert_non_null(strstr(xml, "<name>must</name>"));
    for (size_t i = 0; i + 1 < every_schema.count; i++) {
        char *name = mem_printf("<name>%s</name>", every_fields[i].name);
        assert_null(strstr(xml, name));
        free(name);
    }
    free(xml);
    xmlrpc_DECREF(value);
}

static void what_is_left_out_has_its_default(void **state)
{
    struct every every, defaults;
    (void)state;
    memset(&every, 0xee, sizeof every);
    assert_true(decode_members(MUST, false, &every, NULL));
    schema_defaults(&every_schema, &defaults);
    defaults.must = 1;
    assert_true(objects_equal(&every_schema, &every, &defaults));
    schema_free(&every_schema, &every);
}

/* A struct member whose own members are not all at their defaults is written whole enough. */
static void one_changed_member_writes_its_struct(void **state)
{
    struct every every, read;
    (void)state;
    schema_defaults(&every_schema, &every);
    every.inner.depth = 4;
    xmlrpc_value *value = encode(&every_schema, &every);
    assert_true(wire_decode(value, &every_schema, &read, false, NULL));
    assert_int_equal(read.inner.depth, 4);
    assert_string_equal(read.inner.label, "");
    xmlrpc_DECREF(value);
}

/* ---- every type read */

static void integers_in_every_form(void **state)
{
    static const struct {
        const char *members;
        int64_t number;
    } cases[] = {
        {MUST MEMBER("number", "<int>5</int>"), 5},
        {MUST MEMBER("number", "<i4>-5</i4>"), -5},
        {MUST MEMBER("number", "<int>+5</int>"), 5},
        {MUST MEMBER("number", "<i8>9223372036854775807</i8>"), INT64_MAX},
        {MUST MEMBER("number", "<i8>-5</i8>"), -5},
        {MUST MEMBER("number", "<string>12345678901</string>"), 12345678901},
        {MUST MEMBER("number", "<string>9223372036854775807</string>"), INT64_MAX},
        {MUST MEMBER("number", "-5"), -5}, /* a value without a type is a string */
        {MEMBER("must", "<i8>-9223372036854775808</i8>"), 7},
        {MEMBER("must", "<string>-9223372036854775808</string>"), 7},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct every every;
        struct fail fail = {0};
        if (!decode_members(cases[i].members, false, &every, &fail))
            fail_msg("%s: %s", cases[i].members, fail.text);
        assert_int_equal(every.number, cases[i].number);
        assert_true(every.must == 1 || every.must == INT64_MIN);
    }
}

static void texts_and_flags_are_read(void **state)
{
    struct every every;
    (void)state;
    assert_true(decode_members(MUST MEMBER("choice", "blue") MEMBER("flag", "<boolean>0</boolean>")
                                   MEMBER("text", "<string>fifteen &lt;bytes</string>")
                                       MEMBER("size", "<string>C:1.5</string>"),
                               false, &every, NULL));
    assert_int_equal(every.choice, 2);
    assert_int_equal(every.flag, 0);
    assert_string_equal(every.text, "fifteen <bytes");
    assert_true(every.size.a == 1.5);
    assert_true(decode_members(MUST MEMBER("text", "123456789012345"), false, &every, NULL));
    assert_string_equal(every.text, "123456789012345");
    assert_true(decode_members(MUST MEMBER("text", "<string>12345678901\xe2\x82\xac.</string>"),
                               false, &every, NULL));
    assert_string_equal(every.text, "12345678901\xe2\x82\xac.");
    assert_true(decode_members(MUST MEMBER("text", "<string/>"), false, &every, NULL));
    assert_string_equal(every.text, "");
}

static void lists_and_bytes_are_read(void **state)
{
    struct every every;
    (void)state;
    assert_true(decode_members(
        MUST MEMBER("ints", ARRAY(I("1") ITEM("<i8>-9223372036854775808</i8>") ITEM("33") I("4")))
            MEMBER("list", ARRAY(ITEM("<struct></struct>")
                                     ITEM("<struct>" MEMBER("depth", "<int>9</int>") "</struct>")))
                MEMBER("bytes", "<base64>AAEC/w==</base64>")
                    MEMBER("words", ARRAY(ITEM("one") ITEM("two"))),
        false, &every, NULL));
    const int64_t *ints = every.ints.items;
    const struct inner *list = every.list.items;
    assert_int_equal(every.ints.count, 4);
    assert_true(ints[0] == 1 && ints[1] == INT64_MIN && ints[2] == 33 && ints[3] == 4);
    assert_int_equal(every.list.count, 2);
    assert_true(list[0].depth == 3 && list[1].depth == 9);
    assert_int_equal(every.bytes.length, 4);
    assert_memory_equal(every.bytes.data, "\0\1\2\xff", 4);
    assert_string_equal(every.words, "one two");
    schema_free(&every_schema, &every);
}

static void empty_lists_and_bytes_are_read(void **state)
{
    struct every every;
    (void)state;
    assert_true(decode_members(MUST MEMBER("ints", ARRAY("")) MEMBER("list", ARRAY(""))
                                   MEMBER("bytes", "<base64></base64>") MEMBER("words", ARRAY("")),
                               false, &every, NULL));
    assert_int_equal(every.ints.count + every.list.count + every.bytes.length, 0);
    assert_string_equal(every.words, "");
    schema_free(&every_schema, &every);
}

static void the_longest_of_all_are_read(void **state)
{
    struct every every;
    (void)state;
    assert_true(decode_members(
        MUST MEMBER("list", ARRAY(ITEM("<struct/>") ITEM("<struct/>") ITEM("<struct/>")))
            MEMBER("bytes", "<base64>MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=</base64>"),
        false, &every, NULL));
    assert_int_equal(every.list.count, LIST_MAX);
    assert_int_equal(every.bytes.length, BYTES_MAX);
    schema_free(&every_schema, &every);
}

static void words_fill_their_room_like_texts(void **state)
{
    static const struct {
        const char *members, *words;
    } cases[] = {
        {MUST MEMBER("words", ARRAY(ITEM("123456789012345"))), "123456789012345"},
        {MUST MEMBER("words", ARRAY(ITEM("1234567") ITEM("1234567"))), "1234567 1234567"},
        {MUST MEMBER("words", ARRAY(ITEM("12345678901234"))), "12345678901234"},
        {MUST MEMBER("words", ARRAY(ITEM("1234567890123") ITEM("x"))), "1234567890123 x"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct every every;
        struct fail fail = {0};
        if (!decode_members(cases[i].members, false, &every, &fail))
            fail_msg("'%s': %s", cases[i].words, fail.text);
        assert_string_equal(every.words, cases[i].words);
    }
}

/* Nothing behind the NUL belongs to the words. */
static void words_are_written_one_by_one(void **state)
{
    static const struct {
        const char *words;
        int count;
    } cases[] = {{"one two", 2}, {"one", 1}, {"a b c", 3}, {"", 0}};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct every every;
        xmlrpc_env env;
        schema_defaults(&every_schema, &every);
        memset(every.words, 'z', sizeof every.words - 1);
        strcpy(every.words, cases[i].words);
        xmlrpc_env_init(&env);
        xmlrpc_value *array = encode_words(&env, every.words);
        assert_int_equal(xmlrpc_array_size(&env, array), cases[i].count);
        xmlrpc_DECREF(array);
        xmlrpc_env_clean(&env);
    }
}

/* What a daemon says of its features must be words again: no two spaces, none at the ends. */
static void words_that_are_none_are_refused_or_repaired(void **state)
{
    static const char *const cases[] = {
        MUST MEMBER("words", ARRAY(ITEM("a b"))),
        MUST MEMBER("words", ARRAY(ITEM("a") ITEM(""))),
        MUST MEMBER("words", ARRAY(ITEM("") ITEM("a"))),
        MUST MEMBER("words", ARRAY(ITEM("a") ITEM("") ITEM("b"))),
        MUST MEMBER("words", ARRAY(ITEM(" a"))),
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct every every, again;
        struct fail fail = {0};
        if (!decode_members(cases[i], false, &every, &fail)) {
            assert_non_null(strstr(fail.text, "words"));
            continue;
        }
        assert_null(strstr(every.words, "  "));
        assert_true(every.words[0] != ' ');
        assert_true(!*every.words || every.words[strlen(every.words) - 1] != ' ');
        xmlrpc_value *value = encode(&every_schema, &every);
        assert_true(wire_decode(value, &every_schema, &again, false, NULL));
        assert_string_equal(again.words, every.words);
        xmlrpc_DECREF(value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_fill_the_struct),
        cmocka_unit_test(freeing_leaves_an_empty_struct),
        cmocka_unit_test(what_has_its_default_is_left_out),
        cmocka_unit_test(what_is_left_out_has_its_default),
        cmocka_unit_test(one_changed_member_writes_its_struct),
        cmocka_unit_test(integers_in_every_form),
        cmocka_unit_test(texts_and_flags_are_read),
        cmocka_unit_test(lists_and_bytes_are_read),
        cmocka_unit_test(empty_lists_and_bytes_are_read),
        cmocka_unit_test(the_longest_of_all_are_read),
        cmocka_unit_test(words_fill_their_room_like_texts),
        cmocka_unit_test(words_are_written_one_by_one),
        cmocka_unit_test(words_that_are_none_are_refused_or_repaired),
    };
    seed_random();
    return cmocka_run_group_tests_name("wire_types", tests, NULL, NULL);
}
