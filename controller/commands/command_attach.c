/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "commands/command.h"
#include "log.h"
#include "mem.h"
#include "printable.h"
#include "run/run.h"

static void print_run(void *context, const struct run_file *file, bool busy)
{
    char date[64] = "not started";
    time_t seconds = file->wall_start / NS_PER_SEC;
    struct tm local;
    (void)context;
    char *log = mem_strdup(file->log ? file->log : "none");
    printable(log);
    if (file->wall_start && localtime_r(&seconds, &local))
        strftime(date, sizeof date, "started %Y-%m-%d %H:%M:%S", &local);
    printf("%.8s: %s, %zu daemon%s, %s, log %s\n", file->id, date, file->session_count,
           file->session_count == 1 ? "" : "s", busy ? "its flowctl runs" : "its flowctl is gone",
           log);
    free(log);
}

/* The token file of the environment counts here, too, where it is named from here. */
static bool chdir_to_run(const struct run_file *file, struct fail *fail)
{
    const char *token = getenv("FLOWRIG_TOKEN_FILE");
    char *real = token && *token ? realpath(token, NULL) : NULL;
    if (real)
        setenv("FLOWRIG_TOKEN_FILE", real, 1);
    free(real);
    return !chdir(file->directory) ||
           fail_set(fail, 0, "run %.8s was started in %s, which is not accessible: %s", file->id,
                    file->directory, fail_errno(errno));
}

/* The plan is made from the same words as the first time, at the same place. */
static bool rebuild_plan(struct run_file *file, struct run_options *options, struct fail *fail)
{
    if (strcmp(file->version, PACKAGE_VERSION))
        return fail_set(fail, 0, "run %.8s was started by flowctl %s, but this is %s", file->id,
                        file->version, PACKAGE_VERSION);
    if (!chdir_to_run(file, fail))
        return false;
    if (!options_read(file->argc, file->argv, file->read_at, options, fail))
        return fail_prefix(fail, "run %.8s", file->id);
    if (options->help || options->version || options->dry_run || options->embedded ||
        options->plan->daemon_count != file->session_count)
        return fail_set(fail, 0, "%s is not the state of a flowctl run", file->path);
    if (!access_token_file(&options->access))
        options->access.token_file = file->token;
    log_set_level(LOG_LEVEL_WARNING + options->verbosity);
    return true;
}

/* `id` may have the colon that follows it in the list. */
static int attach(char *id)
{
    size_t length = strlen(id);
    struct run_file file;
    struct run_options options = {0};
    struct fail fail;
    int status = EXIT_USAGE;
    if (length && id[length - 1] == ':')
        id[length - 1] = '\0';
    if (run_file_open(id, &file, &fail) && rebuild_plan(&file, &options, &fail))
        status = run_attach(&options, &file);
    else
        log_error("attach: %s", fail.text);
    options_free(&options);
    run_file_close(&file);
    return status;
}

static int attach_or_list(struct command_line *line)
{
    int status;
    if (!command_read(line, NULL, &status))
        return status;
    if (line->operand_count)
        return attach(line->operands[0]);
    if (!run_file_each(print_run, NULL))
        log_warning("attach: there is no run to attach to");
    return EXIT_OK;
}

const struct command command_attach = {
    .name = "attach",
    .arguments = "[RUN]",
    .most = 1,
    .sentence = "Resumes a run whose flowctl died, and collects all its rows. Without RUN, lists "
                "such runs.",
    .run = attach_or_list,
};
