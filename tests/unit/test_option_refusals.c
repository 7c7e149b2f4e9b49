/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests common/option.c: options, items of lists and choices that are refused. */
#include "option.c"

#include "option_line.h"

static void refusals_name_the_option(void **state)
{
    static const struct {
        const char *line, *taken, *sentence;
    } cases[] = {
        {"-x", "", "unknown option -x; --help lists the options"},
        {"-Qx -L", "-Q", "unknown option -x; --help lists the options"},
        {"-:", "", "unknown option -:; --help lists the options"},
        {"-?", "", "unknown option -?; --help lists the options"},
        {"--bogus", "", "unknown option --bogus; --help lists the options"},
        {"--bogus=5", "", "unknown option --bogus; --help lists the options"},
        {"a --bogus", "", "unknown option --bogus; --help lists the options"},
        {"-n5 a b --bogus c", "-n=5", "unknown option --bogus; --help lists the options"},
        {"a -n 5 b --bogus --quiet", "-n=5", "unknown option --bogus; --help lists the options"},
        {"--drain --quiet a --bogus", "--drain=--quiet",
         "unknown option --bogus; --help lists the options"},
        {"a -n --flows b --bogus", "-n=--flows",
         "unknown option --bogus; --help lists the options"},
        {"--flowsx 5", "", "unknown option --flowsx; did you mean --flows?"},
        {"-n", "", "option -n needs an argument"},
        {"-Qn", "-Q", "option -n needs an argument"},
        {"-F", "", "option -F needs an argument"},
        {"--flows", "", "option --flows needs an argument"},
        {"a --drain", "", "option --drain needs an argument"},
        {"-Q a b --drain", "-Q", "option --drain needs an argument"},
        {"--quiet=5", "", "option --quiet takes no argument"},
        {"a --late-connect=", "", "option --late-connect takes no argument"},
        {"-n1 --dry-run -n2", "-n=1", "refused by the handler"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct outcome outcome;
        run(cases[i].line, &outcome);
        if (outcome.good)
            fail_msg("'%s' was taken", cases[i].line);
        assert_string_equal(outcome.fail.text, cases[i].sentence);
        assert_string_equal(outcome.options, cases[i].taken);
        outcome_free(&outcome);
    }
}

static void an_ambiguous_abbreviation_is_refused(void **state)
{
    struct outcome outcome;
    (void)state;
    run("--dr=5", &outcome);
    assert_false(outcome.good);
    assert_non_null(strstr(outcome.fail.text, "option --dr"));
    assert_string_equal(outcome.options, "");
    outcome_free(&outcome);
}

static void an_abbreviation_lacks_its_argument(void **state)
{
    struct outcome outcome;
    (void)state;
    run("--dra", &outcome);
    assert_false(outcome.good);
    assert_non_null(strstr(outcome.fail.text, "option --dra"));
    assert_non_null(strstr(outcome.fail.text, "needs an argument"));
    outcome_free(&outcome);
}

static void a_long_unknown_option_is_cut(void **state)
{
    struct outcome outcome;
    char line[200] = "--";
    (void)state;
    memset(line + 2, 'y', sizeof line - 3);
    run(line, &outcome);
    assert_false(outcome.good);
    assert_non_null(strstr(outcome.fail.text, "unknown option --yyyyyyyyyyyyyyyyyyyy"));
    outcome_free(&outcome);
}

static void refusals_without_a_place_for_the_sentence(void **state)
{
    struct line line;
    int operand;
    (void)state;
    split("--bogus", &line);
    assert_false(
        option_parse(line.argc, line.argv, specs, COUNT(specs), take, NULL, &operand, NULL));
}

static bool take_item(void *context, char *item, struct fail *fail)
{
    struct buffer *seen = context;
    if (!strcmp(item, "bad"))
        return fail_set(fail, 0, "bad is refused");
    buffer_printf(seen, "<%s>", item);
    *item = '\0';
    return true;
}

static void items_of_lists_are_handed_over_in_order(void **state)
{
    static const struct {
#define COMMA(list) list " has a comma with nothing before or after it"
        const char *list, *seen, *sentence;
    } cases[] = {
        {"a", "<a>", NULL},
        {"a,b,a", "<a><b><a>", NULL},
        {",a", "", COMMA("',a'")},
        {"a,", "", COMMA("'a,'")},
        {"a,,b", "", COMMA("'a,,b'")},
        {"", "", "nothing given"},
        {",,", "", "nothing given"},
        {"a,bad,b", "<a>", "bad is refused"},
        {"bad", "", "bad is refused"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buffer seen = {0};
        struct fail fail = {0};
        bool good = option_each_item(cases[i].list, "nothing given", take_item, &seen, &fail);
        buffer_add(&seen, "", 1);
        assert_int_equal(good, !cases[i].sentence);
        assert_string_equal(fail.text, cases[i].sentence ? cases[i].sentence : "");
        assert_string_equal(seen.data, cases[i].seen);
        buffer_free(&seen);
    }
}

static void choices_are_found_whole(void **state)
{
    static const char choices[] = "estimate|sync|none";
    static const char *const none[] = {"", "est", "estimates", "Sync", "sync|none", "|", "nones"};
    struct fail fail;
    (void)state;
    assert_int_equal(option_choice(choices, "estimate", &fail), 0);
    assert_int_equal(option_choice(choices, "sync", &fail), 1);
    assert_int_equal(option_choice(choices, "none", &fail), 2);
    for (size_t i = 0; i < COUNT(none); i++)
        assert_int_equal(option_choice(choices, none[i], &fail), -1);
    assert_string_equal(fail.text, "'nones' is not one of estimate, sync, none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals_name_the_option),
        cmocka_unit_test(an_ambiguous_abbreviation_is_refused),
        cmocka_unit_test(an_abbreviation_lacks_its_argument),
        cmocka_unit_test(a_long_unknown_option_is_cut),
        cmocka_unit_test(refusals_without_a_place_for_the_sentence),
        cmocka_unit_test(items_of_lists_are_handed_over_in_order),
        cmocka_unit_test(choices_are_found_whole),
    };
    unsetenv("POSIXLY_CORRECT"); /* getopt would stop at the first operand */
    return cmocka_run_group_tests_name("option_refusals", tests, NULL, NULL);
}
