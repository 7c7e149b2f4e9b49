/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/run/options.c: what is shown and written, the columns, and --help. */
#include "controller/run/options.c"

#include <unistd.h>

#include "controller/commands/run_help.h"
#include "mem.h"
#include "options_line.h"

/* The columns that are shown, their names parted by spaces. */
static void check_columns(const char *text, bool interval, const char *expected)
{
    struct run_options options = good(text);
    struct buffer names = {0};
    for (size_t i = 0; i < options.output.column_count; i++)
        buffer_printf(&names, "%s%s", i ? " " : "", options.output.columns[i]->name);
    buffer_add(&names, "", 1);
    if (strcmp(names.data, expected))
        fail_msg("'%s' shows\n'%s', not\n'%s'", text, names.data, expected);
    assert_int_equal(options.output.show_interval, interval);
    buffer_free(&names);
    options_free(&options);
}

static void defaults(void **state)
{
    (void)state;
    struct run_options options = good("");
    assert_int_equal(options.plan->count, 1);
    assert_int_equal(options.plan->daemon_count, 1);
    assert_int_equal(options.plan->daemons[0].endpoints, 2);
    assert_false(options.plan->hosts_named);
    assert_false(options.output.megabytes || options.output.numbers || options.output.bytes ||
                 options.output.quiet);
    assert_false(options.output.log || options.output.overwrite || options.dry_run ||
                 options.embedded);
    assert_false(options.version);
    assert_null(options.output.log_file);
    assert_int_equal(options.verbosity, 0);
    assert_int_equal(options.help, HELP_NONE);
    options_free(&options);
    assert_null(options.plan);
    options_free(&options); /* again does no harm */
    check_flow("", 0,
               "s.host=localhost s.daemon=localhost:5999 s.duration=10s "
               "d.host=localhost d.daemon=localhost:5999 mode=stream");
}

static void flags(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        size_t offset;
    } cases[] = {
        {"-m", offsetof(struct run_options, output.megabytes)},
        {"-p", offsetof(struct run_options, output.numbers)},
        {"-q", offsetof(struct run_options, output.quiet)},
        {"--quiet", offsetof(struct run_options, output.quiet)},
        {"-s byte", offsetof(struct run_options, output.bytes)},
        {"--tcp-stack=byte", offsetof(struct run_options, output.bytes)},
        {"-w", offsetof(struct run_options, output.log)},
        {"--log-file", offsetof(struct run_options, output.log)},
        {"-o", offsetof(struct run_options, output.overwrite)},
        {"--dry-run", offsetof(struct run_options, dry_run)},
        {"--embedded", offsetof(struct run_options, embedded)},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct run_options options = good(cases[i].line);
        int set = options.output.megabytes + options.output.numbers + options.output.quiet +
                  options.output.bytes + options.output.log + options.output.overwrite +
                  options.dry_run + options.embedded;
        assert_true(*(bool *)((char *)&options + cases[i].offset));
        assert_int_equal(set, 1); /* and nothing else */
        options_free(&options);
    }
}

static void flags_add_up(void **state)
{
    (void)state;
    struct run_options options = good("-ddmwo --debug --log-file=a.log -s byte -s segment -n 3");
    assert_int_equal(options.verbosity, 3);
    assert_true(options.output.megabytes && options.output.log && options.output.overwrite);
    assert_false(options.output.bytes); /* the last one counts */
    assert_string_equal(options.output.log_file, "a.log");
    assert_int_equal(options.plan->count, 3);
    options_free(&options);
    /* --log-file alone does not take a name back. */
    options = good("--log-file=a.log --log-file");
    assert_string_equal(options.output.log_file, "a.log");
    options_free(&options);
    options = good("--log-file");
    assert_null(options.output.log_file);
    options_free(&options);
}

static void help_and_version_make_no_plan(void **state)
{
    static const struct {
        const char *line;
        enum help_topic help;
        bool version;
    } cases[] = {
        {"-h", HELP_GENERAL, false},
        {"--help", HELP_GENERAL, false},
        {"--help=socket", HELP_SOCKET, false},
        {"-hsocket", HELP_SOCKET, false},
        {"-h=socket", HELP_SOCKET, false},
        {"--help=traffic", HELP_TRAFFIC, false},
        {"-v", HELP_NONE, true},
        {"--version", HELP_NONE, true},
        /* Who asks for help need not have the rest right. */
        {"--help -F 7 -T s=1 -T s=2 operand", HELP_GENERAL, false},
        {"-v -T d=0,s=0", HELP_NONE, true},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct run_options options = good(cases[i].line);
        assert_int_equal(options.help, cases[i].help);
        assert_int_equal(options.version, cases[i].version);
        assert_null(options.plan);
        options_free(&options);
    }
}

static void default_columns(void **state)
{
    static const char kernel[] = "cwnd ssth uack sack lost retr tret fack reor bkof rtt rttvar rto "
                                 "ca_state smss pmtu";
    char plain[256], asking[256];
    (void)state;
    snprintf(plain, sizeof plain, "through transac minIAT avgIAT maxIAT %s", kernel);
    snprintf(asking, sizeof asking, "through transac minRTT avgRTT maxRTT minIAT avgIAT maxIAT %s",
             kernel);
    check_columns("", true, plain);
    check_columns("-A s", true, asking);
    check_columns("-n 3 -F 2 -A s", true, asking); /* one flow that asks is enough */
    check_columns("-T d=1 -A d", true, asking);
    check_columns("-A d", true, plain); /* who does not send asks for nothing */
}

