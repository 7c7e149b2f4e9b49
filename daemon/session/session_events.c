/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the rings of the workers report: sessions_take(). */
#include <string.h>

#include "log.h"
#include "session/session_state.h"

/* Reports wait so long for company before a waiting call is answered: at small intervals one call
 * then carries many. */
#define REPORT_BATCH_DELAY (25 * NS_PER_MS)

/* Where memory is used up, waits until the spill has made room, or takes it from the session that
 * holds the most; the session's lock is let go meanwhile. The workers go on: their rings hold what
 * comes. */
static bool keep_row(struct session *session, const void *row, size_t size)
{
    while (session->state != SESSION_CLOSED && !store_add(&session->store, row, size)) {
        if (session->store.over_quota || session->state == SESSION_FAILED)
            return false;
        pthread_mutex_unlock(&session->lock);
        bool hope = spill_wait(session->store.spill, size) ||
                    sessions_shed_reports(session->owner, session);
        pthread_mutex_lock(&session->lock);
        if (!hope)
            return false;
    }
    return true;
}

void session_take_row(struct session *session, const void *row, size_t size, int64_t now)
{
    if (!keep_row(session, row, size))
        session_fail(session, 1, session->store.over_quota ? LOSS_QUOTA : LOSS_MEMORY);
    if (session->wake_at == CLOCK_NEVER)
        session->wake_at = now + REPORT_BATCH_DELAY;
}

static void take_done(struct session *session, struct member *member, int64_t now)
{
    if (member->state == MEMBER_DONE)
        return;
    /* A flow that was stopped before the start is ready no more. */
    session->ready -= member->state == MEMBER_READY && session->state == SESSION_PREPARING;
    member->state = MEMBER_DONE;
    if (session->done + 1 == session->count)
        session_end_host(session, now);
    session->done++;
    if (session->done < session->count)
        return;
    session->ended_at = now;
    store_seal(&session->store);
    session->wake_at = 0;
    if (session->state < SESSION_ENDED)
        session->state = SESSION_ENDED;
}

/* Of a source, once, when the worker touches no more what it says of its exchange: whether who is
 * there has agreed. With -L it is ready before it connects. */
static void end_contacts(struct session *session, struct member *member, const struct flow *flow)
{
    if (!member->contact)
        return;
    member->contact = false;
    session_end_contacts(session, flow_peer_addresses(flow), flow_peers_tried(flow),
                         flow_has_agreed(flow));
}

static void take_ready(struct session *session, struct member *member, const struct flow *flow)
{
    member->state = MEMBER_READY;
    session->ready++;
    if (session->ready == session->count)
        session->wake_at = 0;
    if (!flow_common_settings(flow)->late_connect)
        end_contacts(session, member, flow);
}

static void take_released(struct session *session, struct member *member, const struct flow *flow)
{
    end_contacts(session, member, flow);
    session_end_live(session, member, flow);
    member->flow = NULL;
}

static void take_failed(struct session *session, struct member *member,
                        const struct ring_entry *entry)
{
    session->ready -= member->state == MEMBER_READY;
    session->failed++;
    member->failed = true;
    member->code = entry->code;
    member->reason = mem_strdup((const char *)entry->data);
    member->state = MEMBER_FAILED;
    session->wake_at = 0;
    /* If it was started in the moment in which it failed, its final row and its end follow. */
}

/* The flow is the session's again. Called without the session's lock: it may be the last that held
 * the session. */
static void free_released(struct session *session, struct flow *flow)
{
    if (!flow)
        return;
    listeners_release(session->owner->parts.listeners, flow_listener(flow));
    session_give_rate(session, flow_ends(flow), flow_endpoint(flow));
    session_give_flows(session, 1);
    atomic_fetch_sub(&flow_worker(flow)->endpoint_count[flow_endpoint(flow)], 1);
    flow_free(flow);
    pthread_mutex_lock(&session->lock);
    bool last = --session->held == 0 && session->state == SESSION_CLOSED;
    pthread_mutex_unlock(&session->lock);
    if (last) /* session.close may wait for it */
        waitlist_wake(&session->waitlist);
    session_put(session);
}

static int64_t lost_in_ring(const struct ring_entry *entry)
{
    int64_t lost;
    memcpy(&lost, entry->data, sizeof lost);
    return lost;
}

void sessions_take(void *context, const struct ring_entry *entry, int64_t now)
{
    struct session *session = flow_session(entry->flow);
    struct flow *released = NULL;
    (void)context;
    pthread_mutex_lock(&session->lock);
    struct member *member = &session->members[flow_index(entry->flow)];
    switch (entry->type) {
    case RING_READY:
        take_ready(session, member, entry->flow);
        break;
    case RING_FAILED:
        take_failed(session, member, entry);
        break;
    case RING_ROW:
        session_keep_live(session, member, entry, now); /* the lock may be let go after this */
        session_take_row(session, entry->data, entry->size, now);
        break;
    case RING_LOST:
        session_fail(session, 0, LOSS_MEMORY);
        break;
    case RING_DONE:
        member->failed = entry->code != 0;
        session->lost += lost_in_ring(entry);
        take_done(session, member, now);
        break;
    case RING_RELEASED:
        released = member->flow;
        take_released(session, member, entry->flow);
        break;
    }
    pthread_mutex_unlock(&session->lock);
    free_released(session, released);
}
