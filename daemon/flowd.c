/* SPDX-License-Identifier: GPL-3.0-or-later */
/* flowd: parts are set up in order, and taken down in the reverse order. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <malloc.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "secret.h"
#include "control/control_sockets.h"
#include "file.h"
#include "host/background.h"
#include "host/cpus.h"
#include "daemon_options.h"
#include "path.h"
#include "control/gate.h"
#include "control/http.h"
#include "host/identity.h"
#include "host/pid_file.h"
#include "host/privileges.h"
#include "peer/pending.h"
#include "session/spill.h"
#include "stamp/stamp_server.h"
#include "host/state_dir.h"
#include "host/sysinfo.h"

enum { EXIT_USAGE = 1, CPUS_MAX = 1024, LARGE_BLOCK = 512 << 10, ARENAS_MAX = 2 };

/* How long a daemon that was told to end keeps the last reports for their controllers. */
#define LAST_REPORTS_TIME (3 * NS_PER_SEC)
#define LAST_FLOWS_TIME   (2 * NS_PER_SEC)
/* The peers of its flows may not know yet: it does not wait for the end of what they send. */
#define LAST_DRAIN_TIME (NS_PER_SEC / 2)

struct parts {
    struct control_sockets control, metrics;
    struct worker *workers[CPUS_MAX];
    size_t worker_count;
    struct collector *collector;
    struct sessions *sessions;
    struct resolver *resolver;
    struct rendezvous *rendezvous;
    struct pending_connections *pending;
    struct listeners *listeners;
    struct dump_dir dump_dir;
    struct captures *captures;
    struct tracer *tracer;
    struct gate gate;
    struct host_names names; /* that calls may be sent to */
    int spill_fd;            /* until the sessions have it; -1: there is none */
    bool pid_file_written;
    struct rpc_server *rpc;
    struct http *http;
    struct iperf3_server *iperf3;
    struct stamp_server *stamp;
    char daemon_id[PROTOCOL_ID_MAX], boot_id[PROTOCOL_ID_MAX];
};

/* ---- what lasts ---- */

/* Its thread comes later, as all threads: each has privileges of its own. */
static bool open_spill(struct parts *parts, const char *state_dir, struct fail *fail)
{
    parts->spill_fd = spill_open(state_dir, fail);
    return parts->spill_fd >= 0;
}

static bool write_pid_file(struct parts *parts, const char *path, struct fail *fail)
{
    if (!path)
        return true;
    parts->pid_file_written = pid_file_write(path, fail);
    return parts->pid_file_written || fail_prefix(fail, "option --pid-file");
}

/* ---- setting up and taking down ---- */

/* Calls and answers of megabytes are returned to the system as they are freed. Left to itself, the
 * C library raises this threshold with the first, and each thread's arena keeps what it had. */
static void bound_free_memory(void)
{
    mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK);
    mallopt(M_ARENA_MAX, ARENAS_MAX);
}

static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* Before any thread is started: all of them inherit it. */
static bool bind_to_cpus(const cpu_set_t *cpus, struct fail *fail)
{
    return !CPU_COUNT(cpus) || cpus_bind(cpus, fail) || fail_prefix(fail, "option -c");
}

static bool start_workers(struct parts *parts, const struct daemon_options *options,
                          struct fail *fail)
{
    int cpus[CPUS_MAX];
    int usable = sysinfo_cpus(cpus, CPUS_MAX);
    size_t count = options->workers ? (size_t)options->workers : (size_t)usable;
    for (size_t i = 0; i < count; i++) {
        int cpu = usable ? cpus[i % (size_t)usable] : -1;
        parts->workers[i] = worker_start((int)i, cpu, parts->collector, fail);
        if (!parts->workers[i])
            return false;
        parts->worker_count++;
    }
    return true;
}

