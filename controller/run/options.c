/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/options.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "plan/assign.h"
#include "mem.h"
#include "number.h"
#include "option.h"
#include "plan/startat.h"

enum {
    OPT_HELP,
    OPT_VERSION,
    OPT_COLUMNS,
    OPT_SHOW_COLON,
    OPT_DEBUG,
    OPT_HISTOGRAM,
    OPT_LOG_FILE,
    OPT_MEGABYTES,
    OPT_FLOWS,
    OPT_OVERWRITE,
    OPT_NUMBERS,
    OPT_QUIET,
    OPT_STACK,
    OPT_LOG,
    OPT_DRY_RUN,
    OPT_EMBEDDED,
    OPT_CLOCK,
    OPT_START_AT,
    OPT_SELECT,
    OPT_HOST,
    OPT_SOCKOPT,
    OPT_TRAFFIC,
    OPT_UDP,
    OPT_ACCESS,                                /* the first of those in access.h */
    OPT_OUTPUT = OPT_ACCESS + ACCESS_OPTIONS,  /* of those in output_options.h */
    OPT_SETTING = OPT_OUTPUT + OUTPUT_OPTIONS, /* of those in settings_list */
};

#define GENERAL    "General options"
#define CONTROLLER "Controller options"
#define OUTPUT     "Output options"
#define FLOW       "Flow options (x: s source, d destination, b both; a list: s=1,d=2)"

const char options_flow_group[] = FLOW;

static const struct option_spec own_specs[] = {
    {'h', "help", OPTION_OPTIONAL, "WHAT", GENERAL,
     "display help and exit; WHAT selects another list: 'output' for output formats, 'socket' for "
     "socket options or 'traffic' for traffic models",
     OPT_HELP},
    {'v', "version", OPTION_NONE, NULL, GENERAL, "print version information and exit", OPT_VERSION},
    {'c', "columns", OPTION_REQUIRED, "TYPE[,TYPE]...", CONTROLLER,
     "columns of interval reports to show: interval, through, transac, iat, kernel (these by "
     "default), blocks, rtt, delay, status, goodput, due, hold, pace, rate, bytes, segs, limits, "
     "cpu, "
     "window, ecn, state, cc, mptcp, udp (shown for --udp), udp-loss, udp-times, udp-percentiles, "
     "rtt-percentiles, iat-percentiles, delay-percentiles, due-percentiles, hold-percentiles, all, "
     "or the name of a single column",
     OPT_COLUMNS},
    {0, "clock", OPTION_REQUIRED, CLOCK_MODES, CONTROLLER,
     "how to compare the clocks of two daemons: estimate their offset from exchanges of timestamps "
     "(default), assume that they are synchronised (PTP or NTP), or not at all",
     OPT_CLOCK},
    {'d', "debug", OPTION_NONE, NULL, CONTROLLER,
     "log the run and its flows to standard error; -dd: each call as well; -ddd: also reads and "
     "waits",
     OPT_DEBUG},
    {0, "dry-run", OPTION_NONE, NULL, CONTROLLER,
     "print the plan with all settings and exit; nothing touches the network", OPT_DRY_RUN},
    {0, "embedded", OPTION_NONE, NULL, CONTROLLER,
     "start a private daemon for the sources and one for the destinations on the loopback "
     "interface, and stop them after the run",
     OPT_EMBEDDED},
    {0, "histogram", OPTION_NONE, NULL, CONTROLLER,
     "after the run, show histograms of round-trip times, inter-arrival times and delays, for each "
     "flow and for all of them",
     OPT_HISTOGRAM},
    {0, "log-file", OPTION_OPTIONAL, "FILE", CONTROLLER,
     "write a flow log to FILE (default: flowctl-TIME-RUN.log); - is standard output, and nothing "
     "else is written there",
     OPT_LOG_FILE},
    {'m', NULL, OPTION_NONE, NULL, CONTROLLER,
     "show throughput in 2**20 bytes/s (default: 10**6 bit/s)", OPT_MEGABYTES},
    {'n', "flows", OPTION_REQUIRED, "#", CONTROLLER, "number of flows (default: 1)", OPT_FLOWS},
    {'o', NULL, OPTION_NONE, NULL, CONTROLLER,
     "overwrite existing files: the log and those of --output", OPT_OVERWRITE},
    {'p', NULL, OPTION_NONE, NULL, CONTROLLER,
     "show numbers instead of symbolic values (like INT_MAX)", OPT_NUMBERS},
    {'q', "quiet", OPTION_NONE, NULL, CONTROLLER, "print nothing on the screen", OPT_QUIET},
    {'s', "tcp-stack", OPTION_REQUIRED, "TYPE", CONTROLLER,
     "show windows in units of TYPE, 'segment' or 'byte' (default: segment, as in Linux)",
     OPT_STACK},
    {0, "show-colon", OPTION_REQUIRED, "TYPE[,TYPE]...", CONTROLLER,
     "the same as --columns, by flowgrind's name", OPT_SHOW_COLON},
    {0, "start-at", OPTION_REQUIRED, "TIME", CONTROLLER,
     "start at this time, within a day: 2026-11-30T14:30:00 (with Z or +01:00 unless it is local "
     "time), 14:30 or 14:30:05 (the next one), +10s, or @ and seconds since 1970",
     OPT_START_AT},
    ACCESS_SPECS(CONTROLLER, OPT_ACCESS),
    {'w', NULL, OPTION_NONE, NULL, CONTROLLER, "write a flow log (same as --log-file)", OPT_LOG},
};

