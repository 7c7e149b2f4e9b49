/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>

#include "ask_hosts.h"
#include "clock.h"
#include "commands.h"

static double seconds(int64_t ns)
{
    return (double)ns / NS_PER_SEC;
}

static void print_status(const char *host, const void *answer)
{
    const struct status_reply *reply = answer;
    const struct status_session *list = reply->sessions.items;
    printf("%s: up %.0f s, %zu session%s, %" PRId64 " flow endpoint%s\n", host,
           seconds(reply->uptime_ns), reply->sessions.count, reply->sessions.count == 1 ? "" : "s",
           reply->flows, reply->flows == 1 ? "" : "s");
    for (size_t i = 0; i < reply->sessions.count; i++)
        printf(
            "  run %s of %s: %s, %" PRId64 " endpoints (%" PRId64 " running, %" PRId64
            " failed), open for %.1f s, lease %.1f s, %" PRId64 " reports kept (%" PRId64 " B%s)\n",
            list[i].run, list[i].controller, list[i].state, list[i].flows, list[i].running,
            list[i].failed, seconds(list[i].age_ns), seconds(list[i].lease_left_ns), list[i].rows,
            list[i].bytes + list[i].spilled, list[i].spilled ? ", in part in a file" : "");
}

int command_status(int argc, char **argv)
{
    static const struct ask_command command = {
        .name = "status",
        .usage = "flowctl status",
        .help = "Says what runs on each host's daemon.",
        .method = METHOD_STATUS,
        .print = print_status,
    };
    return ask_hosts(argc, argv, &command);
}
