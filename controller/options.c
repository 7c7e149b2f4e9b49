/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "options.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "number.h"
#include "option.h"
#include "sock.h"
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

/* ---- what was given, before the number of flows is known ---- */

enum { FLOWS_MAX = 1000000 };

/* The flows that options apply to: what a -F says. */
struct selection {
    int64_t *flows; /* NULL: all */
    size_t count;
};

/* A value for one setting of one or both endpoints of the selected flows. */
struct assignment {
    const struct setting *setting; /* NULL: a host */
    bool for_endpoint[ENDPOINTS];
    size_t selection;
    char given[64]; /* the option as it was typed */
    char *text;     /* the value as it was typed, NULL where there is none */
};

struct reader {
    struct run_options *options;
    int64_t flow_count;
    struct selection *selections;
    size_t selection_count;
    struct assignment *assignments;
    size_t assignment_count;
    bool column_groups_given;
    char *tables[PROTOCOL_TABLES_MAX]; /* files of empirical distributions */
    size_t table_count;
};

static void add_assignment(struct reader *reader, const struct setting *setting, bool source,
                           bool destination, const char *given, const char *text)
{
    reader->assignments =
        mem_grow(reader->assignments, reader->assignment_count + 1, sizeof(struct assignment));
    struct assignment *assignment = &reader->assignments[reader->assignment_count++];
    *assignment = (struct assignment){
        .setting = setting,
        .for_endpoint = {[SOURCE] = source, [DESTINATION] = destination},
        .selection = reader->selection_count - 1,
        .text = text ? mem_strdup(text) : NULL,
    };
    snprintf(assignment->given, sizeof assignment->given, "%s", given);
}

/* Calls `take` for each "x=value" (or "x" alone) of a list with commas. */
static bool each_endpoint(struct reader *reader, const char *given, const char *list,
                          bool (*take)(struct reader *, const char *given, char endpoint,
                                       const char *value, const void *context, struct fail *),
                          const void *context, struct fail *fail)
{
    char *copy = mem_strdup(list), *save = NULL;
    bool good = option_list_given(list) || fail_set(fail, 0, "nothing is given");
    for (char *item = strtok_r(copy, ",", &save); good && item; item = strtok_r(NULL, ",", &save)) {
        const char *value = item[0] && item[1] == '=' ? item + 2 : NULL;
        if (!item[0] || !strchr("sdb", item[0]) || (!value && item[1]))
            good = fail_set(fail, 0,
                            "'%s' does not say which endpoint it is for: write s= for the "
                            "source, d= for the destination, or b= for both",
                            item);
        else
            good = take(reader, given, item[0], value, context, fail);
    }
    free(copy);
    return good;
}

static bool take_setting(struct reader *reader, const char *given, char endpoint, const char *value,
                         const void *context, struct fail *fail)
{
    const struct setting *setting = context;
    bool wants_value = setting->form == SETTING_FORM_VALUE;
    if (wants_value && (!value || !*value))
        return fail_set(fail, 0, "endpoint '%c' has no value: write %c=VALUE", endpoint, endpoint);
    if (!wants_value && value)
        return fail_set(fail, 0, "takes no value, but '%s' was given", value);
    if (setting->type == SETTING_SIZE && value && strchr(value, ':'))
        return fail_set(fail, 0, "'%s' is no number; write -G %c=q:%s", value, endpoint, value);
    add_assignment(reader, setting, endpoint != 'd', endpoint != 's', given, value);
    return true;
}

static bool unknown_sockopt(const char *name, size_t length, struct fail *fail)
{
    return fail_set(fail, 0, "there is no socket option '%.*s'; --help=socket lists them",
                    (int)length, name);
}

