/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/run/options.c with controller/plan/assign.c: every option of flowctl, whom it is
 * for, and every sentence that refuses one. */
#include "controller/run/options.c"

#include <unistd.h>

#include "clock.h"
#include "controller/commands/run_help.h"
#include "mem.h"
#include "unit.h"

enum { WORDS_MAX = 80, ROUNDS = 5000 };

/* Reads a command line in one string, its words parted by spaces; "_" stands for an empty word.
 * The words stay until the next call. */
static bool read_line(const char *text, struct run_options *options, struct fail *fail)
{
    static char copy[4096];
    static char *argv[WORDS_MAX + 1];
    char *save = NULL;
    int argc = 0;
    assert_true((size_t)snprintf(copy, sizeof copy, "flowctl %s", text) < sizeof copy);
    for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        assert_true(argc < WORDS_MAX);
        argv[argc++] = word;
        if (!strcmp(word, "_"))
            *word = '\0';
    }
    argv[argc] = NULL;
    memset(options, 0xaa, sizeof *options);
    *fail = (struct fail){0};
    return options_read(argc, argv, clock_wall(), options, fail);
}

/* Options of a good command line; options_free() them. */
static struct run_options good(const char *text)
{
    struct run_options options;
    struct fail fail;
    if (!read_line(text, &options, &fail))
        fail_msg("'%s' is refused: %s", text, fail.text);
    return options;
}

/* The flow in words, without its defaults. */
static void check_flow(const char *text, size_t flow, const char *expected)
{
    struct run_options options = good(text);
    assert_true(flow < options.plan->count);
    char *line = plan_describe_flow(options.plan, flow, false);
    if (strcmp(line, expected))
        fail_msg("'%s', flow %zu:\n'%s', not\n'%s'", text, flow, line, expected);
    free(line);
    options_free(&options);
}

static void check_refused(const char *text, const char *sentence)
{
    struct run_options options;
    struct fail fail;
    bool taken = read_line(text, &options, &fail);
    if (taken || strcmp(fail.text, sentence))
        fail_msg("'%s': %s, not\n%s", text, taken ? "is taken" : fail.text, sentence);
    options_free(&options); /* whatever is there by then */
}

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

/* ---- what is shown and written */

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

/* ---- settings of flows */

#define HOSTS_S "s.host=localhost s.daemon=localhost:5999 s.duration=10s "
#define HOSTS_D "d.host=localhost d.daemon=localhost:5999 "

