/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests reading behind the guard: what calls and responses say, what it takes, random damage. */
#include "guarded.h"

#include <malloc.h>
#include <stdint.h>

/* However it is written, and whatever else is called so. */
static void calls_are_named(void **state)
{
    static const struct {
        const char *xml, *method;
    } cases[] = {
        {"<methodCall><methodName>a.b</methodName><params/></methodCall>", "a.b"},
        {"<methodCall><methodName>system.multi&#99;all</methodName></methodCall>",
         "system.multicall"},
        {"<methodCall><methodName>sys<![CDATA[tem.m]]>ultic<!-- x -->all</methodName></methodCall>",
         "system.multicall"},
        {"<methodCall><methodName>a</methodName><methodName>b</methodName></methodCall>", "a"},
        {"<methodCall><methodName>a</methodName><value><methodName>b</methodName></value>"
         "</methodCall>",
         "a"},
        {"<params><param><methodName>b</methodName></param></params>", ""},
    };
    char method[XML_METHOD_MAX];
    struct fail fail;
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_true(xml_guard(cases[i].xml, strlen(cases[i].xml), method, &fail));
        assert_string_equal(method, cases[i].method);
    }
    char text[512];
    snprintf(text, sizeof text, "<methodCall><methodName>%0200d</methodName></methodCall>", 7);
    assert_true(xml_guard(text, strlen(text), method, &fail));
    assert_int_equal(strlen(method), XML_METHOD_MAX - 1);
    static const char hidden[] =
        "<methodCall><methodName>system.multicall<nil/></methodName></methodCall>";
    assert_false(xml_guard(hidden, strlen(hidden), method, &fail));
    assert_string_equal(fail.text, "it contains an element inside a name");
}

/* The message as XML again, to be freed; NULL with a sentence where it is refused. */
static char *read_and_written(const char *xml, size_t length, struct xml_message *message,
                              struct fail *fail)
{
    xmlrpc_env env;
    if (!xml_read(xml, length, message, fail))
        return NULL;
    xmlrpc_env_init(&env);
    xmlrpc_mem_block *block = XMLRPC_MEMBLOCK_NEW(char, &env, 0);
    xmlrpc_serialize_value(&env, block, message->value);
    assert_false(env.fault_occurred);
    char *text = mem_printf("%.*s", (int)XMLRPC_MEMBLOCK_SIZE(char, block),
                            XMLRPC_MEMBLOCK_CONTENTS(char, block));
    XMLRPC_MEMBLOCK_FREE(char, block);
    xmlrpc_DECREF(message->value);
    xmlrpc_env_clean(&env);
    return text;
}

#define CALL_OF(params) \
    "<methodCall><methodName>a.b</methodName><params>" params "</params></methodCall>"
#define ITEMS_OF(items) "<value><array><data>" items "</data></array></value>"

static const struct {
    const char *xml;
    enum xml_kind kind;
    const char *value; /* without the line ends that the writer adds */
} messages[] = {
    {"<value/>", XML_VALUE, "<value><string></string></value>"},
    {"<value> a </value>", XML_VALUE, "<value><string> a </string></value>"},
    {" <value> <i4>5</i4>\n</value> ", XML_VALUE, "<value><i4>5</i4></value>"},
    {"<value><int>-2147483648</int></value>", XML_VALUE, "<value><i4>-2147483648</i4></value>"},
    {"<value><i8>+9223372036854775807</i8></value>", XML_VALUE,
     "<value><i8>9223372036854775807</i8></value>"},
    {"<value><boolean>1</boolean></value>", XML_VALUE, "<value><boolean>1</boolean></value>"},
    {"<value><nil/></value>", XML_VALUE, "<value><nil/></value>"},
    {"<value><string>&lt;<![CDATA[&]]>&#233;</string></value>", XML_VALUE,
     "<value><string>&lt;&amp;\xc3\xa9</string></value>"},
    {"<value><base64>QQ==</base64></value>", XML_VALUE, "<value><base64>QQ==</base64></value>"},
    {"<value><base64> QU\nJD REU= </base64></value>", XML_VALUE,
     "<value><base64>QUJDREU=</base64></value>"},
    {"<value><base64/></value>", XML_VALUE, "<value><base64></base64></value>"},
    {"<value><struct><member><value><i4>1</i4></value><name>x</name></member></struct></value>",
     XML_VALUE,
     "<value><struct><member><name>x</name><value><i4>1</i4></value></member></struct></"
     "value>"},
    {ITEMS_OF("<value>a</value>" ITEMS_OF("") "<value><struct/></value>"), XML_VALUE,
     ITEMS_OF("<value><string>a</string></value>" ITEMS_OF("") "<value><struct></struct></value>")},
    {"<methodCall><methodName>a.b</methodName></methodCall>", XML_CALL, ITEMS_OF("")},
    {CALL_OF("<param><value>a</value></param><param><value>b</value></param>"), XML_CALL,
     ITEMS_OF("<value><string>a</string></value><value><string>b</string></value>")},
    {"<methodResponse><params><param><value><i4>7</i4></value></param></params></"
     "methodResponse>",
     XML_RESPONSE, "<value><i4>7</i4></value>"},
    {"<methodResponse><fault><value>x</value></fault></methodResponse>", XML_FAULT,
     "<value><string>x</string></value>"},
};

