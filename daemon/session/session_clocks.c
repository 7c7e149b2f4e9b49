/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The clocks of the peers of a session's flows. */
#include <inttypes.h>
#include <stdlib.h>

#include "session/session_state.h"
#include "flow/peerclock.h"

static struct peerclock *find(const struct session *session, int64_t number)
{
    for (size_t i = 0; i < session->clock_count; i++)
        if (session->clocks[i].peer == number)
            return session->clocks[i].clock;
    return NULL;
}

struct peerclock *session_peer_clock(struct session *session, int64_t number)
{
    struct peerclock *clock = number < 0 ? NULL : find(session, number);
    if (clock || number < 0)
        return clock;
    session->clocks = mem_grow(session->clocks, session->clock_count + 1, sizeof *session->clocks);
    clock = peerclock_new();
    session->clocks[session->clock_count++] = (struct session_clock){number, clock};
    return clock;
}

bool session_take_clocks(struct session *session, const struct schema_list *clocks,
                         struct fail *fail)
{
    const struct peer_clock *list = clocks->items;
    for (size_t i = 0; i < clocks->count; i++)
        if (!find(session, list[i].peer))
            return fail_set(fail, FAULT_BAD_CALL,
                            "clocks: no endpoint of the session has the peer_clock %" PRId64,
                            list[i].peer);
    for (size_t i = 0; i < clocks->count; i++)
        peerclock_set(find(session, list[i].peer), &(struct clock_map){
                                                       .reference = list[i].reference,
                                                       .offset = list[i].offset,
                                                       .rate_ppb = list[i].rate_ppb,
                                                       .bound = list[i].bound,
                                                       .bound_ppb = list[i].bound_ppb,
                                                   });
    return true;
}

void session_free_clocks(struct session *session)
{
    for (size_t i = 0; i < session->clock_count; i++)
        peerclock_free(session->clocks[i].clock);
    free(session->clocks);
}
