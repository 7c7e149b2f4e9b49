/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/daemon_options.c and daemon_option_values.c: every option of flowd, and every
 * sentence that refuses one. */
#include "daemon/daemon_option_values.c"
#include "daemon/daemon_options.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "mem.h"

enum { WORDS_MAX = 80 };

/* A command line in one string, its words parted by spaces; "_" stands for an empty word. */
struct line {
    char text[1024];
    char *argv[WORDS_MAX + 1];
    int argc;
};

static void split(struct line *line, const char *text)
{
    char *save = NULL;
    snprintf(line->text, sizeof line->text, "flowd %s", text);
    line->argc = 0;
    for (char *word = strtok_r(line->text, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        assert_true(line->argc < WORDS_MAX);
        line->argv[line->argc++] = word;
        if (!strcmp(word, "_"))
            *word = '\0';
    }
    line->argv[line->argc] = NULL;
}

static void check_good(struct line *line, const char *text, struct daemon_options *options)
{
    struct fail fail = {0};
    split(line, text);
    if (!daemon_options_read(line->argc, line->argv, options, &fail))
        fail_msg("'%s' is refused: %s", text, fail.text);
}

static void check_bad(const char *text, const char *sentence)
{
    struct line line;
    struct daemon_options options;
    struct fail fail = {0};
    split(&line, text);
    if (daemon_options_read(line.argc, line.argv, &options, &fail))
        fail_msg("'%s' is taken", text);
    assert_string_equal(fail.text, sentence);
}

/* Either alone would mean the daemon's own key with another's certificate. */
static void test_certificate_and_key(void **state)
{
    (void)state;
    struct line line;
    struct daemon_options options;
    check_bad("--tls-cert=c.pem", "option --tls-cert: --tls-key is needed, too");
    check_bad("--tls-key=k.pem", "option --tls-key: --tls-cert is needed, too");
    check_good(&line, "--tls-cert=c.pem --tls-key=k.pem", &options);
    assert_string_equal(options.gate.tls_certificate, "c.pem");
    assert_string_equal(options.gate.tls_key, "k.pem");
}

static void test_keys_and_dumps(void **state)
{
    (void)state;
    struct line line;
    struct daemon_options options;
    check_good(&line, "--show-key --dump-files 7", &options);
    assert_true(options.show_key);
    assert_int_equal(options.dump_files, 7);
    check_bad("--dump-files=0", "option --dump-files: '0' is not within 1 to 100000");
    check_bad("--dump-files=100001", "option --dump-files: '100001' is not within 1 to 100000");
}

static void test_defaults(void **state)
{
    (void)state;
    struct line line;
    struct daemon_options options;
    memset(&options, 0xaa, sizeof options);
    check_good(&line, "", &options);
    assert_int_equal(options.control.bind_count, 0);
    assert_int_equal(options.control.port, 5999);
    assert_int_equal(CPU_COUNT(&options.cpus), 0);
    assert_int_equal(options.verbosity, 0);
    assert_null(options.dump_dir);
    assert_null(options.pid_file);
    assert_null(options.state_dir);
    assert_int_equal(options.workers, 0);
    assert_int_equal(options.data_port_low, 0);
    assert_int_equal(options.data_port_high, 0);
    assert_int_equal(options.max_flows, 20000);
    assert_int_equal(options.max_sessions, 256);
    assert_int_equal(options.report_memory, 256 * 1024 * 1024);
    assert_int_equal(options.dump_file_size, INT64_C(1) << 30);
    assert_int_equal(options.dump_space, INT64_C(4) << 30);
    assert_int_equal(options.dump_files, 10000);
    assert_false(options.show_key);
    assert_int_equal(options.lease_s, 15);
    assert_int_equal(options.retain_s, 3600);
    assert_int_equal(options.log_level, LOG_LEVEL_WARNING);
    assert_false(options.log_level_given);
    assert_false(options.no_auth);
    assert_false(options.help);
    assert_false(options.version);
}

#define NUMBER(field) offsetof(struct daemon_options, field)

/* Options that hold a number. */
static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        size_t field;
        int64_t value;
    } cases[] = {
        {"-p 6000", NUMBER(control.port), 6000},
        {"-p6000", NUMBER(control.port), 6000},
        {"--port 6000", NUMBER(control.port), 6000},
        {"--port=0", NUMBER(control.port), 0},
        {"-p 65535", NUMBER(control.port), 65535},
        {"--workers=1", NUMBER(workers), 1},
        {"--workers 256", NUMBER(workers), 256},
        {"--max-flows=1", NUMBER(max_flows), 1},
        {"--max-flows=1000000", NUMBER(max_flows), 1000000},
        {"--max-sessions=1", NUMBER(max_sessions), 1},
        {"--max-sessions=10000", NUMBER(max_sessions), 10000},
        {"--report-memory=64k", NUMBER(report_memory), 65536},
        {"--report-memory=65536", NUMBER(report_memory), 65536},
        {"--report-memory=1.5G", NUMBER(report_memory), INT64_C(1610612736)},
        {"--report-memory=8T", NUMBER(report_memory), INT64_C(8796093022208)},
        {"--lease=1", NUMBER(lease_s), 1},
        {"--lease=30s", NUMBER(lease_s), 30},
        {"--lease=2min", NUMBER(lease_s), 120},
        {"--lease=2000ms", NUMBER(lease_s), 2},
        {"--retain=24h", NUMBER(retain_s), 86400},
        {"--retain=2592000", NUMBER(retain_s), 2592000},
        {"--test-clock-offset=3", NUMBER(clock_offset), 3000000000},
        {"--test-clock-offset -3.5", NUMBER(clock_offset), -3500000000},
        {"--test-clock-offset=20ms", NUMBER(clock_offset), 20000000},
        {"--test-clock-skew=50", NUMBER(clock_skew_ppb), 50000},
        {"--test-clock-skew=-0.5", NUMBER(clock_skew_ppb), -500},
        {"--test-clock-skew=100000", NUMBER(clock_skew_ppb), 100000000},
        {"--data-ports=6000-6100", NUMBER(data_port_low), 6000},
        {"--data-ports=6000-6100", NUMBER(data_port_high), 6100},
        {"--data-ports=1-65535", NUMBER(data_port_low), 1},
        {"--data-ports=1-65535", NUMBER(data_port_high), 65535},
        {"--data-ports=7000-7000", NUMBER(data_port_low), 7000},
        {"--data-ports=7000-7000", NUMBER(data_port_high), 7000},
        {"-p 1 -p 2", NUMBER(control.port), 2}, /* the last one stays */
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct line line;
        struct daemon_options options;
        check_good(&line, cases[i].line, &options);
        int64_t value = *(int64_t *)((char *)&options + cases[i].field);
        if (value != cases[i].value)
            fail_msg("%s gives %" PRId64, cases[i].line, value);
    }
}

