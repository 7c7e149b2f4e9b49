/* SPDX-License-Identifier: GPL-3.0-or-later */
/* flowd: parts are set up in order, and taken down in the reverse order. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "block.h"
#include "control_sockets.h"
#include "cpus.h"
#include "daemon_options.h"
#include "gate.h"
#include "http.h"
#include "privileges.h"
#include "spill.h"
#include "sock.h"
#include "state_dir.h"
#include "sysinfo.h"

enum { EXIT_USAGE = 1, CPUS_MAX = 1024 };

/* How long a daemon that was told to end keeps the last reports for their controllers. */
#define LAST_REPORTS_TIME (3 * NS_PER_SEC)
#define LAST_FLOWS_TIME   (2 * NS_PER_SEC)
/* The peers of its flows may not know yet: it does not wait for the end of what they send. */
#define LAST_DRAIN_TIME (NS_PER_SEC / 2)

struct parts {
    struct control_sockets control;
    struct worker *workers[CPUS_MAX];
    size_t worker_count;
    struct collector *collector;
    struct sessions *sessions;
    struct resolver *resolver;
    struct rendezvous *rendezvous;
    struct listeners *listeners;
    struct dump_dir dump_dir;
    struct captures *captures;
    struct gate gate;
    int spill_fd; /* until the sessions have it; -1: there is none */
    bool pid_file_written;
    struct rpc_server *rpc;
    struct http *http;
    char daemon_id[PROTOCOL_ID_MAX], boot_id[PROTOCOL_ID_MAX];
};

/* ---- identity ---- */

static void make_id(char id[PROTOCOL_ID_MAX])
{
    uint8_t random[SECRET_SIZE];
    secret_make(random);
    secret_format(random, id);
}

/* A file of one line. One that can't hold it, on a full disk, is not left behind. */
static bool write_text(const char *path, const char *mode, const char *text, struct fail *fail)
{
    FILE *file = fopen(path, mode);
    bool good = file && fprintf(file, "%s\n", text) > 0 && !fflush(file);
    if (!good)
        fail_set(fail, 0, "%s can't be written: %s", path, fail_errno(errno));
    if (file)
        fclose(file);
    if (file && !good)
        unlink(path);
    return good;
}

/* The identity that lasts lies in the state directory. */
static bool read_identity(const char *state_dir, char id[PROTOCOL_ID_MAX], struct fail *fail)
{
    char *path = mem_printf("%s/daemon-id", state_dir);
    uint8_t unused[SECRET_SIZE];
    bool good = true;
    FILE *file = fopen(path, "re");
    if (file && (!fgets(id, PROTOCOL_ID_MAX, file) || !secret_parse(id, unused)))
        good = fail_set(fail, 0, "%s does not hold an identity; remove it to get a new one", path);
    if (file)
        fclose(file);
    if (!file) {
        make_id(id);
        good = write_text(path, "wxe", id, fail);
    }
    free(path);
    return good;
}

/* Its thread comes later, as all threads: each has privileges of its own. */
static bool open_spill(struct parts *parts, const char *state_dir, struct fail *fail)
{
    parts->spill_fd = spill_open(state_dir, fail);
    return parts->spill_fd >= 0;
}

static bool check_directory(const char *option, const char *path, struct fail *fail)
{
    struct stat status;
    if (!path)
        return true;
    if (stat(path, &status))
        return fail_set(fail, 0, "option %s: %s: %s", option, path, fail_errno(errno));
    if (!S_ISDIR(status.st_mode))
        return fail_set(fail, 0, "option %s: %s is not a directory", option, path);
    if (access(path, W_OK | X_OK))
        return fail_set(fail, 0, "option %s: %s can't be written to: %s", option, path,
                        fail_errno(errno));
    return true;
}

static bool write_pid_file(struct parts *parts, const char *path, struct fail *fail)
{
    if (!path)
        return true;
    char number[24];
    snprintf(number, sizeof number, "%ld", (long)getpid());
    parts->pid_file_written = write_text(path, "we", number, fail);
    return parts->pid_file_written || fail_prefix(fail, "option --pid-file");
}

