/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests the guard before XML parsing: depth, numbers, document types, encodings, random damage. */
#include "xmlbuild.c"
#include "xmlguard.c"

#include <malloc.h>
#include <stdint.h>

#include "mem.h"

#include "unit.h"

enum { ROUNDS = 20000 };

static bool guard_text(const char *xml, struct fail *fail)
{
    return xml_guard(xml, strlen(xml), NULL, fail);
}

static void assert_passes(const char *xml)
{
    struct fail fail = {0};
    if (!guard_text(xml, &fail))
        fail_msg("%s: %s", xml, fail.text);
    assert_string_equal(fail.text, "");
}

static void assert_refused(const char *xml, const char *sentence)
{
    struct fail fail = {0};
    if (guard_text(xml, &fail) || !strstr(fail.text, sentence))
        fail_msg("%s: %s", xml, fail.text);
    assert_false(guard_text(xml, NULL));
}

#define A_CALL                                                                          \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<methodCall><methodName>flowd.clock" \
    "</methodName><params><param><value><struct></struct></value></param></params></methodCall>"

static void calls_pass(void **state)
{
    static const char *const cases[] = {
        A_CALL,
        A_CALL "\n",
        "<value/>",
        "<value>text</value>",
        "<?xml version='1.0'?><value><string>&lt;&amp;&#65;&#x20ac;</string></value>",
        "<value><string>\xc3\xa9\xe2\x82\xac</string></value>",
        "<value><![CDATA[<i8>]]></value>",
        "<value><!-- <i8>x</i8> --></value>",
        "<?xml version='1.0' encoding='utf-8'?><value><nil/></value>",
        "<value><boolean>1</boolean></value>",
        "<value><array><data><value><base64>AAAA</base64></value></data></array></value>",
        "<methodResponse><fault><value><dateTime.iso8601/></value></fault></methodResponse>",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_passes(cases[i]);
}

static void what_is_no_xml_is_refused(void **state)
{
    static const char *const cases[] = {
        "",
        " ",
        "text",
        "<value>",
        "<value></valu>",
        "<value/><value/>",
        "<value/>text",
        "<value>&bogus;</value>",
        "<value>&#0;</value>",
        "<value>\x01</value>",
        "<value>\xff</value>",
        "<value>\xc3\x28</value>",
        "<value>\xed\xa0\x80</value>", /* half a surrogate pair */
        "<value>&#xd800;</value>",
        "<value a='1' a='2'/>",
        "<value>]]></value>",
        "<1value/>",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_refused(cases[i], "");
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fail fail = {0};
        guard_text(cases[i], &fail);
        assert_true(strlen(fail.text) > 5); /* a sentence */
    }
}

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

/* ---- what is read */

/* The message as XML again, to be freed; NULL with a sentence where it is refused. */
static char *read_and_written(const char *xml, struct xml_message *message, struct fail *fail)
{
    xmlrpc_env env;
    if (!xml_read(xml, strlen(xml), message, fail))
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

static void messages_are_read(void **state)
{
    static const struct {
        const char *xml;
        enum xml_kind kind;
        const char *value; /* without the line ends that the writer adds */
    } cases[] = {
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
         ITEMS_OF(
             "<value><string>a</string></value>" ITEMS_OF("") "<value><struct></struct></value>")},
        {"<methodCall><methodName>a.b</methodName></methodCall>", XML_CALL, ITEMS_OF("")},
        {CALL_OF("<param><value>a</value></param><param><value>b</value></param>"), XML_CALL,
         ITEMS_OF("<value><string>a</string></value><value><string>b</string></value>")},
        {"<methodResponse><params><param><value><i4>7</i4></value></param></params></"
         "methodResponse>",
         XML_RESPONSE, "<value><i4>7</i4></value>"},
        {"<methodResponse><fault><value>x</value></fault></methodResponse>", XML_FAULT,
         "<value><string>x</string></value>"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct xml_message message;
        struct fail fail = {0};
        char *text = read_and_written(cases[i].xml, &message, &fail);
        if (!text)
            fail_msg("%s: %s", cases[i].xml, fail.text);
        size_t to = 0;
        for (char *at = text; *at; at++)
            if (*at != '\r' && *at != '\n')
                text[to++] = *at;
        text[to] = '\0';
        assert_string_equal(text, cases[i].value);
        assert_int_equal(message.kind, cases[i].kind);
        assert_string_equal(message.method, message.kind == XML_CALL ? "a.b" : "");
        free(text);
    }
}

static void what_is_no_message_is_refused(void **state)
{
    static const char place[] = "it contains an element where XML-RPC does not have it";
    static const char lacks[] = "it lacks an element that XML-RPC has there";
    static const char beside[] = "it contains text beside an element";
    static const struct {
        const char *xml, *sentence;
    } cases[] = {
        {"<struct/>", place},
        {"<value><value/></value>", place},
        {"<value><i4>1</i4><i4>2</i4></value>", place},
        {"<value><member/></value>", place},
        {"<value><struct><value/></struct></value>", place},
        {"<value><array><value/></array></value>", place},
        {"<value><array><data/><data/></array></value>", place},
        {"<value><array/></value>", lacks},
        {"<value><struct><member><name>a</name></member></struct></value>", lacks},
        {"<value><struct><member><value/></member></struct></value>", lacks},
        {"<value><struct><member><name>a</name><value/><value/></member></struct></value>", place},
        {"<value><struct><member><name>a</name><name>b</name></member></struct></value>", place},
        {"<methodCall><params/></methodCall>", lacks},
        {"<methodCall><methodName>a</methodName><methodName>b</methodName></methodCall>", place},
        {"<methodCall><methodName>a</methodName><params/><params/></methodCall>", place},
        {CALL_OF("<value/>"), place},
        {CALL_OF("<param/>"), lacks},
        {CALL_OF("<param><value/><value/></param>"), place},
        {"<methodResponse/>", lacks},
        {"<methodResponse><params/></methodResponse>", "it lacks the value that a response has"},
        {"<methodResponse><params><param><value/></param><param><value/></param></params>"
         "</methodResponse>",
         "it lacks the value that a response has"},
        {"<methodResponse><fault/></methodResponse>", lacks},
        {"<methodResponse><fault><value/></fault><params/></methodResponse>", place},
        {"<methodResponse><params/><fault><value/></fault></methodResponse>", place},
        {"<value>a<i4>1</i4></value>", beside},
        {"<value><i4>1</i4>a</value>", beside},
        {"<value><struct>a</struct></value>", beside},
        {"<value><nil>a</nil></value>", beside},
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
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct xml_message message;
        struct fail fail = {0};
        if (xml_read(cases[i].xml, strlen(cases[i].xml), &message, &fail) ||
            !strstr(fail.text, cases[i].sentence))
            fail_msg("%s: %s", cases[i].xml, fail.text);
    }
}

static void bytes_behind_a_nul_are_seen(void **state)
{
    static const char xml[] = "<value/>\0<value>";
    (void)state;
    assert_true(xml_guard(xml, 8, NULL, NULL));
    assert_false(xml_guard(xml, 9, NULL, NULL));
    assert_false(xml_guard(xml, sizeof xml - 1, NULL, NULL));
    assert_true(xml_guard("<value/>garbage", 8, NULL, NULL)); /* and none behind the length */
    assert_false(xml_guard(NULL, 0, NULL, NULL));
}

static void a_document_type_is_refused(void **state)
{
    static const char *const cases[] = {
        "<!DOCTYPE value><value/>",
        "<!DOCTYPE value []><value/>",
        "<!DOCTYPE value SYSTEM 'file:///etc/passwd'><value/>",
        "<?xml version='1.0'?>\n<!DOCTYPE value PUBLIC 'a' 'b'><value/>",
        "<!DOCTYPE v [<!ENTITY a 'aaaaaaaaaaaaaaaa'>]><v>&a;</v>",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_refused(cases[i], "it has a document type");
}

/* A kilobyte that stands for a gigabyte: refused before the first entity is read. */
static void an_entity_bomb_is_refused(void **state)
{
    struct buffer xml = {0};
    (void)state;
    buffer_text(&xml, "<!DOCTYPE v [<!ENTITY a0 'aaaaaaaaaa'>");
    for (int i = 1; i < 10; i++) {
        buffer_printf(&xml, "<!ENTITY a%d '", i);
        for (int j = 0; j < 10; j++)
            buffer_printf(&xml, "&a%d;", i - 1);
        buffer_text(&xml, "'>");
    }
    buffer_text(&xml, "]><v>&a9;</v>");
    buffer_add(&xml, "", 1);
    assert_refused(xml.data, "it has a document type");
    buffer_free(&xml);
}

static char *nested(const char *open, const char *close, size_t depth, const char *inside)
{
    struct buffer xml = {0};
    for (size_t i = 0; i < depth; i++)
        buffer_text(&xml, open);
    buffer_text(&xml, inside);
    for (size_t i = 0; i < depth; i++)
        buffer_text(&xml, close);
    buffer_add(&xml, "", 1);
    return xml.data;
}

static void nesting_has_an_end(void **state)
{
    static const struct {
        size_t depth;
        bool good;
    } cases[] = {{1, true}, {149, true}, {150, true}, {151, false}, {1000, false}, {200000, false}};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *xml = nested("<value>", "</value>", cases[i].depth, "");
        if (cases[i].good)
            assert_passes(xml);
        else
            assert_refused(xml, "it is nested too deeply");
        free(xml);
    }
    char *empty = nested("<value>", "</value>", 150, "<nil/>");
    assert_refused(empty, "it is nested too deeply");
    free(empty);
}

static void siblings_are_not_nested(void **state)
{
    char *many = nested("<nil/>", "", 5000, ""), *xml = mem_printf("<value>%s</value>", many);
    (void)state;
    assert_passes(xml);
    free(many);
    free(xml);
}

#define INTEGER "malformed integer, or out of the 64-bit range"
#define DOUBLE  "malformed or non-finite double"
#define LONG    "it contains a number that is too long"

static void integers(void **state)
{
    static const char *const names[] = {"i8", "i4", "int"};
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"0", NULL},
        {"-0", NULL},
        {"+5", NULL},
        {"007", NULL},
        {"9223372036854775807", NULL},
        {"-9223372036854775808", NULL},
        {"&#53;", NULL},
        {"1<!-- -->2", NULL},
        {"<![CDATA[5]]>", NULL},
        {"9223372036854775808", INTEGER},
        {"-9223372036854775809", INTEGER},
        {"99999999999999999999999999", INTEGER},
        {"", INTEGER},
        {"abc", INTEGER},
        {"5x", INTEGER},
        {"0x10", INTEGER},
        {"1.5", INTEGER},
        {"1e3", INTEGER},
        {" 5", INTEGER},
        {"5 ", INTEGER},
        {"\n", INTEGER},
        {"+", INTEGER},
        {"--5", INTEGER},
        {"+-5", INTEGER},
        {"5-", INTEGER},
        {"5-3", INTEGER},
        {"1<!-- -->x", INTEGER},
        {"\xd9\xa3", INTEGER}, /* an Arabic three */
        {"000000000000000000000000000000000000000000000000000000000000005", NULL},
        {"0000000000000000000000000000000000000000000000000000000000000005", LONG},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (size_t j = 0; j < COUNT(names); j++) {
            char *xml = mem_printf("<value><%s>%s</%s></value>", names[j], cases[i].text, names[j]);
            if (cases[i].sentence)
                assert_refused(xml, cases[i].sentence);
            else
                assert_passes(xml);
            free(xml);
        }
    }
}

