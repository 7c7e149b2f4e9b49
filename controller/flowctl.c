/* SPDX-License-Identifier: GPL-3.0-or-later */
/* flowctl: options, plan, run, report. */
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "commands.h"
#include "log.h"
#include "options.h"
#include "run.h"

static int command_run(int argc, char **argv)
{
    struct run_options options;
    struct fail fail;
    int status = EXIT_WELL;
    if (!options_read(argc, argv, clock_wall(), &options, &fail)) {
        log_error("%s", fail.text);
        status = EXIT_USAGE;
    } else if (options.help) {
        options_help(options.help);
    } else if (options.version) {
        printf("flowctl (%s) %s\n", PACKAGE_NAME, PACKAGE_VERSION);
    } else if (options.dry_run) {
        plan_print(options.plan, stdout);
    } else {
        log_set_level(LOG_LEVEL_WARNING + options.verbosity);
        status = run_execute(&options);
    }
    options_free(&options);
    return status;
}

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"run", command_run},   {"status", command_status}, {"stop", command_stop},
    {"plot", command_plot}, {"attach", command_attach}, {"fetch-dumps", command_fetch_dumps},
};

/* Whether the program was called by its other name. */
static bool is_stop(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    return path && !strcmp(slash ? slash + 1 : path, "flowctl-stop");
}

int main(int argc, char **argv)
{
    log_open("flowctl", false);
    if (is_stop(argv[0]))
        return command_stop(argc, argv);
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof commands[0]; i++)
        if (!strcmp(argv[1], commands[i].name))
            return commands[i].run(argc - 1, argv + 1);
    return command_run(argc, argv);
}
