/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What follows from the settings of a flow together: whether they agree, and when it does what. */
#include <inttypes.h>
#include <math.h>

#include "dumpname.h"
#include "settings.h"

#define SIZE_LIMIT (INT64_C(1) << 30)
enum { DEFAULT_CAP = 8192 };

static bool sends(const struct endpoint_settings *end)
{
    return end->duration > 0;
}

bool settings_ask_responses(const struct endpoint_settings *end)
{
    return sends(end) && (end->response_size.kind != DIST_CONSTANT || end->response_size.a > 0);
}

bool settings_are_random(const struct endpoint_settings *end)
{
    return sends(end) &&
           (end->request_size.kind != DIST_CONSTANT || end->response_size.kind != DIST_CONSTANT ||
            end->gap.kind != DIST_CONSTANT || end->rate_spread);
}

static bool has_gap(const struct endpoint_settings *end)
{
    return end->gap.kind != DIST_CONSTANT || end->gap.a > 0;
}

bool settings_are_paced(const struct endpoint_settings *end)
{
    return sends(end) && (has_gap(end) || (end->rate && !end->kernel_pacing));
}

/* The largest value of a distribution that has one, else 0. */
static int64_t largest(const struct dist *dist)
{
    double most = dist->kind == DIST_CONSTANT ? dist->a : dist->kind == DIST_UNIFORM ? dist->b : 0;
    return most < (double)SIZE_LIMIT ? (int64_t)ceil(most) : SIZE_LIMIT;
}

int64_t settings_block_cap(const struct endpoint_settings *end)
{
    int64_t request = largest(&end->request_size), response = largest(&end->response_size);
    int64_t cap = request > response ? request : response;
    if (end->block_cap)
        return end->block_cap;
    return cap > DEFAULT_CAP ? cap : DEFAULT_CAP;
}

bool settings_need_messages(const struct endpoint_settings ends[ENDPOINTS],
                            const struct flow_settings *flow)
{
    for (int i = 0; i < ENDPOINTS; i++)
        if (settings_ask_responses(&ends[i]) || settings_are_paced(&ends[i]) ||
            (sends(&ends[i]) &&
             (ends[i].one_way_delay || ends[i].request_size.kind != DIST_CONSTANT)))
            return true;
    return flow->framing == FRAMING_MESSAGE;
}

static bool check_times(const struct endpoint_settings ends[ENDPOINTS],
                        const struct flow_settings *flow, struct fail *fail)
{
    if (!sends(&ends[SOURCE]) && !sends(&ends[DESTINATION]))
        return fail_set(fail, 0, "neither endpoint sends: give one a duration above 0 with -T");
    for (int i = 0; i < ENDPOINTS; i++)
        if (ends[i].delay && !sends(&ends[i]))
            return fail_set(fail, 0, "the %s has a delay (-Y) but no duration (-T)",
                            endpoint_name(i));
    if (flow->late_connect && sends(&ends[DESTINATION]) &&
        ends[DESTINATION].delay < ends[SOURCE].delay)
        return fail_set(fail, 0,
                        "the destination would send before the source has connected: with "
                        "-L its delay (-Y) must not be below the source's");
    return true;
}

static bool is_whole(const struct dist *dist)
{
    return dist->kind != DIST_CONSTANT || dist->a == floor(dist->a);
}

static bool check_size_limit(const struct dist *dist, enum endpoint which, struct fail *fail)
{
    double most = dist->kind == DIST_UNIFORM ? dist->b : dist->kind == DIST_CONSTANT ? dist->a : 0;
    return most <= (double)SIZE_LIMIT ||
           fail_set(fail, 0, "the %s's sizes are above %" PRId64 " bytes", endpoint_name(which),
                    SIZE_LIMIT);
}

/* Sizes that are drawn are fitted between the header's size and the cap; constant ones must fit. */
static bool check_sizes(const struct endpoint_settings *end, enum endpoint which, bool messages,
                        struct fail *fail)
{
    bool fixed = end->request_size.kind == DIST_CONSTANT;
    int64_t cap = end->block_cap, response = 0;
    int64_t request = fixed ? (int64_t)end->request_size.a : BLOCK_HEADER_SIZE;
    if (end->response_size.kind == DIST_CONSTANT)
        response = (int64_t)end->response_size.a;
    if (!check_size_limit(&end->request_size, which, fail) ||
        !check_size_limit(&end->response_size, which, fail))
        return false;
    if (!is_whole(&end->request_size) || !is_whole(&end->response_size))
        return fail_set(fail, 0, "the %s's sizes are no whole numbers of bytes",
                        endpoint_name(which));
    if (messages && request < BLOCK_HEADER_SIZE)
        return fail_set(fail, 0,
                        "the %s's blocks (-S) have %" PRId64 " bytes, but each carries a "
                        "header of %d bytes here",
                        endpoint_name(which), request, BLOCK_HEADER_SIZE);
    if (response && response < BLOCK_HEADER_SIZE)
        return fail_set(fail, 0,
                        "the %s asks for responses of %" PRId64 " bytes, but each carries a "
                        "header of %d bytes",
                        endpoint_name(which), response, BLOCK_HEADER_SIZE);
    if (cap && messages && cap < BLOCK_HEADER_SIZE)
        return fail_set(fail, 0,
                        "the %s's cap (-U) is %" PRId64 " bytes, but each block carries a header "
                        "of %d bytes here",
                        endpoint_name(which), cap, BLOCK_HEADER_SIZE);
    if (cap && (request > cap || response > cap))
        return fail_set(fail, 0,
                        "the %s asks for blocks of %" PRId64 " bytes, above its cap of "
                        "%" PRId64 " (-U)",
                        endpoint_name(which), request > response ? request : response, cap);
    return true;
}

