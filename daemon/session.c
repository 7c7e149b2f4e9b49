/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "session_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

const char *const session_state_names[] = {"preparing", "started", "ended", "failed", "closed"};

struct sessions *sessions_new(const struct sessions_config *config)
{
    struct sessions *sessions = mem_new(1, sizeof *sessions);
    sessions->config = *config;
    sessions->memory = (struct budget){.what = "report memory", .limit = config->report_memory};
    sessions_init_quotas(sessions);
    sessions->opened_at = clock_now();
    pthread_mutex_init(&sessions->lock, NULL);
    list_init(&sessions->all);
    return sessions;
}

void sessions_set_parts(struct sessions *sessions, const struct sessions_parts *parts)
{
    sessions->parts = *parts;
}

bool sessions_spill(struct sessions *sessions, int fd, struct fail *fail)
{
    sessions->spill = spill_new(fd, sessions->config.spill_size, &sessions->memory, fail);
    return sessions->spill != NULL;
}

void sessions_free(struct sessions *sessions)
{
    if (!sessions)
        return;
    spill_free(sessions->spill);
    sessions_free_users(sessions);
    pthread_mutex_destroy(&sessions->lock);
    free(sessions);
}

/* ---- references ---- */

void session_free_tables(struct session *session)
{
    for (size_t i = 0; i < session->table_count; i++)
        cdf_free(&session->tables[i]);
    free(session->tables);
    session->tables = NULL;
    session->table_count = 0;
    budget_give(&session->budget, session->table_bytes);
    session->table_bytes = 0;
}

static void session_free(struct session *session)
{
    for (size_t i = 0; i < session->count; i++)
        free(session->members[i].reason);
    session_free_tables(session);
    free(session->members);
    session_free_clocks(session);
    free(session->prepared);
    store_free(&session->store);
    waitlist_destroy(&session->waitlist);
    pthread_mutex_destroy(&session->lock);
    atomic_fetch_sub(&session->owner->sessions_alive, 1);
    free(session);
}

void session_put(struct session *session)
{
    if (session && atomic_fetch_sub(&session->references, 1) == 1)
        session_free(session);
}

struct session *session_reference(struct session *session)
{
    atomic_fetch_add(&session->references, 1);
    return session;
}

/* The lease counts from when the controller was heard. */
static void renew(struct session *session, int64_t heard)
{
    int_fast64_t end = heard + session->lease, before = atomic_load(&session->lease_end);
    while (before < end && !atomic_compare_exchange_weak(&session->lease_end, &before, end))
        ;
}

static bool is_of(const struct session *session, const char *user)
{
    return !strcmp(session->user->name, user ? user : "");
}

struct session *session_get(struct sessions *sessions, const char *id, const char *user,
                            int64_t heard, struct fail *fail)
{
    struct session *found = NULL;
    pthread_mutex_lock(&sessions->lock);
    list_for_each (link, &sessions->all) {
        struct session *session = list_item(link, struct session, link);
        if (!strcmp(session->id, id) && is_of(session, user))
            found = session_reference(session);
    }
    pthread_mutex_unlock(&sessions->lock);
    if (found)
        renew(found, heard);
    else
        fail_set(fail, FAULT_GONE,
                 "there is no such session: it was closed, its lease ended "
                 "before it was started, or the daemon was restarted");
    return found;
}

/* ---- opening ---- */

static struct session *find_by_key(struct sessions *sessions, const char *key, const char *user)
{
    list_for_each (link, &sessions->all) {
        struct session *session = list_item(link, struct session, link);
        if (!strcmp(session->open_key, key) && is_of(session, user))
            return session;
    }
    return NULL;
}

static struct session *session_new(struct sessions *sessions, const struct open_call *call,
                                   struct user *user)
{
    uint8_t random[SECRET_SIZE];
    struct session *session = mem_new(1, sizeof *session);
    session->owner = sessions;
    atomic_init(&session->references, 1);
    atomic_fetch_add(&sessions->sessions_alive, 1);
    secret_make(random);
    secret_format(random, session->id);
    snprintf(session->run, sizeof session->run, "%s", call->run);
    snprintf(session->controller, sizeof session->controller, "%s", call->controller);
    session->user = user;
    snprintf(session->open_key, sizeof session->open_key, "%s", call->key);
    int64_t lease_s = call->lease_s ? call->lease_s : sessions->config.lease_s;
    session->lease = lease_s * NS_PER_SEC;
    session->opened_at = clock_now();
    session->wake_at = CLOCK_NEVER;
    session->budget = (struct budget){.what = "report memory of a session",
                                      .limit = sessions->config.report_memory,
                                      .parent = &sessions->memory};
    pthread_mutex_init(&session->lock, NULL);
    waitlist_init(&session->waitlist);
    store_init(&session->store, &session->budget);
    session->store.spill = sessions->spill;
    renew(session, session->opened_at);
    list_append(&sessions->all, &session->link);
    sessions->count++;
    user->sessions++;
    return session;
}

