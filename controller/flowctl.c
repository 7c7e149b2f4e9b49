/* SPDX-License-Identifier: GPL-3.0-or-later */
/* flowctl: finds the command that is meant and carries it out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/command.h"
#include "file.h"
#include "log.h"
#include "mem.h"

/* Whether the program was called by its other name. */
static bool is_stop(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    return path && !strcmp(slash ? slash + 1 : path, "flowctl-stop");
}

/* Moves a word before all others, so that a command's name is the first of its words. */
static void put_first(char **argv, int index)
{
    char *word = argv[index];
    memmove(argv + 2, argv + 1, (size_t)(index - 1) * sizeof *argv);
    argv[1] = word;
}

int main(int argc, char **argv)
{
    struct command_line line = {.command = commands[0], .argc = argc, .argv = argv};
    file_hold_standard();
    log_open("flowctl", false);
    if (is_stop(argv[0])) {
        line.command = command_find("stop");
        line.called = "flowctl-stop";
        return line.command->run(&line);
    }
    int index = command_locate(argc, argv);
    if (index) {
        put_first(argv, index);
        line = (struct command_line){
            .command = command_find(argv[1]), .argc = argc - 1, .argv = argv + 1};
    }
    char *called = mem_printf("flowctl %s", line.command->name);
    line.called = called;
    int status = line.command->run(&line);
    free(called);
    return status;
}