static const struct option_spec flow_specs[] = {
    {'F', "flow", OPTION_REQUIRED, "#[-#][,#[-#]]...", FLOW,
     "apply the flow options that follow to these flows only, numbered from 0: 0,2-4; -1 selects "
     "all. -Q, -i, -e, --snaplen and --dump-us always apply to all flows",
     OPT_SELECT},
    {'H', "host", OPTION_REQUIRED, "x=HOST[/CONTROL[:PORT]]", FLOW,
     "run the endpoint on HOST (default: localhost), whose daemon is contacted at CONTROL "
     "(default: HOST) and PORT (default: 5999); HOST:PORT is enough if both addresses are the same",
     OPT_HOST},
    {'G', "traffic", OPTION_REQUIRED, "x=(q|p|g):DIST", FLOW,
     "draw request sizes (q, bytes), response sizes (p, bytes) or gaps between requests (g, "
     "seconds) from DIST: C:value, U:min:max, E:mean, N:mean:deviation, L:mean:deviation, "
     "P:shape:scale, W:scale:shape or F:FILE; see --help=traffic",
     OPT_TRAFFIC},
    {'O', "socket-option", OPTION_REQUIRED, "x=OPT", FLOW,
     "set socket option OPT; --help=socket lists them", OPT_SOCKOPT},
    {0, "udp", OPTION_NONE, NULL, FLOW,
     "send UDP datagrams, numbered and timestamped, by default at 1 Mbit/s (1048576 bit/s; -R x=0: "
     "as fast as possible)",
     OPT_UDP},
};

/* What iperf's users type. */
#define FOREIGN(letter, name, instead)                       \
    {                                                        \
        letter, name, OPTION_FOREIGN, NULL, NULL, instead, 0 \
    }
static const struct option_spec foreign_specs[] = {
    FOREIGN('b', "bitrate", "-R x=# sets a rate"),
    FOREIGN(0, "bandwidth", "-R x=# sets a rate"),
    FOREIGN('t', "time", "-T x=# sets the duration"),
    FOREIGN('u', NULL, "--udp sends datagrams"),
    FOREIGN('l', "length", "-S x=# sets the size of blocks"),
    FOREIGN('k', "blockcount", "--blocks x=# sets how many blocks are sent"),
    FOREIGN('f', "format", "-m shows 2**20 bytes/s; the screen scales its units by itself"),
    FOREIGN('V', "verbose", "-d logs more"),
    FOREIGN('Z', "zerocopy", "data is sent without copies unless --touch-data is given"),
    FOREIGN(0, "client", "-H s=HOST,d=HOST names the hosts, where flowd runs"),
    FOREIGN(0, "server", "flowd is the server"),
    FOREIGN(0, "parallel", "-n # sets the number of flows"),
    FOREIGN(0, "reverse", "-T s=0,d=# lets the destination send"),
    FOREIGN(0, "bidir", "-T b=# lets both ends send"),
    FOREIGN(0, "dualtest", "-T b=# lets both ends send"),
    FOREIGN(0, "window", "-B x=# and -W x=# set the socket buffers"),
    FOREIGN(0, "congestion", "-O x=TCP_CONGESTION=NAME sets the congestion control"),
    FOREIGN(0, "mss", "-O x=TCP_MAXSEG=# sets the segment size"),
    FOREIGN(0, "nodelay", "-O x=TCP_NODELAY disables Nagle's algorithm"),
    FOREIGN(0, "fq-rate", "-R x=# with --pacing=x lets the kernel pace"),
    /* Letters that are something else here. */
    {'P', NULL, OPTION_FOREIGN, "#", NULL, "iperf's -P is -n # here", 0},
    {'O', NULL, OPTION_FOREIGN, "#", NULL, "iperf's -O is --omit x=# here", 0},
    {'M', NULL, OPTION_FOREIGN, "#", NULL, "iperf's -M is -O x=TCP_MAXSEG=# here", 0},
    {'B', NULL, OPTION_FOREIGN, "#", NULL, "iperf's -B is -H x=ADDRESS here", 0},
    FOREIGN('J', NULL, "iperf's -J is --json here"),
    FOREIGN('R', NULL, "iperf's -R is -T s=0,d=# here"),
    FOREIGN('s', NULL, "iperf's server is flowd here"),
    FOREIGN(0, "show-columns", "-c TYPE,TYPE shows columns"),
    FOREIGN(0, "cport", "--source-port x=# sets the source's port"),
};
#undef FOREIGN

