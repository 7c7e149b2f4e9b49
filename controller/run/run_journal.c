/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a run writes down about itself, for a controller that comes after this one. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "mem.h"
#include "path.h"
#include "run/run_state.h"

/* A log that can be read again and continued: no pipe or device. */
static bool is_file(const char *path)
{
    struct stat status;
    return strcmp(path, "-") != 0 && !stat(path, &status) && S_ISREG(status.st_mode);
}

static void fill_file(const struct run *run, struct run_file *file)
{
    const char *token = access_token_file(&run->options->access);
    memcpy(file->id, run->id, sizeof file->id);
    mem_copy_text(file->version, sizeof file->version, PACKAGE_VERSION);
    file->log = run->options->output.log && is_file(run->options->output.log_file)
                    ? path_absolute(run->options->output.log_file)
                    : NULL;
    file->seed = run->seed;
    file->read_at = run->options->read_at;
    file->directory = path_absolute(".");
    file->token = token ? path_absolute(token) : NULL;
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

static void log_stale_run_file(const struct fail *fail)
{
    /* A user without a home, or whose home is read-only, need not be told at every run. */
    enum log_level level = fail->code == RUN_FILE_NO_PLACE ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING;
    log_at(level, "the run's state can't be saved, so 'flowctl attach' will not work for it: %s",
           fail->text);
}

void run_remember(struct run *run)
{
    struct fail fail = {0};
    if (run->private)
        return; /* its daemons die with us */
    fill_file(run, &run->file);
    if (!run_file_write(&run->file, &fail)) {
        log_stale_run_file(&fail);
        return;
    }
    char words[INTERRUPT_WORDS_MAX];
    snprintf(words, sizeof words,
             "flowctl: quit without the last reports: 'flowctl attach %.8s' collects them\n",
             run->id);
    interrupt_set_last_words(words);
}

void run_remember_start(struct run *run)
{
    struct fail fail;
    if (!run_file_started(&run->file, &fail))
        log_stale_run_file(&fail);
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
    log_warning("the daemons keep the missing rows for %" PRId64 " s: free some space, then "
                "'flowctl attach %.8s' adds them",
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