static bool start_sessions(struct parts *parts, const struct daemon_options *options,
                           struct fail *fail)
{
    struct sessions_config config = {
        .max_flows = options->max_flows,
        .max_sessions = options->max_sessions,
        .report_memory = options->report_memory,
        .spill_size = options->spill_size,
        .retain_size = options->retain_size,
        .quotas = options->quotas,
        .lease_s = options->lease_s,
        .retain_s = options->retain_s,
        .live = options->metrics.wanted,
    };
    memcpy(config.boot_id, parts->boot_id, sizeof config.boot_id);
    parts->sessions = sessions_new(&config);
    int spill_fd = parts->spill_fd;
    parts->spill_fd = -1;
    if (spill_fd >= 0 && !sessions_spill(parts->sessions, spill_fd, fail))
        return false;
    parts->collector = collector_start(sessions_take, sessions_idle, parts->sessions, fail);
    return parts->collector != NULL;
}

static void name_hosts(struct host_names *names, const struct daemon_options *options)
{
    host_names_add_own(names);
    for (int i = 0; i < options->control.bind_count; i++)
        host_names_add(names, options->control.binds[i]);
    for (int i = 0; i < options->metrics.bind_count; i++)
        host_names_add(names, options->metrics.binds[i]);
}

static bool start_rpc(struct parts *parts, const struct daemon_options *options, struct fail *fail)
{
    struct rpc_server_config config = {
        .sessions = parts->sessions,
        .dumps = &parts->dump_dir,
        .stamp = stamp_server_counts(parts->stamp),
        .workers = (int64_t)parts->worker_count,
        .data_ports_low = options->data_port_low,
        .data_ports_high = options->data_port_high,
    };
    memcpy(config.daemon_id, parts->daemon_id, sizeof config.daemon_id);
    memcpy(config.boot_id, parts->boot_id, sizeof config.boot_id);
    parts->rpc = rpc_server_new(&config);
    name_hosts(&parts->names, options);
    parts->http = http_new(parts->rpc, parts->gate.tls, parts->gate.auth,
                           gate_asks(&options->gate) ? NULL : &parts->names);
    if (!parts->http)
        return fail_set(fail, 0, "can't start the HTTP server: %s", fail_errno(errno));
    for (int i = 0; i < parts->control.count; i++)
        if (!http_serve(parts->http, parts->control.fds[i], fail))
            return false;
    for (int i = 0; i < parts->metrics.count; i++)
        if (!http_serve_metrics(parts->http, parts->metrics.fds[i], parts->sessions,
                                stamp_server_counts(parts->stamp), fail))
            return false;
    return true;
}

/* Where the daemon's key lies, unless it is named. */
static bool find_key_dir(struct daemon_options *options, struct fail *fail)
{
    if (!options->state_dir && !options->gate.tls_certificate)
        options->state_dir = state_dir_default(options->user, fail);
    return options->state_dir || options->gate.tls_certificate;
}

/* Reads and makes what lasts, and opens what only a privileged user may open. */
static bool set_up_privileged(struct parts *parts, struct daemon_options *options,
                              struct fail *fail)
{
    bool guarded = options->no_auth || gate_asks(&options->gate);
    state_dir_warn(options->state_dir);
    if (gate_needs_key(&options->gate) && !find_key_dir(options, fail))
        return false;
    return state_dir_check("--state-dir", options->state_dir, fail) &&
           (!options->state_dir || (identity_read(options->state_dir, parts->daemon_id, fail) &&
                                    open_spill(parts, options->state_dir, fail))) &&
           gate_open(&parts->gate, &options->gate, &options->quotas, options->state_dir, fail) &&
           control_sockets_open(&parts->control, &options->control, guarded, fail) &&
           control_sockets_open(&parts->metrics, &options->metrics, guarded, fail) &&
           (!options->serve_iperf3 ||
            (parts->iperf3 = iperf3_server_open(&options->iperf3, fail))) &&
           (!options->serve_stamp || (parts->stamp = stamp_server_open(&options->stamp, fail))) &&
           write_pid_file(parts, options->pid_file, fail);
}

