/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon_options.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "conf.h"
#include "cpus.h"
#include "number.h"
#include "option.h"
#include "protocol.h"

enum {
    OPT_BIND,
    OPT_PORT,
    OPT_CPU,
    OPT_DEBUG,
    OPT_DUMP_DIR,
    OPT_DUMP_FILE_SIZE,
    OPT_DUMP_SPACE,
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
    OPT_CLOCK_OFFSET,
    OPT_CLOCK_SKEW,
    OPT_CONFIG,
    OPT_USER,
    OPT_KEEP_NET_ADMIN,
    OPT_TOKEN_FILE,
    OPT_MAKE_TOKEN,
    OPT_TLS_CERT,
    OPT_TLS_KEY,
    OPT_TLS_CLIENT_CA,
    OPT_MAX_FLOW_RATE,
    OPT_MAX_TOTAL_RATE,
    OPT_MAX_DURATION,
    OPT_ALLOW_TEST,
    OPT_DENY_TEST,
    OPT_USER_QUOTA,
};

#define GENERAL "General options"
#define CONTROL "Control connections"
#define FLOWS   "Flows"
#define LIMITS  "Limits"
#define TESTS   "For tests of flowrig itself"

static const struct option_spec specs[] = {
    {'h', "help", OPTION_NONE, NULL, GENERAL, "display this help and exit", OPT_HELP},
    {'v', "version", OPTION_NONE, NULL, GENERAL, "print version information and exit", OPT_VERSION},
    {'d', "debug", OPTION_NONE, NULL, GENERAL,
     "stay in the foreground, and say what happens to flows; twice: calls as well; three times: "
     "each read, write and timer, too",
     OPT_DEBUG},
    {0, "log-level", OPTION_REQUIRED, "LEVEL", GENERAL,
     "what to say, whatever -d says: error, warning (default), info, debug or trace",
     OPT_LOG_LEVEL},
    {0, "pid-file", OPTION_REQUIRED, "FILE", GENERAL,
     "write the number of the process to FILE once the daemon listens", OPT_PID_FILE},
    {0, "state-dir", OPTION_REQUIRED, "DIR", GENERAL,
     "keep in DIR what shall outlive the daemon: its identity, key and certificate, and reports "
     "that "
     "find no room in memory",
     OPT_STATE_DIR},
    {0, "config", OPTION_REQUIRED, "FILE", GENERAL,
     "take options from FILE, one in each line, before those of the command line", OPT_CONFIG},
    {0, "user", OPTION_REQUIRED, "NAME", GENERAL,
     "become user NAME once the control sockets are open", OPT_USER},
    {0, "keep-net-admin", OPTION_NONE, NULL, GENERAL,
     "with --user, keep CAP_NET_ADMIN, for congestion controls that need it", OPT_KEEP_NET_ADMIN},
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
    {0, "token-file", OPTION_REQUIRED, "FILE", CONTROL,
     "serve users of FILE only, who show their secret inside TLS; any address may be served then",
     OPT_TOKEN_FILE},
    {0, "make-token", OPTION_REQUIRED, "FILE", CONTROL,
     "write a new token file with a random secret and this daemon's key, and exit", OPT_MAKE_TOKEN},
    {0, "tls-cert", OPTION_REQUIRED, "FILE", CONTROL,
     "use this certificate (default: one in the state directory, made at the first start)",
     OPT_TLS_CERT},
    {0, "tls-key", OPTION_REQUIRED, "FILE", CONTROL, "the key of --tls-cert", OPT_TLS_KEY},
    {0, "tls-client-ca", OPTION_REQUIRED, "FILE", CONTROL,
     "serve controllers only that show a certificate of this CA, besides a token if there is a "
     "token file",
     OPT_TLS_CLIENT_CA},
    {'c', "cpu", OPTION_REQUIRED, "LIST", FLOWS,
     "bind the daemon to these CPUs, counted from 0, as in 0-3,8, or to those of a NUMA node, as in "
     "node:1",
     OPT_CPU},
    {0, "workers", OPTION_REQUIRED, "#", FLOWS,
     "threads that carry flows (default: one for each CPU that may be used)", OPT_WORKERS},
    {0, "data-ports", OPTION_REQUIRED, "LO-HI", FLOWS,
     "let destinations listen at ports of this range only (default: any)", OPT_DATA_PORTS},
    {'w', "dump-dir", OPTION_REQUIRED, "DIR", FLOWS,
     "make packet dumps of flows, in this directory, where they are asked for", OPT_DUMP_DIR},
    {0, "max-flows", OPTION_REQUIRED, "#", LIMITS, "flow endpoints at once (default: 20000)",
     OPT_MAX_FLOWS},
    {0, "max-sessions", OPTION_REQUIRED, "#", LIMITS, "sessions at once (default: 256)",
     OPT_MAX_SESSIONS},
    {0, "dump-file-size", OPTION_REQUIRED, "#", LIMITS,
     "size at which a packet dump ends, in bytes (default: 1G)", OPT_DUMP_FILE_SIZE},
    {0, "dump-space", OPTION_REQUIRED, "#", LIMITS,
     "size of all packet dumps in the directory together, in bytes (default: 4G)", OPT_DUMP_SPACE},
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
    {0, "max-flow-rate", OPTION_REQUIRED, "#.#", LIMITS,
     "what one endpoint may ask to send per second, such as 100Mbit; no unlimited ones then",
     OPT_MAX_FLOW_RATE},
    {0, "max-total-rate", OPTION_REQUIRED, "#.#", LIMITS,
     "what all endpoints here may ask to send together; no unlimited ones then",
     OPT_MAX_TOTAL_RATE},
    {0, "max-duration", OPTION_REQUIRED, "#.#", LIMITS,
     "how long a flow may take, from the start of its run, in seconds", OPT_MAX_DURATION},
    {0, "allow-test", OPTION_REQUIRED, "NET[,NET]...", LIMITS,
     "make tests with these addresses only, such as 10.0.0.0/8,fd00::/8; may be given several "
     "times",
     OPT_ALLOW_TEST},
    {0, "deny-test", OPTION_REQUIRED, "NET[,NET]...", LIMITS,
     "make no tests with these addresses, even if they are allowed", OPT_DENY_TEST},
    {0, "user-quota", OPTION_REQUIRED, "[USER:]NAME=#[,NAME=#]...", LIMITS,
     "what USER, or each user that has none of their own, may have: sessions=, flows=, rate= (of "
     "all flows) and duration=, such as flows=10,rate=1Gbit; may be given several times",
     OPT_USER_QUOTA},
    {0, "test-clock-offset", OPTION_REQUIRED, "#", TESTS,
     "let the daemon's clock be ahead of the system's by so many seconds, or behind it if negative",
     OPT_CLOCK_OFFSET},
    {0, "test-clock-skew", OPTION_REQUIRED, "PPM", TESTS,
     "let the daemon's clock run faster by so many millionths, or slower if negative",
     OPT_CLOCK_SKEW},
};

