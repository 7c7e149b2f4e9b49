/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ask_hosts.h"
#include "commands.h"

static void print_stopped(const char *host, const void *answer)
{
    const struct stop_all_reply *reply = answer;
    printf("%s: stopped %" PRId64 " flow endpoint%s of %" PRId64 " session%s\n", host, reply->flows,
           reply->flows == 1 ? "" : "s", reply->sessions, reply->sessions == 1 ? "" : "s");
}

int command_stop(int argc, char **argv)
{
    /* The program has another name for it. */
    const struct ask_command command = {
        .name = "stop",
        .usage = strcmp(argv[0], "stop") ? "flowctl-stop" : "flowctl stop",
        .help = "Stops every flow on each host's daemon, whoever started it.",
        .method = METHOD_STOP_ALL,
        .print = print_stopped,
    };
    return ask_hosts(argc, argv, &command);
}
