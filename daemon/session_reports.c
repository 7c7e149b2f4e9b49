/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "session_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

/* Reports wait so long for company before a waiting call is answered: at small intervals one call
 * then carries many. */
#define REPORT_GATHER (25 * NS_PER_MS)

/* Flows that nobody owns wait no longer than this for what is on its way. */
#define ORPHAN_DRAIN NS_PER_SEC

/* With the session's lock: no further row will come. */
bool session_is_finished(const struct session *session)
{
    return session->state != PREPARING && session->done == session->count;
}

static void explain_loss(struct session *session, struct reports_reply *reply)
{
    char spill[FAIL_TEXT_MAX / 2];
    spill_explain(session->store.spill, spill, sizeof spill);
    snprintf(reply->failure, sizeof reply->failure,
             "%" PRId64 " reports found no room in the daemon's report memory of %" PRId64
             " bytes (--report-memory)%s, and the flows were stopped",
             reply->lost, session->owner->config.report_memory, spill);
}

static void fill_reports(struct session *session, const struct reports_call *call,
                         struct reports_reply *reply)
{
    struct buffer rows = {0};
    reply->count =
        store_read(&session->store, call->after, (size_t)call->max_bytes, &rows, &reply->first);
    reply->rows = (struct schema_bytes){rows.data, rows.length};
    reply->more = reply->first + reply->count < session->store.next;
    reply->finished = session_is_finished(session) && !reply->more;
    reply->lost = session->lost + session->store.unreadable;
    snprintf(reply->state, sizeof reply->state, "%s", session_state_names[session->state]);
    if (session->lost)
        explain_loss(session, reply);
    else if (reply->lost)
        snprintf(reply->failure, sizeof reply->failure,
                 "%" PRId64 " reports could not be read back from the daemon's state directory",
                 reply->lost);
}

enum call_result session_reports(struct session *session, const struct reports_call *call,
                                 struct reports_reply *reply, struct call_wait *wait,
                                 struct fail *fail)
{
    enum call_result result = CALL_DONE;
    int64_t deadline = session_call_deadline(wait, call->wait_ms);
    pthread_mutex_lock(&session->lock);
    if (!session_take_clocks(session, &call->clocks, fail)) {
        pthread_mutex_unlock(&session->lock);
        return CALL_FAULT;
    }
    bool all = call->acknowledge < 0 || call->acknowledge > call->after;
    store_acknowledge(&session->store, all ? call->after : call->acknowledge);
    bool rows = session->store.next - 1 > session->store.acknowledged &&
                session->store.next - 1 > call->after;
    int64_t now = clock_now();
    bool gathering = rows && now < session->wake_at && session->wake_at != CLOCK_NEVER;
    if ((!rows || gathering) && !session_is_finished(session) && session->state != CLOSED &&
        now < deadline)
        result = session_wait(session, &session->waitlist, wait, deadline);
    else
        fill_reports(session, call, reply);
    pthread_mutex_unlock(&session->lock);
    return result;
}

/* ---- what the collector does ---- */

static void fail_session(struct session *session)
{
    if (session->state >= FAILED)
        return;
    log_error("session %.8s: reports find no room any more; its flows are stopped", session->id);
    session->state = FAILED;
    session_stop_members(session, NULL, DRAIN_AS_SET);
}

/* Where memory is used up, waits until the spill has made room; the session's lock is let go
 * meanwhile. The workers go on: their rings hold what comes. */
static bool keep_row(struct session *session, const struct ring_entry *entry)
{
    while (session->state != CLOSED && !store_add(&session->store, entry->data, entry->size)) {
        pthread_mutex_unlock(&session->lock);
        bool hope = spill_wait(session->store.spill, entry->size);
        pthread_mutex_lock(&session->lock);
        if (!hope)
            return false;
    }
    return true;
}

static void take_row(struct session *session, const struct ring_entry *entry)
{
    if (!keep_row(session, entry)) {
        session->lost++;
        fail_session(session);
    }
    if (session->wake_at == CLOCK_NEVER)
        session->wake_at = clock_now() + REPORT_GATHER;
}

static void take_done(struct session *session, struct member *member)
{
    if (member->state == MEMBER_DONE)
        return;
    /* A flow that was stopped before the start is ready no more. */
    session->ready -= member->state == MEMBER_READY && session->state == PREPARING;
    member->state = MEMBER_DONE;
    session->done++;
    if (session->done < session->count)
        return;
    session->ended_at = clock_now();
    store_seal(&session->store);
    session->wake_at = 0;
    if (session->state < ENDED)
        session->state = ENDED;
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
    listeners_release(session->owner->parts.listeners, flow->listener);
    session_give_rate(session, flow->ends, flow->endpoint);
    session_give_flows(session, 1);
    atomic_fetch_sub(&flow->worker->carried[flow->endpoint], 1);
    flow_free(flow);
    session_put(session);
}