#define CLOCK_OFFSET_MAX (366 * 86400 * NS_PER_SEC)

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
    if (!strchr(value, '-'))
        return fail_set(fail, 0, "'%s' is no range of ports such as 6000-6100", value);
    return number_parse_range(value, 1, 65535, &options->data_port_low, &options->data_port_high,
                              fail);
}

static bool add_bind(const char *value, struct daemon_options *options, struct fail *fail)
{
    if (options->bind_count == BINDS_MAX)
        return fail_set(fail, 0, "more than %d addresses can't be served", BINDS_MAX);
    options->binds[options->bind_count++] = value;
    return true;
}

static bool parse_rate(const char *value, int64_t *rate, struct fail *fail)
{
    if (!number_parse_rate(value, rate, fail))
        return false;
    return *rate > 0 || fail_set(fail, 0, "'%s' would allow nothing", value);
}

static bool parse_duration(const char *value, int64_t *ns, struct fail *fail)
{
    if (!number_parse_seconds(value, ns, fail))
        return false;
    return *ns > 0 || fail_set(fail, 0, "'%s' would allow nothing", value);
}

/* The name of a file or user. */
static bool take_text(const char *value, const char **text, struct fail *fail)
{
    *text = value;
    return *value || fail_set(fail, 0, "the name is empty");
}

