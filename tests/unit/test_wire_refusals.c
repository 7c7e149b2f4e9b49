/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests schemas and the wire: what is refused, and in which words. */
#include "wire_every.h"

static void refusals_name_the_member(void **state)
{
    static const struct {
        const char *members, *sentence;
    } cases[] = {
        {"", "member 'must' is missing: has to be there"},
        {MEMBER("number", "<int>1</int>"), "member 'must' is missing: has to be there"},
        {MUST MEMBER("number", "<int>-6</int>"),
         "number: -6 is not within -5 to 9223372036854775807"},
        {MUST MEMBER("number", "<string>-6</string>"), "number: -6 is not within"},
        {MUST MEMBER("number", "<string>5x</string>"), "number: '5x' is not a whole number"},
        {MUST MEMBER("number", "<string></string>"), "number: '' is not a whole number"},
        {MUST MEMBER("number", "<string>9223372036854775808</string>"),
         "number: '9223372036854775808' is too large"},
        {MUST MEMBER("number", "<double>5</double>"), "number: an integer"},
        {MUST MEMBER("number", "<boolean>1</boolean>"), "number: an integer"},
        {MUST MEMBER("number", "<nil/>"), "number: an integer"},
        {MUST MEMBER("number", ARRAY("")), "number: an integer"},
        {MEMBER("must", "<nil/>"), "must: an integer"},
        {MUST MEMBER("flag", "<int>1</int>"), "flag: a boolean is expected"},
        {MUST MEMBER("flag", "true"), "flag: a boolean is expected"},
        {MUST MEMBER("choice", "yellow"), "choice: 'yellow' is not one of red, green, blue"},
        {MUST MEMBER("choice", ""), "choice: '' is not one of red, green, blue"},
        {MUST MEMBER("choice", "<int>0</int>"), "choice: a string is expected"},
        {MUST MEMBER("text", "<int>1</int>"), "text: a string is expected"},
        {MUST MEMBER("text", "<base64>YQ==</base64>"), "text: a string is expected"},
        {MUST MEMBER("text", "1234567890123456"), "text: the string is longer than 15 bytes"},
        {MUST MEMBER("text", "1234567890123\xe2\x82\xac"), "text: the string is longer than 15"},
        {MUST MEMBER("words", ARRAY(ITEM("1234567890123456"))),
         "words: the string is longer than 15 bytes"},
        {MUST MEMBER("words", ARRAY(ITEM("12345678901234") ITEM("x"))),
         "words: the strings are longer than 15 bytes"},
        {MUST MEMBER("words", ARRAY(ITEM("123456789012345") ITEM("x"))),
         "words: the strings are longer than 15 bytes"},
        {MUST MEMBER("words", ARRAY(ITEM("1234567890123") ITEM("xy"))), "words: the string"},
        {MUST MEMBER("words", ARRAY(ITEM("a b"))), "words: 'a b' is not one word"},
        {MUST MEMBER("words", ARRAY(ITEM("a") ITEM(""))), "words: '' is not one word"},
        {MUST MEMBER("size", "<string>D:1</string>"), "size: 'D:1' is not a distribution"},
        {MUST MEMBER("size", "<string>C:nan</string>"), "size: 'nan' is not a number"},
        {MUST MEMBER("size", "<int>100</int>"), "size: a string is expected"},
        {MUST MEMBER("bytes", "<string>AA==</string>"), "bytes: base64 is expected"},
        {MUST MEMBER("bytes", "<base64>MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEy</base64>"),
         "bytes: is longer than 32 bytes"},
        {MUST MEMBER("inner", "<int>1</int>"), "inner: a struct is expected"},
        {MUST MEMBER("inner", ARRAY("")), "inner: a struct is expected"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct every every;
        struct fail fail = {0};
        if (decode_members(cases[i].members, false, &every, &fail) ||
            !strstr(fail.text, cases[i].sentence))
            fail_msg("%s: %s", cases[i].members, fail.text);
        assert_false(decode_members(cases[i].members, false, &every, NULL));
        assert_false(decode_members(cases[i].members, true, &every, NULL));
    }
}

/* What a reply says is for people; what a call says is taken as it is, or refused. */
static void texts_of_replies_are_printable(void **state)
{
    (void)state;
    static const char raw[] = "a\nb\xc2\x9b"
                              "31m";
    struct every every;
    struct fail fail = {0};
    assert_true(decode_members(MUST MEMBER("text", "a\nb\xc2\x9b"
                                                   "31m"),
                               true, &every, &fail));
    assert_string_equal(every.text, "a?b?31m");
    schema_free(&every_schema, &every);
    assert_true(decode_members(MUST MEMBER("text", "a\nb\xc2\x9b"
                                                   "31m"),
                               false, &every, &fail));
    assert_string_equal(every.text, raw);
    schema_free(&every_schema, &every);
    assert_true(decode_members(MUST MEMBER("words", ARRAY("<value>\xc2\x9b"
                                                          "c</value><value>d</value>")),
                               true, &every, &fail));
    assert_string_equal(every.words, "?c d");
    schema_free(&every_schema, &every);
}

static void refusals_deeper_down_name_the_path(void **state)
{
    static const struct {
        const char *members, *sentence;
    } cases[] = {
        {MUST MEMBER("inner", "<struct>" MEMBER("depth", "<int>10</int>") "</struct>"),
         "inner: depth: 10 is not within 0 to 9"},
        {MUST MEMBER("list", ARRAY(ITEM("<struct/>") ITEM(
                                 "<struct>" MEMBER("label", "<int>1</int>") "</struct>"))),
         "list: item 1: label: a string is expected"},
        {MUST MEMBER("list", ARRAY(I("1"))), "list: item 0: a struct is expected"},
        {MUST MEMBER("list", "<struct></struct>"), "list: an array is expected"},
        {MUST MEMBER("list", ARRAY(ITEM("<struct/>") ITEM("<struct/>") ITEM("<struct/>")
                                       ITEM("<struct/>"))),
         "list: has 4 items, at most 3 are allowed"},
        {MUST MEMBER("ints", ARRAY(I("1") I("2") I("3") I("4") I("5"))),
         "ints: has 5 items, at most 4 are allowed"},
        {MUST MEMBER("ints", ARRAY(I("1") ITEM("x"))), "ints: item 1: 'x' is not a whole number"},
        {MUST MEMBER("ints", ARRAY(I("1") ITEM("<nil/>"))), "ints: item 1: an integer"},
        {MUST MEMBER("ints", "<int>1</int>"), "ints: an array is expected"},
        {MUST MEMBER("words", "<string>a b</string>"), "words: an array is expected"},
        {MUST MEMBER("words", ARRAY(I("1"))), "words: "},
        {MUST MEMBER("words", ARRAY(ITEM("1234567890123456"))), "words: "},
        {MUST MEMBER("words", ARRAY(ITEM("12345678") ITEM("12345678"))), "words: "},
        {MUST MEMBER("words", ARRAY(ITEM("123456789012345") ITEM("1"))), "words: "},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct every every;
        struct fail fail = {0};
        if (decode_members(cases[i].members, false, &every, &fail) ||
            !strstr(fail.text, cases[i].sentence))
            fail_msg("%s: %s", cases[i].members, fail.text);
        assert_false(decode_members(cases[i].members, false, &every, NULL));
    }
}

/* The size of a block of the size 0 ends as a divisor, one of 1e300 as an integer. */
static void distributions_have_a_range(void **state)
{
    static const struct {
        const char *members;
        bool good;
    } cases[] = {
        {MUST MEMBER("size", "C:1"), true},       {MUST MEMBER("size", "C:1000"), true},
        {MUST MEMBER("size", "C:0"), false},      {MUST MEMBER("size", "C:0.5"), false},
        {MUST MEMBER("size", "C:-1"), false},     {MUST MEMBER("size", "C:1001"), false},
        {MUST MEMBER("size", "C:1000.5"), false}, {MUST MEMBER("size", "C:1e300"), false},
        {MUST MEMBER("size", "C:-1e300"), false}, {MUST MEMBER("size", "N:2000:50"), true},
        {MUST MEMBER("size", "U:2:1"), false},    {MUST MEMBER("size", "F:0"), true},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct every every;
        struct fail fail = {0};
        if (decode_members(cases[i].members, false, &every, &fail) != cases[i].good)
            fail_msg("%s: %s", cases[i].members, cases[i].good ? fail.text : "was taken");
        if (!cases[i].good)
            assert_true(strstr(fail.text, "size: ") &&
                        (strstr(fail.text, "is not within 1 to 1000") ||
                         strstr(fail.text, "parameter must not be below 0") ||
                         strstr(fail.text, "the minimum is above the maximum")));
    }
}

static void unknown_members_are_named(void **state)
{
    static const char members[] = MUST MEMBER("numbr", "<int>1</int>");
    struct every every;
    struct fail fail = {0};
    (void)state;
    assert_false(decode_members(members, false, &every, &fail));
    assert_string_equal(fail.text, "unknown member 'numbr'; there are number, flag, choice, text, "
                                   "words, size, bytes, inner, list, ints, value, must");
    assert_true(decode_members(members, true, &every, &fail));
    assert_int_equal(every.must, 1);
    assert_int_equal(every.number, 7);
}

static void unknown_members_deeper_down_are_named(void **state)
{
    static const char members[] =
        MUST MEMBER("inner", "<struct>" MEMBER("Depth", "<int>1</int>") "</struct>");
    static const char in_list[] =
        MUST MEMBER("list", ARRAY(ITEM("<struct>" MEMBER("Label", "x") "</struct>")));
    struct every every;
    struct fail fail = {0};
    (void)state;
    assert_false(decode_members(members, false, &every, &fail));
    assert_string_equal(fail.text, "inner: unknown member 'Depth'; there are depth, label");
    assert_true(decode_members(members, true, &every, &fail));
    assert_false(decode_members(in_list, false, &every, &fail));
    assert_string_equal(fail.text, "list: item 0: unknown member 'Label'; there are depth, label");
    assert_true(decode_members(in_list, true, &every, &fail));
    assert_int_equal(every.list.count, 1);
    schema_free(&every_schema, &every);
}

static void unknown_members_of_an_empty_schema(void **state)
{
    static const struct schema empty = {"empty", 1, NULL, 0};
    static const char xml[] = "<value><struct>" MEMBER("a", "1") "</struct></value>";
    struct fail fail = {0};
    char object;
    (void)state;
    xmlrpc_value *value = parse(xml, sizeof xml - 1);
    assert_false(wire_decode(value, &empty, &object, false, &fail));
    assert_string_equal(fail.text, "unknown member 'a'; none is allowed");
    assert_true(wire_decode(value, &empty, &object, true, &fail));
    xmlrpc_DECREF(value);
}

static void long_names_do_not_fill_the_sentence(void **state)
{
    struct every every;
    struct fail fail = {0};
    (void)state;
    char *members = mem_printf(MUST MEMBER("%0600d", "1"), 7);
    assert_false(decode_members(members, false, &every, &fail));
    assert_non_null(strstr(fail.text, "unknown member '000000"));
    assert_non_null(strstr(fail.text, "there are number, flag"));
    free(members);
}

static void a_sentence_about_many_members_is_cut(void **state)
{
    static struct field fields[64];
    struct schema schema = {"many", 8, fields, COUNT(fields)};
    static const char xml[] = "<value><struct>" MEMBER("b", "1") "</struct></value>";
    struct fail fail = {0};
    int64_t object;
    (void)state;
    for (size_t i = 0; i < COUNT(fields); i++)
        fields[i] = (struct field){.name = "a_rather_long_name", .type = FIELD_INT};
    xmlrpc_value *value = parse(xml, sizeof xml - 1);
    assert_false(wire_decode(value, &schema, &object, false, &fail));
    assert_int_equal(strlen(fail.text), sizeof fail.text - 1);
    xmlrpc_DECREF(value);
}

static void what_is_no_struct_is_refused(void **state)
{
    static const char *const cases[] = {
        "<value><int>1</int></value>",  "<value>text</value>",      "<value><nil/></value>",
        "<value>" ARRAY("") "</value>", "<value><base64/></value>",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct every every;
        struct fail fail = {0};
        xmlrpc_value *value = parse(cases[i], strlen(cases[i]));
        assert_false(wire_decode(value, &every_schema, &every, true, &fail));
        assert_string_equal(fail.text, "a struct is expected");
        xmlrpc_DECREF(value);
    }
}

/* XML can't hold a NUL, but values can. */
static void a_nul_is_refused(void **state)
{
    static const struct {
        const char *name, *text;
        size_t length;
        const char *sentence;
    } cases[] = {
        {"text", "a\0b", 3, "text: "},
        {"number", "5\0", 2, "number: "},
        {"size", "C:5\0", 4, "size: "},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct every every;
        struct fail fail = {0};
        xmlrpc_env env;
        xmlrpc_env_init(&env);
        xmlrpc_value *value = xmlrpc_struct_new(&env), *must = xmlrpc_int_new(&env, 1);
        xmlrpc_value *text = xmlrpc_string_new_lp(&env, cases[i].length, cases[i].text);
        xmlrpc_struct_set_value(&env, value, "must", must);
        xmlrpc_struct_set_value(&env, value, cases[i].name, text);
        assert_false(env.fault_occurred);
        assert_false(wire_decode(value, &every_schema, &every, false, &fail));
        assert_non_null(strstr(fail.text, cases[i].sentence));
        assert_non_null(strstr(fail.text, "NUL"));
        xmlrpc_DECREF(text);
        xmlrpc_DECREF(must);
        xmlrpc_DECREF(value);
        xmlrpc_env_clean(&env);
    }
}

static void a_name_with_a_nul_is_unknown(void **state)
{
    struct every every;
    struct fail fail = {0};
    xmlrpc_env env;
    (void)state;
    xmlrpc_env_init(&env);
    xmlrpc_value *value = xmlrpc_struct_new(&env), *one = xmlrpc_int_new(&env, 1);
    xmlrpc_value *key = xmlrpc_string_new_lp(&env, 6, "must\0x");
    xmlrpc_struct_set_value_v(&env, value, key, one);
    assert_false(env.fault_occurred);
    assert_false(wire_decode(value, &every_schema, &every, false, &fail));
    assert_non_null(strstr(fail.text, "unknown member ''"));
    assert_false(wire_decode(value, &every_schema, &every, true, &fail));
    assert_non_null(strstr(fail.text, "'must' is missing"));
    xmlrpc_DECREF(key);
    xmlrpc_DECREF(one);
    xmlrpc_DECREF(value);
    xmlrpc_env_clean(&env);
}

/* The parser keeps the last of members with one name; none of them gets lost in memory. */
static void a_member_given_twice_counts_once(void **state)
{
    struct every every;
    struct fail fail = {0};
    (void)state;
    if (decode_members(MUST MEMBER("ints", ARRAY(I("1"))) MEMBER("ints", ARRAY(I("2") I("3"))),
                       false, &every, &fail)) {
        assert_int_equal(every.ints.count, 2);
        schema_free(&every_schema, &every);
    } else {
        assert_non_null(strstr(fail.text, "ints"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals_name_the_member),
        cmocka_unit_test(texts_of_replies_are_printable),
        cmocka_unit_test(refusals_deeper_down_name_the_path),
        cmocka_unit_test(distributions_have_a_range),
        cmocka_unit_test(unknown_members_are_named),
        cmocka_unit_test(unknown_members_deeper_down_are_named),
        cmocka_unit_test(unknown_members_of_an_empty_schema),
        cmocka_unit_test(long_names_do_not_fill_the_sentence),
        cmocka_unit_test(a_sentence_about_many_members_is_cut),
        cmocka_unit_test(what_is_no_struct_is_refused),
        cmocka_unit_test(a_nul_is_refused),
        cmocka_unit_test(a_name_with_a_nul_is_unknown),
        cmocka_unit_test(a_member_given_twice_counts_once),
    };
    seed_random();
    return cmocka_run_group_tests_name("wire_refusals", tests, NULL, NULL);
}