/* ---- setting up and taking down ---- */

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

static bool start_rpc(struct parts *parts, const struct daemon_options *options, struct fail *fail)
{
    struct rpc_server_config config = {
        .sessions = parts->sessions,
        .dumps = &parts->dump_dir,
        .workers = (int64_t)parts->worker_count,
        .data_ports_low = options->data_port_low,
        .data_ports_high = options->data_port_high,
    };
    memcpy(config.daemon_id, parts->daemon_id, sizeof config.daemon_id);
    memcpy(config.boot_id, parts->boot_id, sizeof config.boot_id);
    parts->rpc = rpc_server_new(&config, fail);
    if (!parts->rpc)
        return false;
    parts->http = http_new(parts->rpc, parts->gate.tls, parts->gate.auth);
    if (!parts->http)
        return fail_set(fail, 0, "the HTTP front can't be started: %s", fail_errno(errno));
    for (int i = 0; i < parts->control.count; i++)
        if (!http_serve(parts->http, parts->control.fds[i], fail))
            return false;
    return true;
}

/* Reads and makes what lasts, and opens what only a privileged user may open. */
static bool set_up_privileged(struct parts *parts, struct daemon_options *options,
                              struct fail *fail)
{
    if (!options->state_dir && gate_needs_key(options) && !options->tls_certificate) {
        options->state_dir = state_dir_default(options->user, fail);
        if (!options->state_dir)
            return false;
    }
    return check_directory("--state-dir", options->state_dir, fail) &&
           (!options->state_dir || (read_identity(options->state_dir, parts->daemon_id, fail) &&
                                    open_spill(parts, options->state_dir, fail))) &&
           gate_open(&parts->gate, options, options->state_dir, fail) &&
           control_sockets_open(&parts->control, options, fail) &&
           write_pid_file(parts, options->pid_file, fail);
}

static bool drop_privileges(const struct daemon_options *options, struct fail *fail)
{
    return privileges_drop(
        &(struct privileges){
            .user = options->user,
            .capture = options->dump_dir != NULL,
            .net_admin = options->keep_net_admin,
        },
        fail);
}

static bool set_up(struct parts *parts, struct daemon_options *options, struct fail *fail)
{
    raise_file_limit();
    make_id(parts->boot_id);
    make_id(parts->daemon_id);
    if (!bind_to_cpus(&options->cpus, fail) || !set_up_privileged(parts, options, fail) ||
        !drop_privileges(options, fail) || !check_directory("-w", options->dump_dir, fail) ||
        !dump_dir_open(&parts->dump_dir, options->dump_dir, options->dump_space,
                       options->dump_file_size, fail) ||
        !start_sessions(parts, options, fail) || !start_workers(parts, options, fail))
        return false;
    parts->resolver = resolver_start(fail);
    if (!parts->resolver)
        return false;
    parts->rendezvous = rendezvous_new();
    parts->captures = captures_new(&parts->dump_dir);
    parts->listeners =
        listeners_new((uint16_t)options->data_port_low, (uint16_t)options->data_port_high,
                      parts->workers, parts->worker_count, parts->rendezvous);
    sessions_set_parts(parts->sessions, &(struct sessions_parts){
                                            .workers = parts->workers,
                                            .worker_count = parts->worker_count,
                                            .listeners = parts->listeners,
                                            .rendezvous = parts->rendezvous,
                                            .resolver = parts->resolver,
                                            .captures = parts->captures,
                                            .collector = parts->collector,
                                        });
    return start_rpc(parts, options, fail);
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
        sessions_stop_all(parts->sessions, LAST_DRAIN_TIME, &stopped);
        wait_until(sessions_collected, parts->sessions, LAST_REPORTS_TIME);
        http_stop_waiting(parts->http);
        sessions_close_all(parts->sessions);
        http_stop(parts->http);
        wait_until(sessions_gone, parts->sessions, LAST_FLOWS_TIME);
    }
    rpc_server_free(parts->rpc);
    for (size_t i = 0; i < parts->worker_count; i++)
        worker_stop(parts->workers[i]);
    collector_stop(parts->collector);
    captures_free(parts->captures);
    dump_dir_close(&parts->dump_dir);
    listeners_free(parts->listeners);
    for (size_t i = 0; i < parts->worker_count; i++)
        worker_free(parts->workers[i]);
    rendezvous_free(parts->rendezvous);
    resolver_stop(parts->resolver);
    sessions_free(parts->sessions);
    gate_close(&parts->gate);
}