static void test_texts(void **state)
{
    (void)state;
    struct line line;
    struct daemon_options options;
    check_good(&line, "-w dumps --pid-file=run/flowd.pid --state-dir state", &options);
    assert_string_equal(options.dump_dir, "dumps");
    assert_string_equal(options.pid_file, "run/flowd.pid");
    assert_string_equal(options.state_dir, "state");
    check_good(&line, "--dump-dir=/d", &options);
    assert_string_equal(options.dump_dir, "/d");
    assert_null(options.pid_file);
}

static void test_addresses(void **state)
{
    (void)state;
    struct line line;
    struct daemon_options options;
    check_good(&line, "-b 10.0.0.1 --bind [::1]:6000 -bhost", &options);
    assert_int_equal(options.control.bind_count, 3);
    assert_string_equal(options.control.binds[0], "10.0.0.1");
    assert_string_equal(options.control.binds[1], "[::1]:6000");
    assert_string_equal(options.control.binds[2], "host");
}

static void test_flags(void **state)
{
    (void)state;
    struct line line;
    struct daemon_options options;
    check_good(&line, "-d", &options);
    assert_int_equal(options.verbosity, 1);
    check_good(&line, "-ddd --debug", &options);
    assert_int_equal(options.verbosity, 4);
    check_good(&line, "--no-auth", &options);
    assert_true(options.no_auth);
    check_good(&line, "-h", &options);
    assert_true(options.help);
    check_good(&line, "--help", &options);
    assert_true(options.help);
    check_good(&line, "-v", &options);
    assert_true(options.version);
    assert_false(options.help);
    check_good(&line, "--version", &options);
    assert_true(options.version);
}

