/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "commands/command.h"

#include <string.h>

#include "log.h"
#include "mem.h"
#include "number.h"
#include "run/run.h"

#define COMMAND(row) extern const struct command row;
#include "commands/commands.def"
#undef COMMAND

const struct command *const commands[] = {
#define COMMAND(row) &row,
#include "commands/commands.def"
#undef COMMAND
};
const size_t commands_count = COUNT(commands);

enum { ID_HELP = -1, ID_VERSION = -2 };

/* What every command has. Ids of commands' own options are not negative. */
static const struct option_spec common_specs[] = {
    {'h', "help", OPTION_NONE, NULL, "Options", "display this help and exit", ID_HELP},
    {'v', "version", OPTION_NONE, NULL, "Options", "print version information and exit",
     ID_VERSION},
};

struct reading {
    const struct command *command;
    void *context;
    bool help, version;
};

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < commands_count; i++)
        if (!strcmp(commands[i]->name, name))
            return commands[i];
    return NULL;
}

bool command_take_seconds(double *seconds, const char *text, struct fail *fail)
{
    int64_t ns;
    if (!number_parse_seconds(text, &ns, fail))
        return false;
    *seconds = (double)ns / 1e9;
    return true;
}

size_t command_specs(const struct command *command, struct option_spec specs[COMMAND_SPECS_MAX])
{
    if (command->list)
        return command->list(specs);
    memcpy(specs, common_specs, sizeof common_specs);
    if (command->spec_count)
        memcpy(specs + COUNT(common_specs), command->specs,
               command->spec_count * sizeof *command->specs);
    return COUNT(common_specs) + command->spec_count;
}

int command_locate(int argc, char **argv)
{
    struct option_spec specs[COMMAND_SPECS_MAX];
    for (int i = 1; i < argc && strcmp(argv[i], "--"); i++) {
        const struct command *command = command_find(argv[i]);
        if (command && option_first_operand(i + 1, argv, specs, command_specs(command, specs)) == i)
            return i;
    }
    return 0;
}

static bool take(void *context, const struct option_spec *spec, const char *given,
                 const char *value, struct fail *fail)
{
    struct reading *reading = context;
    if (spec->id == ID_HELP)
        reading->help = true;
    else if (spec->id == ID_VERSION)
        reading->version = true;
    else
        return reading->command->take(reading->context, spec, given, value, fail);
    return true;
}

static void print_help(const struct command_line *line)
{
    const struct command *command = line->command;
    struct option_spec specs[COMMAND_SPECS_MAX];
    printf("Usage: %s [OPTION]...%s%s\n", line->called, *command->arguments ? " " : "",
           command->arguments);
    option_wrap(stdout, command->sentence, 0, 0);
    option_help(stdout, specs, command_specs(command, specs));
    if (command->explain)
        command->explain(stdout);
}

void command_print_version(void)
{
    printf("flowctl (%s) %s\n", PACKAGE_NAME, PACKAGE_VERSION);
}

int command_usage_error(const struct command_line *line, const struct fail *fail)
{
    log_error("%s: %s", line->command->name, fail->text);
    return EXIT_USAGE;
}

static bool check_operands(const struct command_line *line, struct fail *fail)
{
    const struct command *command = line->command;
    int count = line->operand_count;
    if (count < command->least)
        return fail_set(fail, 0, "missing argument; usage: %s [OPTION]... %s", line->called,
                        command->arguments);
    if (command->most == COMMAND_ANY || count <= command->most)
        return true;
    return fail_set(fail, 0, "unexpected argument '%s'; usage: %s [OPTION]...%s%s",
                    line->operands[command->most], line->called, *command->arguments ? " " : "",
                    command->arguments);
}

bool command_read(struct command_line *line, void *context, int *status)
{
    struct option_spec specs[COMMAND_SPECS_MAX];
    struct reading reading = {.command = line->command, .context = context};
    struct fail fail;
    int first;
    bool good = option_parse(line->argc, line->argv, specs, command_specs(line->command, specs),
                             take, &reading, &first, &fail);
    line->operands = line->argv + first;
    line->operand_count = line->argc - first;
    *status = EXIT_OK;
    if (good && reading.help)
        print_help(line);
    else if (good && reading.version)
        command_print_version();
    else if (good && check_operands(line, &fail))
        return true;
    else
        *status = command_usage_error(line, &fail);
    return false;
}
