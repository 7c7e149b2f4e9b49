/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests the guard before XML parsing: documents that pass, depth, document types, encodings. */
#include "guarded.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_pass),
        cmocka_unit_test(what_is_no_xml_is_refused),
        cmocka_unit_test(bytes_behind_a_nul_are_seen),
        cmocka_unit_test(a_document_type_is_refused),
        cmocka_unit_test(an_entity_bomb_is_refused),
        cmocka_unit_test(nesting_has_an_end),
        cmocka_unit_test(siblings_are_not_nested),
        cmocka_unit_test(other_encodings_are_refused),
        cmocka_unit_test(only_the_elements_of_xml_rpc_are_taken),
        cmocka_unit_test(attributes_and_instructions_are_refused),
        cmocka_unit_test(elements_are_counted),
    };
    return cmocka_run_group_tests_name("xmlguard", tests, NULL, NULL);
}
