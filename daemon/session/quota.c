/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "session/quota.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "mem.h"
#include "number.h"

static int64_t add_rates(int64_t one, int64_t other)
{
    int64_t sum;
    return __builtin_add_overflow(one, other, &sum) ? QUOTA_UNLIMITED : sum;
}

/* For each request of the other end there is one response. */
static int64_t response_rate(const struct endpoint_settings *other)
{
    if (!other->duration || !settings_ask_responses(other))
        return 0;
    bool fixed = other->request_size.kind == DIST_CONSTANT &&
                 other->response_size.kind == DIST_CONSTANT && !other->rate_spread;
    if (!fixed || !other->rate)
        return QUOTA_UNLIMITED;
    return number_scale(other->rate, settings_response_size(other), settings_block_size(other));
}

int64_t quota_rate(const struct endpoint_settings ends[ENDPOINTS], enum endpoint which)
{
    const struct endpoint_settings *own = &ends[which];
    /* A rate that varies has no limit, and neither have gaps between blocks of drawn sizes. */
    bool limited = own->rate && !own->rate_spread;
    int64_t requests = own->duration ? limited ? own->rate : QUOTA_UNLIMITED : 0;
    return add_rates(requests, response_rate(&ends[endpoint_other(which)]));
}

/* ---- users ---- */

static const struct quota_item {
    const char *name;
    size_t offset;
    bool (*parse)(const char *text, int64_t *value, struct fail *fail);
} items[] = {
    {"sessions", offsetof(struct user_quota, sessions), number_parse_int},
    {"flows", offsetof(struct user_quota, flows), number_parse_int},
    {"rate", offsetof(struct user_quota, rate), number_parse_rate},
    {"duration", offsetof(struct user_quota, duration), number_parse_seconds},
    {"reports", offsetof(struct user_quota, reports), number_parse_bytes},
    {"lease", offsetof(struct user_quota, lease), number_parse_seconds},
};

enum { ITEMS = COUNT(items) };

static bool parse_item(char *text, struct user_quota *quota, struct fail *fail)
{
    char *equals = strchr(text, '=');
    if (equals)
        *equals = '\0';
    for (size_t i = 0; i < ITEMS; i++) {
        if (!equals || strcmp(text, items[i].name))
            continue;
        int64_t *value = (int64_t *)((char *)quota + items[i].offset);
        if (!items[i].parse(equals + 1, value, fail))
            return fail_prefix(fail, "%s", text);
        return *value > 0 || fail_set(fail, 0, "%s: '%s' would allow nothing", text, equals + 1);
    }
    return fail_set(fail, 0,
                    "'%s' is not a quota: sessions=#, flows=#, rate=#.#, duration=#.#, reports=#, "
                    "lease=#.#",
                    text);
}

/* A user stands before the first colon, where one is before the first '='. */
static bool parse_user(char *text, struct user_quota *quota, struct fail *fail)
{
    size_t length = strcspn(text, ":=");
    if (text[length] == ':') {
        text[length] = '\0';
        if (!token_name_valid(text))
            return fail_set(fail, 0, "'%s' is not a user name", text);
        memcpy(quota->user, text, length);
        text += length + 1;
    }
    while (text)
        if (!parse_item(strsep(&text, ","), quota, fail))
            return false;
    return true;
}

static struct user_quota *find_user(struct quotas *quotas, const char *user)
{
    for (size_t i = 0; i < quotas->user_count; i++)
        if (!strcmp(quotas->users[i].user, user))
            return &quotas->users[i];
    return NULL;
}

bool quota_add_user(struct quotas *quotas, const char *text, struct fail *fail)
{
    struct user_quota quota = {.sessions = 0};
    char *copy = mem_strdup(text);
    bool good = parse_user(copy, &quota, fail);
    free(copy);
    if (!good)
        return false;
    struct user_quota *place = find_user(quotas, quota.user);
    if (!place && quotas->user_count == USER_QUOTAS_MAX)
        return fail_set(fail, 0, "more than %d user quotas", USER_QUOTAS_MAX);
    if (!place)
        place = &quotas->users[quotas->user_count++];
    *place = quota;
    return true;
}

const struct user_quota *quota_of_user(const struct quotas *quotas, const char *user)
{
    static const struct user_quota none;
    const struct user_quota *each = &none;
    for (size_t i = 0; i < quotas->user_count; i++) {
        if (!strcmp(quotas->users[i].user, user))
            return &quotas->users[i];
        if (!quotas->users[i].user[0])
            each = &quotas->users[i];
    }
    return each;
}

/* ---- settings ---- */

/* So long a flow may drain whatever its quota: the default. */
#define DRAIN_ALWAYS (5 * NS_PER_SEC)

/* Whose quota it is, in the sentences. */
enum { WHOSE_MAX = TOKEN_NAME_MAX + 32 };

