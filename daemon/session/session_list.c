/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The list of all sessions: how one comes to be, is found and goes. */
#include "host/hoststat_sampler.h"
#include "session/session_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cdf.h"
#include "log.h"

struct sessions *sessions_new(const struct sessions_config *config)
{
    struct sessions *sessions = mem_new(1, sizeof *sessions);
    sessions->config = *config;
    sessions->memory = (struct budget){.limit = config->report_memory};
    sessions_init_quotas(sessions);
    sessions->contacts = contacts_new();
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
    contacts_free(sessions->contacts);
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
    for (size_t i = 0; i < session->count; i++) {
        free(session->members[i].reason);
        free(session->members[i].live);
    }
    session_free_tables(session);
    free(session->members);
    session_free_clocks(session);
    free(session->prepared);
    store_free(&session->store);
    hoststat_sampler_free(session->host_sampler);
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

/* ---- the list ---- */

/* The lease counts from when the controller was heard. */
static void renew(struct session *session, int64_t heard)
{
    int_fast64_t end = heard + session->lease, before = atomic_load(&session->lease_end);
    while (before < end && !atomic_compare_exchange_weak(&session->lease_end, &before, end))
        ;
}

static bool owned_by(const struct session *session, const char *user)
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
        if (!strcmp(session->id, id) && owned_by(session, user))
            found = session_reference(session);
    }
    pthread_mutex_unlock(&sessions->lock);
    if (found)
        renew(found, heard);
    else
        fail_set(fail, FAULT_GONE,
                 "there is no such session: it was closed, its lease expired before it was "
                 "started, or the daemon was restarted");
    return found;
}

struct session *sessions_find_key(struct sessions *sessions, const char *key, const char *user)
{
    list_for_each (link, &sessions->all) {
        struct session *session = list_item(link, struct session, link);
        if (!strcmp(session->open_key, key) && owned_by(session, user))
            return session;
    }
    return NULL;
}

/* With the lock of all sessions. */
static int64_t free_slot(struct sessions *sessions)
{
    bool *taken = mem_new(sessions->count + 1, sizeof *taken);
    int64_t slot = 0;
    list_for_each (link, &sessions->all) {
        int64_t its = list_item(link, struct session, link)->slot;
        if (its <= (int64_t)sessions->count)
            taken[its] = true;
    }
    while (taken[slot])
        slot++;
    free(taken);
    return slot;
}

struct session *session_new(struct sessions *sessions, const struct open_call *call,
                            struct user *user)
{
    uint8_t random[SECRET_SIZE];
    struct session *session = mem_new(1, sizeof *session);
    session->owner = sessions;
    session->slot = free_slot(sessions);
    atomic_init(&session->references, 1);
    atomic_fetch_add(&sessions->sessions_alive, 1);
    secret_make(random);
    secret_format(random, session->id);
    snprintf(session->run, sizeof session->run, "%s", call->run);
    snprintf(session->controller, sizeof session->controller, "%s", call->controller);
    session->user = user;
    session->holder = (struct holder){++sessions->opened, user->name[0] ? user : NULL};
    snprintf(session->open_key, sizeof session->open_key, "%s", call->key);
    int64_t lease_s = call->lease_s ? call->lease_s : sessions->config.lease_s;
    session->lease = lease_s * NS_PER_SEC;
    session->opened_at = clock_now();
    session->wake_at = CLOCK_NEVER;
    session->budget =
        (struct budget){.limit = sessions->config.report_memory, .parent = &sessions->memory};
    session->flow_memory =
        (struct budget){.limit = INT64_MAX, .parent = &user->flow_memory, .shares = true};
    pthread_mutex_init(&session->lock, NULL);
    waitlist_init(&session->waitlist);
    store_init(&session->store, &session->budget);
    session->store.spill = sessions->spill;
    session->store.quota = &user->reports;
    renew(session, session->opened_at);
    list_append(&sessions->all, &session->link);
    sessions->count++;
    user->sessions++;
    return session;
}

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
    session->state = SESSION_CLOSED;
    session_release_members(session);
    pthread_mutex_unlock(&session->lock);
    resolver_forget(sessions->parts.resolver, session);
    waitlist_wake(&session->waitlist);
    if (listed)
        session_put(session);
}

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

void session_fail(struct session *session, int64_t rows, enum loss loss)
{
    if (rows)
        session->loss = loss;
    session->lost += rows;
    if (session->state >= SESSION_FAILED)
        return;
    log_error("session %.8s: its reports no longer fit in the report memory; its flows are stopped",
              session->id);
    session->state = SESSION_FAILED;
    session_set_stopped(session, loss == LOSS_SHARE
                                     ? "report memory was full, and this session held most"
                                     : "the daemon's report memory was full");
    session_stop_members(session, NULL, DRAIN_AS_SET);
}

bool session_is_finished(const struct session *session)
{
    return session->state != SESSION_PREPARING && session->done == session->count;
}
