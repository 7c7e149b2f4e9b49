/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "commands.h"
#include "log.h"
#include "option.h"
#include "run.h"

enum { OPT_HELP, OPT_VERSION };

static const struct option_spec specs[] = {
    {'h', "help", OPTION_NONE, NULL, "Options", "display this help and exit", OPT_HELP},
    {'v', "version", OPTION_NONE, NULL, "Options", "print version information and exit",
     OPT_VERSION},
};

enum { SPECS = sizeof specs / sizeof specs[0] };

struct wishes {
    bool help, version;
};

static bool handle(void *context, const struct option_spec *spec, const char *given,
                   const char *value, struct fail *fail)
{
    struct wishes *wishes = context;
    (void)given, (void)value, (void)fail;
    wishes->help |= spec->id == OPT_HELP;
    wishes->version |= spec->id == OPT_VERSION;
    return true;
}

static void print_help(void)
{
    printf("Usage: flowctl attach [OPTION]... [RUN]\n"
           "Goes on with a run whose flowctl died, and collects every row. Without RUN,\n"
           "lists the runs that there are.\n");
    option_help(stdout, specs, SPECS);
}

static void print_run(void *context, const struct run_file *file, bool busy)
{
    char date[64] = "not started";
    time_t seconds = file->wall_start / NS_PER_SEC;
    struct tm local;
    (void)context;
    if (file->wall_start && localtime_r(&seconds, &local))
        strftime(date, sizeof date, "started %Y-%m-%d %H:%M:%S", &local);
    printf("%.8s: %s, %zu daemon%s, %s, log %s\n", file->id, date, file->session_count,
           file->session_count == 1 ? "" : "s", busy ? "its flowctl runs" : "its flowctl is gone",
           file->log ? file->log : "none");
}

/* The token file of the environment counts here, too, where it is named from here. */
static bool go_back(const struct run_file *file, struct fail *fail)
{
    const char *token = getenv("FLOWRIG_TOKEN_FILE");
    char *real = token && *token ? realpath(token, NULL) : NULL;
    if (real)
        setenv("FLOWRIG_TOKEN_FILE", real, 1);
    free(real);
    return !chdir(file->directory) ||
           fail_set(fail, 0, "run %.8s was begun in %s, which can't be entered: %s", file->id,
                    file->directory, fail_errno(errno));
}

/* The plan is made from the same words as the first time, at the same place. */
static bool plan_again(struct run_file *file, struct run_options *options, struct fail *fail)
{
    if (strcmp(file->version, PACKAGE_VERSION))
        return fail_set(fail, 0, "run %.8s was begun by flowctl %s, and this is %s", file->id,
                        file->version, PACKAGE_VERSION);
    if (!go_back(file, fail))
        return false;
    if (!options_read(file->argc, file->argv, file->read_at, options, fail))
        return fail_prefix(fail, "run %.8s", file->id);
    if (options->help || options->version || options->dry_run || options->embedded ||
        options->plan->daemon_count != file->session_count)
        return fail_set(fail, 0, "%s is not what a run of flowctl leaves", file->path);
    if (!access_token_file(&options->access))
        options->access.token_file = file->token;
    log_set_level(LOG_LEVEL_WARNING + options->verbosity);
    return true;
}

static int attach(const char *id)
{
    struct run_file file;
    struct run_options options = {0};
    struct fail fail;
    int status = EXIT_USAGE;
    if (run_file_open(id, &file, &fail) && plan_again(&file, &options, &fail))
        status = run_attach(&options, &file);
    else
        log_error("attach: %s", fail.text);
    options_free(&options);
    run_file_close(&file);
    return status;
}

int command_attach(int argc, char **argv)
{
    struct wishes wishes = {0};
    struct fail fail;
    int operand;
    bool good = option_parse(argc, argv, specs, SPECS, handle, &wishes, &operand, &fail);
    bool asks = good && (wishes.help || wishes.version);
    if (good && !asks && argc - operand > 1)
        good = fail_set(&fail, 0, "one run is taken, not '%s' as well", argv[operand + 1]);
    if (!good) {
        log_error("attach: %s", fail.text);
        return EXIT_USAGE;
    }
    if (wishes.help) {
        print_help();
    } else if (wishes.version) {
        printf("flowctl (%s) %s\n", PACKAGE_NAME, PACKAGE_VERSION);
    } else if (operand < argc) {
        return attach(argv[operand]);
    } else {
        run_file_each(print_run, NULL);
    }
    return EXIT_WELL;
}