static bool check_rate(int64_t rate, int64_t limit, const char *whose, const char *option,
                       struct fail *fail)
{
    if (!limit || rate <= limit)
        return true;
    if (rate == QUOTA_UNLIMITED)
        return fail_set(fail, FAULT_POLICY,
                        "it would send as fast as possible, but the daemon allows %s%" PRId64
                        " bit/s (%s): give it a rate (-R)",
                        whose, limit, option);
    return fail_set(fail, FAULT_POLICY,
                    "it would send %" PRId64 " bit/s, but the daemon allows %s%" PRId64
                    " bit/s (%s)",
                    rate, whose, limit, option);
}

static bool check_duration(int64_t end, const char *what, int64_t limit, const char *whose,
                           const char *option, struct fail *fail)
{
    char asked[NUMBER_TEXT_MAX], allowed[NUMBER_TEXT_MAX];
    if (!limit || end <= limit)
        return true;
    number_format_seconds(asked, end);
    number_format_seconds(allowed, limit);
    return fail_set(fail, FAULT_POLICY, "it would %s %s s, but the daemon allows %s%s s (%s)", what,
                    asked, whose, allowed, option);
}

bool quota_check_settings(const struct quotas *quotas, const char *user,
                          const struct endpoint_settings ends[ENDPOINTS], enum endpoint which,
                          struct fail *fail)
{
    const struct user_quota *own = quota_of_user(quotas, user);
    int64_t rate = quota_rate(ends, which), end = settings_schedule(ends).end;
    char whose[WHOSE_MAX];
    snprintf(whose, sizeof whose, "user '%s' ", user);
    return check_rate(rate, quotas->flow_rate, "", "--max-flow-rate", fail) &&
           check_rate(rate, quotas->total_rate, "", "--max-total-rate", fail) &&
           check_rate(rate, own->rate, whose, "--user-quota", fail) &&
           check_duration(end, "end after", quotas->duration, "", "--max-duration", fail) &&
           check_duration(end, "end after", own->duration, whose, "--user-quota", fail);
}

bool quota_check_drain(const struct quotas *quotas, const char *user,
                       const struct endpoint_settings ends[ENDPOINTS], int64_t drain,
                       struct fail *fail)
{
    const struct user_quota *own = quota_of_user(quotas, user);
    int64_t end = settings_schedule(ends).end + drain;
    char whose[WHOSE_MAX];
    snprintf(whose, sizeof whose, "user '%s' ", user);
    return drain <= DRAIN_ALWAYS ||
           (check_duration(end, "drain until", quotas->duration, "", "--max-duration", fail) &&
            check_duration(end, "drain until", own->duration, whose, "--user-quota", fail));
}

/* ---- addresses ---- */

bool quota_check_address(const struct quotas *quotas, const struct address *address,
                         struct fail *fail)
{
    char text[ADDRESS_TEXT_MAX];
    address_format(address, text);
    if (netlist_has(&quotas->deny, address))
        return fail_set(fail, FAULT_POLICY, "the daemon does not allow tests with %s (--deny-test)",
                        text);
    return !quotas->allow.count || netlist_has(&quotas->allow, address) ||
           fail_set(fail, FAULT_POLICY,
                    "the daemon does not allow tests with %s: it is not in --allow-test", text);
}

static bool check_all(const struct quotas *quotas, const struct addresses *addresses,
                      struct fail *fail)
{
    for (size_t i = 0; i < addresses->count; i++)
        if (!quota_check_address(quotas, &addresses->list[i], fail))
            return false;
    return true;
}

static bool is_wildcard(const struct address *address)
{
    struct address any = address_wildcard(address->any.sa_family, address_port(address));
    return address_equal(address, &any);
}

bool quota_check_own(const struct quotas *quotas, const struct addresses *own, enum endpoint which,
                     struct fail *fail)
{
    bool everywhere = !own->count || is_wildcard(&own->list[0]);
    if (!quotas->allow.count && !quotas->deny.count)
        return true;
    if (everywhere && which == DESTINATION)
        return fail_set(fail, FAULT_POLICY,
                        "it would listen on all addresses, but the daemon allows tests only "
                        "with some (--allow-test, --deny-test): give one");
    return everywhere || check_all(quotas, own, fail);
}

bool quota_check_peer(const struct quotas *quotas, const struct addresses *peer, struct fail *fail)
{
    return check_all(quotas, peer, fail);
}

void quota_describe(const struct quotas *quotas, const char *user, struct quotas_message *message)
{
    const struct user_quota *own = quota_of_user(quotas, user);
    message->max_flow_rate = quotas->flow_rate;
    message->max_total_rate = quotas->total_rate;
    message->max_duration = quotas->duration;
    netlist_format(&quotas->allow, message->allow_test);
    netlist_format(&quotas->deny, message->deny_test);
    snprintf(message->user.name, sizeof message->user.name, "%s", user);
    message->user.sessions = own->sessions;
    message->user.flows = own->flows;
    message->user.rate = own->rate;
    message->user.duration = own->duration;
    message->user.reports = own->reports;
    message->user.lease = own->lease;
}
