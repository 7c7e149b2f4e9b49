/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "options.h"

#include <stdlib.h>
#include <string.h>

#include "assign.h"
#include "number.h"
#include "option.h"
#include "startat.h"

enum {
    OPT_HELP,
    OPT_VERSION,
    OPT_COLUMNS,
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
    OPT_ACCESS,                                /* the first of those in access.h */
    OPT_SETTING = OPT_ACCESS + ACCESS_OPTIONS, /* the first of those in settings_list */
};

#define GENERAL    "General options"
#define CONTROLLER "Controller options"
#define FLOW       "Flow options (x: s source, d destination, b both; a list: s=1,d=2)"

/* The first value of -c is the page's name of the option; both are taken. */
static const struct option_spec own_specs[] = {
    {'h', "help", OPTION_OPTIONAL, "WHAT", GENERAL,
     "display help and exit; WHAT is 'socket' for socket options or 'traffic' for how traffic is "
     "made",
     OPT_HELP},
    {'v', "version", OPTION_NONE, NULL, GENERAL, "print version information and exit", OPT_VERSION},
    {'c', "show-colon", OPTION_REQUIRED, "TYPE[,TYPE]...", CONTROLLER,
     "columns of interval reports to show: interval, through, transac, iat, kernel (shown where "
     "nothing is asked for), blocks, rtt, delay, status, goodput, due, hold, pace, rate, bytes, "
     "segs, limits, window, ecn, state, cc, mptcp, rtt-percentiles, iat-percentiles, "
     "delay-percentiles, due-percentiles, hold-percentiles, all, or the name of a single column",
     OPT_COLUMNS},
    {0, "clock", OPTION_REQUIRED, "estimate|sync|none", CONTROLLER,
     "how clocks of two daemons are compared: estimate them by exchanges of times (default), trust "
     "that they are synchronised by PTP or NTP, or not at all",
     OPT_CLOCK},
    {'d', "debug", OPTION_NONE, NULL, CONTROLLER,
     "say on standard error what happens to the run and its flows; twice: each call as well; three "
     "times: what is read and waited for, too",
     OPT_DEBUG},
    {0, "dry-run", OPTION_NONE, NULL, CONTROLLER,
     "print the plan with all settings and exit; nothing touches the network", OPT_DRY_RUN},
    {0, "embedded", OPTION_NONE, NULL, CONTROLLER,
     "start a private daemon for the sources and one for the destinations on the loopback "
     "interface, and end them after the run",
     OPT_EMBEDDED},
    {0, "histogram", OPTION_NONE, NULL, CONTROLLER,
     "after the run, show how round-trip times, inter-arrival times and delays are distributed, "
     "for "
     "each flow and for all of them",
     OPT_HISTOGRAM},
    {0, "log-file", OPTION_OPTIONAL, "FILE", CONTROLLER,
     "write a flow log to FILE (default: flowctl-TIME.log)", OPT_LOG_FILE},
    {'m', NULL, OPTION_NONE, NULL, CONTROLLER,
     "show throughput in 2**20 bytes/s (default: 10**6 bit/s)", OPT_MEGABYTES},
    {'n', "flows", OPTION_REQUIRED, "#", CONTROLLER, "number of flows (default: 1)", OPT_FLOWS},
    {'o', NULL, OPTION_NONE, NULL, CONTROLLER, "overwrite a log file that is there", OPT_OVERWRITE},
    {'p', NULL, OPTION_NONE, NULL, CONTROLLER,
     "show numbers instead of symbolic values (like INT_MAX)", OPT_NUMBERS},
    {'q', "quiet", OPTION_NONE, NULL, CONTROLLER, "write nothing to the screen", OPT_QUIET},
    {'s', "tcp-stack", OPTION_REQUIRED, "TYPE", CONTROLLER,
     "show windows in units of TYPE, 'segment' or 'byte' (default: segment, as Linux has them)",
     OPT_STACK},
    {0, "start-at", OPTION_REQUIRED, "TIME", CONTROLLER,
     "start at this time, within a day: 2026-11-30T14:30:00 (with Z or +01:00 unless it is local "
     "time), 14:30 or 14:30:05 (the next one), +10s, or @ and seconds since 1970",
     OPT_START_AT},
    ACCESS_SPECS(CONTROLLER, OPT_ACCESS),
    {'w', NULL, OPTION_NONE, NULL, CONTROLLER, "write a flow log (same as --log-file)", OPT_LOG},
    {'F', "flow", OPTION_REQUIRED, "#[,#]...", FLOW,
     "the flow options that follow apply to these flows only, counted from 0; -1 stands for all",
     OPT_SELECT},
    {'H', "host", OPTION_REQUIRED, "x=HOST[/CONTROL[:PORT]]", FLOW,
     "test from or to HOST; its daemon is reached at CONTROL (default: HOST) and PORT (default: "
     "5999). An endpoint without a host is on localhost; HOST:PORT will do where both are the same",
     OPT_HOST},
    {'G', "traffic", OPTION_REQUIRED, "x=(q|p|g):DIST", FLOW,
     "draw request sizes (q, bytes), response sizes (p, bytes) or gaps between requests (g, "
     "seconds) "
     "from DIST: C:value, U:min:max, E:mean, N:mean:deviation, L:mean:deviation, P:shape:scale, "
     "W:scale:shape or F:FILE; --help=traffic says more",
     OPT_TRAFFIC},
    {'O', "socket-option", OPTION_REQUIRED, "x=OPT", FLOW,
     "set socket option OPT; --help=socket lists them", OPT_SOCKOPT},
};

