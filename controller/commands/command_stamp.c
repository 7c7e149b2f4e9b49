/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>

#include "clock.h"
#include "commands/command.h"
#include "dscp.h"
#include "fleet/interrupt.h"
#include "log.h"
#include "mem.h"
#include "number.h"
#include "protocol.h"
#include "run/run.h"
#include "stamp/stamp_report.h"

enum { OPT_COUNT, OPT_INTERVAL, OPT_SIZE, OPT_DSCP, OPT_KEY_FILE, OPT_JSON };

static const struct option_spec specs[] = {
    {'c', "count", OPTION_REQUIRED, "#", "Options", "number of requests (default: 10)", OPT_COUNT},
    {'i', "interval", OPTION_REQUIRED, "#.#", "Options",
     "time from one request to the next in seconds (default: 0.1; at least 0.01)", OPT_INTERVAL},
    {'S', "size", OPTION_REQUIRED, "#", "Options",
     "size of requests in bytes of UDP payload (default: 56, with a key 144; without the "
     "extensions of RFC 8972: 44, with a key 112)",
     OPT_SIZE},
    {0, "dscp", OPTION_REQUIRED, "#", "Options",
     "send with this DSCP, a number or a name such as EF, and ask for it in replies", OPT_DSCP},
    {0, "key-file", OPTION_REQUIRED, "FILE", "Options",
     "authenticate with the key in the first line of FILE", OPT_KEY_FILE},
    {0, "json", OPTION_NONE, NULL, "Options", "print a JSON object", OPT_JSON},
};

struct asked {
    struct stamp_session session;
    bool json;
};

static bool take_range(const char *value, int64_t low, int64_t high, int64_t *number,
                       struct fail *fail)
{
    if (!number_parse_int(value, number, fail))
        return false;
    return (*number >= low && *number <= high) ||
           fail_set(fail, 0, "'%s' is not within %" PRId64 " to %" PRId64, value, low, high);
}

static bool take_interval(const char *value, int64_t *interval, struct fail *fail)
{
    if (!number_parse_seconds(value, interval, fail))
        return false;
    return (*interval >= STAMP_INTERVAL_LEAST && *interval <= 60 * NS_PER_SEC) ||
           fail_set(fail, 0, "'%s' is not within 0.01 to 60 s", value);
}

static bool take_dscp(const char *value, int64_t *dscp, struct fail *fail)
{
    if (!dscp_parse(value, dscp, fail))
        return false;
    return (*dscp >= 0 && *dscp <= 63) || fail_set(fail, 0, "'%s' is not within 0 to 63", value);
}

static bool take_option(struct asked *asked, int id, const char *value, struct fail *fail)
{
    struct stamp_session *session = &asked->session;
    switch (id) {
    case OPT_COUNT:
        return take_range(value, 1, STAMP_COUNT_MAX, &session->count, fail);
    case OPT_INTERVAL:
        return take_interval(value, &session->interval, fail);
    case OPT_SIZE:
        return take_range(value, STAMP_SIZE, STAMP_PACKET_MAX, &session->size, fail);
    case OPT_DSCP:
        return take_dscp(value, &session->dscp, fail);
    case OPT_KEY_FILE:
        return stamp_key_read(value, &session->key, fail);
    default:
        asked->json = true;
        return true;
    }
}

static bool handle(void *context, const struct option_spec *spec, const char *given,
                   const char *value, struct fail *fail)
{
    return take_option(context, spec->id, value, fail) || fail_prefix(fail, "option %s", given);
}

/* Between the bare packet and one with all extensions there is no room for some. */
static bool check_size(struct stamp_session *session, struct fail *fail)
{
    int64_t bare = (int64_t)stamp_size(&session->key);
    int64_t least = bare + (int64_t)stamp_tlvs_least(&session->key);
    if (!session->size)
        session->size = least;
    return session->size == bare || session->size >= least ||
           fail_set(fail, 0,
                    "option -S: requests have %" PRId64 " bytes, or with extensions at least "
                    "%" PRId64,
                    bare, least);
}

static bool find_host(const char *text, struct address *to, struct fail *fail)
{
    char host[PROTOCOL_HOST_MAX];
    uint16_t port = STAMP_PORT;
    struct addresses addresses;
    if (!address_split_host_port(text, host, sizeof host, &port, fail) ||
        !addresses_resolve(host, &addresses, fail))
        return false;
    *to = addresses.list[0];
    address_set_port(to, port);
    return true;
}

static int measure(struct command_line *line)
{
    struct asked asked = {.session = {.count = 10, .interval = NS_PER_SEC / 10}};
    struct stamp_session *session = &asked.session;
    struct stamp_figures figures;
    struct fail fail = {0};
    int status;
    if (!command_read(line, &asked, &status))
        return status;
    if (!check_size(session, &fail) || !find_host(line->operands[0], &session->to, &fail))
        return command_usage_error(line, &fail);
    interrupt_catch();
    bool good = stamp_send(session, &figures, &fail);
    if (figures.sent)
        (asked.json ? stamp_report_json : stamp_report_text)(session, &figures);
    if (!good)
        log_error("stamp: %s: %s", line->operands[0], fail.text);
    status = good ? EXIT_OK : figures.received ? EXIT_PARTIAL : EXIT_NOT_REACHED;
    stamp_figures_free(&figures);
    return status;
}

const struct command command_stamp = {
    .name = "stamp",
    .arguments = "HOST[:PORT]",
    .least = 1,
    .most = 1,
    .sentence = "Measures the path to a reflector of STAMP or TWAMP Light, such as a router, or "
                "flowd --stamp.",
    .specs = specs,
    .spec_count = COUNT(specs),
    .take = handle,
    .run = measure,
};