static void test_log_levels(void **state)
{
    (void)state;
    static const char *const names[] = {"error", "warning", "info", "debug", "trace"};
    for (int i = 0; i < 5; i++) {
        struct line line;
        struct daemon_options options;
        char text[64];
        snprintf(text, sizeof text, "--log-level=%s", names[i]);
        check_good(&line, text, &options);
        assert_int_equal(options.log_level, i);
        assert_true(options.log_level_given);
    }
}

/* An option, and the sentence that refuses it; "=_" is an empty value. */
static const char *const refusals[][2] = {
    {"-p 65536", "option -p: '65536' is not within 0 to 65535"},
    {"-p -1", "option -p: '-1' is not within 0 to 65535"},
    {"--port=x", "option --port: 'x' is not a whole number"},
    {"-p 5x", "option -p: '5x' is not a whole number"},
    {"-p _", "option -p: '' is not a whole number"},
    {"-p 99999999999999999999", "option -p: '99999999999999999999' is too large"},
    {"-p", "option -p needs an argument"},
    {"--port", "option --port needs an argument"},
    {"-c 1024", "option -c: '1024' is not within 0 to 1023"},
    {"-c -1", "option -c: '' is not a whole number"},
    {"--workers=0", "option --workers: '0' is not within 1 to 256"},
    {"--workers=257", "option --workers: '257' is not within 1 to 256"},
    {"--max-flows=0", "option --max-flows: '0' is not within 1 to 1000000"},
    {"--max-flows=1000001", "option --max-flows: '1000001' is not within 1 to 1000000"},
    {"--max-sessions=0", "option --max-sessions: '0' is not within 1 to 10000"},
    {"--max-sessions=10001", "option --max-sessions: '10001' is not within 1 to 10000"},
    {"--report-memory=65535", "option --report-memory: '65535' is below 64k"},
    {"--report-memory=-1", "option --report-memory: '-1' is negative"},
    {"--report-memory=1X", "option --report-memory: '1X' has an unknown unit 'X'; use k, "
                           "M, G or T (powers of 1024; KiB is the same as k), or kB, MB, GB or "
                           "TB (powers of 1000)"},
    {"--report-memory=99999999T", "option --report-memory: '99999999T' is too large"},
    {"--lease=0", "option --lease: '0' is not within 1 s to 30 days, in whole seconds"},
    {"--lease=1.5", "option --lease: '1.5' is not within 1 s to 30 days, in whole seconds"},
    {"--lease=31h100000",
     "option --lease: '31h100000' has an unknown unit 'h100000'; use s, ms, us, ns, min or h"},
    {"--lease=-5", "option --lease: '-5' is negative"},
    {"--retain=2592001",
     "option --retain: '2592001' is not within 1 s to 30 days, in whole seconds"},
    {"--data-ports=6000", "option --data-ports: '6000' is not a port range (e.g. 6000-6100)"},
    {"--data-ports=_", "option --data-ports: '' is not a port range (e.g. 6000-6100)"},
    {"--data-ports=60000000-6", "option --data-ports: '60000000-6': the end is below the start"},
    {"--data-ports=6100-6000", "option --data-ports: '6100-6000': the end is below the start"},
    {"--data-ports=0-5", "option --data-ports: '0-5' is not within 1 to 65535"},
    {"--data-ports=1-65536", "option --data-ports: '1-65536' is not within 1 to 65535"},
    {"--data-ports=-5", "option --data-ports: '' is not a whole number"},
    {"--data-ports=5-", "option --data-ports: '' is not a whole number"},
    {"--data-ports=1-2-3", "option --data-ports: '2-3' is not a whole number"},
    {"--log-level=loud", "option --log-level: 'loud' is not a log level: error, warning, info, "
                         "debug or trace"},
    {"--test-clock-offset=x", "option --test-clock-offset: 'x' is not a number"},
    {"--test-clock-offset=9000h", "option --test-clock-offset: '9000h' is more than 366 days"},
    {"--test-clock-skew=x", "option --test-clock-skew: 'x' is not a number"},
    {"--test-clock-skew=100001",
     "option --test-clock-skew: '100001' is not within -100000 to 100000"},
    {"--test-clock-skew=nan", "option --test-clock-skew: 'nan' is not a number"},
    {"--no-auth=yes", "option --no-auth takes no argument"},
    {"--bind", "option --bind needs an argument"},
    {"-x", "unknown option -x; --help lists the options"},
    {"--nothing", "unknown option --nothing; --help lists the options"},
    {"-d host", "unexpected argument 'host'; --help lists the options"},
    {"host -p x", "option -p: 'x' is not a whole number"}, /* options come first */
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refusals); i++) {
        struct line line;
        struct daemon_options options;
        struct fail fail = {0};
        char text[256];
        snprintf(text, sizeof text, "%s", refusals[i][0]);
        char *empty = strstr(text, "=_");
        if (empty)
            empty[1] = '\0';
        split(&line, text);
        if (daemon_options_read(line.argc, line.argv, &options, &fail))
            fail_msg("'%s' is taken", refusals[i][0]);
        assert_string_equal(fail.text, refusals[i][1]);
    }
}

