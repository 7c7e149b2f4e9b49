/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>

#include "clock.h"
#include "commands/ask_hosts.h"

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
    if (reply->stamp_answered != STATUS_ABSENT)
        printf("  STAMP: %" PRId64 " requests answered, %" PRId64 " ignored\n",
               reply->stamp_answered, reply->stamp_ignored);
    for (size_t i = 0; i < reply->sessions.count; i++)
        printf("  run %s of %s: %s, %" PRId64 " endpoints (%" PRId64 " running, %" PRId64
               " failed), open for %.1f s, lease %.1f s, %" PRId64 " reports kept (%" PRId64
               " B%s)\n",
               list[i].run, list[i].controller, session_states.names[list[i].state], list[i].flows,
               list[i].running, list[i].failed, seconds(list[i].age_ns),
               seconds(list[i].lease_left_ns), list[i].rows, list[i].bytes + list[i].spilled,
               list[i].spilled ? ", in part in a file" : "");
}

static int ask_status(struct command_line *line)
{
    return ask_hosts(line, METHOD_STATUS, print_status);
}

const struct command command_status = {
    .name = "status",
    ASK_HOSTS_ARGUMENTS,
    .sentence = "Shows what the hosts' daemons are running.",
    .run = ask_status,
};
