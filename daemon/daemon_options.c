/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf.h"
#include "daemon_options_state.h"
#include "mem.h"
#include "option.h"
#include "protocol.h"

enum { METRICS_PORT = PROTOCOL_PORT - 1 };

#define GENERAL "General options"
#define CONTROL "Control connections"
#define FLOWS   "Flows"
#define LIMITS  "Limits"
#define GUESTS  "Clients of other programs"
#define TESTS   "For tests of flowrig itself"

static const struct option_spec specs[] = {
    {'h', "help", OPTION_NONE, NULL, GENERAL, "display this help and exit", OPT_HELP},
    {'v', "version", OPTION_NONE, NULL, GENERAL, "print version information and exit", OPT_VERSION},
    {'d', "debug", OPTION_NONE, NULL, GENERAL,
     "stay in the foreground, and log what happens to flows; -dd: also calls; -ddd: also each "
     "read, write and timer",
     OPT_DEBUG},
    {0, "log-level", OPTION_REQUIRED, "LEVEL", GENERAL,
     "what to log, regardless of -d: error, warning (default), info, debug or trace",
     OPT_LOG_LEVEL},
    {0, "pid-file", OPTION_REQUIRED, "FILE", GENERAL,
     "write the process ID to FILE once the daemon listens", OPT_PID_FILE},
    {0, "state-dir", OPTION_REQUIRED, "DIR", GENERAL,
     "keep persistent data in the existing directory DIR: identity, key, certificate, and reports "
     "that do not fit in memory",
     OPT_STATE_DIR},
    {0, "config", OPTION_REQUIRED, "FILE", GENERAL,
     "read options from FILE, one per line, before those on the command line", OPT_CONFIG},
    {0, "user", OPTION_REQUIRED, "NAME", GENERAL,
     "switch to user NAME once the control sockets are open", OPT_USER},
    {0, "keep-net-admin", OPTION_NONE, NULL, GENERAL,
     "with --user, keep CAP_NET_ADMIN, for congestion control algorithms that need it",
     OPT_KEEP_NET_ADMIN},
    {'b', "bind", OPTION_REQUIRED, "ADDR", CONTROL,
     "listen on ADDR, such as 10.0.0.1, 10.0.0.1:5999, ::1, [fe80::1%eth0]:5999 or a host name; "
     "may be repeated (default: the loopback addresses). The IPv6 wildcard :: includes IPv4",
     OPT_BIND},
    {'p', "port", OPTION_REQUIRED, "#", CONTROL,
     "port if ADDR has none (default: 5999; 0: any free port)", OPT_PORT},
    {0, "metrics", OPTION_OPTIONAL, "ADDR", CONTROL,
     "serve metrics for Prometheus at http://ADDR/metrics, to those who may control this daemon; "
     "may be repeated (default: the loopback addresses, port 5998)",
     OPT_METRICS},
    {0, "no-auth", OPTION_NONE, NULL, CONTROL,
     "allow non-loopback addresses without authentication: anyone who can reach them can control "
     "this daemon",
     OPT_NO_AUTH},
    {0, "token-file", OPTION_REQUIRED, "FILE", CONTROL,
     "serve only the users in FILE, who authenticate with their token over TLS; allows any address",
     OPT_TOKEN_FILE},
    {0, "make-token", OPTION_REQUIRED, "FILE", CONTROL,
     "write a new token file with a random secret and this daemon's key, and exit", OPT_MAKE_TOKEN},
    {0, "show-key", OPTION_NONE, NULL, CONTROL,
     "print the fingerprint of this daemon's key, as shown by controllers, and exit", OPT_SHOW_KEY},
    {0, "tls-cert", OPTION_REQUIRED, "FILE", CONTROL,
     "use this certificate (default: the one in the state directory, created at the first start)",
     OPT_TLS_CERT},
    {0, "tls-key", OPTION_REQUIRED, "FILE", CONTROL, "private key of --tls-cert", OPT_TLS_KEY},
    {0, "tls-client-ca", OPTION_REQUIRED, "FILE", CONTROL,
     "serve only controllers that present a certificate of this CA, in addition to a token if "
     "there is a token file",
     OPT_TLS_CLIENT_CA},
    {'c', "cpu", OPTION_REQUIRED, "LIST", FLOWS,
     "bind the daemon to these CPUs, numbered from 0, such as 0-3,8, or to those of a NUMA node, "
     "such as node:1",
     OPT_CPU},
    {0, "workers", OPTION_REQUIRED, "#", FLOWS,
     "number of threads that run flows (default: one per usable CPU)", OPT_WORKERS},
    {0, "data-ports", OPTION_REQUIRED, "LO-HI", FLOWS,
     "range of ports on which destinations listen (default: any)", OPT_DATA_PORTS},
    {'w', "dump-dir", OPTION_REQUIRED, "DIR", FLOWS,
     "write packet dumps to this directory if requested", OPT_DUMP_DIR},
    {0, "trace", OPTION_NONE, NULL, FLOWS,
     "write traces of flows (flowtrace(5)) to that directory too if requested; keeps CAP_BPF and "
     "CAP_PERFMON",
     OPT_TRACE},
    {0, "max-flows", OPTION_REQUIRED, "#", LIMITS, "flow endpoints at once (default: 20000)",
     OPT_MAX_FLOWS},
    {0, "max-sessions", OPTION_REQUIRED, "#", LIMITS, "sessions at once (default: 256)",
     OPT_MAX_SESSIONS},
    {0, "dump-file-size", OPTION_REQUIRED, "#", LIMITS,
     "size at which a packet dump ends, in bytes (default: 1G)", OPT_DUMP_FILE_SIZE},
    {0, "dump-space", OPTION_REQUIRED, "#", LIMITS,
     "size of all packet dumps in the directory together, in bytes (default: 4G)", OPT_DUMP_SPACE},
    {0, "dump-files", OPTION_REQUIRED, "#", LIMITS,
     "number of all packet dumps in the directory (default: 10000)", OPT_DUMP_FILES},
    {0, "report-memory", OPTION_REQUIRED, "#", LIMITS,
     "memory for reports not fetched yet, in bytes (default: 256M)", OPT_REPORT_MEMORY},
    {0, "spill-size", OPTION_REQUIRED, "#", LIMITS,
     "space in the state directory for reports that do not fit in memory, in bytes (default: 1G)",
     OPT_SPILL_SIZE},
    {0, "lease", OPTION_REQUIRED, "#", LIMITS,
     "lifetime of a session without a call from its controller, in seconds (default: 15)",
     OPT_LEASE},
    {0, "retain", OPTION_REQUIRED, "#", LIMITS,
     "how long to keep the reports of a session that has ended, in seconds (default: 3600)",
     OPT_RETAIN},
    {0, "retain-size", OPTION_REQUIRED, "#", LIMITS,
     "maximum size of such reports in memory and file, in bytes; beyond it those of the oldest "
     "session are dropped (default: 128M)",
     OPT_RETAIN_SIZE},
    {0, "max-flow-rate", OPTION_REQUIRED, "#.#", LIMITS,
     "maximum rate of one endpoint, such as 100Mbit; refuses endpoints without a rate",
     OPT_MAX_FLOW_RATE},
    {0, "max-total-rate", OPTION_REQUIRED, "#.#", LIMITS,
     "maximum total rate of all endpoints; refuses endpoints without a rate", OPT_MAX_TOTAL_RATE},
    {0, "max-duration", OPTION_REQUIRED, "#.#", LIMITS,
     "maximum duration of a flow, from the start of its run, in seconds", OPT_MAX_DURATION},
    {0, "allow-test", OPTION_REQUIRED, "NET[,NET]...", LIMITS,
     "test only with these addresses, such as 10.0.0.0/8,fd00::/8; may be repeated",
     OPT_ALLOW_TEST},
    {0, "deny-test", OPTION_REQUIRED, "NET[,NET]...", LIMITS,
     "never test with these addresses, even if they are allowed", OPT_DENY_TEST},
    {0, "user-quota", OPTION_REQUIRED, "[USER:]NAME=#[,NAME=#]...", LIMITS,
     "limits of USER, or of each user without own limits: sessions=, flows=, rate= (of all flows), "
     "duration=, reports= (bytes) and lease=, such as flows=10,rate=1Gbit; may be repeated",
     OPT_USER_QUOTA},
    {0, "iperf3", OPTION_OPTIONAL, "[ADDR:]PORT", GUESTS,
     "serve iperf3 clients as well, at this port (default: 5201, at the loopback addresses, or at "
     "all addresses with --allow-iperf)",
     OPT_IPERF3},
    {0, "allow-iperf", OPTION_REQUIRED, "NET[,NET]...", GUESTS,
     "serve clients at these addresses, such as 10.0.0.0/8,fd00::/8, besides those of this host; "
     "may be repeated",
     OPT_ALLOW_IPERF},
    {0, "stamp", OPTION_OPTIONAL, "[ADDR:]PORT", GUESTS,
     "answer senders of STAMP and TWAMP Light at this UDP port (default: 862, at the loopback "
     "addresses, or at all addresses with --allow-stamp)",
     OPT_STAMP},
    {0, "allow-stamp", OPTION_REQUIRED, "NET[,NET]...", GUESTS,
     "answer senders at these addresses, such as 10.0.0.0/8,fd00::/8, besides those of this host; "
     "may be repeated",
     OPT_ALLOW_STAMP},
    {0, "stamp-key", OPTION_REQUIRED, "FILE", GUESTS,
     "answer only senders with the key in the first line of FILE (authenticated mode)",
     OPT_STAMP_KEY},
    {0, "test-clock-offset", OPTION_REQUIRED, "#", TESTS,
     "set the daemon's clock ahead of the system's by # seconds (behind if negative)",
     OPT_CLOCK_OFFSET},
    {0, "test-clock-skew", OPTION_REQUIRED, "PPM", TESTS,
     "let the daemon's clock run faster by PPM parts per million (slower if negative)",
     OPT_CLOCK_SKEW},
};

