/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "session/session_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hoststats.h"
#include "log.h"

/* Less than what a controller waits for the answer to session.close. */
#define CLOSE_WAIT (2500 * NS_PER_MS)

/* Whether the lease that the call asks for may be that long. */
static bool check_lease(const struct sessions *sessions, const struct open_call *call,
                        const struct user *user, struct fail *fail)
{
    int64_t most = user->quota->lease ? user->quota->lease : LEASE_MAX;
    int64_t own = sessions->config.lease_s * NS_PER_SEC;
    most = most > own ? most : own;
    return call->lease_s * NS_PER_SEC <= most ||
           fail_set(fail, FAULT_POLICY,
                    "a lease of %" PRId64 " s is requested, but at most %" PRId64
                    " s are allowed (--user-quota lease=, --lease)",
                    call->lease_s, most / NS_PER_SEC);
}

enum call_result session_open(struct sessions *sessions, const struct open_call *call,
                              const char *user, struct open_reply *reply, struct fail *fail)
{
    pthread_mutex_lock(&sessions->lock);
    struct user *owner = sessions_user(sessions, user ? user : "");
    struct session *session = sessions_find_key(sessions, call->key, user);
    /* The same call may have come again while room was made. */
    if (!session && check_lease(sessions, call, owner, fail) &&
        sessions_make_room(sessions, owner, fail) &&
        !(session = sessions_find_key(sessions, call->key, user))) {
        session = session_new(sessions, call, owner);
        log_info("session %.8s opened for %s%s%s, run %s", session->id, owner->name,
                 owner->name[0] ? " at " : "", session->controller, session->run);
    }
    if (session) {
        memcpy(reply->session, session->id, sizeof reply->session);
        memcpy(reply->boot_id, sessions->config.boot_id, sizeof reply->boot_id);
        reply->lease_s = session->lease / NS_PER_SEC;
    }
    pthread_mutex_unlock(&sessions->lock);
    if (!session)
        return CALL_FAULT;
    /* It sleeps until the first of the leases that it knows ends. */
    collector_wake(sessions->parts.collector);
    return CALL_DONE;
}

/* ---- starting and stopping ---- */

static bool check_start(const struct session *session, const struct start_call *call, int64_t now,
                        struct fail *fail)
{
    if (session->state != SESSION_PREPARING)
        return fail_set(fail, FAULT_BAD_STATE, "the session is %s already",
                        session_states.names[session->state]);
    if ((call->at != 0) == (call->in_ms >= 0))
        return fail_set(fail, FAULT_BAD_CALL, "give either `at` or `in_ms`");
    if (!session->count || session->ready < session->count)
        return fail_set(fail, FAULT_BAD_STATE, "only %zu of %zu endpoints are ready",
                        session->ready, session->count);
    if (call->at && call->at <= now)
        return fail_set(fail, FAULT_BAD_CALL, "the start was %.6f s ago by the daemon's clock",
                        (double)(now - call->at) / NS_PER_SEC);
    if (call->host_stats && call->host_stats < HOSTSTAT_INTERVAL_MIN)
        return fail_set(fail, FAULT_BAD_CALL, "host_stats is at least %" PRId64 " ns",
                        HOSTSTAT_INTERVAL_MIN);
    if (call->at > now + 86400 * NS_PER_SEC)
        return fail_set(fail, FAULT_BAD_CALL, "the start is more than a day away");
    return true;
}

enum call_result session_start(struct session *session, const struct start_call *call,
                               struct start_reply *reply, struct fail *fail)
{
    enum call_result result = CALL_DONE;
    pthread_mutex_lock(&session->lock);
    int64_t now = clock_now();
    bool again = session->start_at && !strcmp(session->start_key, call->key);
    if (!again && (!check_start(session, call, now, fail) ||
                   !session_take_clocks(session, &call->clocks, fail))) {
        result = CALL_FAULT;
    } else if (!again) {
        session->state = SESSION_STARTED;
        session->start_at = call->at ? call->at : now + call->in_ms * NS_PER_MS;
        memcpy(session->start_key, call->key, sizeof session->start_key);
        session->host_interval = call->host_stats;
        for (size_t i = 0; i < session->count; i++) {
            struct flow *flow = member_flow_to_post(&session->members[i]);
            if (flow)
                flow_post_start(flow, session->start_at);
        }
    }
    reply->at = session->start_at;
    reply->now = now;
    bool sampled = session->host_interval;
    pthread_mutex_unlock(&session->lock);
    if (sampled)
        collector_wake(session->owner->parts.collector);
    return result;
}

