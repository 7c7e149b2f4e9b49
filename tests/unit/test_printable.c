/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests common/printable.c: text that commands a terminal or forges a line does not get through. */
#include "common/printable.c"

#include <string.h>

#include "unit.h"

static void check(const char *text, const char *one_line, const char *lines)
{
    char copy[128];
    snprintf(copy, sizeof copy, "%s", text);
    printable(copy);
    assert_string_equal(copy, one_line);
    snprintf(copy, sizeof copy, "%s", text);
    printable_lines(copy);
    assert_string_equal(copy, lines);
}

static void ordinary_text_stays(void **state)
{
    (void)state;
    check("", "", "");
    check(" ~a\\\"'`$(x)", " ~a\\\"'`$(x)", " ~a\\\"'`$(x)");
    check("Z\xc3\xbcrich \xe6\x97\xa5 \xf0\x9f\x98\x80",
          "Z\xc3\xbcrich \xe6\x97\xa5 \xf0\x9f\x98\x80",
          "Z\xc3\xbcrich \xe6\x97\xa5 \xf0\x9f\x98\x80");
    check("\xc2\xa0\xe2\x80\xad" /* U+00A0 is a blank, U+202D an override */, "\xc2\xa0?",
          "\xc2\xa0?");
}

static void control_characters(void **state)
{
    (void)state;
    for (int c = 1; c < 0xa0; c++) {
        bool control = c < ' ' || c >= 0x7f;
        char text[8], expected[8];
        snprintf(text, sizeof text, c < 0x80 ? "a%cb" : "a\xc2%cb", c);
        snprintf(expected, sizeof expected, "a%cb", control ? '?' : c);
        check(text, expected, c == '\n' ? text : expected);
    }
    check("\x1b]0;x\x07\x1b[2J", "?]0;x??[2J", "?]0;x??[2J");
    check("a\r\nS 0 1 2\t3", "a??S 0 1 2?3", "a?\nS 0 1 2?3");
}

static void direction_and_separators(void **state)
{
    (void)state;
    check("\xd8\x9c.\xe2\x80\x8e.\xe2\x80\x8f.\xe2\x80\xa8.\xe2\x80\xa9.\xe2\x80\xae",
          "?.?.?.?.?.?", "?.?.?.?.?.?");
    check("\xe2\x81\xa6.\xe2\x81\xa9.\xe2\x80\x8d.\xe2\x80\xaf.\xe2\x81\xa5.\xe2\x81\xaa",
          "?.?.\xe2\x80\x8d.\xe2\x80\xaf.\xe2\x81\xa5.\xe2\x81\xaa",
          "?.?.\xe2\x80\x8d.\xe2\x80\xaf.\xe2\x81\xa5.\xe2\x81\xaa");
}

static void bytes_that_are_not_utf8(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"\x9b"
         "31m",
         "?31m"}, /* a lone C1 control */
        {"\xff\xfe.log", "??.log"},
        {"a\xc2", "a?"}, /* cut off */
        {"a\xe2\x80", "a??"},
        {"\xf0\x9f\x98", "???"},
        {"\xe2\x41\x80", "?A?"},
        {"\xc0\x8a", "??"},      /* overlong '\n' */
        {"\xe0\x82\x9b", "???"}, /* overlong C1 */
        {"\xf0\x80\x80\x8a", "????"},
        {"\xed\xa0\x80", "???"},      /* a surrogate */
        {"\xf4\x90\x80\x80", "????"}, /* beyond U+10FFFF */
        {"\xf8\x88\x80\x80\x80", "?????"},
        {"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check(cases[i].text, cases[i].expected, cases[i].expected);
}

/* Whatever the bytes: the result is valid, printable, no longer, and stays as it is. */
static void random_bytes(void **state)
{
    (void)state;
    for (int round = 0; round < 20000; round++) {
        char text[32], again[32];
        size_t length = random_below(sizeof text);
        for (size_t i = 0; i < length; i++)
            text[i] = (char)(1 + random_below(255));
        text[length] = '\0';
        printable(text);
        assert_true(strlen(text) <= length);
        for (const char *at = text; *at;) {
            uint32_t character;
            size_t bytes = decode((const unsigned char *)at, &character);
            assert_true(bytes && !is_unprintable(character));
            at += bytes;
        }
        memcpy(again, text, sizeof again);
        printable(again);
        assert_string_equal(again, text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordinary_text_stays),
        cmocka_unit_test(control_characters),
        cmocka_unit_test(direction_and_separators),
        cmocka_unit_test(bytes_that_are_not_utf8),
        cmocka_unit_test(random_bytes),
    };
    seed_random();
    return cmocka_run_group_tests_name("printable", tests, NULL, NULL);
}
