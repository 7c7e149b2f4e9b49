/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What follows from the settings of a flow together: whether they agree, and when it does what. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "dumpname.h"
#include "mem.h"
#include "number.h"
#include "settings.h"

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

bool settings_have_volume(const struct endpoint_settings *end)
{
    return sends(end) && (end->volume || end->volume_blocks);
}

bool settings_volume_reached(const struct endpoint_settings *end, int64_t bytes, int64_t blocks)
{
    return settings_have_volume(end) &&
           (end->volume ? bytes >= end->volume : blocks >= end->volume_blocks);
}

/* The largest value of a distribution that has one, else 0. */
static int64_t largest(const struct dist *dist)
{
    double most = dist->kind == DIST_CONSTANT ? dist->a : dist->kind == DIST_UNIFORM ? dist->b : 0;
    return number_from_real(ceil(most), 0, SETTINGS_SIZE_LIMIT);
}

int64_t settings_block_size(const struct endpoint_settings *end)
{
    return dist_whole(&end->request_size, 1, SETTINGS_SIZE_LIMIT);
}

int64_t settings_response_size(const struct endpoint_settings *end)
{
    return dist_whole(&end->response_size, 0, SETTINGS_SIZE_LIMIT);
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
    return most <= (double)SETTINGS_SIZE_LIMIT ||
           fail_set(fail, 0, "the %s's sizes are above %" PRId64 " bytes", endpoint_name(which),
                    SETTINGS_SIZE_LIMIT);
}

/* Of an end that does not send, too: a size that makes no sense is a mistake there as well. */
static bool check_sizes(const struct endpoint_settings *end, enum endpoint which, struct fail *fail)
{
    if (!check_size_limit(&end->request_size, which, fail) ||
        !check_size_limit(&end->response_size, which, fail))
        return false;
    return (is_whole(&end->request_size) && is_whole(&end->response_size)) ||
           fail_set(fail, 0, "the %s's sizes are not whole numbers of bytes", endpoint_name(which));
}

/* Sizes that are drawn are fitted between the header's size and the cap; constant ones must fit. */
static bool check_fit(const struct endpoint_settings *end, enum endpoint which, int64_t header,
                      struct fail *fail)
{
    bool fixed = end->request_size.kind == DIST_CONSTANT;
    int64_t cap = end->block_cap, response = settings_response_size(end);
    int64_t request = fixed ? settings_block_size(end) : BLOCK_HEADER_SIZE;
    if (request < header)
        return fail_set(fail, 0,
                        "the %s's blocks (-S) have %" PRId64 " bytes, but each needs a header of "
                        "%" PRId64 " bytes here",
                        endpoint_name(which), request, header);
    if (response && response < BLOCK_HEADER_SIZE)
        return fail_set(fail, 0,
                        "the %s requests responses of %" PRId64 " bytes, but each needs a header "
                        "of %d bytes",
                        endpoint_name(which), response, BLOCK_HEADER_SIZE);
    if (cap && cap < header)
        return fail_set(fail, 0,
                        "the %s's cap (-U) is %" PRId64 " bytes, but each block carries a header "
                        "of %" PRId64 " bytes here",
                        endpoint_name(which), cap, header);
    if (cap && (request > cap || response > cap))
        return fail_set(fail, 0,
                        "the %s requests blocks of %" PRId64 " bytes, above its cap of "
                        "%" PRId64 " (-U)",
                        endpoint_name(which), request > response ? request : response, cap);
    return true;
}

