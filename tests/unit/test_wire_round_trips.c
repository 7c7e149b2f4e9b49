/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests schemas and the wire: text for XML, and what comes back of what was sent, damaged or not.
 */
#include "wire_every.h"

/* ---- text for XML */

static char *text_on_the_wire(const char *text)
{
    xmlrpc_env env;
    const char *read = NULL;
    xmlrpc_env_init(&env);
    xmlrpc_value *value = wire_text(&env, text);
    assert_false(env.fault_occurred);
    xmlrpc_read_string(&env, value, &read);
    assert_false(env.fault_occurred);
    xmlrpc_DECREF(value);
    xmlrpc_env_clean(&env);
    return (char *)read;
}

static void text_that_xml_cannot_carry_is_replaced(void **state)
{
    static const struct {
        const char *text, *carried;
    } cases[] = {
        {"", ""},
        {"flow <1> & \"2\"", "flow <1> & \"2\""},
        {"\t\n", "\t\n"},
        {"a\rb", "a\nb"}, /* as XML 1.0, 2.11 has it */
        {"\x01\x08\x0b\x0c\x0e\x1f\x7f", "???????"},
        {"\xc2\x80\xdf\xbf", "\xc2\x80\xdf\xbf"},
        {"\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbd",
         "\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbd"},
        {"\xf0\x9f\x98\x80.", "????."},         /* four bytes */
        {"\xc0\x80\xc1\xbf", "????"},           /* overlong, two bytes */
        {"\xe0\x80\x80\xe0\x9f\xbf", "??????"}, /* overlong, three bytes */
        {"\xed\xa0\x80\xed\xbf\xbf", "??????"}, /* surrogates */
        {"\xef\xbf\xbe\xef\xbf\xbf", "??????"}, /* no characters */
        {"\x80\xbf\xf8\xfe\xff", "?????"},
        {"a\xc3", "a?"}, /* cut off */
        {"a\xe2\x82", "a??"},
        {"a\xe2", "a?"},
        {"\xe2\x82x\xc3y", "??x?y"},
        {"\xe2\xc3\xa9", "?\xc3\xa9"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *carried = text_on_the_wire(cases[i].text);
        assert_string_equal(carried, cases[i].carried);
        free(carried);
    }
}

static size_t encode_utf8(unsigned code, char *text)
{
    unsigned char *at = (unsigned char *)text;
    if (code < 0x80)
        *at++ = (unsigned char)code;
    else if (code < 0x800)
        *at++ = (unsigned char)(0xc0 | code >> 6);
    else if (code < 0x10000)
        *at++ = (unsigned char)(0xe0 | code >> 12);
    else
        *at++ = (unsigned char)(0xf0 | code >> 18);
    if (code >= 0x10000)
        *at++ = (unsigned char)(0x80 | (code >> 12 & 0x3f));
    if (code >= 0x800)
        *at++ = (unsigned char)(0x80 | (code >> 6 & 0x3f));
    if (code >= 0x80)
        *at++ = (unsigned char)(0x80 | (code & 0x3f));
    *at = '\0';
    return (size_t)((char *)at - text);
}

/* The production "Char" of XML 1.0, without what lies beyond 16 bits and without DEL. */
static bool is_xml_character(unsigned code)
{
    return code == '\t' || code == '\n' || (code >= 0x20 && code <= 0xd7ff && code != 0x7f) ||
           (code >= 0xe000 && code <= 0xfffd);
}

static void every_character_is_carried_or_replaced(void **state)
{
    (void)state;
    for (unsigned code = 1; code <= 0x10ffff; code += code < 0x10000 ? 1 : 997) {
        char text[8], expected[8];
        size_t length = encode_utf8(code, text);
        if (code == '\r')
            continue;
        strcpy(expected, text);
        if (!is_xml_character(code))
            memset(expected, '?', length);
        char *carried = text_on_the_wire(text);
        if (strcmp(carried, expected))
            fail_msg("U+%04X became %s", code, carried);
        free(carried);
    }
}

static void random_bytes_become_text(void **state)
{
    static const unsigned char likely[] = {0x80, 0xbf, 0xc2, 0xdf, 0xe0, 0xa0, 0xed,
                                           0x9f, 0xef, 0xbe, 0xf0, 0xff, 'a',  0x1f};
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        char text[24] = "";
        size_t length = random_below(sizeof text);
        for (size_t at = 0; at < length; at++)
            text[at] = random_below(2) ? (char)likely[random_below(sizeof likely)]
                                       : (char)(1 + random_below(255));
        for (char *at = text; (at = strchr(at, '\r'));)
            *at = 'r';
        char *carried = text_on_the_wire(text), *again = text_on_the_wire(carried);
        assert_int_equal(strlen(carried), length);
        for (size_t at = 0; at < length; at++)
            assert_true(carried[at] == text[at] || carried[at] == '?');
        assert_string_equal(again, carried);
        struct inner inner = {.depth = 3};
        snprintf(inner.label, sizeof inner.label, "%.*s", TEXT_SIZE - 1, text);
        xmlrpc_value *value = encode(&inner_schema, &inner), *read = through_xml(value);
        assert_true(wire_decode(read, &inner_schema, &inner, false, NULL));
        xmlrpc_DECREF(value);
        xmlrpc_DECREF(read);
        free(again);
        free(carried);
    }
}