static bool take_sockopt(struct reader *reader, const char *given, char endpoint, const char *value,
                         const void *context, struct fail *fail)
{
    (void)context;
    if (!value || !*value)
        return fail_set(fail, 0, "no socket option is named: write %c=NAME", endpoint);
    size_t length = strcspn(value, "=");
    const struct setting *setting = settings_find_sockopt(value, length);
    const char *argument = value[length] ? value + length + 1 : NULL;
    const char *refused = settings_refused_sockopt(value, length);
    if (refused)
        return fail_set(fail, 0, "%.*s can't be set: %s", (int)length, value, refused);
    if (!setting)
        return unknown_sockopt(value, length, fail);
    if (setting->argument && (!argument || !*argument))
        return fail_set(fail, 0, "%s needs a value: write %s=%s", setting->name, setting->name,
                        setting->argument);
    if (!setting->argument && argument)
        return fail_set(fail, 0, "%s takes no value", setting->name);
    char name[64];
    snprintf(name, sizeof name, "%s %s", given, setting->name);
    add_assignment(reader, setting, endpoint != 'd', endpoint != 's', name, argument);
    return true;
}

/* The number that stands for a file of an empirical distribution from here on. */
static int add_table(struct reader *reader, const char *path, struct fail *fail)
{
    for (size_t i = 0; i < reader->table_count; i++)
        if (!strcmp(reader->tables[i], path))
            return (int)i;
    if (reader->table_count == PROTOCOL_TABLES_MAX) {
        fail_set(fail, 0, "more than %d files can't be used at once", PROTOCOL_TABLES_MAX);
        return -1;
    }
    reader->tables[reader->table_count] = mem_strdup(path);
    return (int)reader->table_count++;
}

static bool take_traffic(struct reader *reader, const char *given, char endpoint, const char *value,
                         const void *context, struct fail *fail)
{
    (void)context;
    char name[32], table[32];
    const struct setting *setting = value ? settings_find_traffic(value[0]) : NULL;
    if (!setting || value[1] != ':')
        return fail_set(fail, 0,
                        "'%s' does not begin with q:, p: or g: (request size, response size, gap)",
                        value ? value : "");
    const char *dist = value + 2;
    if (!strchr(dist, ':'))
        return fail_set(fail, 0, "'%s' is no distribution; it reads like C:400", dist);
    if (dist[0] == 'F' && dist[1] == ':') {
        int number = add_table(reader, dist + 2, fail);
        if (number < 0)
            return false;
        snprintf(table, sizeof table, "F:%d", number);
        dist = table;
    }
    snprintf(name, sizeof name, "%s %c", given, value[0]);
    add_assignment(reader, setting, endpoint != 'd', endpoint != 's', name, dist);
    return true;
}

static bool take_host(struct reader *reader, const char *given, char endpoint, const char *value,
                      const void *context, struct fail *fail)
{
    (void)context;
    if (!value || !*value)
        return fail_set(fail, 0, "endpoint '%c' has no host: write %c=HOST", endpoint, endpoint);
    add_assignment(reader, NULL, endpoint != 'd', endpoint != 's', given, value);
    return true;
}

static bool give_setting(struct reader *reader, const struct setting *setting, const char *given,
                         const char *value, struct fail *fail)
{
    if (setting->scope == SCOPE_FLOW) {
        add_assignment(reader, setting, true, false, given, value);
        return true;
    }
    /* flowgrind's examples give one cap for both endpoints. */
    bool is_plain =
        value && !strcmp(setting->field, "block_cap") && value[0] >= '0' && value[0] <= '9';
    if (is_plain || !value) {
        add_assignment(reader, setting, true, true, given, value);
        return true;
    }
    return each_endpoint(reader, given, value, take_setting, setting, fail);
}

/* ---- -F, -c and the like ---- */

static void select_all(struct reader *reader)
{
    reader->selections =
        mem_grow(reader->selections, reader->selection_count + 1, sizeof(struct selection));
    reader->selections[reader->selection_count++] = (struct selection){0};
}

static bool select_flows(struct reader *reader, const char *list, struct fail *fail)
{
    char *copy = mem_strdup(list), *save = NULL;
    struct selection selection = {0};
    bool all = false, good = option_list_given(list) || fail_set(fail, 0, "no flow is given");
    for (char *item = strtok_r(copy, ",", &save); good && item; item = strtok_r(NULL, ",", &save)) {
        int64_t flow;
        good = number_parse_int(item, &flow, fail);
        if (good && (flow < -1 || flow >= FLOWS_MAX))
            good = fail_set(fail, 0, "there is no flow %s", item);
        all |= good && flow == -1;
        selection.flows = mem_grow(selection.flows, selection.count + 1, sizeof(int64_t));
        selection.flows[selection.count++] = good ? flow : 0;
    }
    free(copy);
    if (all) {
        free(selection.flows);
        selection = (struct selection){0};
    }
    select_all(reader);
    reader->selections[reader->selection_count - 1] = selection;
    return good;
}

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