static void test_each_option_has_a_place(void **state)
{
    (void)state;
    bool seen[OPTIONS] = {false};
    for (size_t i = 0; i < SPECS; i++)
        seen[specs[i].id] = true;
    for (int id = 0; id < OPTIONS; id++)
        if (!places[id].set || !seen[id])
            fail_msg("option %d is not listed, or goes nowhere", id);
}

static void test_so_many_addresses(void **state)
{
    (void)state;
    struct line line;
    struct daemon_options options;
    struct fail fail = {0};
    char text[1024] = "";
    for (int i = 0; i < BINDS_MAX; i++)
        strcat(text, " -b::1");
    check_good(&line, text, &options);
    assert_int_equal(options.control.bind_count, BINDS_MAX);
    strcat(text, " -b::1");
    split(&line, text);
    assert_false(daemon_options_read(line.argc, line.argv, &options, &fail));
    assert_string_equal(fail.text, "option -b: more than 64 addresses can't be served");
}

/* Every option that can be given is in the help, and no line of the list is too long. */
static void test_help(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *kept = stdout, *memory = open_memstream(&text, &size);
    stdout = memory;
    daemon_options_help();
    stdout = kept;
    fclose(memory);
    for (size_t i = 0; i < SPECS; i++) {
        char word[64];
        snprintf(word, sizeof word, "--%s", specs[i].name);
        if (!strstr(text, word))
            fail_msg("%s is missing", word);
    }
    for (const char *at = strstr(text, "\n\n"); *at; at += strcspn(at, "\n") + 1)
        assert_in_range(strcspn(at, "\n"), 0, 80);
    assert_memory_equal(text, "Usage: flowd [OPTION]...\n", 25);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_certificate_and_key),
        cmocka_unit_test(test_keys_and_dumps),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_log_levels),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_each_option_has_a_place),
        cmocka_unit_test(test_so_many_addresses),
        cmocka_unit_test(test_help),
    };
    return cmocka_run_group_tests_name("daemon_options", tests, NULL, NULL);
}