enum call_result session_open(struct sessions *sessions, const struct open_call *call,
                              const char *user, struct open_reply *reply, struct fail *fail)
{
    pthread_mutex_lock(&sessions->lock);
    struct user *owner = sessions_user(sessions, user ? user : "");
    struct session *session = find_by_key(sessions, call->key, user);
    /* The same call may have come again while room was made. */
    if (!session && sessions_make_room(sessions, owner, fail) &&
        !(session = find_by_key(sessions, call->key, user))) {
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

/* ---- waiting ---- */

int64_t session_call_deadline(const struct call_wait *wait, int64_t wait_ms)
{
    return wait->never ? 0 : wait->arrived + wait_ms * NS_PER_MS;
}

enum call_result session_wait(struct session *session, struct waitlist *waitlist,
                              struct call_wait *wait, int64_t deadline)
{
    int64_t half_lease = clock_now() + session->lease / 2;
    wait->deadline = deadline < half_lease ? deadline : half_lease;
    if (wait->allowed) {
        wait->waitlist = waitlist;
        wait->session = session_reference(session);
        waitlist_add(waitlist, wait->waiter);
    }
    return CALL_WAIT;
}

/* ---- starting and stopping ---- */

static bool check_start(const struct session *session, const struct start_call *call, int64_t now,
                        struct fail *fail)
{
    if (session->state != PREPARING)
        return fail_set(fail, FAULT_BAD_STATE, "the session is %s already",
                        session_state_names[session->state]);
    if ((call->at != 0) == (call->in_ms >= 0))
        return fail_set(fail, FAULT_BAD_CALL, "either `at` or `in_ms` says when to start");
    if (!session->count || session->ready < session->count)
        return fail_set(fail, FAULT_BAD_STATE,
                        "%zu of %zu endpoints are ready: a session is started "
                        "whole or not at all",
                        session->ready, session->count);
    if (call->at && call->at <= now)
        return fail_set(fail, FAULT_BAD_CALL, "the start was %.6f s ago by the daemon's clock",
                        (double)(now - call->at) / NS_PER_SEC);
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
        session->state = STARTED;
        session->start_at = call->at ? call->at : now + call->in_ms * NS_PER_MS;
        memcpy(session->start_key, call->key, sizeof session->start_key);
        for (size_t i = 0; i < session->count; i++)
            flow_post_start(session->members[i].flow, session->start_at);
    }
    reply->at = session->start_at;
    reply->now = now;
    pthread_mutex_unlock(&session->lock);
    return result;
}

int64_t session_stop_members(struct session *session, const struct schema_list *only, int64_t drain)
{
    int64_t stopped = 0;
    for (size_t i = 0; i < session->count; i++) {
        struct member *member = &session->members[i];
        bool wanted = !only || !only->count;
        for (size_t k = 0; !wanted && k < only->count; k++)
            wanted = ((int64_t *)only->items)[k] == member->id;
        if (!wanted || !member->flow || member->state >= MEMBER_FAILED)
            continue;
        flow_post_stop(member->flow, drain);
        stopped++;
    }
    return stopped;
}

enum call_result session_stop(struct session *session, const struct stop_call *call,
                              struct stop_reply *reply)
{
    pthread_mutex_lock(&session->lock);
    reply->stopped = session_stop_members(session, &call->flows, DRAIN_AS_SET);
    pthread_mutex_unlock(&session->lock);
    return CALL_DONE;
}

enum call_result session_renew(struct session *session, struct renew_reply *reply)
{
    reply->lease_s = session->lease / NS_PER_SEC;
    return CALL_DONE;
}

/* The workers give the flows up; connections end. With the session's lock. */
void session_release_members(struct session *session)
{
    for (size_t i = 0; i < session->count; i++) {
        struct member *member = &session->members[i];
        if (!member->flow || member->released)
            continue;
        member->released = true;
        if (member->endpoint == DESTINATION)
            rendezvous_remove(session->owner->parts.rendezvous, member->flow);
        if (member->flow->dump)
            dump_set_flow(member->flow->dump, NULL);
        flow_post_release(member->flow);
    }
}

/* Takes the session off the list: nobody finds it any more, and it goes with its last flow. */
void session_remove(struct session *session)
{
    struct sessions *sessions = session->owner;
    bool listed;
    pthread_mutex_lock(&sessions->lock);
    listed = !list_empty(&session->link);
    list_remove(&session->link);
    sessions->count -= listed;
    session->user->sessions -= listed;
    pthread_mutex_unlock(&sessions->lock);
    pthread_mutex_lock(&session->lock);
    session->state = CLOSED;
    session_release_members(session);
    pthread_mutex_unlock(&session->lock);
    waitlist_wake(&session->waitlist);
    if (listed)
        session_put(session);
}

enum call_result session_close(struct session *session, struct close_reply *reply)
{
    pthread_mutex_lock(&session->lock);
    reply->rows = store_rows(&session->store);
    pthread_mutex_unlock(&session->lock);
    log_info("session %.8s closed", session->id);
    session_remove(session);
    return CALL_DONE;
}

/* ---- all sessions ---- */

struct session **sessions_snapshot(struct sessions *sessions, size_t *count)
{
    pthread_mutex_lock(&sessions->lock);
    struct session **all = mem_new(sessions->count, sizeof(struct session *));
    *count = 0;
    list_for_each (link, &sessions->all)
        all[(*count)++] = session_reference(list_item(link, struct session, link));
    pthread_mutex_unlock(&sessions->lock);
    return all;
}

/* A controller that lives makes it longer again with its next call. */
static void cut_lease(struct session *session, int64_t end)
{
    int_fast64_t before = atomic_load(&session->lease_end);
    while (before > end && !atomic_compare_exchange_weak(&session->lease_end, &before, end))
        ;
}

void sessions_stop_all(struct sessions *sessions, int64_t drain, struct stop_all_reply *reply)
{
    size_t count;
    int64_t now = clock_now();
    struct session **all = sessions_snapshot(sessions, &count);
    for (size_t i = 0; i < count; i++) {
        pthread_mutex_lock(&all[i]->lock);
        int64_t stopped = session_stop_members(all[i], NULL, drain);
        bool unstarted = all[i]->state == PREPARING;
        pthread_mutex_unlock(&all[i]->lock);
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
        collected &= all[i]->state == PREPARING ||
                     (session_is_finished(all[i]) && !store_rows(&all[i]->store));
        pthread_mutex_unlock(&all[i]->lock);
        session_put(all[i]);
    }
    free(all);
    return collected;
}

static void describe_session(struct session *session, int64_t now, struct status_session *status)
{
    pthread_mutex_lock(&session->lock);
    memcpy(status->run, session->run, sizeof status->run);
    memcpy(status->controller, session->controller, sizeof status->controller);
    snprintf(status->user, sizeof status->user, "%s", session->user->name);
    snprintf(status->state, sizeof status->state, "%s", session_state_names[session->state]);
    status->flows = (int64_t)session->count;
    status->running = session->state == PREPARING ? 0 : (int64_t)(session->count - session->done);
    for (size_t i = 0; i < session->count; i++)
        status->failed += session->members[i].failed;
    status->age_ns = now - session->opened_at;
    int64_t left = session->lease_end - now;
    status->lease_left_ns = left > 0 ? left : 0;
    status->rows = store_rows(&session->store);
    status->bytes = session->store.bytes;
    status->spilled = session->store.spilled;
    pthread_mutex_unlock(&session->lock);
}

void sessions_status(struct sessions *sessions, struct status_reply *reply)
{
    size_t count;
    int64_t now = clock_now();
    struct session **all = sessions_snapshot(sessions, &count);
    struct status_session *list = mem_new(count, sizeof *list);
    for (size_t i = 0; i < count; i++) {
        describe_session(all[i], now, &list[i]);
        session_put(all[i]);
    }
    free(all);
    reply->sessions = (struct schema_list){list, count};
    reply->flows = sessions->flows.used;
    reply->uptime_ns = now - sessions->opened_at;
}