/* DSCP and TOS are the same byte of the packet. */
static bool check_marks(const struct endpoint_settings *end, enum endpoint which, struct fail *fail)
{
    if (end->tos > 0 && end->tos & 3)
        return fail_set(fail, 0,
                        "the %s's IP_TOS=%" PRId64 " sets bits of ECN, which are TCP's own: take "
                        "a multiple of 4",
                        endpoint_name(which), end->tos);
    if (end->tos >= 0 && end->dscp >= 0 && end->tos >> 2 != end->dscp)
        return fail_set(fail, 0,
                        "the %s's DSCP %" PRId64 " (-D) is IP_TOS=%" PRId64 ", but IP_TOS=%" PRId64
                        " is asked for: give one of them",
                        endpoint_name(which), end->dscp, end->dscp << 2, end->tos);
    return true;
}

/* What only makes sense together. */
static bool check_traffic(const struct endpoint_settings *end, enum endpoint which,
                          struct fail *fail)
{
    const char *name = endpoint_name(which);
    if (end->rate && has_gap(end))
        return fail_set(fail, 0, "the %s has both a rate (-R) and gaps (-G %c=g:): give one", name,
                        endpoint_letter(which));
    if (end->rate_spread && !end->rate)
        return fail_set(fail, 0, "the %s has a spread (--rate-spread) but no rate (-R)", name);
    if (end->kernel_pacing && !end->rate)
        return fail_set(fail, 0, "the %s has no rate (-R) that the kernel could keep (--pacing)",
                        name);
    if (end->kernel_pacing && end->rate_spread)
        return fail_set(
            fail, 0, "the %s's rate varies (--rate-spread), which the kernel can't do (--pacing)",
            name);
    if (end->in_flight && !settings_ask_responses(end))
        return fail_set(fail, 0,
                        "the %s waits for responses (--in-flight) but asks for none: use -A %c",
                        name, endpoint_letter(which));
    return true;
}

bool settings_check(const struct endpoint_settings ends[ENDPOINTS],
                    const struct flow_settings *flow, struct fail *fail)
{
    bool messages = settings_need_messages(ends, flow);
    if (!check_times(ends, flow, fail) ||
        (flow->dump_prefix[0] && !dump_prefix_check(flow->dump_prefix, fail)))
        return false;
    if (messages && flow->framing == FRAMING_STREAM)
        return fail_set(fail, 0,
                        "stream framing carries no headers, but a rate (-R), a gap, a response "
                        "(-A), a one-way delay (-I) or varying sizes need them");
    for (int i = 0; i < ENDPOINTS; i++) {
        if (sends(&ends[i]) &&
            (!check_sizes(&ends[i], i, messages, fail) || !check_traffic(&ends[i], i, fail)))
            return false;
        if (!check_marks(&ends[i], i, fail))
            return false;
    }
    return true;
}

/* Makes the counted time of what endpoint `of` sends cover the sending time of endpoint `with`. */
static void cover(struct flow_schedule *schedule, enum endpoint of, enum endpoint with)
{
    bool empty = schedule->from[of] == schedule->to[of];
    if (empty || schedule->start[with] < schedule->from[of])
        schedule->from[of] = schedule->start[with];
    if (empty || schedule->stop[with] > schedule->to[of])
        schedule->to[of] = schedule->stop[with];
}

struct flow_schedule settings_schedule(const struct endpoint_settings ends[ENDPOINTS])
{
    struct flow_schedule schedule = {0};
    for (int i = 0; i < ENDPOINTS; i++) {
        if (!sends(&ends[i]))
            continue;
        schedule.start[i] = ends[i].delay;
        schedule.stop[i] = ends[i].delay + ends[i].duration;
        if (schedule.stop[i] > schedule.end)
            schedule.end = schedule.stop[i];
    }
    for (int i = 0; i < ENDPOINTS; i++)
        if (sends(&ends[i]))
            cover(&schedule, i, i);
    for (int i = 0; i < ENDPOINTS; i++)
        if (settings_ask_responses(&ends[1 - i]))
            cover(&schedule, i, 1 - i);
    return schedule;
}
