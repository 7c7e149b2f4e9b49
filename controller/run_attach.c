/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A run that outlives its controller: what is written down before the start, and how another
 * controller goes on with it. */
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "mem.h"
#include "run_state.h"

enum { CALL_TIMEOUT_MS = 10000 };

/* ---- before the start ---- */

static char *absolute(const char *path)
{
    char directory[PATH_MAX];
    if (path[0] == '/' || !getcwd(directory, sizeof directory))
        return mem_strdup(path);
    return mem_printf("%s/%s", directory, path);
}

static void fill_file(const struct run *run, struct run_file *file)
{
    const char *token = access_token_file(&run->options->access);
    memcpy(file->id, run->id, sizeof file->id);
    mem_copy_text(file->version, sizeof file->version, PACKAGE_VERSION);
    file->log = run->options->log ? absolute(run->options->log_file) : NULL;
    file->seed = run->seed;
    file->read_at = run->options->read_at;
    file->directory = absolute(".");
    file->token = token ? absolute(token) : NULL;
    file->argc = run->options->argc;
    file->argv = mem_new((size_t)file->argc + 1, sizeof *file->argv);
    for (int i = 0; i < file->argc; i++)
        file->argv[i] = mem_strdup(run->options->argv[i]);
    file->session_count = run->plan->daemon_count;
    file->sessions = mem_new(file->session_count, sizeof *file->sessions);
    for (size_t i = 0; i < file->session_count; i++) {
        memcpy(file->sessions[i].session, run->daemons[i].session, PROTOCOL_ID_MAX);
        memcpy(file->sessions[i].boot_id, run->described[i].boot_id, PROTOCOL_ID_MAX);
    }
}

static void say_alone(const struct fail *fail)
{
    /* A user without a home is used to that. */
    enum log_level level = fail->code == RUN_FILE_NO_HOME ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING;
    log_write(level, "nobody can attach to this run if this flowctl dies: %s", fail->text);
}

void run_remember(struct run *run)
{
    struct fail fail = {0};
    if (run->private)
        return; /* its daemons die with us */
    fill_file(run, &run->file);
    if (!run_file_write(&run->file, &fail))
        say_alone(&fail);
}

void run_remember_start(struct run *run)
{
    struct fail fail;
    if (!run_file_started(&run->file, &fail))
        say_alone(&fail);
}

bool run_leave_rows(struct run *run)
{
    int64_t kept_s = INT64_MAX;
    if (run->file.fd < 0 || !run->file.wall_start)
        return false;
    for (size_t i = 0; i < run->plan->daemon_count; i++)
        if (!run->daemons[i].gone && run->daemons[i].described &&
            run->described[i].quotas.retain_s < kept_s)
            kept_s = run->described[i].quotas.retain_s;
    if (kept_s == INT64_MAX)
        return false;
    log_warning("the daemons keep what the log lacks for %" PRId64 " s: make room, then 'flowctl "
                "attach %.8s' adds it",
                kept_s, run->id);
    return true;
}

void run_forget(struct run *run)
{
    for (size_t i = 0; i < run->plan->daemon_count; i++)
        if (run->daemons[i].session[0] && !run->daemons[i].gone)
            return;
    run_file_remove(&run->file);
}

/* ---- afterwards ---- */

bool run_is_collected(const struct run *run)
{
    for (size_t i = 0; i < run->plan->daemon_count; i++)
        if (!run->daemons[i].finished)
            return false;
    return true;
}

void run_name_sessions(struct run *run)
{
    for (size_t i = 0; i < run->plan->daemon_count; i++) {
        memcpy(run->daemons[i].session, run->file.sessions[i].session, PROTOCOL_ID_MAX);
        fleet_add(run->fleet, run->plan->daemons[i].host, run->plan->daemons[i].port);
    }
}

/* The renewal is the first call: what comes later may take its time. */
static void find_again(struct run *run)
{
    run_name_sessions(run);
    for (size_t i = 0; i < run->plan->daemon_count; i++) {
        struct session_call renew = {0};
        struct empty_message nothing = {0};
        struct schema_call names = {.names_only = true};
        memcpy(renew.session, run->daemons[i].session, sizeof renew.session);
        run->daemons[i].last_contact = clock_now();
        fleet_call(run->fleet, i, LANE_COMMAND, METHOD_RENEW, &renew, CALL_TIMEOUT_MS, NULL);
        fleet_call(run->fleet, i, LANE_COMMAND, METHOD_DESCRIBE, &nothing, CALL_TIMEOUT_MS, NULL);
        fleet_call(run->fleet, i, LANE_REPORTS, METHOD_SCHEMA, &names, CALL_TIMEOUT_MS, NULL);
    }
    while (fleet_pending(run->fleet) && !interrupt_asked())
        fleet_step(run->fleet, CALL_TIMEOUT_MS);
}

bool run_rejoin_result(struct run *run, const struct fleet_result *result)
{
    struct run_daemon *daemon = &run->daemons[result->daemon];
    bool is_ours = result->method == METHOD_RENEW || result->method == METHOD_DESCRIBE ||
                   result->method == METHOD_SCHEMA;
    if (!is_ours)
        return false;
    if (result->outcome == FLEET_ANSWERED) {
        daemon->last_contact = result->received;
        return result->method == METHOD_RENEW;
    }
    daemon->gone |= result->outcome == FLEET_FAULT && result->fail.code == FAULT_GONE;
    run_lose_daemon(run, result->daemon, result->fail.text);
    return true;
}

static bool any_left(const struct run *run)
{
    for (size_t i = 0; i < run->plan->daemon_count; i++)
        if (!run->daemons[i].lost)
            return true;
    return false;
}

static bool any_reached(const struct run *run)
{
    for (size_t i = 0; i < run->plan->daemon_count; i++)
        if (run->daemons[i].described || run->daemons[i].gone)
            return true;
    return false;
}

bool run_rejoin(struct run *run)
{
    find_again(run);
    if (run->failed || interrupt_asked())
        return false;
    if (!run->file.wall_start) {
        run_fail(run, EXIT_PARTIAL, "run %.8s was not started: there is nothing to collect",
                 run->id);
        return false;
    }
    /* The wall clock may have been set: then only the time for giving up is another one. */
    int64_t since = clock_wall() - run->file.wall_start;
    run->start = clock_now() - (since > 0 ? since : 0);
    if (any_left(run)) {
        run_find_peers(run); /* the clocks are compared anew, while the flows run */
        return true;
    }
    run->failed = true;
    run->status = any_reached(run) ? EXIT_PARTIAL : EXIT_NOT_REACHED;
    return false;
}
