/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests the guard before XML parsing: numbers, by cases and against an independent reading. */
#include "guarded.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers),
        cmocka_unit_test(doubles),
        cmocka_unit_test(other_elements_hold_what_they_like),
        cmocka_unit_test(an_element_inside_a_number_hides_nothing),
        cmocka_unit_test(many_numbers_are_all_checked),
        cmocka_unit_test(many_good_numbers_and_long_texts_pass),
        cmocka_unit_test(the_first_reason_is_given),
        cmocka_unit_test(numbers_in_other_encodings_are_checked),
        cmocka_unit_test(random_numbers_agree_with_a_naive_reading),
    };
    seed_random();
    return cmocka_run_group_tests_name("xmlguard_numbers", tests, NULL, NULL);
}
