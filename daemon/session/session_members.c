/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a session tells the flows of its members. */
#include "session/session_state.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "mem.h"
#include "peer/rendezvous.h"

void session_set_stopped(struct session *session, const char *format, ...)
{
    va_list args;
    if (session->stopped[0])
        return;
    va_start(args, format);
    vsnprintf(session->stopped, sizeof session->stopped, format, args);
    va_end(args);
}

struct flow_set flow_set_make(const struct schema_list *numbers)
{
    const int64_t *list = numbers->items;
    struct flow_set set = {.end = 0};
    for (size_t i = 0; i < numbers->count; i++)
        if (list[i] >= set.end && list[i] <= PROTOCOL_FLOW_MAX)
            set.end = list[i] + 1;
    set.bits = mem_new((size_t)set.end / 8 + 1, 1);
    for (size_t i = 0; i < numbers->count; i++)
        if (list[i] >= 0 && list[i] < set.end)
            set.bits[list[i] / 8] |= (uint8_t)(1 << list[i] % 8);
    return set;
}

void flow_set_free(struct flow_set *set)
{
    free(set->bits);
}

static bool flow_set_has(const struct flow_set *set, int64_t number)
{
    return number < set->end && set->bits[number / 8] >> number % 8 & 1;
}

int64_t session_stop_members(struct session *session, const struct flow_set *only, int64_t drain)
{
    int64_t stopped = 0;
    for (size_t i = 0; i < session->count; i++) {
        struct member *member = &session->members[i];
        struct flow *flow = member_flow_to_post(member);
        bool wanted = !only || flow_set_has(only, member->id);
        if (!wanted || !flow || member->state >= MEMBER_FAILED)
            continue;
        flow_post_stop(flow, drain, session->stopped[0] ? session->stopped : NULL);
        stopped++;
    }
    return stopped;
}

void session_release_members(struct session *session)
{
    for (size_t i = 0; i < session->count; i++) {
        struct member *member = &session->members[i];
        struct flow *flow = member_flow_to_post(member);
        if (!flow)
            continue;
        member->released = true;
        if (member->endpoint == DESTINATION)
            rendezvous_remove(session->owner->parts.rendezvous, flow);
        flow_post_release(flow);
    }
}
