/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A function for bash that completes the words of flowctl's command line. */
#include <stdio.h>

#include "commands/command.h"
#include "run/run.h"

static void print_options(const struct command *command)
{
    struct option_spec specs[COMMAND_SPECS_MAX];
    size_t count = command_specs(command, specs);
    for (size_t i = 0; i < count; i++) {
        if (specs[i].argument == OPTION_FOREIGN)
            continue;
        if (specs[i].letter)
            printf(" -%c", specs[i].letter);
        if (specs[i].name)
            printf(" --%s%s", specs[i].name, specs[i].argument == OPTION_REQUIRED ? "=" : "");
    }
}

/* Words that begin with a dash become options of the command, the first other one a command, and
 * all else files. */
static int complete(struct command_line *line)
{
    int status;
    if (!command_read(line, NULL, &status))
        return status;
    printf("# bash completion of flowctl, as `flowctl completion` prints it\n"
           "_flowctl()\n{\n"
           "    local word=${COMP_WORDS[COMP_CWORD]} words=\n"
           "    if [[ $word != -* ]]; then\n"
           "        [[ $COMP_CWORD -eq 1 ]] && words='");
    for (size_t i = 0; i < commands_count; i++)
        printf("%s%s", i ? " " : "", commands[i]->name);
    printf("'\n"
           "    else\n"
           "        case ${COMP_WORDS[1]} in\n");
    for (size_t i = 1; i < commands_count; i++) {
        printf("        %s) words='", commands[i]->name);
        print_options(commands[i]);
        printf("' ;;\n");
    }
    printf("        *) words='");
    print_options(commands[0]);
    printf("' ;;\n"
           "        esac\n"
           "    fi\n"
           "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
           "    [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace\n"
           "    return 0\n"
           "}\n"
           "complete -o default -F _flowctl flowctl\n");
    return EXIT_OK;
}

const struct command command_completion = {
    .name = "completion",
    .arguments = "",
    .sentence = "Prints a bash function that completes commands and options; save it in a file "
                "that bash reads.",
    .run = complete,
};