size_t options_specs(struct option_spec *specs)
{
    size_t count = COUNT(own_specs);
    memcpy(specs, own_specs, sizeof own_specs);
    count += output_options_specs(specs + count, OPT_OUTPUT, OUTPUT);
    memcpy(specs + count, flow_specs, sizeof flow_specs);
    count += COUNT(flow_specs);
    count += settings_options(specs + count, OPT_SETTING, FLOW);
    memcpy(specs + count, foreign_specs, sizeof foreign_specs);
    return count + COUNT(foreign_specs);
}

struct reader {
    struct run_options *options;
    struct assignments *assignments;
    int64_t flow_count;
};

static bool choose_help(struct run_options *options, const char *topic, struct fail *fail)
{
    if (!topic)
        options->help = HELP_GENERAL;
    else if (!strcmp(topic, "output"))
        options->help = HELP_OUTPUT;
    else if (!strcmp(topic, "socket"))
        options->help = HELP_SOCKET;
    else if (!strcmp(topic, "traffic"))
        options->help = HELP_TRAFFIC;
    else
        return fail_set(fail, 0, "no help on '%s'; topics: output, socket, traffic", topic);
    return true;
}

static bool count_flows(struct reader *reader, const char *value, struct fail *fail)
{
    if (!number_parse_int(value, &reader->flow_count, fail))
        return false;
    return (reader->flow_count >= 1 && reader->flow_count <= PLAN_FLOWS_MAX) ||
           fail_set(fail, 0, "'%s' is not within 1 to %d", value, PLAN_FLOWS_MAX);
}

static bool choose_clock(struct run_options *options, const char *mode, struct fail *fail)
{
    int index = option_choice(CLOCK_MODES, mode, fail);
    options->clock = (enum clock_mode)index;
    return index >= 0;
}

/* Options that set a bool of struct run_options, and nothing else. */
static const struct {
    int id;
    size_t offset;
} flag_options[] = {
    {OPT_VERSION, offsetof(struct run_options, version)},
    {OPT_HISTOGRAM, offsetof(struct run_options, output.histogram)},
    {OPT_LOG, offsetof(struct run_options, output.log)},
    {OPT_MEGABYTES, offsetof(struct run_options, output.megabytes)},
    {OPT_OVERWRITE, offsetof(struct run_options, output.overwrite)},
    {OPT_NUMBERS, offsetof(struct run_options, output.numbers)},
    {OPT_QUIET, offsetof(struct run_options, output.quiet)},
    {OPT_DRY_RUN, offsetof(struct run_options, dry_run)},
    {OPT_EMBEDDED, offsetof(struct run_options, embedded)},
};

static bool set_flag(struct run_options *options, int id)
{
    for (size_t i = 0; i < COUNT(flag_options); i++)
        if (flag_options[i].id == id)
            return *(bool *)((char *)options + flag_options[i].offset) = true;
    return false;
}

static bool take_own(struct reader *reader, int id, const char *given, const char *value,
                     struct fail *fail)
{
    struct run_options *options = reader->options;
    switch (id) {
    case OPT_HELP:
        return choose_help(options, value, fail);
    case OPT_COLUMNS:
    case OPT_SHOW_COLON:
        return output_choose_columns(&options->output, value, fail);
    case OPT_DEBUG:
        options->verbosity++;
        return true;
    case OPT_LOG_FILE:
        options->output.log_file = value ? value : options->output.log_file;
        options->output.log = true;
        return !value || *value || fail_set(fail, 0, "the name of the file is empty");
    case OPT_FLOWS:
        return count_flows(reader, value, fail);
    case OPT_STACK:
        return output_choose_windows(&options->output, value, fail);
    case OPT_CLOCK:
        return choose_clock(options, value, fail);
    case OPT_START_AT:
        return startat_parse(value, options->read_at, &options->start_at, fail);
    case OPT_SELECT:
        return assignments_select(reader->assignments, value, fail);
    case OPT_HOST:
        return assignments_give_host(reader->assignments, given, value, fail);
    case OPT_TRAFFIC:
        return assignments_give_traffic(reader->assignments, given, value, fail);
    case OPT_UDP:
        return assignments_give_setting(reader->assignments, settings_find("transport"), given,
                                        "udp", fail);
    default:
        return assignments_give_sockopt(reader->assignments, given, value, fail);
    }
}