enum { OWN_SPECS = sizeof own_specs / sizeof own_specs[0], SPECS_MAX = 128 };

static size_t all_specs(struct option_spec specs[SPECS_MAX])
{
    memcpy(specs, own_specs, sizeof own_specs);
    return OWN_SPECS + settings_options(specs + OWN_SPECS, OPT_SETTING, FLOW);
}

struct reader {
    struct run_options *options;
    struct assignments *assignments;
    int64_t flow_count;
    bool column_groups_given;
};

static bool is_shown(const struct run_options *options, const struct column *column)
{
    for (size_t i = 0; i < options->column_count; i++)
        if (options->columns[i] == column)
            return true;
    return false;
}

/* Shows the columns of a group, or the one of that name; gives whether there is any. */
static bool show_columns(struct run_options *options, const char *name)
{
    bool found = !strcmp(name, "interval") || !strcmp(name, "all");
    options->show_interval |= found;
    for (size_t i = 0; i < columns_count; i++) {
        if (strcmp(name, "all") && strcmp(columns[i].group, name))
            continue;
        found = true;
        if (!is_shown(options, &columns[i]))
            options->columns[options->column_count++] = &columns[i];
    }
    const struct column *single = found ? NULL : column_find(name, strlen(name));
    if (single && !is_shown(options, single))
        options->columns[options->column_count++] = single;
    return found || single;
}

static int by_place(const void *one, const void *other)
{
    const struct column *const *a = one, *const *b = other;
    return *a < *b ? -1 : *a > *b;
}

static bool choose_column(void *context, char *item, struct fail *fail)
{
    return show_columns(context, item) ||
           fail_set(fail, 0,
                    "there is no column '%s'; --help lists the groups, and flowlog(5) each column",
                    item);
}

static bool choose_columns(struct reader *reader, const char *list, struct fail *fail)
{
    reader->column_groups_given = true;
    return option_each_item(list, "no column is given", choose_column, reader->options, fail);
}

static bool choose_help(struct run_options *options, const char *topic, struct fail *fail)
{
    if (!topic)
        options->help = HELP_GENERAL;
    else if (!strcmp(topic, "socket"))
        options->help = HELP_SOCKET;
    else if (!strcmp(topic, "traffic"))
        options->help = HELP_TRAFFIC;
    else
        return fail_set(fail, 0, "there is no help on '%s'; there is on socket and traffic", topic);
    return true;
}

