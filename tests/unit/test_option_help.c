/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests common/option.c: the text of --help, and how it is wrapped. */
#include "option.c"

#include "option_line.h"

static void help_lists_groups_in_order(void **state)
{
    static const char expected[] = "\n"
                                   "Flows:\n"
                                   "  -n, --flows=#   number of flows\n"
                                   "  -F #            flows that the options behind it are for\n"
                                   "  -Q, --quiet     say less\n"
                                   "  -L, --late-connect\n"
                                   "                  connect late\n"
                                   "\n"
                                   "Other:\n"
                                   "      --drain=#.#\n"
                                   "                  read on for so long\n"
                                   "      --dry-run   print the plan\n"
                                   "  -h, --help[=TOPIC]\n"
                                   "                  print this help\n"
                                   "  -v[=LEVEL]      say more\n";
    char *text = NULL;
    size_t size;
    (void)state;
    FILE *out = open_memstream(&text, &size);
    option_help(out, specs, COUNT(specs));
    fclose(out);
    assert_string_equal(text, expected);
    free(text);
}

static char *wrapped(const char *text, int indent, int column)
{
    char *result = NULL;
    size_t size;
    FILE *out = open_memstream(&result, &size);
    option_wrap(out, text, indent, column);
    fclose(out);
    return result;
}

static void a_line_has_80_columns(void **state)
{
    static const char forty[] = "0123456789012345678901234567890123456789";
    char text[128], expected[160];
    (void)state;
    snprintf(text, sizeof text, "%s %.37s", forty, forty);
    snprintf(expected, sizeof expected, "  %s\n", text);
    char *result = wrapped(text, 2, 0);
    assert_string_equal(result, expected);
    free(result);
    snprintf(text, sizeof text, "%s %.38s", forty, forty);
    snprintf(expected, sizeof expected, "  %s\n  %.38s\n", forty, forty);
    result = wrapped(text, 2, 0);
    assert_string_equal(result, expected);
    free(result);
}

static void wrapping_starts_at_the_cursor(void **state)
{
    static const struct {
        const char *text;
        int indent, column;
        const char *expected;
    } cases[] = {
        {"", 4, 0, "\n"},
        {"a", 0, 0, "a\n"},
        {"a  b", 2, 0, "  a b\n"},
        {"a b", 4, 1, "   a b\n"},
        {"a b", 4, 4, "a b\n"},
        {"a b", 4, 9, " a b\n"},
        {"a b", 4, 78, " a\n    b\n"},
        {"a b", 4, 80, "\n    a b\n"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *result = wrapped(cases[i].text, cases[i].indent, cases[i].column);
        assert_string_equal(result, cases[i].expected);
        free(result);
    }
}

/* Checks one line of wrapped text; `next` is the first word of the line after it, or "". */
static void check_line(const char *line, size_t length, size_t indent, const char *next)
{
    assert_true(length > indent);
    assert_int_equal(strspn(line, " "), indent);
    if (length > 80 && memchr(line + indent, ' ', length - indent))
        fail_msg("%zu columns: %.*s", length, (int)length, line);
    if (*next && length + 1 + strcspn(next, " \n") <= 80)
        fail_msg("broken too early: %.*s", (int)length, line);
}

static void random_text_is_wrapped_tightly(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct buffer text = {0}, joined = {0};
        size_t indent = random_below(30);
        for (uint64_t words = 1 + random_below(30); words > 0; words--) {
            size_t length = 1 + random_below(random_below(50) ? 14 : 90);
            char word[100] = "";
            memset(word, 'a' + (int)random_below(26), length);
            record(&text, word, NULL);
        }
        buffer_add(&text, "", 1);
        char *result = wrapped(text.data, (int)indent, 0);
        for (char *line = result; *line;) {
            size_t length = strcspn(line, "\n");
            char *next = line + length + 1;
            check_line(line, length, indent, next + strspn(next, " "));
            buffer_printf(&joined, "%s%.*s", joined.length ? " " : "", (int)(length - indent),
                          line + indent);
            line = next;
        }
        assert_string_equal(joined.data, text.data);
        free(result);
        buffer_free(&text);
        buffer_free(&joined);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_lists_groups_in_order),
        cmocka_unit_test(a_line_has_80_columns),
        cmocka_unit_test(wrapping_starts_at_the_cursor),
        cmocka_unit_test(random_text_is_wrapped_tightly),
    };
    seed_random();
    return cmocka_run_group_tests_name("option_help", tests, NULL, NULL);
}
