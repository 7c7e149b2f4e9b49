// SPDX-License-Identifier: GPL-3.0-or-later
/* labconf.c - one table row per command. */
#define _GNU_SOURCE 1
#include "labconf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "err.h"
#include "linkopt.h"

#define MAX_WORDS 4

static int run_port(struct core *core, char **word, char *rest, struct err *err)
{
    if (rest)
        return err_set(err, "port takes nothing after its group, but '%s' is there", rest);
    return core_add_port(core, word[0], word[1], word[2], word[3], err);
}

static struct port *known_port(struct core *core, const char *name, struct err *err)
{
    struct port *port = core_find_port(core, name);

    if (!port)
        err_set(err, "there is no port '%s'", name);
    return port;
}

static int configure(struct link *link, char *words, struct err *err)
{
    struct link_options options = link->options;

    if (words && linkopt_apply(&options, words, err) < 0)
        return -1;
    link_configure(link, &options);
    return 0;
}

static int run_up(struct core *core, char **word, char *rest, struct err *err)
{
    struct port *port = known_port(core, word[0], err);

    return port ? configure(&port->up, rest, err) : -1;
}

static int run_down(struct core *core, char **word, char *rest, struct err *err)
{
    struct port *port = known_port(core, word[0], err);

    return port ? configure(&port->down, rest, err) : -1;
}

static int run_path(struct core *core, char **word, char *rest, struct err *err)
{
    struct port *from = known_port(core, word[0], err);
    struct port *to = from ? known_port(core, word[1], err) : NULL;

    return to ? configure(core_path(core, from, to), rest, err) : -1;
}

static const struct command {
    const char *name;
    int words; /* before the options */
    int (*run)(struct core *core, char **word, char *rest, struct err *err);
    const char *usage;
} commands[] = {
    {"port", 4, run_port, "port NAME NETNS DEVICE GROUP"},
    {"up", 1, run_up, "up NAME [OPTION=VALUE...]"},
    {"down", 1, run_down, "down NAME [OPTION=VALUE...]"},
    {"path", 2, run_path, "path FROM TO [OPTION=VALUE...]"},
};

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

/* What follows the words taken so far, NULL when only blanks do. */
static char *remainder_of(char *rest)
{
    if (!rest) /* so ends strtok_r() of some C libraries */
        return NULL;
    rest += strspn(rest, " \t");
    return *rest ? rest : NULL;
}

int labconf_line(struct core *core, char *line, struct err *err)
{
    const struct command *command;
    char *word[MAX_WORDS];
    char *rest = NULL, *name;

    line[strcspn(line, "#\n")] = '\0';
    name = strtok_r(line, " \t", &rest);
    if (!name)
        return 0;
    command = find_command(name);
    if (!command)
        return err_set(err, "'%s' is no command: port, up, down, path, or stats when live", name);
    for (int i = 0; i < command->words; i++) {
        word[i] = strtok_r(NULL, " \t", &rest);
        if (!word[i])
            return err_set(err, "'%s' is incomplete: %s", name, command->usage);
    }
    return command->run(core, word, remainder_of(rest), err);
}

static int read_lines(struct core *core, FILE *file, const char *name, struct err *err)
{
    char *line = NULL;
    size_t room = 0;
    int failed = 0;

    for (int number = 1; !failed && getline(&line, &room, file) >= 0; number++) {
        struct err why;

        failed = labconf_line(core, line, &why) < 0;
        if (failed)
            err_set(err, "%s:%d: %s", name, number, why.text);
    }
    free(line);
    return failed ? -1 : 0;
}

int labconf_file(struct core *core, const char *path, struct err *err)
{
    FILE *file = path ? fopen(path, "re") : stdin;
    int status;

    if (!file)
        return err_set(err, "%s: %s", path, strerror(errno));
    status = read_lines(core, file, path ? path : "standard input", err);
    if (path)
        fclose(file);
    return status;
}