static void doubles(void **state)
{
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"0", NULL},
        {"-1.5", NULL},
        {"+.5", NULL},
        {"5.", NULL},
        {"1e5", NULL},
        {"1E-5", NULL},
        {"1.7976931348623157e308", NULL},
        {"1e309", DOUBLE},
        {"-1e999", DOUBLE},
        {"nan", DOUBLE},
        {"inf", DOUBLE},
        {"-inf", DOUBLE},
        {"infinity", DOUBLE},
        {"0x1p3", DOUBLE},
        {"", DOUBLE},
        {".", DOUBLE},
        {"-", DOUBLE},
        {"e5", DOUBLE},
        {"1e", DOUBLE},
        {"1.5.2", DOUBLE},
        {"1,5", DOUBLE},
        {" 1", DOUBLE},
        {"1 ", DOUBLE},
        {"1.00000000000000000000000000000000000000000000000000000000000000", LONG},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *xml = mem_printf("<value><double>%s</double></value>", cases[i].text);
        if (cases[i].sentence)
            assert_refused(xml, cases[i].sentence);
        else
            assert_passes(xml);
        free(xml);
    }
}

static void other_elements_hold_what_they_like(void **state)
{
    static const char *const cases[] = {
        "<value><string>99999999999999999999</string></value>",
        "<value><base64>nan</base64></value>",
        "<value><name>i8</name>abc</value>",
        "<value><i8>5</i8>abc</value>", /* text behind the number */
        "<value>abc<i8>5</i8></value>",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_passes(cases[i]);
}

static void an_element_inside_a_number_hides_nothing(void **state)
{
    static const char *const cases[] = {
        "<value><i8>abc<nil/></i8></value>",
        "<value><i8><nil/>abc</i8></value>",
        "<value><i8>99999999999999999999<nil/></i8></value>",
        "<value><double>1e999<nil/></double></value>",
        "<value><i8><i8>5</i8></i8></value>",
        "<value><i8><nil/></i8></value>",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_refused(cases[i], "");
}

static void many_numbers_are_all_checked(void **state)
{
    (void)state;
    for (int bad = 0; bad < 50; bad++) {
        struct buffer xml = {0};
        buffer_text(&xml, "<value>");
        for (int i = 0; i < 50; i++)
            buffer_printf(&xml, "<i8>%s</i8>", i == bad ? "5x" : "5");
        buffer_text(&xml, "</value>");
        buffer_add(&xml, "", 1);
        assert_refused(xml.data, INTEGER);
        buffer_free(&xml);
    }
}

static void many_good_numbers_and_long_texts_pass(void **state)
{
    struct buffer xml = {0};
    (void)state;
    buffer_text(&xml, "<value>");
    for (int i = 0; i < 100; i++)
        buffer_printf(&xml, "<i8>9223372036854775807</i8>\n<double>1.5</double>%070d", i);
    buffer_printf(&xml, "<string>%01000d</string></value>", 7);
    buffer_add(&xml, "", 1);
    assert_passes(xml.data);
    buffer_free(&xml);
}

static void the_first_reason_is_given(void **state)
{
    (void)state;
    assert_refused("<value><i8>x</i8><double>x</double></value>", INTEGER);
    assert_refused("<value><double>x</double><i8>x</i8></value>", DOUBLE);
    assert_refused("<value><i8>x</i8></name>", INTEGER);
}

static void other_encodings_are_refused(void **state)
{
    static const char sentence[] = "its encoding is not UTF-8";
    (void)state;
    assert_passes("<?xml version='1.0' encoding='UTF-8'?><value>\xc3\xa9</value>");
    assert_refused("<?xml version='1.0' encoding='ISO-8859-1'?><value>\xc3\xa9</value>", sentence);
    assert_refused("<?xml version='1.0' encoding='US-ASCII'?><value/>", sentence);
    assert_refused("<?xml version='1.0' encoding='UTF-16'?><value/>", "");
    assert_refused("<?xml version='1.0' encoding='nonsense'?><value/>", "");
    assert_refused("\xef\xbb\xbf<value/>", "it begins with a byte order mark");
    assert_refused("\xef\xbb\xbf" A_CALL, "it begins with a byte order mark");
}

static void only_the_elements_of_xml_rpc_are_taken(void **state)
{
    static const char *const cases[] = {
        "<a/>",
        "<value><x/></value>",
        "<Value/>",
        "<value><I8>5</I8></value>",
        "<i80>5</i80>",
        "<value><i1>5</i1></value>",
        "<value><ex:nil/></value>",
        "<values/>",
        "<valu/>",
        "<value:value/>",
        "<AzAzAzAz/>",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_refused(cases[i], "it contains an element that XML-RPC does not have");
}

static void attributes_and_instructions_are_refused(void **state)
{
    (void)state;
    assert_refused("<value a='1'/>", "it contains an attribute");
    assert_refused("<value xmlns='a'/>", "it contains an attribute");
    assert_refused("<value><nil xml:space='preserve'/></value>", "it contains an attribute");
    assert_refused("<?flow rig?><value/>", "it has a processing instruction");
    assert_refused("<value><?x?></value>", "it has a processing instruction");
    assert_refused("<value/><?x y?>", "it has a processing instruction");
}

/* What reading takes is bounded: by elements, and by an estimate that holds for what it takes. */
static void elements_are_counted(void **state)
{
    char *many = nested("<nil/>", "", XML_ELEMENTS_MAX - 1, "");
    char *most = mem_printf("<value>%s</value>", many);
    char *more = mem_printf("<value>%s<nil/></value>", many);
    (void)state;
    assert_passes(most);
    assert_refused(more, "it contains too many elements");
    assert_int_equal(xml_cost(NULL, 0), 0);
    assert_int_equal(xml_cost("<a><b>x</b></a>", 15), 2 * ELEMENT_COST + 15 * TEXT_COST);
    assert_int_equal(xml_cost("<", 1), ELEMENT_COST + TEXT_COST);
    assert_true(xml_cost(more, strlen(more)) >= (int64_t)XML_ELEMENTS_MAX * ELEMENT_COST);
    free(many);
    free(most);
    free(more);
}

static int64_t heap_used(void)
{
    struct mallinfo2 info = mallinfo2();
    return (int64_t)(info.uordblks + info.hblkhd);
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
        if (kept > cost)
            fail_msg("%s: %ld bytes are kept, %ld estimated", parts[i], (long)kept, (long)cost);
        xmlrpc_DECREF(message.value);
        free(many);
        free(xml);
    }
}

/* UTF-16, with and without a byte order mark, is no way around. */
static void numbers_in_other_encodings_are_checked(void **state)
{
    static const char text[] = "<value><i8>abc</i8></value>";
    (void)state;
    for (int form = 0; form < 4; form++) {
        char xml[2 * sizeof text + 2] = {0};
        size_t length = 0, low = form & 1; /* where the low byte lies */
        if (form & 2) {
            xml[!low] = '\xfe';
            xml[low] = '\xff';
            length = 2;
        }
        for (const char *at = text; *at; at++, length += 2)
            xml[length + low] = *at;
        assert_false(xml_guard(xml, length, NULL, NULL));
    }
}

/* ---- random numbers against an independent reading */

static bool naive_integer(const char *text)
{
    bool negative = *text == '-';
    unsigned __int128 number = 0;
    text += *text == '-' || *text == '+';
    if (!*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        number = number * 10 + (unsigned)(*text - '0');
        if (number > (unsigned __int128)INT64_MAX + negative)
            return false;
    }
    return true;
}

static size_t digits_at(const char *text)
{
    return strspn(text, "0123456789");
}

static bool naive_double(const char *text)
{
    const char *at = text + (*text == '-' || *text == '+');
    size_t whole = digits_at(at), fraction = 0;
    at += whole;
    if (*at == '.') {
        fraction = digits_at(++at);
        at += fraction;
    }
    if (!whole && !fraction)
        return false;
    if (*at == 'e' || *at == 'E') {
        at += 1 + (at[1] == '-' || at[1] == '+');
        size_t exponent = digits_at(at);
        if (!exponent)
            return false;
        at += exponent;
    }
    double value = *at ? 0 : atof(text);
    return !*at && value - value == 0;
}

static void random_numbers_agree_with_a_naive_reading(void **state)
{
    int taken = 0;
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        static const char symbols[] = "0123456789012345678901234567899999+-.eE ";
        char text[32] = "", xml[96];
        bool integer = random_below(2);
        size_t length = random_below(random_below(4) ? 6 : sizeof text);
        for (size_t at = 0; at < length; at++)
            text[at] = symbols[random_below(integer ? 36 : sizeof symbols - 1)];
        snprintf(xml, sizeof xml, integer ? "<i8>%s</i8>" : "<double>%s</double>", text);
        bool good = integer ? naive_integer(text) : naive_double(text);
        if (guard_text(xml, NULL) != good)
            fail_msg("%s should %s", xml, good ? "pass" : "be refused");
        taken += good;
    }
    assert_in_range(taken, 1, ROUNDS - 1);
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

/* Reads as the server does, and writes the result again. */
static bool is_read(const char *xml, size_t length)
{
    xmlrpc_env env;
    struct xml_message message;
    if (!xml_read(xml, length, &message, NULL))
        return false;
    xmlrpc_env_init(&env);
    xmlrpc_mem_block *out = XMLRPC_MEMBLOCK_NEW(char, &env, 0);
    xmlrpc_serialize_value(&env, out, message.value);
    XMLRPC_MEMBLOCK_FREE(char, out);
    xmlrpc_DECREF(message.value);
    xmlrpc_env_clean(&env);
    return true;
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
            passed++;
            taken += is_read(copy, length);
        }
        free(copy);
    }
    assert_in_range(passed, 1, ROUNDS - 1);
    assert_in_range(taken, 1, passed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_pass),
        cmocka_unit_test(what_is_no_xml_is_refused),
        cmocka_unit_test(calls_are_named),
        cmocka_unit_test(messages_are_read),
        cmocka_unit_test(what_is_no_message_is_refused),
        cmocka_unit_test(bytes_behind_a_nul_are_seen),
        cmocka_unit_test(a_document_type_is_refused),
        cmocka_unit_test(an_entity_bomb_is_refused),
        cmocka_unit_test(nesting_has_an_end),
        cmocka_unit_test(siblings_are_not_nested),
        cmocka_unit_test(integers),
        cmocka_unit_test(doubles),
        cmocka_unit_test(other_elements_hold_what_they_like),
        cmocka_unit_test(an_element_inside_a_number_hides_nothing),
        cmocka_unit_test(many_numbers_are_all_checked),
        cmocka_unit_test(many_good_numbers_and_long_texts_pass),
        cmocka_unit_test(the_first_reason_is_given),
        cmocka_unit_test(other_encodings_are_refused),
        cmocka_unit_test(only_the_elements_of_xml_rpc_are_taken),
        cmocka_unit_test(attributes_and_instructions_are_refused),
        cmocka_unit_test(elements_are_counted),
        cmocka_unit_test(the_cost_is_not_less_than_what_reading_takes),
        cmocka_unit_test(numbers_in_other_encodings_are_checked),
        cmocka_unit_test(random_numbers_agree_with_a_naive_reading),
        cmocka_unit_test(damaged_calls_do_no_harm),
    };
    seed_random();
    return cmocka_run_group_tests_name("xmlguard", tests, NULL, NULL);
}