/* Takes an option into the part of the program that it is about. */
static bool take(struct reader *reader, int id, const char *given, const char *value,
                 struct fail *fail)
{
    if (id >= OPT_SETTING)
        return assignments_give_setting(reader->assignments, &settings_list[id - OPT_SETTING],
                                        given, value, fail);
    if (id >= OPT_OUTPUT)
        return output_take_option(&reader->options->output, (enum output_option)(id - OPT_OUTPUT),
                                  value, fail);
    if (id >= OPT_ACCESS)
        return access_take_option(&reader->options->access, (enum access_option)(id - OPT_ACCESS),
                                  value, fail);
    return set_flag(reader->options, id) || take_own(reader, id, given, value, fail);
}

static bool handle(void *context, const struct option_spec *spec, const char *given,
                   const char *value, struct fail *fail)
{
    return take(context, spec->id, given, value, fail) || fail_prefix(fail, "option %s", given);
}

static void show_defaults(struct run_options *options)
{
    struct output_content content = {0};
    for (size_t i = 0; i < options->plan->count; i++) {
        const struct plan_flow *flow = &options->plan->flows[i];
        bool stream = transport_traits[flow->settings.transport].capabilities & TRANSPORT_STREAM;
        *(stream ? &content.streams : &content.datagrams) = true;
        for (int end = 0; end < ENDPOINTS; end++) {
            content.round_trips |= settings_ask_responses(&flow->ends[end]);
            content.delays |= flow->ends[end].one_way_delay != 0;
        }
    }
    output_default_columns(&options->output, &content);
}

/* A word that is not an option: where one before it takes its argument after a "=" only, that is
 * what is missing. */
static bool refuse_operand(struct run_options *options, const char *operand, char **typed,
                           const struct option_spec *specs, size_t count, struct fail *fail)
{
    const char *before = "";
    for (int i = 1; i < options->argc; i++)
        if (typed[i] == operand)
            before = typed[i - 1];
    if (option_joins(before, specs, count))
        return fail_set(fail, 0, "'%s' is not joined to %s: write %s=%s", operand, before, before,
                        operand);
    if (!strcmp(before, "-w"))
        return fail_set(fail, 0, "option -w takes no argument: write --log-file=%s", operand);
    options->operand = operand;
    return fail_set(fail, 0, "'%s' is neither an option nor a command; --help lists both", operand);
}

/* Private daemons listen on the loopback interface of this host. */
static bool check_embedded(const struct plan *plan, struct fail *fail)
{
    for (size_t i = 0; i < ENDPOINTS * plan->count; i++) {
        const struct plan_place *place = &plan->flows[i / ENDPOINTS].at[i % ENDPOINTS];
        if (!address_names_loopback(place->host) || !address_names_loopback(place->control))
            return fail_set(fail, 0,
                            "flow %zu: the %s is at %s%s%s, but --embedded starts daemons on this "
                            "host's loopback interface only: leave out one of them",
                            i / ENDPOINTS, endpoint_name((enum endpoint)(i % ENDPOINTS)),
                            place->host, strcmp(place->host, place->control) ? "/" : "",
                            strcmp(place->host, place->control) ? place->control : "");
    }
    return true;
}

bool options_read(int argc, char **argv, int64_t now, struct run_options *options,
                  struct fail *fail)
{
    struct option_spec specs[OPTIONS_SPECS_MAX];
    struct reader reader = {.options = options, .assignments = assignments_new(), .flow_count = 1};
    int operand = argc;
    *options = (struct run_options){.argc = argc, .argv = argv, .read_at = now};
    size_t count = options_specs(specs);
    char **typed = mem_new((size_t)argc + 1, sizeof *typed); /* getopt moves operands */
    memcpy(typed, argv, (size_t)argc * sizeof *typed);
    bool good = option_parse(argc, argv, specs, count, handle, &reader, &operand, fail);
    bool runs = !options->help && !options->version;
    if (good && runs && operand < argc)
        good = refuse_operand(options, argv[operand], typed, specs, count, fail);
    free(typed);
    if (good && runs)
        options->plan = plan_new((size_t)reader.flow_count);
    if (good && runs)
        good = assignments_apply(reader.assignments, options->plan, fail);
    if (good && runs) {
        plan_group(options->plan);
        good = plan_check(options->plan, fail);
    }
    if (good && runs && options->embedded)
        good = check_embedded(options->plan, fail);
    if (good && runs)
        good = output_place_log(&options->output, fail);
    if (good && runs)
        show_defaults(options);
    assignments_free(reader.assignments);
    return good;
}

void options_free(struct run_options *options)
{
    plan_free(options->plan);
    options->plan = NULL;
}