static bool parse_memory(const char *value, int64_t *bytes, struct fail *fail)
{
    if (!number_parse_bytes(value, bytes, fail))
        return false;
    return *bytes >= 1 << 16 || fail_set(fail, 0, "'%s' is below 64k", value);
}

/* Seconds with a sign. That the clock stays above 0 is checked when it is shifted. */
static bool parse_offset(const char *value, int64_t *offset, struct fail *fail)
{
    bool negative = value[0] == '-';
    if (!number_parse_seconds(value + negative, offset, fail))
        return false;
    if (*offset > CLOCK_OFFSET_MAX)
        return fail_set(fail, 0, "'%s' is more than %lld days", value,
                        (long long)(CLOCK_OFFSET_MAX / NS_PER_SEC / 86400));
    *offset = negative ? -*offset : *offset;
    return true;
}

static bool parse_skew(const char *value, int64_t *ppb, struct fail *fail)
{
    double ppm, most = (double)CLOCK_SKEW_MAX_PPB / 1000;
    if (!number_parse_real(value, &ppm, fail))
        return false;
    if (ppm < -most || ppm > most)
        return fail_set(fail, 0, "'%s' is not within %.0f to %.0f", value, -most, most);
    *ppb = llround(ppm * 1000);
    return true;
}

/* Options about who may do what. */
static bool set_trust(struct daemon_options *options, int id, const char *value, struct fail *fail)
{
    switch (id) {
    case OPT_CONFIG:
        return take_text(value, &options->config, fail);
    case OPT_USER:
        return take_text(value, &options->user, fail);
    case OPT_KEEP_NET_ADMIN:
        options->keep_net_admin = true;
        break;
    case OPT_TOKEN_FILE:
        return take_text(value, &options->token_file, fail);
    case OPT_MAKE_TOKEN:
        return take_text(value, &options->make_token, fail);
    case OPT_TLS_CERT:
        return take_text(value, &options->tls_certificate, fail);
    case OPT_TLS_KEY:
        return take_text(value, &options->tls_key, fail);
    case OPT_TLS_CLIENT_CA:
        return take_text(value, &options->tls_client_ca, fail);
    case OPT_MAX_FLOW_RATE:
        return parse_rate(value, &options->quotas.flow_rate, fail);
    case OPT_MAX_TOTAL_RATE:
        return parse_rate(value, &options->quotas.total_rate, fail);
    case OPT_MAX_DURATION:
        return parse_duration(value, &options->quotas.duration, fail);
    case OPT_ALLOW_TEST:
        return netlist_add(&options->quotas.allow, value, fail);
    case OPT_DENY_TEST:
        return netlist_add(&options->quotas.deny, value, fail);
    case OPT_USER_QUOTA:
        return quota_add_user(&options->quotas, value, fail);
    }
    return true;
}

static bool set_option(struct daemon_options *options, int id, const char *value, struct fail *fail)
{
    switch (id) {
    case OPT_BIND:
        return add_bind(value, options, fail);
    case OPT_PORT:
        return int_in(value, 0, 65535, &options->port, fail);
    case OPT_CPU:
        CPU_ZERO(&options->cpus);
        return cpus_parse(value, &options->cpus, fail);
    case OPT_DEBUG:
        options->verbosity++;
        break;
    case OPT_DUMP_DIR:
        options->dump_dir = value;
        break;
    case OPT_DUMP_FILE_SIZE:
        return parse_memory(value, &options->dump_file_size, fail);
    case OPT_DUMP_SPACE:
        return parse_memory(value, &options->dump_space, fail);
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
        options->log_level_given = true;
        return log_parse_level(value, &options->log_level, fail);
    case OPT_NO_AUTH:
        options->no_auth = true;
        break;
    case OPT_CLOCK_OFFSET:
        return parse_offset(value, &options->clock_offset, fail);
    case OPT_CLOCK_SKEW:
        return parse_skew(value, &options->clock_skew_ppb, fail);
    default:
        return set_trust(options, id, value, fail);
    }
    return true;
}