static void columns_are_chosen(void **state)
{
    (void)state;
    check_columns("-c interval", true, "");
    check_columns("-c through", false, "through");
    check_columns("-c rtt", false, "minRTT avgRTT maxRTT"); /* the group before the column */
    check_columns("-c rttvar", false, "rttvar");
    check_columns("-c cwnd,through", false, "through cwnd"); /* in the log's order */
    check_columns("-c through,through,through", false, "through");
    check_columns("-c cwnd --show-colon=interval,cwnd,transac", true, "transac cwnd");
    check_columns("-c blocks,requ", false, "requ resp requ_in resp_in");
    check_columns("-c cwnd -A s", false, "cwnd"); /* nothing is added to what was asked for */
}

static void all_columns_are_all(void **state)
{
    (void)state;
    struct run_options options = good("-c cwnd,all,kernel");
    assert_true(options.output.show_interval);
    assert_int_equal(options.output.column_count, columns_count);
    for (size_t i = 0; i < columns_count; i++)
        assert_ptr_equal(options.output.columns[i], &columns[i]);
    options_free(&options);
}

/* Every group that --help names exists, and every group there is, is named there. */
static void groups_are_in_the_help(void **state)
{
    const char *help = NULL;
    (void)state;
    for (size_t i = 0; i < COUNT(own_specs); i++)
        if (own_specs[i].id == OPT_COLUMNS)
            help = strchr(own_specs[i].help, ':') + 1;
    char *copy = mem_strdup(help), *save = NULL, **words = NULL;
    size_t count = 0;
    for (char *word = strtok_r(copy, " ,", &save); word; word = strtok_r(NULL, " ,", &save)) {
        words = mem_grow(words, count + 1, sizeof *words);
        words[count++] = word;
    }
    for (size_t i = 0; i < columns_count; i++) {
        bool found = false;
        for (size_t k = 0; k < count; k++)
            found |= !strcmp(words[k], columns[i].group);
        if (!found)
            fail_msg("the group %s is not in the help", columns[i].group);
        char line[64];
        snprintf(line, sizeof line, "-c %s", columns[i].group);
        struct run_options options = good(line);
        size_t at = 0;
        while (at < options.output.column_count && options.output.columns[at] != &columns[i])
            at++;
        assert_true(at < options.output.column_count);
        options_free(&options);
    }
    free(words);
    free(copy);
}

/* ---- help */

/* What run_help() prints; free() it. */
static char *help_on(enum help_topic topic)
{
    char path[] = "/tmp/flowrig-options-XXXXXX";
    int file = mkstemp(path), out = dup(STDOUT_FILENO);
    assert_true(file >= 0 && out >= 0);
    unlink(path);
    fflush(stdout);
    dup2(file, STDOUT_FILENO);
    run_help(topic);
    fflush(stdout);
    dup2(out, STDOUT_FILENO);
    close(out);
    size_t length = (size_t)lseek(file, 0, SEEK_END);
    char *text = mem_new(length + 1, 1);
    assert_int_equal(pread(file, text, length, 0), (ssize_t)length);
    close(file);
    return text;
}

static void every_option_is_in_the_help(void **state)
{
    (void)state;
    struct option_spec specs[OPTIONS_SPECS_MAX];
    char *text = help_on(HELP_GENERAL);
    assert_ptr_equal(strstr(text, "Usage: flowctl [run] [OPTION]..."), text);
    size_t count = options_specs(specs);
    assert_true(count <= OPTIONS_SPECS_MAX);
    for (size_t i = 0; i < count; i++) {
        char letter[8], word[64];
        if (specs[i].argument == OPTION_FOREIGN)
            continue;
        snprintf(letter, sizeof letter, "  -%c", specs[i].letter);
        snprintf(word, sizeof word, "--%s", specs[i].name ? specs[i].name : "");
        assert_true(!specs[i].letter || strstr(text, letter));
        assert_true(!specs[i].name || strstr(text, word));
    }
    free(text);
    text = help_on(HELP_SOCKET);
    assert_non_null(strstr(text, "  -O x=TCP_CONGESTION=ALG\n"));
    assert_non_null(strstr(text, "  -O x=TCP_NODELAY\n"));
    free(text);
    text = help_on(HELP_TRAFFIC);
    assert_non_null(strstr(text, "header of 40 bytes (message mode)"));
    free(text);
}

/* No two options have the same letter, word or number. */
static void options_are_told_apart(void **state)
{
    (void)state;
    struct option_spec specs[OPTIONS_SPECS_MAX];
    size_t count = options_specs(specs);
    for (size_t i = 0; i < count; i++) {
        assert_true(specs[i].letter || specs[i].name);
        for (size_t k = 0; k < i; k++) {
            assert_true(specs[i].id != specs[k].id || specs[i].argument == OPTION_FOREIGN);
            assert_true(!specs[i].letter || specs[i].letter != specs[k].letter ||
                        specs[i].argument == OPTION_FOREIGN);
            assert_true(!specs[i].name || !specs[k].name || strcmp(specs[i].name, specs[k].name));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(flags),
        cmocka_unit_test(flags_add_up),
        cmocka_unit_test(help_and_version_make_no_plan),
        cmocka_unit_test(default_columns),
        cmocka_unit_test(columns_are_chosen),
        cmocka_unit_test(all_columns_are_all),
        cmocka_unit_test(groups_are_in_the_help),
        cmocka_unit_test(every_option_is_in_the_help),
        cmocka_unit_test(options_are_told_apart),
    };
    return cmocka_run_group_tests_name("options_output", tests, NULL, NULL);
}
