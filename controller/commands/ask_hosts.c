/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "commands/ask_hosts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/fleet.h"
#include "log.h"
#include "mem.h"
#include "run/run.h"
#include "address.h"

enum { TIMEOUT_MS = 10000 };

const struct option_spec ask_hosts_specs[ASK_HOSTS_SPECS] = {ACCESS_SPECS("Options", 0)};
_Static_assert((int)ASK_HOSTS_SPECS == (int)ACCESS_OPTIONS, "the options of access.h");

/* A host and what it answered. */
struct asked {
    const char *typed;
    char host[PROTOCOL_HOST_MAX];
    uint16_t port;
    bool answered;
    void *reply; /* NULL without an answer */
    struct fail fail;
    const char *advice; /* after it */
};

struct asking {
    enum method_id method;
    ask_printer *print;
    struct asked *hosts;
    size_t count;
    struct access_options access_options;
    struct access *access;
};

bool ask_hosts_take(void *context, const struct option_spec *spec, const char *given,
                    const char *value, struct fail *fail)
{
    struct asking *asking = context;
    return access_take_option(&asking->access_options, (enum access_option)spec->id, value, fail) ||
           fail_prefix(fail, "option %s", given);
}

static bool add_host(struct asking *asking, const char *text, struct fail *fail)
{
    asking->hosts = mem_grow(asking->hosts, asking->count + 1, sizeof(struct asked));
    struct asked *host = &asking->hosts[asking->count++];
    *host = (struct asked){.typed = text, .port = PROTOCOL_PORT};
    return address_split_host_port(text, host->host, sizeof host->host, &host->port, fail);
}

static bool take_hosts(struct asking *asking, const struct command_line *line, struct fail *fail)
{
    for (int i = 0; i < line->operand_count; i++)
        if (!add_host(asking, line->operands[i], fail))
            return false;
    return access_open(&asking->access_options, &asking->access, fail);
}

static void on_result(void *owner, const struct fleet_result *result)
{
    struct asked *host = &((struct asking *)owner)->hosts[result->daemon];
    size_t size = methods[result->method].reply->size;
    host->fail = result->fail;
    host->answered = result->outcome == FLEET_ANSWERED;
    if (!host->answered) {
        host->advice = fleet_advice(result, host->host);
        return;
    }
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
            asking->print(host->typed, host->reply);
        else
            log_error("%s%s", host->fail.text, host->advice);
    }
    if (answered == asking->count)
        return EXIT_OK;
    return answered ? EXIT_PARTIAL : EXIT_NOT_REACHED;
}

static int ask(struct asking *asking)
{
    struct empty_message nothing = {0};
    struct fleet *fleet = fleet_new(asking, -1);
    fleet_set_access(fleet, asking->access);
    for (size_t i = 0; i < asking->count; i++) {
        fleet_add(fleet, asking->hosts[i].host, asking->hosts[i].port);
        fleet_call(fleet, i, LANE_COMMAND, asking->method, &nothing, TIMEOUT_MS, on_result);
    }
    while (fleet_pending(fleet))
        fleet_step(fleet, TIMEOUT_MS);
    fleet_free(fleet);
    return print_answers(asking);
}

int ask_hosts(struct command_line *line, enum method_id method, ask_printer *print)
{
    struct asking asking = {.method = method, .print = print};
    struct fail fail;
    int status;
    if (!command_read(line, &asking, &status))
        return status;
    status = take_hosts(&asking, line, &fail) ? ask(&asking) : command_usage_error(line, &fail);
    for (size_t i = 0; i < asking.count; i++) {
        schema_free(methods[method].reply, asking.hosts[i].reply);
        free(asking.hosts[i].reply);
    }
    free(asking.hosts);
    access_close(asking.access);
    return status;
}
