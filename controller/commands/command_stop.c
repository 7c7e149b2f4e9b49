/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>

#include "commands/ask_hosts.h"

static void print_stopped(const char *host, const void *answer)
{
    const struct stop_all_reply *reply = answer;
    printf("%s: stopped %" PRId64 " flow endpoint%s of %" PRId64 " session%s\n", host, reply->flows,
           reply->flows == 1 ? "" : "s", reply->sessions, reply->sessions == 1 ? "" : "s");
}

static int stop_all(struct command_line *line)
{
    return ask_hosts(line, METHOD_STOP_ALL, print_stopped);
}

const struct command command_stop = {
    .name = "stop",
    ASK_HOSTS_ARGUMENTS,
    .sentence = "Stops all flows on the hosts' daemons, regardless of who started them.",
    .run = stop_all,
};