enum { SPECS = COUNT(specs) };

static bool handle(void *context, const struct option_spec *spec, const char *given,
                   const char *value, struct fail *fail)
{
    return daemon_option_set(context, spec->id, value, fail) ||
           fail_prefix(fail, "option %s", given);
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
           spec->id != OPT_CONFIG && spec->id != OPT_MAKE_TOKEN && spec->id != OPT_SHOW_KEY &&
           spec->id != OPT_CLOCK_OFFSET && spec->id != OPT_CLOCK_SKEW;
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
        return daemon_option_set(context, specs[i].id, value, fail) ||
               fail_prefix(fail, "%s", name);
    }
    return fail_set(fail, 0, "unknown setting '%s'; flowd.conf(5) lists them", name);
}

static bool check_together(const struct daemon_options *options, struct fail *fail)
{
    if (!options->gate.tls_certificate != !options->gate.tls_key)
        return fail_set(fail, 0, "option %s: %s is needed, too",
                        options->gate.tls_key ? "--tls-key" : "--tls-cert",
                        options->gate.tls_key ? "--tls-cert" : "--tls-key");
    if (options->trace && !options->dump_dir)
        return fail_set(fail, 0,
                        "option --trace: traces need a directory: add -w DIR (--dump-dir)");
    if (options->keep_net_admin && !options->user)
        return fail_set(fail, 0, "option --keep-net-admin: only --user drops it");
    if (options->quotas.user_count && !options->gate.token_file && !options->gate.tls_client_ca &&
        !options->serve_iperf3)
        return fail_set(fail, 0,
                        "option --user-quota: there are users only with --token-file, "
                        "--tls-client-ca or --iperf3");
    if (options->iperf3.allow.count && !options->serve_iperf3)
        return fail_set(fail, 0, "option --allow-iperf: only --iperf3 serves such clients");
    if (options->stamp.allow.count && !options->serve_stamp)
        return fail_set(fail, 0, "option --allow-stamp: only --stamp answers such senders");
    if (options->stamp.key_file && !options->serve_stamp)
        return fail_set(fail, 0, "option --stamp-key: only --stamp uses it");
    if (options->make_token && options->gate.token_file)
        return fail_set(fail, 0,
                        "option --make-token: it only creates the file: omit --token-file");
    return true;
}

static const struct daemon_options defaults = {
    .control = {.option = "-b",
                .wanted = true,
                .port = PROTOCOL_PORT,
                .danger = "control this daemon",
                .hint = ", perhaps by another flowd; -p selects another port"},
    .metrics = {.option = "--metrics",
                .port = METRICS_PORT,
                .danger = "read its metrics",
                .hint = ", perhaps by another flowd; --metrics=ADDR:PORT selects another port"},
    .max_flows = 20000,
    .max_sessions = 256,
    .report_memory = 256 << 20,
    .spill_size = 1 << 30,
    .retain_size = 128 << 20,
    .dump_file_size = INT64_C(1) << 30,
    .dump_space = INT64_C(4) << 30,
    .dump_files = 10000,
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
        return fail_set(fail, 0, "unexpected argument '%s'; --help lists the options",
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