static void integers_take_the_smallest_form(void **state)
{
    static const struct {
        int64_t number;
        xmlrpc_type type;
    } cases[] = {
        {0, XMLRPC_TYPE_INT},
        {INT32_MAX, XMLRPC_TYPE_INT},
        {INT32_MIN, XMLRPC_TYPE_INT},
        {INT32_MAX + INT64_C(1), XMLRPC_TYPE_I8},
        {INT32_MIN - INT64_C(1), XMLRPC_TYPE_I8},
        {INT64_MAX, XMLRPC_TYPE_I8},
        {INT64_MIN, XMLRPC_TYPE_I8},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        xmlrpc_env env;
        int64_t number;
        xmlrpc_env_init(&env);
        xmlrpc_value *value = wire_int(&env, cases[i].number);
        assert_int_equal(xmlrpc_value_type(value), cases[i].type);
        assert_true(read_int(value, &number, NULL));
        assert_int_equal(number, cases[i].number);
        xmlrpc_DECREF(value);
        xmlrpc_env_clean(&env);
    }
}

/* ---- there and back */

static void a_value_is_taken_over(void **state)
{
    struct every every, read;
    xmlrpc_env env;
    size_t length;
    (void)state;
    xmlrpc_env_init(&env);
    schema_defaults(&every_schema, &every);
    every.value = xmlrpc_int_new(&env, 424242);
    xmlrpc_env_clean(&env);
    xmlrpc_value *value = encode(&every_schema, &every);
    assert_null(every.value);
    char *xml = serialize(value, &length);
    assert_non_null(strstr(xml, "<name>value</name>"));
    assert_non_null(strstr(xml, "424242"));
    assert_true(wire_decode(value, &every_schema, &read, false, NULL));
    assert_null(read.value);
    free(xml);
    xmlrpc_DECREF(value);
}

static void check_round_trip(const struct schema *schema)
{
    void *object = mem_new(1, schema->size), *read = mem_new(1, schema->size);
    struct fail fail = {0};
    fill(schema, object);
    xmlrpc_value *value = encode(schema, object), *copy = value;
    if (random_below(2))
        copy = through_xml(value);
    else
        xmlrpc_INCREF(copy);
    if (!wire_decode(copy, schema, read, false, &fail))
        fail_msg("%s: %s", schema->name, fail.text);
    if (!objects_equal(schema, object, read))
        fail_msg("%s changed on its way", schema->name);
    xmlrpc_DECREF(value);
    xmlrpc_DECREF(copy);
    schema_free(schema, object);
    schema_free(schema, read);
    free(object);
    free(read);
}

static void random_structs_come_back(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++)
        check_round_trip(&every_schema);
}

static void random_calls_and_replies_come_back(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        const struct method *method = &methods[random_below(METHODS)];
        check_round_trip(random_below(2) ? method->call : method->reply);
    }
}