static bool count_flows(struct reader *reader, const char *value, struct fail *fail)
{
    if (!number_parse_int(value, &reader->flow_count, fail))
        return false;
    return (reader->flow_count >= 1 && reader->flow_count <= ASSIGN_FLOWS_MAX) ||
           fail_set(fail, 0, "'%s' is not within 1 to %d", value, ASSIGN_FLOWS_MAX);
}

static bool choose_stack(struct run_options *options, const char *type, struct fail *fail)
{
    options->bytes = !strcmp(type, "byte");
    return options->bytes || !strcmp(type, "segment") ||
           fail_set(fail, 0, "'%s' is neither segment nor byte", type);
}

static bool choose_clock(struct run_options *options, const char *mode, struct fail *fail)
{
    static const char *const names[] = {
        [CLOCK_MODE_ESTIMATE] = "estimate", [CLOCK_MODE_SYNC] = "sync", [CLOCK_MODE_NONE] = "none"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        options->clock = (enum clock_mode)i;
        if (!strcmp(mode, names[i]))
            return true;
    }
    return fail_set(fail, 0, "'%s' is none of estimate, sync, none", mode);
}

static bool give_own(struct reader *reader, int id, const char *given, const char *value,
                     struct fail *fail)
{
    struct run_options *options = reader->options;
    switch (id) {
    case OPT_HELP:
        return choose_help(options, value, fail);
    case OPT_VERSION:
        options->version = true;
        break;
    case OPT_COLUMNS:
        return choose_columns(reader, value, fail);
    case OPT_DEBUG:
        options->verbosity++;
        break;
    case OPT_HISTOGRAM:
        options->histogram = true;
        break;
    case OPT_LOG_FILE:
        options->log_file = value ? value : options->log_file;
        options->log = true;
        return !value || *value || fail_set(fail, 0, "the name of the file is empty");
    case OPT_LOG:
        options->log = true;
        break;
    case OPT_MEGABYTES:
        options->megabytes = true;
        break;
    case OPT_FLOWS:
        return count_flows(reader, value, fail);
    case OPT_OVERWRITE:
        options->overwrite = true;
        break;
    case OPT_NUMBERS:
        options->numbers = true;
        break;
    case OPT_QUIET:
        options->quiet = true;
        break;
    case OPT_STACK:
        return choose_stack(options, value, fail);
    case OPT_DRY_RUN:
        options->dry_run = true;
        break;
    case OPT_EMBEDDED:
        options->embedded = true;
        break;
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
    case OPT_SOCKOPT:
        return assignments_give_sockopt(reader->assignments, given, value, fail);
    default:
        return access_take_option(&options->access, (enum access_option)(id - OPT_ACCESS), value,
                                  fail);
    }
    return true;
}

static bool handle(void *context, const struct option_spec *spec, const char *given,
                   const char *value, struct fail *fail)
{
    struct reader *reader = context;
    bool good =
        spec->id >= OPT_SETTING
            ? assignments_give_setting(reader->assignments, &settings_list[spec->id - OPT_SETTING],
                                       given, value, fail)
            : give_own(reader, spec->id, given, value, fail);
    return good || fail_prefix(fail, "option %s", given);
}

static void show_defaults(struct reader *reader)
{
    struct run_options *options = reader->options;
    static const char *const groups[] = {"interval", "through", "transac", "iat", "kernel"};
    bool asks = false, delays = false;
    if (!reader->column_groups_given)
        for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
            show_columns(options, groups[i]);
    for (size_t i = 0; i < options->plan->count && !asks; i++)
        asks = settings_ask_responses(&options->plan->flows[i].ends[SOURCE]) ||
               settings_ask_responses(&options->plan->flows[i].ends[DESTINATION]);
    for (size_t i = 0; i < options->plan->count && !delays; i++)
        for (int end = 0; end < ENDPOINTS; end++)
            delays |= options->plan->flows[i].ends[end].one_way_delay != 0;
    if (asks && !reader->column_groups_given)
        show_columns(options, "rtt");
    if (delays && !reader->column_groups_given)
        show_columns(options, "delay");
    qsort(options->columns, options->column_count, sizeof options->columns[0], by_place);
}

