/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon_options.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "number.h"
#include "option.h"
#include "protocol.h"

enum {
    OPT_BIND,
    OPT_PORT,
    OPT_CPU,
    OPT_DEBUG,
    OPT_DUMP_DIR,
    OPT_HELP,
    OPT_VERSION,
    OPT_WORKERS,
    OPT_DATA_PORTS,
    OPT_MAX_FLOWS,
    OPT_MAX_SESSIONS,
    OPT_REPORT_MEMORY,
    OPT_SPILL_SIZE,
    OPT_RETAIN_SIZE,
    OPT_LEASE,
    OPT_RETAIN,
    OPT_PID_FILE,
    OPT_STATE_DIR,
    OPT_LOG_LEVEL,
    OPT_NO_AUTH,
};

#define GENERAL "General options"
#define CONTROL "Control connections"
#define FLOWS   "Flows"
#define LIMITS  "Limits"

static const struct option_spec specs[] = {
    {'h', "help", OPTION_NONE, NULL, GENERAL, "display this help and exit", OPT_HELP},
    {'v', "version", OPTION_NONE, NULL, GENERAL, "print version information and exit", OPT_VERSION},
    {'d', "debug", OPTION_NONE, NULL, GENERAL,
     "stay in the foreground; given again, say more each time", OPT_DEBUG},
    {0, "log-level", OPTION_REQUIRED, "LEVEL", GENERAL,
     "what to say: error, warning (default), info, debug or trace", OPT_LOG_LEVEL},
    {0, "pid-file", OPTION_REQUIRED, "FILE", GENERAL,
     "write the number of the process to FILE once the daemon listens", OPT_PID_FILE},
    {0, "state-dir", OPTION_REQUIRED, "DIR", GENERAL,
     "keep in DIR what shall outlive the daemon, its identity, and reports that find no room in "
     "memory",
     OPT_STATE_DIR},
    {'b', "bind", OPTION_REQUIRED, "ADDR", CONTROL,
     "listen at ADDR, written 10.0.0.1, 10.0.0.1:5999, ::1 or [fe80::1%eth0]:5999, or a host name; "
     "may be given several times (default: the loopback addresses). The IPv6 wildcard :: takes "
     "IPv4 as well",
     OPT_BIND},
    {'p', "port", OPTION_REQUIRED, "#", CONTROL,
     "port where ADDR gives none (default: 5999; 0: one that is free)", OPT_PORT},
    {0, "no-auth", OPTION_NONE, NULL, CONTROL,
     "serve addresses other than loopback although anybody who reaches them can command this "
     "daemon",
     OPT_NO_AUTH},
    {'c', "cpu", OPTION_REQUIRED, "#", FLOWS, "bind the daemon to this CPU, counted from 0",
     OPT_CPU},
    {0, "workers", OPTION_REQUIRED, "#", FLOWS,
     "threads that carry flows (default: one for each CPU that may be used)", OPT_WORKERS},
    {0, "data-ports", OPTION_REQUIRED, "LO-HI", FLOWS,
     "let destinations listen at ports of this range only (default: any)", OPT_DATA_PORTS},
    {'w', "dump-dir", OPTION_REQUIRED, "DIR", FLOWS,
     "directory for packet dumps (this version makes none)", OPT_DUMP_DIR},
    {0, "max-flows", OPTION_REQUIRED, "#", LIMITS, "flow endpoints at once (default: 20000)",
     OPT_MAX_FLOWS},
    {0, "max-sessions", OPTION_REQUIRED, "#", LIMITS, "sessions at once (default: 256)",
     OPT_MAX_SESSIONS},
    {0, "report-memory", OPTION_REQUIRED, "#", LIMITS,
     "memory for reports that were not fetched yet, in bytes (default: 256M)", OPT_REPORT_MEMORY},
    {0, "spill-size", OPTION_REQUIRED, "#", LIMITS,
     "space in the state directory for reports that find no room in memory, in bytes (default: 1G)",
     OPT_SPILL_SIZE},
    {0, "lease", OPTION_REQUIRED, "#", LIMITS,
     "how long a session lives without a call of its controller, in seconds (default: 15)",
     OPT_LEASE},
    {0, "retain", OPTION_REQUIRED, "#", LIMITS,
     "how long reports of a session that has ended wait for their controller, in seconds (default: "
     "3600)",
     OPT_RETAIN},
    {0, "retain-size", OPTION_REQUIRED, "#", LIMITS,
     "how much such reports may hold of memory and file, in bytes; beyond it those of the oldest "
     "session go (default: 128M)",
     OPT_RETAIN_SIZE},
};

enum { SPECS = sizeof specs / sizeof specs[0] };

static bool int_in(const char *value, int64_t low, int64_t high, int64_t *number, struct fail *fail)
{
    if (!number_parse_int(value, number, fail))
        return false;
    if (*number >= low && *number <= high)
        return true;
    return fail_set(fail, 0, "'%s' is not within %" PRId64 " to %" PRId64, value, low, high);
}

