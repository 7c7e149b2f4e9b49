/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "quota.h"

#include <inttypes.h>

#include "clock.h"
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
    double factor = other->response_size.a / other->request_size.a;
    double rate = (double)other->rate * factor;
    return !fixed || !other->rate || !(rate < 9e18) ? QUOTA_UNLIMITED : (int64_t)rate;
}

int64_t quota_rate(const struct endpoint_settings ends[ENDPOINTS], enum endpoint which)
{
    const struct endpoint_settings *own = &ends[which];
    /* A rate that varies has no limit, and neither have gaps between blocks of drawn sizes. */
    bool limited = own->rate && !own->rate_spread;
    int64_t requests = own->duration ? limited ? own->rate : QUOTA_UNLIMITED : 0;
    return add_rates(requests, response_rate(&ends[which == SOURCE ? DESTINATION : SOURCE]));
}

static bool check_rate(int64_t rate, int64_t limit, const char *option, struct fail *fail)
{
    if (!limit || rate <= limit)
        return true;
    if (rate == QUOTA_UNLIMITED)
        return fail_set(fail, FAULT_POLICY,
                        "it would send as fast as it can, but the daemon allows %" PRId64
                        " bit/s (%s): give it a rate (-R)",
                        limit, option);
    return fail_set(fail, FAULT_POLICY,
                    "it would send %" PRId64 " bit/s, but the daemon allows %" PRId64 " bit/s (%s)",
                    rate, limit, option);
}

bool quota_check_settings(const struct quotas *quotas,
                          const struct endpoint_settings ends[ENDPOINTS], enum endpoint which,
                          struct fail *fail)
{
    int64_t rate = quota_rate(ends, which), end = settings_schedule(ends).end;
    char asked[NUMBER_TEXT_MAX], allowed[NUMBER_TEXT_MAX];
    if (!check_rate(rate, quotas->flow_rate, "--max-flow-rate", fail) ||
        !check_rate(rate, quotas->total_rate, "--max-total-rate", fail))
        return false;
    if (!quotas->duration || end <= quotas->duration)
        return true;
    number_format_seconds(asked, end);
    number_format_seconds(allowed, quotas->duration);
    return fail_set(fail, FAULT_POLICY,
                    "it would end after %s s, but the daemon allows %s s (--max-duration)", asked,
                    allowed);
}

static bool check_address(const struct quotas *quotas, const struct address *address,
                          struct fail *fail)
{
    char text[ADDRESS_TEXT_MAX];
    address_format(address, text);
    if (netlist_has(&quotas->deny, address))
        return fail_set(fail, FAULT_POLICY, "the daemon makes no tests with %s (--deny-test)",
                        text);
    return !quotas->allow.count || netlist_has(&quotas->allow, address) ||
           fail_set(fail, FAULT_POLICY,
                    "the daemon makes no tests with %s: it is not among those of --allow-test",
                    text);
}

static bool check_all(const struct quotas *quotas, const struct addresses *addresses,
                      struct fail *fail)
{
    for (size_t i = 0; i < addresses->count; i++)
        if (!check_address(quotas, &addresses->list[i], fail))
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
                        "it would listen at all addresses, but the daemon makes tests with some "
                        "only (--allow-test, --deny-test): name one");
    return everywhere || check_all(quotas, own, fail);
}

bool quota_check_peer(const struct quotas *quotas, const struct addresses *peer, struct fail *fail)
{
    return check_all(quotas, peer, fail);
}