static bool choose_columns(struct reader *reader, const char *list, struct fail *fail)
{
    char *copy = mem_strdup(list), *save = NULL;
    bool good = option_list_given(list) || fail_set(fail, 0, "no column is given");
    reader->column_groups_given = true;
    for (char *item = strtok_r(copy, ",", &save); good && item; item = strtok_r(NULL, ",", &save))
        good = show_columns(reader->options, item) ||
               fail_set(fail, 0,
                        "there is no column '%s'; --help lists the groups, and flowlog(5) "
                        "each column",
                        item);
    free(copy);
    return good;
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
    return (reader->flow_count >= 1 && reader->flow_count <= FLOWS_MAX) ||
           fail_set(fail, 0, "'%s' is not within 1 to %d", value, FLOWS_MAX);
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
        return select_flows(reader, value, fail);
    case OPT_HOST:
        return each_endpoint(reader, given, value, take_host, NULL, fail);
    case OPT_TRAFFIC:
        return each_endpoint(reader, given, value, take_traffic, NULL, fail);
    case OPT_SOCKOPT:
        return each_endpoint(reader, given, value, take_sockopt, NULL, fail);
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
            ? give_setting(reader, &settings_list[spec->id - OPT_SETTING], given, value, fail)
            : give_own(reader, spec->id, given, value, fail);
    return good || fail_prefix(fail, "option %s", given);
}

/* ---- applied to the flows ---- */

static bool parse_host(const char *text, struct plan_place *place, struct fail *fail)
{
    struct plan_place parsed = {.port = PROTOCOL_PORT};
    uint16_t port = PROTOCOL_PORT;
    const char *slash = strchr(text, '/');
    char *host = slash ? mem_printf("%.*s", (int)(slash - text), text) : mem_strdup(text);
    bool good = sock_split_host_port(host, parsed.host, sizeof parsed.host, &port, fail);
    if (good && slash && port != PROTOCOL_PORT)
        good = fail_set(fail, 0, "'%s': the port belongs to the control address, after the slash",
                        text);
    if (good && slash)
        good = sock_split_host_port(slash + 1, parsed.control, sizeof parsed.control, &port, fail);
    else
        memcpy(parsed.control, parsed.host, sizeof parsed.control);
    free(host);
    parsed.port = port;
    if (good)
        *place = parsed;
    return good;
}

static bool assign_to(struct plan_flow *flow, const struct assignment *assignment,
                      enum endpoint endpoint, struct fail *fail)
{
    if (!assignment->setting)
        return parse_host(assignment->text, &flow->at[endpoint], fail);
    void *object = assignment->setting->scope == SCOPE_FLOW ? (void *)&flow->settings
                                                            : (void *)&flow->ends[endpoint];
    return setting_parse(assignment->setting, assignment->text, object, fail);
}

static bool assign(struct reader *reader, const struct assignment *assignment, struct fail *fail)
{
    struct plan *plan = reader->options->plan;
    const struct selection *selection = &reader->selections[assignment->selection];
    size_t count = selection->flows ? selection->count : plan->count;
    for (size_t i = 0; i < count; i++) {
        struct plan_flow *flow = &plan->flows[selection->flows ? (size_t)selection->flows[i] : i];
        for (int end = 0; end < ENDPOINTS; end++)
            if (assignment->for_endpoint[end] && !assign_to(flow, assignment, end, fail))
                return fail_prefix(fail, "option %s", assignment->given);
    }
    return true;
}

/* Whether both say the same; texts that differ may still. */
static bool same_value(const struct assignment *one, const struct assignment *other)
{
    struct plan_flow a, b;
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    return assign_to(&a, one, SOURCE, NULL) && assign_to(&b, other, SOURCE, NULL) &&
           !memcmp(&a, &b, sizeof a);
}

