/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Brings packet dumps from daemons: each lists its files, then gives them in parts. All daemons at
 * once, one file after the other from each. What they say is not trusted: a name that could leave
 * the directory is refused, and no file gets larger than it was listed. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands/command.h"
#include "file.h"
#include "fleet/fleet.h"
#include "log.h"
#include "mem.h"
#include "option.h"
#include "run/run.h"
#include "address.h"

enum { OPT_OUTPUT, OPT_RUN, OPT_ACCESS, TIMEOUT_MS = 30000, LISTED_MAX = 100000 };

static const struct option_spec specs[] = {
    {'o', "output", OPTION_REQUIRED, "DIR", "Options",
     "write to the existing directory DIR (default: the working directory)", OPT_OUTPUT},
    {0, "run", OPTION_REQUIRED, "RUN", "Options",
     "fetch only the dumps of this run, named as in their file names and by flowctl status",
     OPT_RUN},
    ACCESS_SPECS("Options", OPT_ACCESS),
};

struct fetching;

/* A daemon and the file that is being fetched from it. */
struct fetched_host {
    const char *typed;
    char host[PROTOCOL_HOST_MAX];
    uint16_t port;
    struct dump_entry *entries; /* what is left of the list: from `next` on */
    size_t count, next;
    bool more;                /* of the list, after its last entry */
    char last[DUMP_NAME_MAX]; /* the last name that was listed */
    int64_t listed;
    int fd;
    int64_t offset;
    int64_t files;
    bool reached, failed;
};

struct fetching {
    const char *output, *run;
    int directory;
    struct fleet *fleet;
    struct fetched_host *hosts;
    size_t count;
    struct access_options access_options;
    struct access *access;
};

static bool handle(void *context, const struct option_spec *spec, const char *given,
                   const char *value, struct fail *fail)
{
    struct fetching *fetching = context;
    switch (spec->id) {
    case OPT_OUTPUT:
        fetching->output = value;
        break;
    case OPT_RUN:
        fetching->run = value;
        if (!*value || strlen(value) >= PROTOCOL_LABEL_MAX)
            return fail_set(fail, 0, "option %s: '%.40s' is not the name of a run", given, value);
        break;
    default:
        return access_take_option(&fetching->access_options,
                                  (enum access_option)(spec->id - OPT_ACCESS), value, fail) ||
               fail_prefix(fail, "option %s", given);
    }
    return true;
}

static bool add_host(struct fetching *fetching, const char *text, struct fail *fail)
{
    fetching->hosts = mem_grow(fetching->hosts, fetching->count + 1, sizeof(struct fetched_host));
    struct fetched_host *host = &fetching->hosts[fetching->count++];
    *host = (struct fetched_host){.typed = text, .port = PROTOCOL_PORT, .fd = -1};
    return address_split_host_port(text, host->host, sizeof host->host, &host->port, fail);
}

static bool take_hosts(struct fetching *fetching, const struct command_line *line,
                       struct fail *fail)
{
    for (int i = 0; i < line->operand_count; i++)
        if (!add_host(fetching, line->operands[i], fail))
            return false;
    fetching->directory = open(fetching->output, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fetching->directory < 0)
        return fail_set(fail, 0, "option -o: %s can't be used: %s", fetching->output,
                        fail_errno(errno));
    return access_open(&fetching->access_options, &fetching->access, fail);
}

/* ---- one file after the other ---- */

static void on_list(void *owner, const struct fleet_result *result);
static void on_part(void *owner, const struct fleet_result *result);

static void fail_host(struct fetched_host *host, const char *name, const char *why)
{
    log_error("fetch-dumps: %s: %s%s%s", host->typed, name, *name ? ": " : "", why);
    host->failed = true;
}

static void ask_list(struct fetching *fetching, size_t index, const char *after)
{
    struct dumps_list_call call = {0};
    snprintf(call.run, sizeof call.run, "%s", fetching->run ? fetching->run : "");
    snprintf(call.after, sizeof call.after, "%s", after);
    fleet_call(fetching->fleet, index, LANE_COMMAND, METHOD_DUMPS_LIST, &call, TIMEOUT_MS, on_list);
}