/* DSCP and TOS are the same byte of the packet. */
static bool check_marks(const struct endpoint_settings *end, enum endpoint which, bool stream,
                        struct fail *fail)
{
    if (stream && end->tos > 0 && end->tos & 3)
        return fail_set(fail, 0,
                        "the %s's IP_TOS=%" PRId64 " sets ECN bits, which belong to TCP: use a "
                        "multiple of 4",
                        endpoint_name(which), end->tos);
    if (end->tos >= 0 && end->dscp >= 0 && end->tos >> 2 != end->dscp)
        return fail_set(fail, 0,
                        "the %s's DSCP %" PRId64 " (-D) is IP_TOS=%" PRId64 ", but IP_TOS=%" PRId64
                        " is requested: give only one of them",
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
        return fail_set(fail, 0, "the %s has kernel pacing (--pacing) but no rate (-R)", name);
    if (end->kernel_pacing && end->rate_spread)
        return fail_set(fail, 0,
                        "the %s's rate varies (--rate-spread), which kernel pacing (--pacing) does "
                        "not support",
                        name);
    if (end->in_flight && !settings_ask_responses(end))
        return fail_set(fail, 0,
                        "the %s waits for responses (--in-flight) but requests none: use -A %c",
                        name, endpoint_letter(which));
    return true;
}

/* A volume has one end, which has to be reached; what is omitted has to leave something. */
static bool check_volume(const struct endpoint_settings *end, enum endpoint which, bool messages,
                         struct fail *fail)
{
    const char *name = endpoint_name(which);
    if (end->omit && (end->volume || end->volume_blocks))
        return fail_set(fail, 0,
                        "the %s has a fixed volume (--bytes, --blocks), which is measured from its "
                        "first byte, and can't omit any time (--omit)",
                        name);
    if (end->omit && end->omit >= end->duration)
        return fail_set(fail, 0,
                        "the %s omits %.9g s (--omit) of %.9g s (-T), which leaves nothing", name,
                        (double)end->omit / NS_PER_SEC, (double)end->duration / NS_PER_SEC);
    if (!end->volume && !end->volume_blocks)
        return true;
    if (!sends(end))
        return fail_set(fail, 0, "the %s has a volume (--bytes, --blocks) but a duration (-T) of 0",
                        name);
    if (end->volume && end->volume_blocks)
        return fail_set(fail, 0, "the %s has both --bytes and --blocks: give one", name);
    if (end->stop_on_congestion)
        return fail_set(
            fail, 0,
            "the %s may stop before it has sent its volume (--bytes, --blocks) with -C: "
            "give one of them",
            name);
    if (messages && end->volume && end->volume < BLOCK_HEADER_SIZE)
        return fail_set(fail, 0,
                        "the %s's --bytes=%c=%" PRId64 " is less than the header of %d bytes that "
                        "each block carries here",
                        name, endpoint_letter(which), end->volume, BLOCK_HEADER_SIZE);
    return true;
}

/* Refuses, by its option's name, what was asked for and the transport does not have. */
static bool check_kind(const void *object, enum setting_scope scope, const char *whose,
                       const struct flow_settings *flow, struct fail *fail)
{
    const struct transport_traits *traits = &transport_traits[flow->transport];
    bool stream = traits->capabilities & TRANSPORT_STREAM;
    enum setting_kind other = stream ? SETTING_OF_DATAGRAM : SETTING_OF_STREAM;
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *setting = &settings_list[i];
        if (setting->scope != scope || setting->kind != other ||
            setting_is_default(setting, object))
            continue;
        bool option = setting->form != SETTING_FORM_SOCKOPT;
        return fail_set(fail, 0, "%s%s%s does not apply to %s%s", whose, option ? "--" : "-O ",
                        setting->name, traits->name, stream ? ": it is for --udp" : "");
    }
    return true;
}

/* Datagrams: UDP's length has 16 bits, of which its header and that of IPv4 take some. */
static bool check_datagrams(const struct endpoint_settings *end, const struct flow_settings *flow,
                            enum endpoint which, struct fail *fail)
{
    enum { PAYLOAD_MAX = 65535 - 8 - 20 };
    bool fixed = end->request_size.kind == DIST_CONSTANT;
    int64_t size = settings_block_size(end), answer = settings_response_size(end);
    if (fixed && !end->fit_mtu && answer > size)
        return fail_set(fail, 0,
                        "the %s's datagrams of %" PRId64 " bytes (-S) request answers of %" PRId64
                        " bytes, but an answer is never larger than what it answers",
                        endpoint_name(which), size, answer);
    if (flow->gso == GSO_ON &&
        (!fixed || has_gap(end) || end->one_way_delay || settings_ask_responses(end)))
        return fail_set(fail, 0,
                        "--gso=on sends trains of datagrams, but the %s's gaps, varying sizes, "
                        "delays (-I) or answers (-A) need the time of each: omit one",
                        endpoint_name(which));
    if (!end->fit_mtu && largest(&end->request_size) > PAYLOAD_MAX)
        return fail_set(fail, 0, "the %s's datagrams (-S) have %" PRId64 " bytes, but UDP takes %d",
                        endpoint_name(which), largest(&end->request_size), PAYLOAD_MAX);
    return fixed || settings_are_paced(end) ||
           fail_set(fail, 0,
                    "the %s's datagrams have varying sizes (-G %c=q:): give it a rate (-R) or "
                    "gaps (-G %c=g:)",
                    endpoint_name(which), endpoint_letter(which), endpoint_letter(which));
}