static bool drop_privileges(const struct daemon_options *options, struct fail *fail)
{
    return privileges_drop(
        &(struct privileges){
            .user = options->user,
            .capture = options->dump_dir != NULL,
            .net_admin = options->keep_net_admin,
            .trace = options->trace,
        },
        fail);
}

static bool open_dumps(struct parts *parts, const struct daemon_options *options, struct fail *fail)
{
    return dump_dir_open(&parts->dump_dir, options->dump_dir,
                         &(struct dump_limits){
                             .space = options->dump_space,
                             .file_size = options->dump_file_size,
                             .files = options->dump_files,
                         },
                         fail);
}

static bool set_up(struct parts *parts, struct daemon_options *options, struct fail *fail)
{
    raise_file_limit();
    bound_free_memory();
    identity_make(parts->boot_id);
    identity_make(parts->daemon_id);
    if (!bind_to_cpus(&options->cpus, fail) || !set_up_privileged(parts, options, fail) ||
        !drop_privileges(options, fail) || !state_dir_check("-w", options->dump_dir, fail) ||
        !open_dumps(parts, options, fail) || !start_sessions(parts, options, fail) ||
        !start_workers(parts, options, fail))
        return false;
    parts->resolver = resolver_start(fail);
    if (!parts->resolver)
        return false;
    parts->rendezvous = rendezvous_new();
    parts->captures = captures_new(&parts->dump_dir);
    parts->tracer = tracer_new(&parts->dump_dir, options->trace);
    parts->pending = pending_new(parts->workers, parts->worker_count, parts->rendezvous);
    parts->listeners =
        listeners_new((uint16_t)options->data_port_low, (uint16_t)options->data_port_high,
                      parts->workers, parts->worker_count, pending_accept, parts->pending);
    if (options->quotas.allow.count || options->quotas.deny.count)
        listeners_refuse_wildcard(parts->listeners);
    sessions_set_parts(parts->sessions, &(struct sessions_parts){
                                            .workers = parts->workers,
                                            .worker_count = parts->worker_count,
                                            .listeners = parts->listeners,
                                            .rendezvous = parts->rendezvous,
                                            .resolver = parts->resolver,
                                            .captures = parts->captures,
                                            .tracer = parts->tracer,
                                            .collector = parts->collector,
                                        });
    return start_rpc(parts, options, fail) &&
           (!parts->iperf3 || iperf3_server_start(parts->iperf3, parts->sessions, parts->collector,
                                                  &options->quotas, options->max_sessions, fail)) &&
           (!parts->stamp ||
            stamp_server_start(parts->stamp, parts->collector, &options->quotas, fail));
}

/* Looks every few milliseconds whether `is_so`, for at most `time`. */
static void wait_until(bool (*is_so)(struct sessions *), struct sessions *sessions, int64_t time)
{
    int64_t deadline = clock_now() + time;
    struct timespec pause = {.tv_nsec = 5 * NS_PER_MS};
    while (!is_so(sessions) && clock_now() < deadline)
        nanosleep(&pause, NULL);
}

static void take_down(struct parts *parts)
{
    if (parts->http) {
        struct stop_all_reply stopped = {0};
        sessions_stop_all(parts->sessions, LAST_DRAIN_TIME, "the daemon was shut down", &stopped);
        wait_until(sessions_collected, parts->sessions, LAST_REPORTS_TIME);
        iperf3_server_stop(parts->iperf3);
        http_stop_waiting(parts->http);
        sessions_close_all(parts->sessions);
        http_stop(parts->http);
        wait_until(sessions_gone, parts->sessions, LAST_FLOWS_TIME);
    }
    rpc_server_free(parts->rpc);
    stamp_server_stop(parts->stamp);
    for (size_t i = 0; i < parts->worker_count; i++)
        worker_stop(parts->workers[i]);
    collector_stop(parts->collector);
    captures_free(parts->captures);
    tracer_free(parts->tracer);
    dump_dir_close(&parts->dump_dir);
    iperf3_server_free(parts->iperf3);
    stamp_server_free(parts->stamp);
    listeners_free(parts->listeners);
    pending_free(parts->pending);
    for (size_t i = 0; i < parts->worker_count; i++)
        worker_free(parts->workers[i]);
    rendezvous_free(parts->rendezvous);
    resolver_stop(parts->resolver);
    sessions_free(parts->sessions);
    gate_close(&parts->gate);
    host_names_free(&parts->names);
}