/* ---- the background ---- */

/* Forks; the parent waits until the child says that it listens, and takes over its exit status.
 * Gives the descriptor to say it to, in the child. */
static int go_to_background(void)
{
    int pipe_fds[2];
    char ready;
    int status = EXIT_FAILURE;
    if (pipe2(pipe_fds, O_CLOEXEC))
        return -1;
    pid_t child = fork();
    if (child < 0)
        return -1;
    if (child == 0) {
        close(pipe_fds[0]);
        setsid();
        return pipe_fds[1];
    }
    close(pipe_fds[1]);
    if (read(pipe_fds[0], &ready, 1) == 1)
        _exit(EXIT_SUCCESS);
    if (waitpid(child, &status, 0) == child && WIFEXITED(status))
        _exit(WEXITSTATUS(status));
    _exit(EXIT_FAILURE);
}

static void leave_terminal(int ready_fd)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (chdir("/"))
        log_warning("can't change to /: %s", fail_errno(errno));
    log_open("flowd", true);
    for (int fd = 0; fd < 3 && null >= 0; fd++)
        dup2(null, fd);
    if (write(ready_fd, "", 1) != 1)
        log_warning("the parent is gone");
    close(ready_fd);
}

static enum log_level wanted_level(const struct daemon_options *options)
{
    if (options->log_level_given)
        return options->log_level;
    return (enum log_level)(LOG_LEVEL_WARNING + options->verbosity);
}

/* Paths are kept as they were meant before the daemon leaves its directory. */
static const char *absolute(const char *path)
{
    char directory[PATH_MAX];
    if (!path || path[0] == '/' || !getcwd(directory, sizeof directory))
        return path;
    return mem_printf("%s/%s", directory, path);
}

static void wait_for_end(void)
{
    sigset_t ends;
    int number;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGHUP);
    sigwait(&ends, &number);
    log_info("ending on signal %d", number);
    /* Whoever asks twice means at once. */
    pthread_sigmask(SIG_UNBLOCK, &ends, NULL);
}

static void block_signals(void)
{
    sigset_t ends;
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
}

/* A clock below 0 is none that deadlines could be kept by. */
static bool shift_clock(const struct daemon_options *options, struct fail *fail)
{
    if (!options->clock_offset && !options->clock_skew_ppb)
        return true;
    clock_shift(options->clock_offset, options->clock_skew_ppb);
    return clock_now() > 0 || fail_set(fail, 0,
                                       "option --test-clock-offset: this host was not up for that "
                                       "long, so that its clock would be negative");
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
    options->pid_file = absolute(options->pid_file);
    parts.control.passed = control_sockets_passed(); /* before the process has another number */
    block_signals();
    if (!options->verbosity) {
        ready_fd = go_to_background();
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
            control_sockets_tell(&parts.control);
        else
            leave_terminal(ready_fd);
        if (options->no_auth && !gate_asks(options))
            log_warning("no authentication: anybody who reaches this daemon can command it");
        wait_for_end();
    }
    take_down(&parts);
    if (parts.pid_file_written && unlink(options->pid_file))
        log_info("%s can't be removed: %s", options->pid_file, fail_errno(errno));
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int make_token(const struct daemon_options *options)
{
    struct fail fail = {0};
    if (gate_make_token(options, &fail))
        return EXIT_SUCCESS;
    log_error("%s", fail.text);
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct daemon_options options;
    struct fail fail;
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
    int status = options.make_token ? make_token(&options) : serve(&options);
    daemon_options_free(&options);
    return status;
}