/* Damages XML: other bytes, pieces of XML, holes. */
static size_t damage(char *xml, size_t length, size_t room)
{
    static const char *const pieces[] = {
        "<value>",
        "</value>",
        "<int>",
        "</int>",
        "<i8>5</i8>",
        "<nil/>",
        "<struct>",
        "</struct>",
        "<array><data>",
        "</data></array>",
        "<string>",
        "</string>",
        "-",
        "99999999999999999999",
        "<base64>A=",
        "</base64>",
        "&#0;",
        "&#65;",
        "\xf0\x9f\x98\x80",
        "\xff",
        "<double>1e9</double>",
        "must",
        "number",
        "<member><name>ints</name><value><int>1</int></value></member>",
        "<member><name></name><value/></member>",
        "<boolean>1</boolean>",
        "<![CDATA[]]>",
        "<!-- -->",
        "<?x?>",
        "C:",
        " ",
    };
    for (uint64_t hits = 1 + random_below(4); hits > 0; hits--) {
        size_t at = random_below(length);
        const char *piece = pieces[random_below(COUNT(pieces))];
        switch (random_below(3)) {
        case 0:
            xml[at] = (char)random_bits();
            break;
        case 1:
            memmove(xml + at, xml + at + 1, length-- - at - 1);
            break;
        default:
            if (length + strlen(piece) > room)
                break;
            memmove(xml + at + strlen(piece), xml + at, length - at);
            memcpy(xml + at, piece, strlen(piece));
            length += strlen(piece);
        }
    }
    return length;
}

/* Decodes; what is taken must be good enough to be sent and read again. */
static bool check_hostile(const char *xml, size_t length, bool lenient)
{
    struct every every, again;
    struct fail fail = {0};
    xmlrpc_value *value = parse(xml, length);
    if (!value)
        return false;
    bool good = wire_decode(value, &every_schema, &every, lenient, &fail);
    if (good) {
        xmlrpc_value *sent = encode(&every_schema, &every);
        assert_true(wire_decode(sent, &every_schema, &again, false, &fail));
        assert_int_equal(again.number, every.number);
        assert_int_equal(again.ints.count, every.ints.count);
        assert_true(strlen(every.text) < TEXT_SIZE && strlen(every.words) < TEXT_SIZE);
        assert_true(every.list.count <= LIST_MAX && every.ints.count <= INTS_MAX);
        xmlrpc_DECREF(sent);
        schema_free(&every_schema, &again);
        schema_free(&every_schema, &every);
    } else {
        assert_int_not_equal(fail.text[0], '\0');
    }
    xmlrpc_DECREF(value);
    return good;
}

static void damaged_calls_are_refused_or_meant(void **state)
{
    enum { FRESH = 20, ROOM = 8192 };
    static char xml[ROOM];
    int taken = 0;
    (void)state;
    for (int i = 0; i < ROUNDS / FRESH; i++) {
        struct every every;
        size_t length;
        fill(&every_schema, &every);
        xmlrpc_value *value = encode(&every_schema, &every);
        char *whole = serialize(value, &length);
        for (int j = 0; j < FRESH; j++) {
            memcpy(xml, whole, length);
            taken += check_hostile(xml, damage(xml, length, ROOM), random_below(2));
        }
        free(whole);
        xmlrpc_DECREF(value);
        schema_free(&every_schema, &every);
    }
    assert_true(taken > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_that_xml_cannot_carry_is_replaced),
        cmocka_unit_test(every_character_is_carried_or_replaced),
        cmocka_unit_test(random_bytes_become_text),
        cmocka_unit_test(integers_take_the_smallest_form),
        cmocka_unit_test(a_value_is_taken_over),
        cmocka_unit_test(random_structs_come_back),
        cmocka_unit_test(random_calls_and_replies_come_back),
        cmocka_unit_test(damaged_calls_are_refused_or_meant),
    };
    seed_random();
    return cmocka_run_group_tests_name("wire_round_trips", tests, NULL, NULL);
}
