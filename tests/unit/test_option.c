/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests command lines: forms of options, operands between them, refusals, and the text of --help.
 */
#include "option.c"

#include <stdint.h>

#include "mem.h"
#include "unit.h"

enum { ROUNDS = 20000, WORDS_MAX = 16 };

static const struct option_spec specs[] = {
    {'n', "flows", OPTION_REQUIRED, "#", "Flows", "number of flows", 1},
    {'F', NULL, OPTION_REQUIRED, "#", "Flows", "flows that the options behind it are for", 2},
    {'Q', "quiet", OPTION_NONE, NULL, "Flows", "say less", 3},
    {'L', "late-connect", OPTION_NONE, NULL, "Flows", "connect late", 4},
    {0, "drain", OPTION_REQUIRED, "#.#", "Other", "read on for so long", 5},
    {0, "dry-run", OPTION_NONE, NULL, "Other", "print the plan", 6},
    {'h', "help", OPTION_OPTIONAL, "TOPIC", "Other", "print this help", 7},
    {'v', NULL, OPTION_OPTIONAL, "LEVEL", "Other", "say more", 8},
};

/* A command line cut at spaces; the word '' is an empty one. */
struct line {
    char copy[256];
    char *argv[WORDS_MAX + 1];
    int argc;
};

static void split(const char *text, struct line *line)
{
    char *save = NULL;
    *line = (struct line){.argc = 1};
    line->argv[0] = strcpy(line->copy, "flowctl");
    char *rest = strcpy(line->copy + sizeof "flowctl", text);
    for (char *word = strtok_r(rest, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        if (!strcmp(word, "''"))
            *word = '\0';
        assert_true(line->argc < WORDS_MAX);
        line->argv[line->argc++] = word;
    }
}

static void record(struct buffer *seen, const char *name, const char *value)
{
    buffer_printf(seen, "%s%s%s%s", seen->length ? " " : "", name, value ? "=" : "",
                  value ? value : "");
}

/* Writes what it is called with; refuses the option whose id is 6. */
static bool take(void *context, const struct option_spec *spec, const char *given,
                 const char *value, struct fail *fail)
{
    if (spec->id == 6)
        return fail_set(fail, 7, "refused by the handler");
    record(context, given, value);
    return true;
}

struct outcome {
    bool good;
    char *options;  /* "-n=5 --quiet" */
    char *operands; /* "one two" */
    struct fail fail;
};

static void run(const char *text, struct outcome *outcome)
{
    struct line line;
    struct buffer options = {0}, operands = {0};
    int operand = -1;
    *outcome = (struct outcome){0};
    split(text, &line);
    outcome->good = option_parse(line.argc, line.argv, specs, COUNT(specs), take, &options,
                                 &operand, &outcome->fail);
    for (int i = operand; outcome->good && i < line.argc; i++)
        record(&operands, line.argv[i], NULL);
    buffer_add(&options, "", 1);
    buffer_add(&operands, "", 1);
    outcome->options = options.data;
    outcome->operands = operands.data;
}

static void outcome_free(struct outcome *outcome)
{
    free(outcome->options);
    free(outcome->operands);
}

static void options_in_every_form(void **state)
{
    static const struct {
        const char *line, *options, *operands;
    } cases[] = {
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
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct outcome outcome;
        run(cases[i].line, &outcome);
        if (!outcome.good)
            fail_msg("'%s' was refused: %s", cases[i].line, outcome.fail.text);
        assert_string_equal(outcome.options, cases[i].options);
        assert_string_equal(outcome.operands, cases[i].operands);
        outcome_free(&outcome);
    }
}

static void optional_arguments(void **state)
{
    static const struct {
        const char *line, *options, *operands;
    } cases[] = {
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
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct outcome outcome;
        run(cases[i].line, &outcome);
        assert_true(outcome.good);
        assert_string_equal(outcome.options, cases[i].options);
        assert_string_equal(outcome.operands, cases[i].operands);
        outcome_free(&outcome);
    }
}

/* Such an option takes the next word, unless that is an option itself. */
static void loose_arguments(void **state)
{
    static const struct option_spec loose[] = {
        {'I', "one-way", OPTION_LOOSE, "x", "Flows", "measure", 1},
        {'n', "flows", OPTION_REQUIRED, "#", "Flows", "number of flows", 2},
        {'Q', NULL, OPTION_NONE, NULL, "Flows", "say less", 3},
    };
    static const struct {
        const char *line, *options, *operands;
    } cases[] = {
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
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct line line;
        struct buffer options = {0}, operands = {0};
        struct fail fail = {0};
        int operand = -1;
        split(cases[i].line, &line);
        if (!option_parse(line.argc, line.argv, loose, COUNT(loose), take, &options, &operand,
                          &fail))
            fail_msg("'%s': %s", cases[i].line, fail.text);
        for (int k = operand; k < line.argc; k++)
            record(&operands, line.argv[k], NULL);
        buffer_add(&options, "", 1);
        buffer_add(&operands, "", 1);
        if (strcmp(options.data, cases[i].options) || strcmp(operands.data, cases[i].operands))
            fail_msg("'%s' gives '%s', operands '%s'", cases[i].line, options.data, operands.data);
        buffer_free(&options);
        buffer_free(&operands);
    }
}

static void operands_between_options(void **state)
{
    static const struct {
        const char *line, *options, *operands;
    } cases[] = {
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
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct outcome outcome;
        run(cases[i].line, &outcome);
        assert_true(outcome.good);
        assert_string_equal(outcome.options, cases[i].options);
        assert_string_equal(outcome.operands, cases[i].operands);
        outcome_free(&outcome);
    }
}

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
        cmocka_unit_test(options_in_every_form),
        cmocka_unit_test(optional_arguments),
        cmocka_unit_test(loose_arguments),
        cmocka_unit_test(operands_between_options),
        cmocka_unit_test(refusals_name_the_option),
        cmocka_unit_test(an_ambiguous_abbreviation_is_refused),
        cmocka_unit_test(an_abbreviation_lacks_its_argument),
        cmocka_unit_test(a_long_unknown_option_is_cut),
        cmocka_unit_test(refusals_without_a_place_for_the_sentence),
        cmocka_unit_test(the_handler_gets_the_row),
        cmocka_unit_test(an_empty_table_knows_no_option),
        cmocka_unit_test(random_lines_keep_their_order),
        cmocka_unit_test(items_of_lists_are_handed_over_in_order),
        cmocka_unit_test(help_lists_groups_in_order),
        cmocka_unit_test(a_line_has_80_columns),
        cmocka_unit_test(wrapping_starts_at_the_cursor),
        cmocka_unit_test(random_text_is_wrapped_tightly),
        cmocka_unit_test(choices_are_found_whole),
    };
    unsetenv("POSIXLY_CORRECT"); /* getopt would stop at the first operand */
    seed_random();
    return cmocka_run_group_tests_name("option", tests, NULL, NULL);
}
