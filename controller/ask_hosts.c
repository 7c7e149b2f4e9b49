/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ask_hosts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fleet.h"
#include "log.h"
#include "mem.h"
#include "option.h"
#include "run.h"
#include "sock.h"

enum { TIMEOUT_MS = 10000, OPT_HELP, OPT_VERSION, OPT_ACCESS };

static const struct option_spec specs[] = {
    {'h', "help", OPTION_NONE, NULL, "Options", "display this help and exit", OPT_HELP},
    {'v', "version", OPTION_NONE, NULL, "Options", "print version information and exit",
     OPT_VERSION},
    ACCESS_SPECS("Options", OPT_ACCESS),
};

/* A host and what it answered. */
struct asked {
    const char *typed;
    char host[PROTOCOL_HOST_MAX];
    uint16_t port;
    bool answered;
    void *reply; /* NULL without an answer */
    struct fail fail;
};

struct asking {
    const struct ask_command *command;
    struct asked *hosts;
    size_t count;
    bool help, version;
    struct access_options access_options;
    struct access *access;
};

static bool handle(void *context, const struct option_spec *spec, const char *given,
                   const char *value, struct fail *fail)
{
    struct asking *asking = context;
    asking->help |= spec->id == OPT_HELP;
    asking->version |= spec->id == OPT_VERSION;
    return spec->id < OPT_ACCESS ||
           access_take_option(&asking->access_options, (enum access_option)(spec->id - OPT_ACCESS),
                              value, fail) ||
           fail_prefix(fail, "option %s", given);
}

static bool add_host(struct asking *asking, const char *text, struct fail *fail)
{
    asking->hosts = mem_grow(asking->hosts, asking->count + 1, sizeof(struct asked));
    struct asked *host = &asking->hosts[asking->count++];
    *host = (struct asked){.typed = text, .port = PROTOCOL_PORT};
    return sock_split_host_port(text, host->host, sizeof host->host, &host->port, fail);
}

static bool read_arguments(int argc, char **argv, struct asking *asking, struct fail *fail)
{
    int operand;
    if (!option_parse(argc, argv, specs, sizeof specs / sizeof specs[0], handle, asking, &operand,
                      fail))
        return false;
    if (asking->help || asking->version)
        return true;
    if (operand == argc)
        return fail_set(fail, 0, "name at least one host: %s HOST[:PORT]...",
                        asking->command->usage);
    for (; operand < argc; operand++)
        if (!add_host(asking, argv[operand], fail))
            return false;
    return access_open(&asking->access_options, &asking->access, fail);
}

static void on_result(void *owner, struct fleet_result *result)
{
    struct asked *host = &((struct asking *)owner)->hosts[result->daemon];
    size_t size = methods[result->method].reply->size;
    host->fail = result->fail;
    host->answered = result->outcome == FLEET_ANSWERED;
    if (!host->answered)
        return;
    /* The copy takes over what the reply owns. */
    host->reply = mem_new(1, size);
    memcpy(host->reply, result->reply, size);
    memset(result->reply, 0, size);
}

static int print_answers(const struct asking *asking)
{
    size_t answered = 0;
    for (size_t i = 0; i < asking->count; i++) {
        struct asked *host = &asking->hosts[i];
        answered += host->answered;
        if (host->answered)
            asking->command->print(host->typed, host->reply);
        else
            log_error("%s", host->fail.text);
    }
    if (answered == asking->count)
        return EXIT_WELL;
    return answered ? EXIT_PARTIAL : EXIT_NOT_REACHED;
}

static int ask(struct asking *asking)
{
    struct empty_message nothing = {0};
    struct fleet *fleet = fleet_new(on_result, asking, -1);
    fleet_set_access(fleet, asking->access);
    for (size_t i = 0; i < asking->count; i++) {
        fleet_add(fleet, asking->hosts[i].host, asking->hosts[i].port);
        fleet_call(fleet, i, LANE_COMMAND, asking->command->method, &nothing, TIMEOUT_MS, NULL);
    }
    while (fleet_pending(fleet))
        fleet_step(fleet, TIMEOUT_MS);
    fleet_free(fleet);
    return print_answers(asking);
}

static void print_help(const struct ask_command *command)
{
    printf("Usage: %s [OPTION]... HOST[:PORT]...\n%s\n", command->usage, command->help);
    option_help(stdout, specs, sizeof specs / sizeof specs[0]);
}

int ask_hosts(int argc, char **argv, const struct ask_command *command)
{
    struct asking asking = {.command = command};
    struct fail fail;
    int status = EXIT_WELL;
    if (!read_arguments(argc, argv, &asking, &fail)) {
        log_error("%s: %s", command->name, fail.text);
        status = EXIT_USAGE;
    } else if (asking.help) {
        print_help(command);
    } else if (asking.version) {
        printf("flowctl (%s) %s\n", PACKAGE_NAME, PACKAGE_VERSION);
    } else {
        status = ask(&asking);
    }
    for (size_t i = 0; i < asking.count; i++) {
        schema_free(methods[command->method].reply, asking.hosts[i].reply);
        free(asking.hosts[i].reply);
    }
    free(asking.hosts);
    access_close(asking.access);
    return status;
}