static bool seconds_in(const char *value, int64_t *seconds, struct fail *fail)
{
    int64_t ns;
    if (!number_parse_seconds(value, &ns, fail))
        return false;
    *seconds = ns / NS_PER_SEC;
    if (ns % NS_PER_SEC == 0 && *seconds >= 1 && *seconds <= 30 * 86400)
        return true;
    return fail_set(fail, 0, "'%s' is not within 1 s to 30 days, in whole seconds", value);
}

static bool parse_ports(const char *value, struct daemon_options *options, struct fail *fail)
{
    char low[8];
    size_t length = strcspn(value, "-");
    if (length >= sizeof low || value[length] != '-')
        return fail_set(fail, 0, "'%s' is no range of ports such as 6000-6100", value);
    memcpy(low, value, length);
    low[length] = '\0';
    if (!int_in(low, 1, 65535, &options->data_port_low, fail) ||
        !int_in(value + length + 1, 1, 65535, &options->data_port_high, fail))
        return false;
    return options->data_port_low <= options->data_port_high ||
           fail_set(fail, 0, "'%s' ends before it begins", value);
}

static bool add_bind(const char *value, struct daemon_options *options, struct fail *fail)
{
    if (options->bind_count == BINDS_MAX)
        return fail_set(fail, 0, "more than %d addresses can't be served", BINDS_MAX);
    options->binds[options->bind_count++] = value;
    return true;
}

static bool parse_memory(const char *value, int64_t *bytes, struct fail *fail)
{
    if (!number_parse_bytes(value, bytes, fail))
        return false;
    return *bytes >= 1 << 16 || fail_set(fail, 0, "'%s' is below 64k", value);
}

static bool set_option(struct daemon_options *options, int id, const char *value, struct fail *fail)
{
    switch (id) {
    case OPT_BIND:
        return add_bind(value, options, fail);
    case OPT_PORT:
        return int_in(value, 0, 65535, &options->port, fail);
    case OPT_CPU:
        return int_in(value, 0, 1023, &options->cpu, fail);
    case OPT_DEBUG:
        options->verbosity++;
        break;
    case OPT_DUMP_DIR:
        options->dump_dir = value;
        break;
    case OPT_HELP:
        options->help = true;
        break;
    case OPT_VERSION:
        options->version = true;
        break;
    case OPT_WORKERS:
        return int_in(value, 1, 256, &options->workers, fail);
    case OPT_DATA_PORTS:
        return parse_ports(value, options, fail);
    case OPT_MAX_FLOWS:
        return int_in(value, 1, 1000000, &options->max_flows, fail);
    case OPT_MAX_SESSIONS:
        return int_in(value, 1, 10000, &options->max_sessions, fail);
    case OPT_REPORT_MEMORY:
        return parse_memory(value, &options->report_memory, fail);
    case OPT_SPILL_SIZE:
        return parse_memory(value, &options->spill_size, fail);
    case OPT_RETAIN_SIZE:
        return parse_memory(value, &options->retain_size, fail);
    case OPT_LEASE:
        return seconds_in(value, &options->lease_s, fail);
    case OPT_RETAIN:
        return seconds_in(value, &options->retain_s, fail);
    case OPT_PID_FILE:
        options->pid_file = value;
        break;
    case OPT_STATE_DIR:
        options->state_dir = value;
        break;
    case OPT_LOG_LEVEL:
        return log_parse_level(value, &options->log_level, fail);
    case OPT_NO_AUTH:
        options->no_auth = true;
        break;
    }
    return true;
}

static bool handle(void *context, const struct option_spec *spec, const char *given,
                   const char *value, struct fail *fail)
{
    return set_option(context, spec->id, value, fail) || fail_prefix(fail, "option %s", given);
}

bool daemon_options_read(int argc, char **argv, struct daemon_options *options, struct fail *fail)
{
    int operand;
    *options = (struct daemon_options){
        .port = PROTOCOL_PORT,
        .cpu = -1,
        .max_flows = 20000,
        .max_sessions = 256,
        .report_memory = 256 << 20,
        .spill_size = 1 << 30,
        .retain_size = 128 << 20,
        .lease_s = 15,
        .retain_s = 3600,
        .log_level = LOG_LEVEL_WARNING,
    };
    if (!option_parse(argc, argv, specs, SPECS, handle, options, &operand, fail))
        return false;
    if (operand < argc)
        return fail_set(fail, 0,
                        "'%s' is not an option, and nothing else is taken; --help lists "
                        "the options",
                        argv[operand]);
    return true;
}

void daemon_options_help(void)
{
    printf("Usage: flowd [OPTION]...\n"
           "Carries and measures test flows for controllers such as flowctl.\n");
    option_help(stdout, specs, SPECS);
}