static bool handle(void *context, const struct option_spec *spec, const char *given,
                   const char *value, struct fail *fail)
{
    return set_option(context, spec->id, value, fail) || fail_prefix(fail, "option %s", given);
}

/* Of the command line, only which file comes before it. */
static bool find_config(void *context, const struct option_spec *spec, const char *given,
                        const char *value, struct fail *fail)
{
    (void)given, (void)fail;
    if (spec->id == OPT_CONFIG)
        *(const char **)context = value;
    return true;
}

/* What makes sense on a command line only. */
static bool may_be_in_file(const struct option_spec *spec)
{
    return spec->id != OPT_HELP && spec->id != OPT_VERSION && spec->id != OPT_DEBUG &&
           spec->id != OPT_CONFIG && spec->id != OPT_MAKE_TOKEN && spec->id != OPT_CLOCK_OFFSET &&
           spec->id != OPT_CLOCK_SKEW;
}

static bool handle_setting(void *context, const char *name, const char *value, struct fail *fail)
{
    for (size_t i = 0; i < SPECS; i++) {
        if (strcmp(specs[i].name, name) || !may_be_in_file(&specs[i]))
            continue;
        if (specs[i].argument == OPTION_REQUIRED && !value)
            return fail_set(fail, 0, "%s needs a value", name);
        if (specs[i].argument == OPTION_NONE && value)
            return fail_set(fail, 0, "%s takes no value", name);
        return set_option(context, specs[i].id, value, fail) || fail_prefix(fail, "%s", name);
    }
    return fail_set(fail, 0, "there is no setting '%s'; flowd.conf(5) lists them", name);
}

static bool check_together(const struct daemon_options *options, struct fail *fail)
{
    if (!options->tls_certificate != !options->tls_key)
        return fail_set(fail, 0, "option %s: %s is needed, too",
                        options->tls_key ? "--tls-key" : "--tls-cert",
                        options->tls_key ? "--tls-cert" : "--tls-key");
    if (options->keep_net_admin && !options->user)
        return fail_set(fail, 0, "option --keep-net-admin: only --user drops it");
    if (options->quotas.user_count && !options->token_file && !options->tls_client_ca)
        return fail_set(fail, 0,
                        "option --user-quota: there are users only with --token-file or "
                        "--tls-client-ca");
    if (options->make_token && options->token_file)
        return fail_set(fail, 0,
                        "option --make-token: no daemon is started then, leave out "
                        "--token-file");
    return true;
}

static const struct daemon_options defaults = {
    .port = PROTOCOL_PORT,
    .max_flows = 20000,
    .max_sessions = 256,
    .report_memory = 256 << 20,
    .spill_size = 1 << 30,
    .retain_size = 128 << 20,
    .dump_file_size = INT64_C(1) << 30,
    .dump_space = INT64_C(4) << 30,
    .lease_s = 15,
    .retain_s = 3600,
    .log_level = LOG_LEVEL_WARNING,
};

static bool read_all(int argc, char **argv, struct daemon_options *options, struct fail *fail)
{
    int operand;
    const char *config = NULL;
    if (!option_parse(argc, argv, specs, SPECS, find_config, &config, &operand, fail))
        return false;
    if (config && *config &&
        !conf_read(config, handle_setting, options, &options->config_text, fail))
        return false;
    if (!option_parse(argc, argv, specs, SPECS, handle, options, &operand, fail))
        return false;
    if (operand < argc)
        return fail_set(fail, 0,
                        "'%s' is not an option, and nothing else is taken; --help lists "
                        "the options",
                        argv[operand]);
    return options->help || options->version || check_together(options, fail);
}

bool daemon_options_read(int argc, char **argv, struct daemon_options *options, struct fail *fail)
{
    *options = defaults;
    if (read_all(argc, argv, options, fail))
        return true;
    daemon_options_free(options);
    return false;
}

void daemon_options_free(struct daemon_options *options)
{
    free(options->config_text);
    options->config_text = NULL;
}

void daemon_options_help(void)
{
    printf("Usage: flowd [OPTION]...\n"
           "Carries and measures test flows for controllers such as flowctl.\n");
    option_help(stdout, specs, SPECS);
}
