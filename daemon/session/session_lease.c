/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How long sessions live without their controllers, and which of them make room for others. */
#include <inttypes.h>
#include <stdlib.h>

#include "log.h"
#include "session/session_state.h"

/* Flows that nobody owns wait no longer than this for what is on its way. */
#define ORPHAN_DRAIN NS_PER_SEC

bool session_is_retained(struct session *session, int64_t now)
{
    pthread_mutex_lock(&session->lock);
    bool retained = session->state != SESSION_CLOSED && session_is_finished(session) &&
                    now >= session->lease_end;
    pthread_mutex_unlock(&session->lock);
    return retained;
}

/* ---- room for one more ---- */

/* The session that ended first of those whose controller is gone: of `user`, or of all. */
static struct session *oldest_retained(struct sessions *sessions, const struct user *user)
{
    struct session *oldest = NULL;
    int64_t now = clock_now();
    list_for_each (link, &sessions->all) {
        struct session *session = list_item(link, struct session, link);
        if ((!user || session->user == user) && session_is_retained(session, now) &&
            (!oldest || session->ended_at < oldest->ended_at))
            oldest = session;
    }
    return oldest;
}

/* Reports that nobody may ever fetch do not keep others from running. The lock is let go. */
static void give_up(struct sessions *sessions, struct session *session)
{
    session_reference(session);
    pthread_mutex_unlock(&sessions->lock);
    session_warn(session, "its reports were not fetched and are dropped: a new session needs its "
                          "place");
    session_remove(session);
    session_put(session);
    pthread_mutex_lock(&sessions->lock);
}

bool sessions_make_room(struct sessions *sessions, const struct user *user, struct fail *fail)
{
    int64_t most = sessions->config.max_sessions, own = user->quota->sessions;
    for (;;) {
        bool user_full = own && user->sessions >= own;
        if (!user_full && (int64_t)sessions->count < most)
            return true;
        struct session *retained = oldest_retained(sessions, user_full ? user : NULL);
        if (retained) {
            give_up(sessions, retained);
            continue;
        }
        if (user_full)
            return fail_set(fail, FAULT_TOO_MANY,
                            "user '%s' has %" PRId64 " sessions, which is the limit (--user-quota)",
                            user->name, own);
        return fail_set(fail, FAULT_TOO_MANY,
                        "the daemon has %" PRId64 " sessions, which is the limit (--max-sessions)",
                        most);
    }
}

/* ---- room for reports ---- */

static int64_t kept_bytes(const struct session *session)
{
    return session->store.bytes + session->store.spilled;
}

static int64_t kept_for_user(struct session **all, size_t count, const struct user *user)
{
    int64_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += all[i]->user == user ? kept_bytes(all[i]) : 0;
    return bytes;
}

/* The session that holds the most, of the user who holds the most; NULL: nobody holds any. */
static struct session *find_largest(struct session **all, size_t count)
{
    struct session *largest = NULL;
    int64_t most = 0;
    for (size_t i = 0; i < count; i++) {
        if (!kept_bytes(all[i]))
            continue;
        bool same = largest && all[i]->user == largest->user;
        int64_t bytes = same ? most : kept_for_user(all, count, all[i]->user);
        if (bytes > most || (same && kept_bytes(all[i]) > kept_bytes(largest)))
            largest = all[i];
        most = bytes > most ? bytes : most;
    }
    return largest;
}

static void shed(struct session *session)
{
    pthread_mutex_lock(&session->lock);
    int64_t rows = store_rows(&session->store);
    session_warn(session,
                 "%" PRId64 " reports are dropped: report memory is full, and it holds most", rows);
    store_acknowledge(&session->store, session->store.next - 1);
    session_fail(session, rows, LOSS_SHARE);
    session->wake_at = 0;
    pthread_mutex_unlock(&session->lock);
}

bool sessions_shed_reports(struct sessions *sessions, const struct session *needs)
{
    size_t count;
    struct session **all = sessions_snapshot(sessions, &count);
    struct session *largest = find_largest(all, count);
    bool other = largest && largest != needs;
    if (other)
        shed(largest);
    for (size_t i = 0; i < count; i++)
        session_put(all[i]);
    free(all);
    return other;
}

/* ---- what the collector looks after ---- */

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
    if (session->state == SESSION_PREPARING) {
        log_info("session %.8s was not started within its lease and is closed", session->id);
        return 0;
    }
    if (!session_is_finished(session)) {
        if (!session->orphaned)
            log_info("session %.8s lost its controller; its flows are stopped", session->id);
        session->orphaned = true;
        session_set_stopped(
            session,
            "stopped by the daemon, which heard from no controller within the lease of %" PRId64
            " s",
            session->lease / NS_PER_SEC);
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
    log_info("session %.8s: its reports were not fetched and are dropped", session->id);
    return 0;
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
        session_warn(oldest,
                     "its reports were not fetched and are dropped: those of ended sessions exceed "
                     "%" PRId64 " bytes (--retain-size)",
                     most);
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
        int64_t host = session_sample_host(session, now);
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
        next = host < next ? host : next;
        session_put(session);
    }
    free(all);
    return next;
}