static bool overlap(const struct selection *one, const struct selection *other, int64_t *flow)
{
    *flow = 0;
    if (!one->flows || !other->flows)
        return !one->flows && !other->flows;
    for (size_t i = 0; i < one->count; i++) {
        for (size_t k = 0; k < other->count; k++) {
            *flow = one->flows[i];
            if (*flow == other->flows[k])
                return true;
        }
    }
    return false;
}

/* Two values for one thing are refused: else the order of options would matter. What is said of
 * single flows goes before what is said of all. */
static bool check_twice(const struct reader *reader, const struct assignment *one,
                        const struct assignment *other, struct fail *fail)
{
    int64_t flow;
    if (one->setting != other->setting ||
        !overlap(&reader->selections[one->selection], &reader->selections[other->selection],
                 &flow) ||
        same_value(one, other))
        return true;
    for (int end = 0; end < ENDPOINTS; end++) {
        if (!one->for_endpoint[end] || !other->for_endpoint[end])
            continue;
        bool of_flow = one->setting && one->setting->scope == SCOPE_FLOW;
        return fail_set(fail, 0, "option %s: two values for %s%sflow %" PRId64 ": '%s' and '%s'",
                        one->given, of_flow ? "" : endpoint_name(end), of_flow ? "" : " of ", flow,
                        one->text ? one->text : "", other->text ? other->text : "");
    }
    return true;
}

static bool check_flow_numbers(const struct reader *reader, struct fail *fail)
{
    for (size_t i = 0; i < reader->selection_count; i++) {
        const struct selection *selection = &reader->selections[i];
        for (size_t k = 0; k < selection->count; k++)
            if (selection->flows[k] >= reader->flow_count)
                return fail_set(fail, 0,
                                "option -F: there is no flow %" PRId64 ": with -n %" PRId64
                                " the last one is %" PRId64,
                                selection->flows[k], reader->flow_count, reader->flow_count - 1);
    }
    return true;
}

static bool check_assignments(const struct reader *reader, struct fail *fail)
{
    for (size_t i = 0; i < reader->assignment_count; i++)
        for (size_t k = 0; k < i; k++)
            if (!check_twice(reader, &reader->assignments[k], &reader->assignments[i], fail))
                return false;
    return true;
}

static bool apply(struct reader *reader, struct fail *fail)
{
    reader->options->plan = plan_new((size_t)reader->flow_count);
    for (size_t i = 0; i < reader->table_count; i++)
        if (plan_add_table(reader->options->plan, reader->tables[i], fail) < 0)
            return fail_prefix(fail, "option -G");
    for (int specific = 0; specific < 2; specific++) {
        for (size_t i = 0; i < reader->assignment_count; i++) {
            const struct assignment *assignment = &reader->assignments[i];
            reader->options->plan->hosts_named |= !assignment->setting;
            if ((reader->selections[assignment->selection].flows != NULL) == specific &&
                !assign(reader, assignment, fail))
                return false;
        }
    }
    /* Only now: a value that is none is the better complaint than two of them. */
    return check_assignments(reader, fail);
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

static void reader_free(struct reader *reader)
{
    for (size_t i = 0; i < reader->selection_count; i++)
        free(reader->selections[i].flows);
    for (size_t i = 0; i < reader->assignment_count; i++)
        free(reader->assignments[i].text);
    for (size_t i = 0; i < reader->table_count; i++)
        free(reader->tables[i]);
    free(reader->selections);
    free(reader->assignments);
}

bool options_read(int argc, char **argv, int64_t now, struct run_options *options,
                  struct fail *fail)
{
    struct option_spec specs[SPECS_MAX];
    struct reader reader = {.options = options, .flow_count = 1};
    int operand = argc;
    *options = (struct run_options){.argc = argc, .argv = argv, .read_at = now};
    select_all(&reader);
    bool good = option_parse(argc, argv, specs, all_specs(specs), handle, &reader, &operand, fail);
    bool runs = !options->help && !options->version;
    if (good && runs && operand < argc)
        good = fail_set(fail, 0, "'%s' is neither an option nor a command; --help lists both",
                        argv[operand]);
    if (good && runs)
        good = check_flow_numbers(&reader, fail) && apply(&reader, fail);
    if (good && runs) {
        plan_group(options->plan);
        good = plan_check(options->plan, fail);
    }
    if (good && runs)
        show_defaults(&reader);
    reader_free(&reader);
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