static void ask_part(struct fetching *fetching, size_t index)
{
    struct fetched_host *host = &fetching->hosts[index];
    const struct dump_entry *entry = &host->entries[host->next];
    int64_t left = entry->size - host->offset;
    struct dumps_read_call call = {
        .offset = host->offset,
        .max_bytes = left < PROTOCOL_DUMP_READ_MAX ? left : PROTOCOL_DUMP_READ_MAX,
    };
    memcpy(call.name, entry->name, sizeof call.name);
    fleet_call(fetching->fleet, index, LANE_COMMAND, METHOD_DUMPS_READ, &call, TIMEOUT_MS, on_part);
}

static bool open_file(const struct fetching *fetching, struct fetched_host *host)
{
    const struct dump_entry *entry = &host->entries[host->next];
    if (!dump_name_check(entry->name) || entry->size < 0) {
        fail_host(host, "", "the daemon lists a file with an invalid name or size");
        return false;
    }
    host->fd = openat(fetching->directory, entry->name,
                      O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (host->fd < 0)
        fail_host(host, entry->name,
                  errno == EEXIST ? "the file already exists and is not overwritten"
                                  : fail_errno(errno));
    host->offset = 0;
    return host->fd >= 0;
}

static void drop_file(const struct fetching *fetching, struct fetched_host *host)
{
    close(host->fd);
    host->fd = -1;
    unlinkat(fetching->directory, host->entries[host->next].name, 0);
}

static void close_file(struct fetched_host *host)
{
    const struct dump_entry *entry = &host->entries[host->next];
    if (close(host->fd)) {
        fail_host(host, entry->name, fail_errno(errno));
    } else {
        printf("%s: %s (%" PRId64 " B)\n", host->typed, entry->name, host->offset);
        host->files++;
    }
    host->fd = -1;
}

/* The next file that can be fetched, then the rest of the list. */
static void go_on(struct fetching *fetching, size_t index)
{
    struct fetched_host *host = &fetching->hosts[index];
    while (host->next < host->count) {
        if (host->fd < 0 && !open_file(fetching, host)) {
            host->next++;
            continue;
        }
        if (host->offset < host->entries[host->next].size) {
            ask_part(fetching, index);
            return;
        }
        close_file(host);
        host->next++;
    }
    if (host->more && host->count)
        ask_list(fetching, index, host->entries[host->count - 1].name);
}

/* A list has to come to an end: its names go up, from where the one before it ended, and there are
 * no more of them than a daemon keeps. NULL, or what is wrong with it. */
static const char *check_list(struct fetched_host *host, const struct dumps_list_reply *reply)
{
    const struct dump_entry *list = reply->dumps.items;
    host->listed += (int64_t)reply->dumps.count;
    for (size_t i = 0; i < reply->dumps.count; i++) {
        if (strcmp(list[i].name, host->last) <= 0)
            return "the daemon's list of dumps is not in order";
        snprintf(host->last, sizeof host->last, "%s", list[i].name);
    }
    if (reply->more && !reply->dumps.count)
        return "the daemon's list of dumps does not end";
    return host->listed <= LISTED_MAX ? NULL
                                      : "the daemon lists more than 100000 dumps: name a run with "
                                        "--run";
}

static void take_list(struct fetched_host *host, struct dumps_list_reply *reply)
{
    free(host->entries);
    host->entries = reply->dumps.items; /* taken over */
    host->count = reply->dumps.count;
    host->next = 0;
    host->more = reply->more;
    reply->dumps = (struct schema_list){0};
}

/* What is not whole is removed: it would pass for the dump, and be in the way of it. */
static void take_part(struct fetching *fetching, struct fetched_host *host,
                      const struct dumps_read_reply *reply)
{
    const struct dump_entry *entry = &host->entries[host->next];
    const char *why = NULL;
    if (!reply->data.length || (int64_t)reply->data.length > entry->size - host->offset)
        why = "it changed while it was fetched; fetch it again";
    else if (!file_write(host->fd, reply->data.data, reply->data.length, NULL))
        why = fail_errno(errno);
    host->offset += (int64_t)reply->data.length;
    if (!why)
        return;
    fail_host(host, entry->name, why);
    drop_file(fetching, host);
    host->next++;
}

/* Whether there is an answer; else the host's fetching ends here. */
static bool check_answer(struct fetching *fetching, const struct fleet_result *result)
{
    struct fetched_host *host = &fetching->hosts[result->daemon];
    host->reached |= result->outcome == FLEET_ANSWERED || result->outcome == FLEET_FAULT;
    if (result->outcome == FLEET_ANSWERED)
        return true;
    log_error("fetch-dumps: %s", result->fail.text);
    host->failed = true;
    if (host->fd >= 0)
        drop_file(fetching, host);
    return false;
}

static void on_list(void *owner, const struct fleet_result *result)
{
    struct fetching *fetching = owner;
    if (!check_answer(fetching, result))
        return;
    const char *why = check_list(&fetching->hosts[result->daemon], result->reply);
    if (why) {
        fail_host(&fetching->hosts[result->daemon], "", why);
        return;
    }
    take_list(&fetching->hosts[result->daemon], result->reply);
    go_on(fetching, result->daemon);
}

static void on_part(void *owner, const struct fleet_result *result)
{
    struct fetching *fetching = owner;
    if (!check_answer(fetching, result))
        return;
    take_part(fetching, &fetching->hosts[result->daemon], result->reply);
    go_on(fetching, result->daemon);
}

static int fetch(struct fetching *fetching)
{
    size_t reached = 0, good = 0, files = 0;
    fetching->fleet = fleet_new(fetching, -1);
    fleet_set_access(fetching->fleet, fetching->access);
    for (size_t i = 0; i < fetching->count; i++) {
        fleet_add(fetching->fleet, fetching->hosts[i].host, fetching->hosts[i].port);
        ask_list(fetching, i, "");
    }
    while (fleet_pending(fetching->fleet))
        fleet_step(fetching->fleet, TIMEOUT_MS);
    fleet_free(fetching->fleet);
    for (size_t i = 0; i < fetching->count; i++) {
        const struct fetched_host *host = &fetching->hosts[i];
        reached += host->reached;
        good += !host->failed;
        files += (size_t)host->files;
        if (!host->failed && !host->files)
            printf("%s: no dumps%s%s\n", host->typed, fetching->run ? " of run " : "",
                   fetching->run ? fetching->run : "");
    }
    if (good == fetching->count && (files || !fetching->run))
        return EXIT_OK;
    if (good == fetching->count)
        log_error("fetch-dumps: no host has dumps of run %s", fetching->run);
    return reached ? EXIT_PARTIAL : EXIT_NOT_REACHED;
}

static int fetch_dumps(struct command_line *line)
{
    struct fetching fetching = {.output = ".", .directory = -1};
    struct fail fail;
    int status;
    if (!command_read(line, &fetching, &status))
        return status;
    status =
        take_hosts(&fetching, line, &fail) ? fetch(&fetching) : command_usage_error(line, &fail);
    for (size_t i = 0; i < fetching.count; i++)
        free(fetching.hosts[i].entries);
    free(fetching.hosts);
    access_close(fetching.access);
    if (fetching.directory >= 0)
        close(fetching.directory);
    return status;
}

const struct command command_fetch_dumps = {
    .name = "fetch-dumps",
    .arguments = "HOST[:PORT]...",
    .least = 1,
    .most = COMMAND_ANY,
    .sentence = "Fetches the packet dumps of the hosts' daemons.",
    .specs = specs,
    .spec_count = COUNT(specs),
    .take = handle,
    .run = fetch_dumps,
};