static void messages_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(messages); i++) {
        struct xml_message message;
        struct fail fail = {0};
        char *text = read_and_written(messages[i].xml, strlen(messages[i].xml), &message, &fail);
        if (!text)
            fail_msg("%s: %s", messages[i].xml, fail.text);
        size_t to = 0;
        for (char *at = text; *at; at++)
            if (*at != '\r' && *at != '\n')
                text[to++] = *at;
        text[to] = '\0';
        assert_string_equal(text, messages[i].value);
        assert_int_equal(message.kind, messages[i].kind);
        assert_string_equal(message.method, message.kind == XML_CALL ? "a.b" : "");
        free(text);
    }
}

#define PLACE  "it contains an element where XML-RPC does not have it"
#define LACKS  "it lacks an element that XML-RPC has there"
#define BESIDE "it contains text beside an element"

static const struct {
    const char *xml, *sentence;
} no_messages[] = {
    {"<struct/>", PLACE},
    {"<value><value/></value>", PLACE},
    {"<value><i4>1</i4><i4>2</i4></value>", PLACE},
    {"<value><member/></value>", PLACE},
    {"<value><struct><value/></struct></value>", PLACE},
    {"<value><array><value/></array></value>", PLACE},
    {"<value><array><data/><data/></array></value>", PLACE},
    {"<value><array/></value>", LACKS},
    {"<value><struct><member><name>a</name></member></struct></value>", LACKS},
    {"<value><struct><member><value/></member></struct></value>", LACKS},
    {"<value><struct><member><name>a</name><value/><value/></member></struct></value>", PLACE},
    {"<value><struct><member><name>a</name><name>b</name></member></struct></value>", PLACE},
    {"<methodCall><params/></methodCall>", LACKS},
    {"<methodCall><methodName>a</methodName><methodName>b</methodName></methodCall>", PLACE},
    {"<methodCall><methodName>a</methodName><params/><params/></methodCall>", PLACE},
    {CALL_OF("<value/>"), PLACE},
    {CALL_OF("<param/>"), LACKS},
    {CALL_OF("<param><value/><value/></param>"), PLACE},
    {"<methodResponse/>", LACKS},
    {"<methodResponse><params/></methodResponse>", "it lacks the value that a response has"},
    {"<methodResponse><params><param><value/></param><param><value/></param></params>"
     "</methodResponse>",
     "it lacks the value that a response has"},
    {"<methodResponse><fault/></methodResponse>", LACKS},
    {"<methodResponse><fault><value/></fault><params/></methodResponse>", PLACE},
    {"<methodResponse><params/><fault><value/></fault></methodResponse>", PLACE},
    {"<value>a<i4>1</i4></value>", BESIDE},
    {"<value><i4>1</i4>a</value>", BESIDE},
    {"<value><struct>a</struct></value>", BESIDE},
    {"<value><nil>a</nil></value>", BESIDE},
    {"<value><i4>2147483648</i4></value>", "an int is out of the 32-bit range: write it as i8"},
    {"<value><boolean>2</boolean></value>", "a boolean is neither 0 nor 1"},
    {"<value><boolean/></value>", "a boolean is neither 0 nor 1"},
    {"<value><base64>QQ</base64></value>", "malformed base64"},
    {"<value><base64>Q===</base64></value>", "malformed base64"},
    {"<value><base64>QQ==QQ==</base64></value>", "malformed base64"},
    {"<value><base64>QQ=Q</base64></value>", "malformed base64"},
    {"<value><base64>!QQQ</base64></value>", "malformed base64"},
    {"<value><dateTime.iso8601>x</dateTime.iso8601></value>", "datetime"},
    {"<value>\xf0\x9f\x98\x80</value>", "UTF-8"},
    {"<value><struct><member><name>\xf0\x9f\x98\x80</name><value/></member></struct></value>",
     "UTF-8"},
    {"<value><i8>x</i8></value>", "malformed integer"},
};

static void what_is_no_message_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(no_messages); i++) {
        struct xml_message message;
        struct fail fail = {0};
        if (xml_read(no_messages[i].xml, strlen(no_messages[i].xml), &message, &fail) ||
            !strstr(fail.text, no_messages[i].sentence))
            fail_msg("%s: %s", no_messages[i].xml, fail.text);
    }
}

static int64_t heap_used(void)
{
    struct mallinfo2 info = mallinfo2();
    return (int64_t)(info.uordblks + info.hblkhd);
}

/* A sanitizer's own allocator does not count here. */
static bool heap_is_counted(void)
{
    int64_t before = heap_used();
    char *some = mem_new(1000, 1);
    bool counted = heap_used() > before;
    free(some);
    return counted;
}

