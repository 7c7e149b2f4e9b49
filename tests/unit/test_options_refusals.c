/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/run/options.c with controller/plan/assign.c: every sentence that refuses an
 * option. */
#include "controller/run/options.c"

#include "options_line.h"

enum { ROUNDS = 50000 };

struct refused {
    const char *line, *sentence;
};

static void check_refused(const struct refused *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct run_options options;
        struct fail fail;
        bool taken = read_line(cases[i].line, &options, &fail);
        if (taken || strcmp(fail.text, cases[i].sentence))
            fail_msg("'%s': %s, not\n%s", cases[i].line, taken ? "is taken" : fail.text,
                     cases[i].sentence);
        options_free(&options); /* whatever is there by then */
    }
}

static void own_options_that_are_refused(void **state)
{
    static const struct refused cases[] = {
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
    check_refused(cases, COUNT(cases));
}

#define WHICH                                                                                   \
    " does not say which endpoint it is for: write s= for the source, d= for the destination, " \
    "or b= for both"

static void settings_that_are_refused(void **state)
{
    static const struct refused cases[] = {
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
    check_refused(cases, COUNT(cases));
}

static void hosts_that_are_refused(void **state)
{
    static const struct refused cases[] = {
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
    check_refused(cases, COUNT(cases));
}

static void socket_options_that_are_refused(void **state)
{
    static const struct refused cases[] = {
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
    check_refused(cases, COUNT(cases));
}

static void two_values_for_one_thing_are_refused(void **state)
{
    static const struct refused cases[] = {
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
    check_refused(cases, COUNT(cases));
}

static void plans_that_cannot_be_are_refused(void **state)
{
    static const struct refused cases[] = {
        {"-T s=0", "flow 0: neither endpoint sends: give one a duration above 0 with -T"},
        {"-n 3 -F 2 -T s=0", "flow 2: neither endpoint sends: give one a duration above 0 with "
                             "-T"},
        {"-Y d=1", "flow 0: the destination has a delay (-Y) but no duration (-T)"},
        {"-S s=39 -A s", "flow 0: the source's blocks (-S) have 39 bytes, but each needs a "
                         "header of 40 bytes here"},
    };
    (void)state;
    check_refused(cases, COUNT(cases));
}

/* Words made of what options are made of: each is taken or refused with a sentence. */
static void random_words_are_taken_or_refused(void **state)
{
    static const char *const pieces[] = {"-T", "-F",  "-n",   "-H",  "-O", "-c", "-S",  "-U", "s",
                                         "d",  "b",   "=",    ",",   "1",  "0",  "-1",  "9",  ":",
                                         "/",  " ",   "k",    "all", "x",  "_",  "[",   "]",  "-A",
                                         "-i", "--h", "TCP_", "s=",  "d=", " ",  "-R ", "-L", "."};
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
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
        cmocka_unit_test(own_options_that_are_refused),
        cmocka_unit_test(settings_that_are_refused),
        cmocka_unit_test(hosts_that_are_refused),
        cmocka_unit_test(socket_options_that_are_refused),
        cmocka_unit_test(two_values_for_one_thing_are_refused),
        cmocka_unit_test(plans_that_cannot_be_are_refused),
        cmocka_unit_test(random_words_are_taken_or_refused),
    };
    seed_random();
    return cmocka_run_group_tests_name("options_refusals", tests, NULL, NULL);
}