static void settings_are_for_an_endpoint(void **state)
{
    static const struct {
        const char *line, *flow;
    } cases[] = {
        {"-T s=3", "s.host=localhost s.daemon=localhost:5999 s.duration=3s " HOSTS_D "mode=stream"},
        {"-T d=2.5", HOSTS_S HOSTS_D "d.duration=2.5s mode=stream"},
        {"-T b=1", "s.host=localhost s.daemon=localhost:5999 s.duration=1s " HOSTS_D
                   "d.duration=1s mode=stream"},
        {"--duration=s=0,d=1",
         "s.host=localhost s.daemon=localhost:5999 " HOSTS_D "d.duration=1s mode=stream"},
        {"-Y s=20ms", HOSTS_S "s.delay=0.02s " HOSTS_D "mode=stream"},
        {"-S s=64k", HOSTS_S "s.request_size=65536B " HOSTS_D "mode=stream"},
        {"-A s", HOSTS_S "s.response_size=40B " HOSTS_D "mode=message"},
        {"--ask-response=b",
         HOSTS_S "s.response_size=40B " HOSTS_D "d.response_size=40B mode=message"},
        {"-A s,d", HOSTS_S "s.response_size=40B " HOSTS_D "d.response_size=40B mode=message"},
        {"-R s=10Mbit", HOSTS_S "s.rate=10000000bit/s " HOSTS_D "mode=message"},
        {"-B s=1M,d=2M",
         HOSTS_S "s.send_buffer=1048576B " HOSTS_D "d.send_buffer=2097152B mode=stream"},
        {"-W b=4096",
         HOSTS_S "s.receive_buffer=4096B " HOSTS_D "d.receive_buffer=4096B mode=stream"},
        {"-O s=TCP_CONGESTION=reno", HOSTS_S "s.congestion_control=reno " HOSTS_D "mode=stream"},
        {"-O d=TCP_NODELAY", HOSTS_S HOSTS_D "d.nodelay=1 mode=stream"},
        {"-O b=TCP_CONGESTION=x,s=TCP_NODELAY", HOSTS_S
         "s.congestion_control=x s.nodelay=1 " HOSTS_D "d.congestion_control=x mode=stream"},
        {"--socket-option=s=TCP_NODELAY", HOSTS_S "s.nodelay=1 " HOSTS_D "mode=stream"},
        /* A cap without an endpoint is for both; with one, it is not. */
        {"-U 32k", HOSTS_S "s.block_cap=32768B " HOSTS_D "d.block_cap=32768B mode=stream"},
        {"-U d=9000", HOSTS_S HOSTS_D "d.block_cap=9000B mode=stream"},
        {"-i 0.1", HOSTS_S HOSTS_D "interval=0.1s mode=stream"},
        {"-Q -L -N", HOSTS_S HOSTS_D "summarize_only=1 late_connect=1 shutdown=1 mode=stream"},
        {"--framing=message", HOSTS_S HOSTS_D "framing=message mode=message"},
        {"--drain=0", HOSTS_S HOSTS_D "drain=0s mode=stream"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check_flow(cases[i].line, 0, cases[i].flow);
}

static void hosts(void **state)
{
    static const struct {
        const char *given, *host, *control;
        uint16_t port;
    } cases[] = {
        {"10.0.0.1", "10.0.0.1", "10.0.0.1", 5999},
        {"host1:6001", "host1", "host1", 6001},
        {"10.0.0.1/ctl", "10.0.0.1", "ctl", 5999},
        {"10.0.0.1/ctl:1", "10.0.0.1", "ctl", 1},
        {"fd00::1", "fd00::1", "fd00::1", 5999},
        {"[fd00::1]:65535", "fd00::1", "fd00::1", 65535},
        {"fd00::1/[fd00::2]:7000", "fd00::1", "fd00::2", 7000},
        {"[fd00::1]/10.0.0.1", "fd00::1", "10.0.0.1", 5999},
        {"10.0.0.1/fd00::2", "10.0.0.1", "fd00::2", 5999},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char line[128];
        snprintf(line, sizeof line, "-H s=%s,d=peer", cases[i].given);
        struct run_options options = good(line);
        const struct plan_place *place = &options.plan->flows[0].at[SOURCE];
        assert_string_equal(place->host, cases[i].host);
        assert_string_equal(place->control, cases[i].control);
        assert_int_equal(place->port, cases[i].port);
        assert_string_equal(options.plan->flows[0].at[DESTINATION].host, "peer");
        assert_true(options.plan->hosts_named);
        assert_int_equal(options.plan->daemon_count, 2);
        options_free(&options);
    }
}

static void options_are_for_the_flows_selected(void **state)
{
    static const char line[] = "-n 4 -T s=1 -F 1,3 -T s=2 -R s=8 -F 2 -T s=3 -F -1 -Y s=4 -F 0-0 "
                               "-S s=64";
    (void)state;
    check_flow(line, 0,
               "s.host=localhost s.daemon=localhost:5999 s.duration=1s s.delay=4s "
               "s.request_size=64B " HOSTS_D "mode=stream");
    check_flow(line, 1,
               "s.host=localhost s.daemon=localhost:5999 s.duration=2s s.delay=4s "
               "s.rate=8bit/s " HOSTS_D "mode=message");
    check_flow(line, 2,
               "s.host=localhost s.daemon=localhost:5999 s.duration=3s s.delay=4s " HOSTS_D
               "mode=stream");
    check_flow(line, 3,
               "s.host=localhost s.daemon=localhost:5999 s.duration=2s s.delay=4s "
               "s.rate=8bit/s " HOSTS_D "mode=message");
    check_flow("-n 6 -F 0,2-4 -T s=5", 4,
               "s.host=localhost s.daemon=localhost:5999 s.duration=5s " HOSTS_D "mode=stream");
    check_flow("-n 6 -F 0,2-4 -T s=5", 5,
               "s.host=localhost s.daemon=localhost:5999 s.duration=10s " HOSTS_D "mode=stream");
    check_flow("-n 2 -F 1 -Q -i 2", 0,
               "s.host=localhost s.daemon=localhost:5999 s.duration=10s " HOSTS_D
               "interval=2s summarize_only=1 mode=stream");
    /* -1 among others is all, too. */
    check_flow("-n 3 -F -1,1 -T s=5", 2,
               "s.host=localhost s.daemon=localhost:5999 s.duration=5s " HOSTS_D "mode=stream");
    check_flow("-n 2 -F 1,-1 -T s=5", 0,
               "s.host=localhost s.daemon=localhost:5999 s.duration=5s " HOSTS_D "mode=stream");
}

/* What is said of single flows goes before what is said of all, wherever it stands; and -n may
 * come last. */
static void the_order_of_options_does_not_matter(void **state)
{
    static const char *const lines[] = {
        "-n 2 -T s=1 -F 1 -T s=2 -O s=TCP_NODELAY",
        "-F 1 -T s=2 -O s=TCP_NODELAY -F -1 -T s=1 -n 2",
        "-F 1 -O s=TCP_NODELAY -F -1 -T s=1 -F 1 -T s=2 --flows=2",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        check_flow(lines[i], 0,
                   "s.host=localhost s.daemon=localhost:5999 s.duration=1s " HOSTS_D "mode=stream");
        check_flow(lines[i], 1,
                   "s.host=localhost s.daemon=localhost:5999 s.duration=2s "
                   "s.nodelay=1 " HOSTS_D "mode=stream");
    }
}

static void saying_the_same_twice_is_good(void **state)
{
    static const char *const lines[] = {
        "-T s=1 -T s=1",
        "-T s=1 -T s=1000ms",
        "-T s=1 -T b=1",
        "-T s=1,s=1",
        "-H s=a -H s=a",
        "-H s=a -H s=a/a:5999",
        "-L -L",
        "-i 0.1 -i 100ms",
        "-O s=TCP_NODELAY -O s=TCP_NODELAY",
        "-O s=TCP_CONGESTION=reno,s=TCP_CONGESTION=reno",
        "-T s=1 -T d=2",
        "-n 2 -F 0 -T s=1 -F 1 -T s=2",
        "-n 2 -F 0 -i 1 -F 1 -i 1000ms",
        "-n 3 -F 0,1 -T s=1 -F 2 -T s=2",
        "-T s=1 -Y s=2",
        "-S s=8192 -S s=8k",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct run_options options = good(lines[i]);
        options_free(&options);
    }
}

static void many_flows(void **state)
{
    (void)state;
    struct run_options options = good("-n 2000 -F 1999 -T s=1");
    assert_int_equal(options.plan->count, 2000);
    assert_int_equal(options.plan->daemons[0].endpoints, 4000);
    assert_int_equal(options.plan->flows[1998].ends[SOURCE].duration, 10 * NS_PER_SEC);
    assert_int_equal(options.plan->flows[1999].ends[SOURCE].duration, NS_PER_SEC);
    options_free(&options);
}

/* ---- what is refused */

static void own_options_that_are_refused(void **state)
{
    static const struct {
        const char *line, *sentence;
    } cases[] = {
        {"run", "'run' is neither an option nor a command; --help lists both"},
        {"-n 2 stop x", "'stop' is neither an option nor a command; --help lists both"},
        {"-x", "unknown option -x; --help lists the options"},
        {"--nonsense=1", "unknown option --nonsense; --help lists the options"},
        {"-n", "option -n needs an argument"},
        {"--quiet=1", "option --quiet takes no argument"},
        {"-n 0", "option -n: '0' is not within 1 to 1000000"},
        {"-n -1", "option -n: '-1' is not within 1 to 1000000"},
        {"--flows=1000001", "option --flows: '1000001' is not within 1 to 1000000"},
        {"-n 5x", "option -n: '5x' is not a whole number"},
        {"-n _", "option -n: '' is not a whole number"},
        {"-n 1.5", "option -n: '1.5' is not a whole number"},
        {"-n 99999999999999999999", "option -n: '99999999999999999999' is too large"},
        {"-s bytes", "option -s: 'bytes' is neither segment nor byte"},
        {"--help=me", "option --help: no help on 'me'; topics: output, socket, traffic"},
        {"-hx", "option -h: no help on 'x'; topics: output, socket, traffic"},
        {"--log-file=", "option --log-file: the name of the file is empty"},
        {"-c _", "option -c: no column is given"},
        {"-c throug", "option -c: unknown column 'throug'; did you mean 'through'?"},
        {"-c cwnd,Cwnd", "option -c: unknown column 'Cwnd'; did you mean 'cwnd'?"},
        {"-c ,", "option -c: no column is given"},
        {"-F _", "option -F: no flow is given"},
        {"-F ,,", "option -F: no flow is given"}, /* nor are all meant */
        {"-F x", "option -F: 'x' is not a whole number"},
        {"-F 0,-2", "option -F: there is no flow -2"},
        {"-F 1000000", "option -F: there is no flow 1000000"},
        {"-F 1", "option -F: there is no flow 1: with -n 1 the last one is 0"},
        {"-F 0,3 -n 3", "option -F: there is no flow 3: with -n 3 the last one is 2"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check_refused(cases[i].line, cases[i].sentence);
}

#define WHICH                                                                                   \
    " does not say which endpoint it is for: write s= for the source, d= for the destination, " \
    "or b= for both"

static void settings_that_are_refused(void **state)
{
    static const struct {
        const char *line, *sentence;
    } cases[] = {
        {"-T _", "option -T: the value is empty"},
        {"-T ,", "option -T: the value is empty"},
        {"-H ,", "option -H: the value is empty"},
        {"-T 10", "option -T: '10'" WHICH},
        {"-T x=10", "option -T: 'x=10'" WHICH},
        {"-T =10", "option -T: '=10'" WHICH},
        {"-T sd=10", "option -T: 'sd=10'" WHICH},
        {"-T s=10,5", "option -T: '5'" WHICH},
        {"-A 40", "option -A: '40'" WHICH},
        {"-T s", "option -T: endpoint 's' has no value: write s=VALUE"},
        {"--duration=d=", "option --duration: endpoint 'd' has no value: write d=VALUE"},
        {"-A s=100", "option -A: takes no value, but '100' was given"},
        {"-T s=5x", "option -T: '5x' has an unknown unit 'x'; use s, ms, us, ns, min or h"},
        {"-T s=1,d=-1", "option -T: '-1' is negative"},
        {"-U x", "option -U: 'x'" WHICH},
        {"-U 8q", "option -U: '8q' has an unknown unit 'q'; use k, M, G or T (powers of "
                  "1024; KiB is the same as k), or kB, MB, GB or TB (powers of 1000)"},
        {"-i s=1", "option -i: 's=1' is not a number"},
        {"-i 0", "option -i: '0' is not within 0.0001s to 86400s"},
        {"--framing=none", "option --framing: 'none' is not one of auto, stream, message"},
        /* A value is read even if its flow does not exist, but the flow is named first. */
        {"-F 4 -T s=x", "option -F: there is no flow 4: with -n 1 the last one is 0"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check_refused(cases[i].line, cases[i].sentence);
}

static void hosts_that_are_refused(void **state)
{
    static const struct {
        const char *line, *sentence;
    } cases[] = {
        {"-H s", "option -H: endpoint 's' has no host: write s=HOST"},
        {"-H b=", "option -H: endpoint 'b' has no host: write b=HOST"},
        {"-H host1", "option -H: 'host1'" WHICH},
        {"-H s=a:0", "option -H: '0' is not a port: expected a number from 1 to 65535"},
        {"-H s=http://10.77.0.2:5999", "option -H: 'http://10.77.0.2:5999' is a URL: write the "
                                       "host only, with :PORT after it if needed"},
        {"-H s=a:65536", "option -H: '65536' is not a port: expected a number from 1 to 65535"},
        {"-H s=a:1/b:2",
         "option -H: 'a:1/b:2': the port belongs to the control address, after the slash"},
        {"-H s=/b", "option -H: the host name is empty"},
        {"-H s=a/", "option -H: the host name is empty"},
        {"-H s=a/b/c", "option -H: 'b/c' is not a host name"},
        {"-H s=1::2::3", "option -H: '1::2::3' is not an IPv6 address; with a port it is written "
                         "[address]:port"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check_refused(cases[i].line, cases[i].sentence);
}

static void socket_options_that_are_refused(void **state)
{
    static const struct {
        const char *line, *sentence;
    } cases[] = {
        {"-O s", "option -O: the socket option is missing: write s=NAME"},
        {"-O d=", "option -O: the socket option is missing: write d=NAME"},
        {"-O TCP_NODELAY", "option -O: 'TCP_NODELAY'" WHICH},
        {"-O s=TCP_NODELA", "option -O: unknown socket option 'TCP_NODELA'; did you mean "
                            "TCP_NODELAY?"},
        {"-O s=tcp_nodelay=1", "option -O: unknown socket option 'tcp_nodelay'; --help=socket "
                               "lists them"},
        {"-O s=TCP_NODELAY=1", "option -O: TCP_NODELAY takes no value"},
        {"-O s=TCP_NODELAY=", "option -O: TCP_NODELAY takes no value"},
        {"-O s=TCP_CONGESTION",
         "option -O: TCP_CONGESTION needs a value: write TCP_CONGESTION=ALG"},
        {"--socket-option=s=TCP_CONGESTION=", "option --socket-option: TCP_CONGESTION needs a "
                                              "value: write TCP_CONGESTION=ALG"},
        {"-O s=TCP_CONGESTION=a=b", "option -O TCP_CONGESTION: 'a=b' is not a name"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check_refused(cases[i].line, cases[i].sentence);
}

static void two_values_for_one_thing_are_refused(void **state)
{
    static const struct {
        const char *line, *sentence;
    } cases[] = {
        {"-T s=1 -T s=2", "option -T: two values for source of flow 0: '1' and '2'"},
        {"-T d=1,d=2", "option -T: two values for destination of flow 0: '1' and '2'"},
        {"-T b=1 --duration=d=2", "option -T: two values for destination of flow 0: '1' and '2'"},
        {"-T b=1 -T b=2", "option -T: two values for source of flow 0: '1' and '2'"},
        {"-U 9000 -U d=9001", "option -U: two values for destination of flow 0: '9000' and "
                              "'9001'"},
        {"-i 1 -i 2", "option -i: two values for all flows, which it sets also after -F: '1' and "
                      "'2'"},
        {"-H s=a -H s=b", "option -H: two values for source of flow 0: 'a' and 'b'"},
        {"-H s=a -H b=a:6000", "option -H: two values for source of flow 0: 'a' and 'a:6000'"},
        {"-O s=TCP_CONGESTION=reno -O s=TCP_CONGESTION=cubic",
         "option -O TCP_CONGESTION: two values for source of flow 0: 'reno' and 'cubic'"},
        {"-n 9 -F 7,2 -T s=1 -F 3,2 -T s=2",
         "option -T: two values for source of flow 2: '1' and '2'"},
        {"-n 9 -F 5 -T s=1 -F 5 -T s=2", "option -T: two values for source of flow 5: '1' and '2'"},
        {"-n 9 -F 4 -L -F 3-5 -J 3 -F 4-9 -J 4",
         "option -F: there is no flow 9: with -n 9 the last one "
         "is 8"},
        {"-n 9 -F 0,3-5 -J 3 -F 2,4-8 -J 4", "option -J: two values for flow 4: '3' and '4'"},
        /* A value that is not one is the better complaint. */
        {"-T s=1 -T s=x", "option -T: 'x' is not a number"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check_refused(cases[i].line, cases[i].sentence);
}

static void plans_that_cannot_be_are_refused(void **state)
{
    static const struct {
        const char *line, *sentence;
    } cases[] = {
        {"-T s=0", "flow 0: neither endpoint sends: give one a duration above 0 with -T"},
        {"-n 3 -F 2 -T s=0", "flow 2: neither endpoint sends: give one a duration above 0 with "
                             "-T"},
        {"-Y d=1", "flow 0: the destination has a delay (-Y) but no duration (-T)"},
        {"-S s=39 -A s", "flow 0: the source's blocks (-S) have 39 bytes, but each needs a "
                         "header of 40 bytes here"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check_refused(cases[i].line, cases[i].sentence);
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

/* ---- anything */

/* Random durations for random flows, against the rule: the flow's own, else that of all, else the
 * default; two different ones of one kind are refused. */
static void random_selections(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        enum { FLOWS = 5 };
        int own[FLOWS] = {0}, all = 0;
        bool twice = false;
        struct buffer line = {0};
        buffer_printf(&line, "-n %d", FLOWS);
        for (uint64_t k = random_below(6); k > 0; k--) {
            int value = 1 + (int)random_below(4);
            unsigned set = 1 + (unsigned)random_below((1 << FLOWS) - 1);
            if (random_below(3) == 0) {
                buffer_printf(&line, " -F -1 -T s=%d", value);
                twice |= all && all != value;
                all = value;
                continue;
            }
            const char *comma = " -F ";
            for (int i = 0; i < FLOWS; i++) {
                if (!(set >> i & 1))
                    continue;
                if (i && set >> (i - 1) & 1 && !(set >> (i + 1) & 1))
                    buffer_printf(&line, "-%d", i);
                else if (!i || !(set >> (i - 1) & 1))
                    buffer_printf(&line, "%s%d", comma, i);
                comma = ",";
                twice |= own[i] && own[i] != value;
                own[i] = value;
            }
            buffer_printf(&line, " -T s=%d", value);
        }
        buffer_add(&line, "", 1);
        struct run_options options;
        struct fail fail;
        if (read_line(line.data, &options, &fail) == twice)
            fail_msg("'%s': %s", line.data, twice ? "is taken" : fail.text);
        for (int i = 0; i < FLOWS && !twice; i++) {
            int expected = own[i] ? own[i] : all ? all : 10;
            if (options.plan->flows[i].ends[SOURCE].duration != expected * NS_PER_SEC)
                fail_msg("'%s': flow %d does not have %d s", line.data, i, expected);
        }
        options_free(&options);
        buffer_free(&line);
    }
}

/* Words made of what options are made of: each is taken or refused with a sentence. */
static void random_words_are_taken_or_refused(void **state)
{
    static const char *const pieces[] = {"-T", "-F",  "-n",   "-H",  "-O", "-c", "-S",  "-U", "s",
                                         "d",  "b",   "=",    ",",   "1",  "0",  "-1",  "9",  ":",
                                         "/",  " ",   "k",    "all", "x",  "_",  "[",   "]",  "-A",
                                         "-i", "--h", "TCP_", "s=",  "d=", " ",  "-R ", "-L", "."};
    (void)state;
    for (int round = 0; round < 10 * ROUNDS; round++) {
        struct buffer line = {0};
        struct run_options options;
        struct fail fail;
        for (uint64_t k = random_below(12); k > 0; k--)
            buffer_text(&line, pieces[random_below(COUNT(pieces))]);
        buffer_add(&line, "", 1);
        if (!read_line(line.data, &options, &fail))
            assert_true(fail.text[0] && strlen(fail.text) < FAIL_TEXT_MAX);
        else
            assert_true(!options.plan == (options.help || options.version));
        options_free(&options);
        buffer_free(&line);
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
        cmocka_unit_test(settings_are_for_an_endpoint),
        cmocka_unit_test(hosts),
        cmocka_unit_test(options_are_for_the_flows_selected),
        cmocka_unit_test(the_order_of_options_does_not_matter),
        cmocka_unit_test(saying_the_same_twice_is_good),
        cmocka_unit_test(many_flows),
        cmocka_unit_test(own_options_that_are_refused),
        cmocka_unit_test(settings_that_are_refused),
        cmocka_unit_test(hosts_that_are_refused),
        cmocka_unit_test(socket_options_that_are_refused),
        cmocka_unit_test(two_values_for_one_thing_are_refused),
        cmocka_unit_test(plans_that_cannot_be_are_refused),
        cmocka_unit_test(every_option_is_in_the_help),
        cmocka_unit_test(options_are_told_apart),
        cmocka_unit_test(random_selections),
        cmocka_unit_test(random_words_are_taken_or_refused),
    };
    seed_random();
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