/* Besides the values, a text that is being read is held in a buffer that may be twice as large. */
static void the_cost_is_not_less_than_what_reading_takes(void **state)
{
    static const char *const parts[] = {
        "<value/>",
        "<value><i4>1</i4></value>",
        "<value><string>text</string></value>",
        "<value><struct><member><name>a</name><value><nil/></value></member></struct></value>",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(parts); i++) {
        char *many = nested(parts[i], "", 20000, "");
        char *xml = mem_printf("<value><array><data>%s</data></array></value>", many);
        struct xml_message message;
        int64_t before = heap_used();
        assert_true(xml_read(xml, strlen(xml), &message, NULL));
        int64_t kept = heap_used() - before, cost = xml_cost(xml, strlen(xml));
        assert_true(kept > 0 || !heap_is_counted());
        if (kept > cost)
            fail_msg("%s: %ld bytes are kept, %ld estimated", parts[i], (long)kept, (long)cost);
        xmlrpc_DECREF(message.value);
        free(many);
        free(xml);
    }
}

/* ---- random damage */

static const char *const pieces[] = {
    "<value>",
    "</value>",
    "<i8>",
    "</i8>",
    "<int>",
    "</int>",
    "<double>",
    "</double>",
    "<string>",
    "</string>",
    "<struct>",
    "</struct>",
    "<member>",
    "</member>",
    "<name>",
    "</name>",
    "<array>",
    "</array>",
    "<data>",
    "</data>",
    "<base64>",
    "</base64>",
    "<dateTime.iso8601>",
    "</dateTime.iso8601>",
    "<boolean>",
    "</boolean>",
    "<nil/>",
    "<i8/>",
    "<double/>",
    "<struct/>",
    "<i8>5</i8>",
    "<double>1e9</double>",
    "<value><int>1</int></value>",
    "1",
    "-",
    "99999999999999999999",
    "abc",
    "20261122T00:00:00",
    "20269999T99:99:99",
    "AAAA",
    "====",
    "1e400",
    "&amp;",
    "&#0;",
    "&#x110000;",
    "&#65;",
    "&bogus;",
    "]]>",
    "\xc3\x28",
    "\xff",
    "\xf0\x9f\x98\x80",
    "<a b='c'/>",
    "<!-- -->",
    "<![CDATA[",
    "]]>",
    "<!DOCTYPE a>",
    "<?x?>",
    " ",
};

static const char *const bodies[] = {
    "<value><i8>12345678901</i8></value>",
    "<value><double>1.5</double></value>",
    "<value><string>text</string></value>",
    "<value><base64>AAAA</base64></value>",
    "<value><boolean>1</boolean></value>",
    "<value><dateTime.iso8601>20261122T00:00:00</dateTime.iso8601></value>",
    "<value><struct><member><name>a</name><value><i4>5</i4></value></member></struct></value>",
    "<value><array><data><value>1</value><value><nil/></value></data></array></value>",
};

static size_t damage(char *xml, size_t length, size_t room)
{
    for (uint64_t hits = random_below(4); hits > 0; hits--) {
        const char *piece = pieces[random_below(COUNT(pieces))];
        size_t at = random_below(length), more = strlen(piece);
        switch (random_below(3)) {
        case 0:
            xml[at] = (char)random_bits();
            break;
        case 1:
            memmove(xml + at, xml + at + 1, --length - at);
            break;
        default:
            if (length + more > room)
                break;
            memmove(xml + at + more, xml + at, length - at);
            memcpy(xml + at, piece, more);
            length += more;
        }
    }
    return length;
}

static void damaged_calls_do_no_harm(void **state)
{
    static char xml[4096];
    int passed = 0, taken = 0;
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        int whole = snprintf(xml, sizeof xml,
                             "<?xml version=\"1.0\"?><methodCall><methodName>echo</methodName>"
                             "<params><param>%s</param></params></methodCall>",
                             bodies[random_below(COUNT(bodies))]);
        size_t length = damage(xml, (size_t)whole, sizeof xml);
        char *copy = mem_new(length, 1); /* so that a sanitizer sees what is read beyond */
        memcpy(copy, xml, length);
        if (xml_guard(copy, length, NULL, NULL)) {
            struct xml_message message;
            char *written = read_and_written(copy, length, &message, NULL);
            passed++;
            taken += written != NULL;
            free(written);
        }
        free(copy);
    }
    assert_in_range(passed, 1, ROUNDS - 1);
    assert_in_range(taken, 1, passed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_are_named),
        cmocka_unit_test(messages_are_read),
        cmocka_unit_test(what_is_no_message_is_refused),
        cmocka_unit_test(the_cost_is_not_less_than_what_reading_takes),
        cmocka_unit_test(damaged_calls_do_no_harm),
    };
    seed_random();
    return cmocka_run_group_tests_name("xmlguard_reading", tests, NULL, NULL);
}