enum call_result session_stop(struct session *session, const struct stop_call *call,
                              struct stop_reply *reply)
{
    struct flow_set only = flow_set_make(&call->flows);
    pthread_mutex_lock(&session->lock);
    reply->stopped = session_stop_members(session, call->flows.count ? &only : NULL, DRAIN_AS_SET);
    pthread_mutex_unlock(&session->lock);
    flow_set_free(&only);
    return CALL_DONE;
}

enum call_result session_renew(struct session *session, struct renew_reply *reply)
{
    reply->lease_s = session->lease / NS_PER_SEC;
    return CALL_DONE;
}

enum call_result session_close(struct session *session, struct close_reply *reply,
                               struct call_wait *wait)
{
    enum call_result result = CALL_DONE;
    pthread_mutex_lock(&session->lock);
    wait->rows = reply->rows = store_rows(&session->store);
    pthread_mutex_unlock(&session->lock);
    log_info("session %.8s closed", session->id);
    session_remove(session);
    pthread_mutex_lock(&session->lock);
    if (session->held && wait->allowed && !wait->never)
        result = session_wait(session, &session->waitlist, wait, clock_now() + CLOSE_WAIT);
    pthread_mutex_unlock(&session->lock);
    return result;
}

/* ---- all sessions ---- */

/* A controller that lives makes it longer again with its next call. */
static void cut_lease(struct session *session, int64_t end)
{
    int_fast64_t before = atomic_load(&session->lease_end);
    while (before > end && !atomic_compare_exchange_weak(&session->lease_end, &before, end))
        ;
}

void sessions_stop_all(struct sessions *sessions, int64_t drain, const char *why,
                       struct stop_all_reply *reply)
{
    size_t count;
    int64_t now = clock_now();
    struct session **all = sessions_snapshot(sessions, &count);
    for (size_t i = 0; i < count; i++) {
        pthread_mutex_lock(&all[i]->lock);
        session_set_stopped(all[i], "%s", why);
        int64_t stopped = session_stop_members(all[i], NULL, drain);
        bool unstarted = all[i]->state == SESSION_PREPARING;
        pthread_mutex_unlock(&all[i]->lock);
        waitlist_wake(&all[i]->waitlist); /* so that the other ends are stopped soon */
        if (unstarted)
            session_remove(all[i]);
        else
            cut_lease(all[i], now + sessions->config.lease_s * NS_PER_SEC);
        reply->flows += stopped;
        reply->sessions += stopped > 0;
        session_put(all[i]);
    }
    free(all);
}

void sessions_close_all(struct sessions *sessions)
{
    size_t count;
    struct session **all = sessions_snapshot(sessions, &count);
    for (size_t i = 0; i < count; i++) {
        session_remove(all[i]);
        session_put(all[i]);
    }
    free(all);
}

bool sessions_gone(struct sessions *sessions)
{
    return atomic_load(&sessions->sessions_alive) == 0;
}

bool sessions_collected(struct sessions *sessions)
{
    size_t count;
    bool collected = true;
    struct session **all = sessions_snapshot(sessions, &count);
    for (size_t i = 0; i < count; i++) {
        pthread_mutex_lock(&all[i]->lock);
        collected &= all[i]->state == SESSION_PREPARING ||
                     (session_is_finished(all[i]) && !store_rows(&all[i]->store));
        pthread_mutex_unlock(&all[i]->lock);
        session_put(all[i]);
    }
    free(all);
    return collected;
}

void sessions_status(struct sessions *sessions, struct status_reply *reply)
{
    size_t count;
    int64_t now = clock_now();
    struct session **all = sessions_snapshot(sessions, &count);
    struct status_session *list = mem_new(count, sizeof *list);
    for (size_t i = 0; i < count; i++) {
        session_describe(all[i], now, &list[i]);
        session_put(all[i]);
    }
    free(all);
    reply->sessions = (struct schema_list){list, count};
    reply->flows = sessions->flows.used;
    reply->uptime_ns = now - sessions->opened_at;
}
