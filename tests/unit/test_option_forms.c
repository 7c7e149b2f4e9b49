/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests common/option.c: the forms of options, and operands between them. */
#include "option.c"

#include "option_line.h"

/* A line that is taken, and what it gives. */
struct taken {
    const char *line, *options, *operands;
};

static void check_taken(const struct option_spec *table, size_t count, const struct taken *taken)
{
    struct outcome outcome;
    run_with(table, count, taken->line, &outcome);
    if (!outcome.good)
        fail_msg("'%s' was refused: %s", taken->line, outcome.fail.text);
    if (strcmp(outcome.options, taken->options) || strcmp(outcome.operands, taken->operands))
        fail_msg("'%s' gives '%s', operands '%s'", taken->line, outcome.options, outcome.operands);
    outcome_free(&outcome);
}

static void options_in_every_form(void **state)
{
    static const struct taken cases[] = {
        {"", "", ""},
        {"-n 5", "-n=5", ""},
        {"-n5", "-n=5", ""},
        {"--flows=5", "--flows=5", ""},
        {"--flows 5", "--flows=5", ""},
        {"--fl 5", "--flows=5", ""},
        {"--q --late", "--quiet --late-connect", ""},
        {"-QLn5 x", "-Q -L -n=5", "x"},
        {"-QLn 5 x", "-Q -L -n=5", "x"},
        {"-F -1", "-F=-1", ""},
        {"-F-1", "-F=-1", ""},
        {"-F -1 -n -2 x", "-F=-1 -n=-2", "x"},
        {"--drain -0.5", "--drain=-0.5", ""},
        {"--drain --quiet", "--drain=--quiet", ""},
        {"-n --", "-n=--", ""},
        {"-n=5", "-n==5", ""},
        {"--flows=", "--flows=", ""},
        {"--flows=a=b", "--flows=a=b", ""},
        {"-n '' -Q", "-n= -Q", ""},
        {"-n 1 -n 2 --flows 3", "-n=1 -n=2 --flows=3", ""},
        {"-Q -Q", "-Q -Q", ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check_taken(specs, COUNT(specs), &cases[i]);
}

static void optional_arguments(void **state)
{
    static const struct taken cases[] = {
        {"-h", "-h", ""},
        {"-h socket", "-h", "socket"},
        {"-hsocket", "-h=socket", ""},
        {"-h=socket", "-h=socket", ""},
        {"-h=", "-h=", ""},
        {"-h==x", "-h==x", ""},
        {"--help", "--help", ""},
        {"--help socket", "--help", "socket"},
        {"--help=socket", "--help=socket", ""},
        {"--help=", "--help=", ""},
        {"--help==x", "--help==x", ""},
        {"--he=socket", "--help=socket", ""},
        {"-Qvdebug -L", "-Q -v=debug -L", ""},
        {"-v -Q", "-v -Q", ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check_taken(specs, COUNT(specs), &cases[i]);
}

/* Such an option takes the next word, unless that is an option itself. */
static void loose_arguments(void **state)
{
    static const struct option_spec loose[] = {
        {'I', "one-way", OPTION_LOOSE, "x", "Flows", "measure", 1},
        {'n', "flows", OPTION_REQUIRED, "#", "Flows", "number of flows", 2},
        {'Q', NULL, OPTION_NONE, NULL, "Flows", "say less", 3},
    };
    static const struct taken cases[] = {
        {"-I", "-I", ""},
        {"-I s", "-I=s", ""},
        {"-Is", "-I=s", ""},
        {"-I=s", "-I=s", ""},
        {"-I -Q", "-I -Q", ""},
        {"-I s -n 5", "-I=s -n=5", ""},
        {"-QI s", "-Q -I=s", ""},
        {"-I --flows 5", "-I --flows=5", ""},
        {"--one-way", "--one-way", ""},
        {"--one-way s", "--one-way=s", ""},
        {"--one-way=s", "--one-way=s", ""},
        {"--one-way -Q s", "--one-way -Q", "s"},
        {"one -I s two -Q", "-I=s -Q", "one two"},
        {"one two -I s -n 5 three", "-I=s -n=5", "one two three"},
        {"-I s s", "-I=s", "s"},
        {"-I -- s", "-I", "s"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check_taken(loose, COUNT(loose), &cases[i]);
}

static void operands_between_options(void **state)
{
    static const struct taken cases[] = {
        {"a", "", "a"},
        {"a b -Q", "-Q", "a b"},
        {"a -Q b --flows 3 c -n4", "-Q --flows=3 -n=4", "a b c"},
        {"- -Q", "-Q", "-"},
        {"-Q -- -L --drain", "-Q", "-L --drain"},
        {"a -- -L", "", "a -L"},
        {"--", "", ""},
        {"-- --", "", "--"},
        {"'' -Q", "-Q", ""},
        {"a -F -1 b", "-F=-1", "a b"},
        {"a --help b", "--help", "a b"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check_taken(specs, COUNT(specs), &cases[i]);
}

static bool keep_spec(void *context, const struct option_spec *spec, const char *given,
                      const char *value, struct fail *fail)
{
    (void)given, (void)value, (void)fail;
    *(const struct option_spec **)context = spec;
    return true;
}

static void the_handler_gets_the_row(void **state)
{
    static const struct {
        const char *line;
        size_t row;
    } cases[] = {{"-n5", 0},       {"--flows=5", 0}, {"-F5", 1},
                 {"--drain=1", 4}, {"--dry", 5},     {"-v", 7}};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct option_spec *spec = NULL;
        struct line line;
        int operand;
        split(cases[i].line, &line);
        assert_true(option_parse(line.argc, line.argv, specs, COUNT(specs), keep_spec, &spec,
                                 &operand, NULL));
        assert_ptr_equal(spec, &specs[cases[i].row]);
        assert_int_equal(operand, line.argc);
    }
}

static void an_empty_table_knows_no_option(void **state)
{
    struct line line;
    struct fail fail = {0};
    int operand = -1;
    (void)state;
    split("a b", &line);
    assert_true(option_parse(line.argc, line.argv, NULL, 0, take, NULL, &operand, &fail));
    assert_int_equal(operand, 1);
    split("a -Q", &line);
    assert_false(option_parse(line.argc, line.argv, NULL, 0, take, NULL, &operand, &fail));
    assert_string_equal(fail.text, "unknown option -Q; --help lists the options");
}

/* What random_line() makes: the words, and what should come of them. */
struct script {
    struct buffer line, options, operands;
};

static void add_random_word(struct script *script)
{
    static const struct {
        const char *words, *options;
    } forms[] = {
        {"-n5", "-n=5"},
        {"-n -7", "-n=-7"},
        {"--flows=1", "--flows=1"},
        {"-Q", "-Q"},
        {"-QL", "-Q -L"},
        {"--qui", "--quiet"},
        {"-F -1", "-F=-1"},
        {"--drain 2", "--drain=2"},
        {"-h=x", "-h=x"},
        {"--help", "--help"},
        {"-v", "-v"},
        {"-Lvx", "-L -v=x"},
    };
    size_t pick = random_below(2 * COUNT(forms));
    if (pick < COUNT(forms)) {
        record(&script->line, forms[pick].words, NULL);
        record(&script->options, forms[pick].options, NULL);
    } else {
        char operand[8];
        snprintf(operand, sizeof operand, "%c%zu", 'a' + (int)random_below(26), pick);
        record(&script->line, operand, NULL);
        record(&script->operands, operand, NULL);
    }
}

static void random_lines_keep_their_order(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct script script = {0};
        struct outcome outcome;
        for (uint64_t words = random_below(7); words > 0; words--)
            add_random_word(&script);
        buffer_add(&script.line, "", 1);
        buffer_add(&script.options, "", 1);
        buffer_add(&script.operands, "", 1);
        run(script.line.data, &outcome);
        assert_true(outcome.good);
        assert_string_equal(outcome.options, script.options.data);
        assert_string_equal(outcome.operands, script.operands.data);
        outcome_free(&outcome);
        buffer_free(&script.line);
        buffer_free(&script.options);
        buffer_free(&script.operands);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_in_every_form),
        cmocka_unit_test(optional_arguments),
        cmocka_unit_test(loose_arguments),
        cmocka_unit_test(operands_between_options),
        cmocka_unit_test(the_handler_gets_the_row),
        cmocka_unit_test(an_empty_table_knows_no_option),
        cmocka_unit_test(random_lines_keep_their_order),
    };
    unsetenv("POSIXLY_CORRECT"); /* getopt would stop at the first operand */
    seed_random();
    return cmocka_run_group_tests_name("option_forms", tests, NULL, NULL);
}