bool options_read(int argc, char **argv, int64_t now, struct run_options *options,
                  struct fail *fail)
{
    struct option_spec specs[SPECS_MAX];
    struct reader reader = {.options = options, .assignments = assignments_new(), .flow_count = 1};
    int operand = argc;
    *options = (struct run_options){.argc = argc, .argv = argv, .read_at = now};
    bool good = option_parse(argc, argv, specs, all_specs(specs), handle, &reader, &operand, fail);
    bool runs = !options->help && !options->version;
    if (good && runs && operand < argc)
        good = fail_set(fail, 0, "'%s' is neither an option nor a command; --help lists both",
                        argv[operand]);
    if (good && runs)
        options->plan = plan_new((size_t)reader.flow_count);
    if (good && runs)
        good = assignments_apply(reader.assignments, options->plan, fail);
    if (good && runs) {
        plan_group(options->plan);
        good = plan_check(options->plan, fail);
    }
    if (good && runs)
        show_defaults(&reader);
    assignments_free(reader.assignments);
    return good;
}

void options_free(struct run_options *options)
{
    plan_free(options->plan);
    options->plan = NULL;
}

static void help_general(void)
{
    struct option_spec specs[SPECS_MAX];
    printf("Usage: flowctl [run] [OPTION]...\n"
           "       flowctl status HOST[:PORT]...\n"
           "       flowctl stop HOST[:PORT]...\n"
           "       flowctl attach [RUN]\n"
           "       flowctl fetch-dumps HOST[:PORT]... [--run RUN] [-o DIR]\n"
           "       flowctl plot LOG [-o FILE.svg] [--flows LIST] [--metrics LIST]\n"
           "Measures flows between any two hosts that run flowd.\n");
    option_help(stdout, specs, all_specs(specs));
    printf("\nExit status: 0 all went well, 1 wrong usage, 2 a flow failed or the result\n"
           "is partial, 3 no daemon was reached, 130 interrupted.\n");
}

static void help_socket(void)
{
    printf("Socket options are given for the source, the destination or both:\n"
           "  -O s=TCP_CONGESTION=reno,d=TCP_NODELAY\n"
           "and may be given several times.\n\n");
    settings_sockopt_help(stdout);
}

static void help_traffic(void)
{
    printf("Each endpoint with a duration (-T) sends blocks of one size (-S) from its\n"
           "delay (-Y) on, as fast as it can or at a rate (-R). With -A it asks for a\n"
           "response to each block, and the round-trip time of blocks is measured.\n\n"
           "With a rate, gaps, varying sizes or responses, all blocks of the flow carry\n"
           "a header of %d bytes (message mode); else only bytes travel and are counted\n"
           "(stream mode). --framing=message asks for headers in any case.\n\n"
           "-G x=q:DIST draws the sizes of requests, -G x=p:DIST those of responses (both\n"
           "in bytes), -G x=g:DIST the gaps between requests (in seconds). DIST is\n"
           "  C:value           constant\n"
           "  U:min:max         uniform\n"
           "  E:mean            exponential\n"
           "  N:mean:deviation  normal, with its standard deviation (not the variance)\n"
           "  L:mean:deviation  lognormal; both are of the variable, not its logarithm\n"
           "  P:shape:scale     Pareto; the scale is the smallest value\n"
           "  W:scale:shape     Weibull\n"
           "  F:FILE            lines with a value and the share of values up to it\n"
           "Sizes below the header's or above -U are drawn again, up to ten times, and\n"
           "then the bound is taken. -J repeats what was drawn.\n\n"
           "  flowctl -S s=64 -A s -R s=1Mbit\n"
           "              small requests at 1 Mbit/s, each answered\n"
           "  flowctl -G s=q:C:800 -G s=g:N:0.008:0.001\n"
           "              a video of about 800 kbit/s\n"
           "  flowctl -T s=10,d=10\n"
           "              one connection in both directions\n",
           BLOCK_HEADER_SIZE);
}

void options_help(enum help_topic topic)
{
    if (topic == HELP_SOCKET)
        help_socket();
    else if (topic == HELP_TRAFFIC)
        help_traffic();
    else
        help_general();
}