/* What the flow's transport can't do. */
static bool check_transport(const struct endpoint_settings *end, const struct flow_settings *flow,
                            enum endpoint which, struct fail *fail)
{
    const struct transport_traits *traits = &transport_traits[flow->transport];
    return !end->kernel_pacing || traits->capabilities & TRANSPORT_KERNEL_PACING ||
           fail_set(fail, 0,
                    "the %s's rate can't be paced by the kernel (--pacing): Linux does not pace %s "
                    "connections; omit --pacing",
                    endpoint_name(which), traits->name);
}

static bool check_addresses(const struct endpoint_settings ends[ENDPOINTS],
                            const struct flow_settings *flow, struct fail *fail)
{
    if (flow->enumerate && flow->check_data)
        return fail_set(fail, 0, "both --enumerate and --check-data number bytes: give one");
    if (flow->ipv4 && flow->ipv6)
        return fail_set(fail, 0, "both IPv4 only (-4) and IPv6 only (-6): give one");
    return !ends[DESTINATION].source_port ||
           fail_set(fail, 0,
                    "the destination does not connect, so it has no source port: use --source-port "
                    "s=%" PRId64 ", or flowd's --data-ports for its listening port",
                    ends[DESTINATION].source_port);
}

static bool check_trace(const struct endpoint_settings ends[ENDPOINTS],
                        const struct flow_settings *flow, struct fail *fail)
{
    bool traced = ends[SOURCE].trace || ends[DESTINATION].trace;
    if (traced && flow->transport != TRANSPORT_TCP)
        return fail_set(fail, 0, "--trace works with TCP only, not with %s",
                        transport_traits[flow->transport].name);
    for (int i = 0; i < ENDPOINTS; i++)
        if (ends[i].trace_max && !ends[i].trace)
            return fail_set(fail, 0,
                            "--trace-max limits a trace of the %s, but none is requested: add "
                            "--trace %c",
                            endpoint_name(i), endpoint_letter(i));
    return true;
}

bool settings_check(const struct endpoint_settings ends[ENDPOINTS],
                    const struct flow_settings *flow, struct fail *fail)
{
    return settings_check_header(ends, flow, BLOCK_HEADER_SIZE, fail);
}

bool settings_check_header(const struct endpoint_settings ends[ENDPOINTS],
                           const struct flow_settings *flow, int64_t header, struct fail *fail)
{
    bool stream = transport_traits[flow->transport].capabilities & TRANSPORT_STREAM;
    bool messages = settings_need_messages(ends, flow) || !stream;
    if (!check_kind(flow, SCOPE_FLOW, "", flow, fail) || !check_times(ends, flow, fail) ||
        !check_addresses(ends, flow, fail) || !check_trace(ends, flow, fail) ||
        (flow->dump_prefix[0] && !dump_prefix_check(flow->dump_prefix, fail)))
        return false;
    if (stream && messages && flow->framing == FRAMING_STREAM)
        return fail_set(fail, 0,
                        "stream framing carries no headers, but a rate (-R), a gap, a response "
                        "(-A), a one-way delay (-I) or varying sizes need them");
    for (int i = 0; i < ENDPOINTS; i++) {
        char whose[32];
        snprintf(whose, sizeof whose, "the %s's ", endpoint_name(i));
        if (!check_kind(&ends[i], SCOPE_ENDPOINT, whose, flow, fail) ||
            !check_sizes(&ends[i], i, fail) || !check_volume(&ends[i], i, messages, fail) ||
            (!stream && sends(&ends[i]) && !check_datagrams(&ends[i], flow, i, fail)))
            return false;
        if (sends(&ends[i]) &&
            (!check_fit(&ends[i], i, messages ? header : 0, fail) ||
             !check_traffic(&ends[i], i, fail) || !check_transport(&ends[i], flow, i, fail)))
            return false;
        if (!check_marks(&ends[i], i, stream, fail))
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