/* ---- the process ---- */

static enum log_level wanted_level(const struct daemon_options *options)
{
    if (options->log_level_given)
        return options->log_level;
    return (enum log_level)(LOG_LEVEL_WARNING + options->verbosity);
}

/* A clock below 0 is none that deadlines could be kept by. */
static bool shift_clock(const struct daemon_options *options, struct fail *fail)
{
    if (!options->clock_offset && !options->clock_skew_ppb)
        return true;
    clock_shift(options->clock_offset, options->clock_skew_ppb);
    return clock_now() > 0 || fail_set(fail, 0,
                                       "option --test-clock-offset: this host has not been up that "
                                       "long, so its clock would be negative");
}

static void tell_addresses(const struct parts *parts)
{
    control_sockets_tell(&parts->control, "listening");
    control_sockets_tell(&parts->metrics, "metrics");
    if (parts->iperf3)
        iperf3_server_tell(parts->iperf3);
    if (parts->stamp)
        stamp_server_tell(parts->stamp);
}

static int serve(struct daemon_options *options)
{
    static struct parts parts = {.dump_dir = {.fd = -1}, .spill_fd = -1};
    struct fail fail = {0};
    if (!shift_clock(options, &fail)) {
        log_error("%s", fail.text);
        return EXIT_FAILURE;
    }
    int ready_fd = -1;
    if (options->pid_file) /* as it is meant before the daemon leaves its directory */
        options->pid_file = path_absolute(options->pid_file);
    options->gate.passed_fd = gate_passed_token();
    parts.control.passed = control_sockets_passed(); /* before the process has another number */
    signals_block();
    if (!options->verbosity) {
        ready_fd = background_enter();
        if (ready_fd < 0) {
            log_error("can't go to the background: %s", fail_errno(errno));
            return EXIT_FAILURE;
        }
    }
    bool good = set_up(&parts, options, &fail);
    if (!good) {
        log_error("%s", fail.text);
    } else {
        if (options->verbosity)
            tell_addresses(&parts);
        else
            background_leave_terminal(ready_fd);
        if (options->no_auth && !gate_asks(&options->gate))
            log_warning("no authentication: anyone who can reach this daemon can control it");
        signals_wait();
    }
    take_down(&parts);
    if (parts.pid_file_written)
        pid_file_remove(options->pid_file);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int make_token(struct daemon_options *options)
{
    struct fail fail = {0};
    if (find_key_dir(options, &fail) &&
        gate_make_token(options->make_token, &options->gate, &options->control, options->state_dir,
                        &fail))
        return EXIT_SUCCESS;
    log_error("%s", fail.text);
    return EXIT_FAILURE;
}

static int show_key(struct daemon_options *options)
{
    struct fail fail = {0};
    if (find_key_dir(options, &fail) && gate_show_key(&options->gate, options->state_dir, &fail))
        return EXIT_SUCCESS;
    log_error("%s", fail.text);
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    static struct daemon_options options; /* what it owns lives as long as the process */
    struct fail fail;
    file_hold_standard();
    log_open("flowd", false);
    if (!daemon_options_read(argc, argv, &options, &fail)) {
        fprintf(stderr, "flowd: %s\n", fail.text);
        return EXIT_USAGE;
    }
    if (options.help) {
        daemon_options_help();
        return EXIT_SUCCESS;
    }
    if (options.version) {
        printf("flowd (%s) %s\n", PACKAGE_NAME, PACKAGE_VERSION);
        return EXIT_SUCCESS;
    }
    log_set_level(wanted_level(&options));
    int status = options.make_token ? make_token(&options)
                 : options.show_key ? show_key(&options)
                                    : serve(&options);
    daemon_options_free(&options);
    return status;
}
