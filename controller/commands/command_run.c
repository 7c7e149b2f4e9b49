/* SPDX-License-Identifier: GPL-3.0-or-later */
/* flowctl [run]: options, plan, run, report. */
#include <stdio.h>

#include "clock.h"
#include "commands/command.h"
#include "commands/run_help.h"
#include "log.h"
#include "nearest.h"
#include "plan/advice.h"
#include "run/experiment.h"
#include "run/options.h"
#include "run/run.h"

/* Says what is wrong with the options; of a word that should be a command, which one may be meant.
 */
static void complain(const struct run_options *options, const struct fail *fail)
{
    struct nearest nearest = nearest_to(options->operand ? options->operand : "");
    for (size_t i = 0; options->operand && i < commands_count; i++)
        nearest_try(&nearest, commands[i]->name);
    if (nearest.name && nearest.distance)
        log_error("'%s' is neither an option nor a command; did you mean '%s'?", options->operand,
                  nearest.name);
    else
        log_error("%s", fail->text);
}

/* The index of the word that names a plan file, or 0. */
static int find_plan(const struct command_line *line)
{
    struct option_spec specs[OPTIONS_SPECS_MAX];
    int index = option_first_operand(line->argc, line->argv, specs, options_specs(specs));
    return index && experiment_is_plan(line->argv[index]) ? index : 0;
}

static int run(struct command_line *line)
{
    struct run_options options;
    struct fail fail;
    int status = EXIT_OK, plan = find_plan(line);
    if (plan)
        return experiment_run(line->argc, line->argv, plan);
    if (!options_read(line->argc, line->argv, clock_wall(), &options, &fail)) {
        complain(&options, &fail);
        status = EXIT_USAGE;
    } else if (options.help) {
        run_help(options.help);
    } else if (options.version) {
        command_print_version();
    } else if (options.dry_run) {
        plan_print(options.plan, stdout);
    } else {
        log_set_level(LOG_LEVEL_WARNING + options.verbosity);
        if (!options.output.quiet)
            plan_advise(options.plan);
        status = run_execute(&options);
    }
    options_free(&options);
    return status;
}

const struct command command_run = {
    .name = "run",
    .arguments = "[PLAN.yaml]",
    .sentence = "Runs a measurement with the options below, or every run of a plan file.",
    .list = options_specs,
    .run = run,
};
