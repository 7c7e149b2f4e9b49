/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What flowctl can do: a file for each command, and a line for it in commands.def. Usage, --help,
 * --version and completion of words come from the command's row. */
#ifndef FLOWRIG_COMMAND_H
#define FLOWRIG_COMMAND_H

#include "option.h"

enum { COMMAND_SPECS_MAX = 128, COMMAND_ANY = -1 };

struct command_line;

struct command {
    const char *name;
    const char *arguments; /* as the usage writes them: "LOG..."; "" where there are none */
    int least, most;       /* how many; COMMAND_ANY: no limit */
    const char *sentence;  /* what the command does */
    /* The command's options, besides -h and -v: rows that are fixed, or a function that writes them
     * and returns their number (at most COMMAND_SPECS_MAX). */
    const struct option_spec *specs;
    size_t spec_count;
    size_t (*list)(struct option_spec *specs);
    option_handler *take;                  /* takes one of `specs`; NULL where there are none */
    void (*explain)(FILE *out);            /* what --help says after the options, or NULL */
    int (*run)(struct command_line *line); /* returns the exit status */
};

/* What the command was called with. */
struct command_line {
    const struct command *command;
    const char *called; /* "flowctl plot", or another name of the program */
    int argc;           /* argv[0] is the command's name */
    char **argv;
    char **operands; /* set by command_read() */
    int operand_count;
};

extern const struct command *const commands[];
extern const size_t commands_count;

/* The command of that name, or NULL. */
const struct command *command_find(const char *name);

/* The index of the word that names a command: the first that is an operand by the options of the
 * command that it names, wherever these stand. 0: there is none. */
int command_locate(int argc, char **argv);

/* Reads the options, which command->take() stores in `context`, and checks the number of operands.
 * Returns true where the command is to be carried out; otherwise help or version was printed, or a
 * sentence about what is wrong, and *status is the exit status. */
bool command_read(struct command_line *line, void *context, int *status);

/* Says on standard error what is wrong with the command line; returns the exit status for it. */
int command_usage_error(const struct command_line *line, const struct fail *fail);

/* The value of an option in seconds; the sentence of a failure does not name the option. */
bool command_take_seconds(double *seconds, const char *text, struct fail *fail);

/* The command's options as they are listed; returns their number. */
size_t command_specs(const struct command *command, struct option_spec specs[COMMAND_SPECS_MAX]);

/* Prints the version of flowctl. */
void command_print_version(void);

#endif