static int64_t lost_in_ring(const struct ring_entry *entry)
{
    int64_t lost;
    memcpy(&lost, entry->data, sizeof lost);
    return lost;
}

void sessions_take(void *context, const struct ring_entry *entry)
{
    struct session *session = entry->flow->session;
    struct flow *released = NULL;
    (void)context;
    pthread_mutex_lock(&session->lock);
    struct member *member = &session->members[entry->flow->index];
    switch (entry->type) {
    case RING_READY:
        member->state = MEMBER_READY;
        session->ready++;
        if (session->ready == session->count)
            session->wake_at = 0;
        break;
    case RING_FAILED:
        take_failed(session, member, entry);
        break;
    case RING_ROW:
        take_row(session, entry);
        break;
    case RING_LOST:
        fail_session(session);
        break;
    case RING_DONE:
        member->failed = entry->code != 0;
        session->lost += lost_in_ring(entry);
        take_done(session, member);
        break;
    case RING_RELEASED:
        released = member->flow;
        member->flow = NULL;
        break;
    }
    pthread_mutex_unlock(&session->lock);
    free_released(session, released);
}

/* Answers what waits if it is time; gives when it will be. */
static int64_t wake_waiting(struct session *session, int64_t now)
{
    if (now < session->wake_at)
        return session->wake_at;
    session->wake_at = CLOCK_NEVER;
    return 0;
}

/* What becomes of a session that nobody calls: gives when to look again, or 0 to close it. */
static int64_t look_after_lease(struct session *session, int64_t now)
{
    int64_t lease_end = session->lease_end;
    if (now < lease_end)
        return lease_end;
    if (session->state == PREPARING) {
        log_info("session %.8s was not started within its lease, and is closed", session->id);
        return 0;
    }
    if (!session_is_finished(session)) {
        if (!session->orphaned)
            log_info("session %.8s lost its controller; its flows are stopped", session->id);
        session->orphaned = true;
        session_stop_members(session, NULL, ORPHAN_DRAIN);
        return now + NS_PER_SEC;
    }
    if (!session->sockets_closed) {
        session->sockets_closed = true;
        session_release_members(session);
    }
    int64_t last = session->ended_at > lease_end ? session->ended_at : lease_end;
    int64_t forget = last + session->owner->config.retain_s * NS_PER_SEC;
    if (now < forget)
        return forget;
    log_info("session %.8s: its reports were not fetched and are given up", session->id);
    return 0;
}

bool session_is_retained(struct session *session, int64_t now)
{
    pthread_mutex_lock(&session->lock);
    bool retained =
        session->state != CLOSED && session_is_finished(session) && now >= session->lease_end;
    pthread_mutex_unlock(&session->lock);
    return retained;
}

/* What ended sessions keep is bounded: beyond it, those that ended first go. */
static void bound_retained(struct session **all, size_t count, int64_t most, int64_t now)
{
    for (;;) {
        struct session *oldest = NULL;
        int64_t bytes = 0;
        for (size_t i = 0; i < count; i++) {
            if (!session_is_retained(all[i], now))
                continue;
            bytes += all[i]->store.bytes + all[i]->store.spilled;
            if (!oldest || all[i]->ended_at < oldest->ended_at)
                oldest = all[i];
        }
        if (bytes <= most)
            return;
        log_warning("session %.8s: its reports were not fetched, and are given up: those of ended "
                    "sessions hold more than %" PRId64 " bytes (--retain-size)",
                    oldest->id, most);
        session_remove(oldest);
    }
}

int64_t sessions_idle(void *context, int64_t now)
{
    struct sessions *sessions = context;
    int64_t next = CLOCK_NEVER;
    size_t count;
    struct session **all = sessions_snapshot(sessions, &count);
    bound_retained(all, count, sessions->config.retain_size, now);
    for (size_t i = 0; i < count; i++) {
        struct session *session = all[i];
        pthread_mutex_lock(&session->lock);
        int64_t wake = wake_waiting(session, now);
        int64_t lease = look_after_lease(session, now);
        pthread_mutex_unlock(&session->lock);
        if (wake == 0)
            waitlist_wake(&session->waitlist);
        else if (wake < next)
            next = wake;
        if (lease == 0)
            session_remove(session);
        else if (lease < next)
            next = lease;
        session_put(session);
    }
    free(all);
    return next;
}
