/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What sessions take of the quotas of their user and of the daemon. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "session_state.h"

static int64_t limit_or_none(int64_t limit)
{
    return limit ? limit : INT64_MAX;
}

void sessions_init_quotas(struct sessions *sessions)
{
    const struct sessions_config *config = &sessions->config;
    sessions->flows = (struct budget){.what = "flow endpoints", .limit = config->max_flows};
    sessions->rate =
        (struct budget){.what = "rate", .limit = limit_or_none(config->quotas.total_rate)};
    list_init(&sessions->users);
}

void sessions_free_users(struct sessions *sessions)
{
    list_for_each_safe (link, &sessions->users)
        free(list_item(link, struct user, link));
}

/* ---- sessions ---- */

struct user *sessions_user(struct sessions *sessions, const char *name)
{
    list_for_each (link, &sessions->users) {
        struct user *user = list_item(link, struct user, link);
        if (!strcmp(user->name, name))
            return user;
    }
    struct user *user = mem_new(1, sizeof *user);
    snprintf(user->name, sizeof user->name, "%s", name);
    user->quota = quota_of_user(&sessions->config.quotas, name);
    user->flows = (struct budget){.what = "flow endpoints of a user",
                                  .limit = limit_or_none(user->quota->flows),
                                  .parent = &sessions->flows};
    user->rate = (struct budget){.what = "rate of a user",
                                 .limit = limit_or_none(user->quota->rate),
                                 .parent = &sessions->rate};
    list_append(&sessions->users, &user->link);
    return user;
}

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
    log_warning("session %.8s: its reports were not fetched, and are given up: a new session needs "
                "its place",
                session->id);
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
                            "user '%s' has %" PRId64
                            " sessions already, and may have no more (--user-quota)",
                            user->name, own);
        return fail_set(fail, FAULT_TOO_MANY,
                        "the daemon has %" PRId64
                        " sessions already, and takes no more (--max-sessions)",
                        most);
    }
}

/* ---- endpoints ---- */

bool session_take_flows(struct session *session, size_t count, struct fail *fail)
{
    struct user *user = session->user;
    int64_t more = (int64_t)count;
    if (budget_take(&user->flows, more))
        return true;
    const struct budget *full = budget_short(&user->flows, more);
    if (full == &user->flows)
        return fail_set(fail, FAULT_TOO_MANY,
                        "%zu more flow endpoints would make %" PRId64 ", but user '%s' may have "
                        "%" PRId64 " at once (--user-quota)",
                        count, full->used + more, user->name, full->limit);
    return fail_set(fail, FAULT_TOO_MANY,
                    "%zu more flow endpoints would make %" PRId64 ", but the daemon takes %" PRId64
                    " at once (--max-flows)",
                    count, full->used + more, full->limit);
}

void session_give_flows(struct session *session, size_t count)
{
    budget_give(&session->user->flows, (int64_t)count);
}

/* Where it is not limited, it has no sum. */
static bool rate_is_limited(const struct session *session)
{
    return session->owner->config.quotas.total_rate || session->user->quota->rate;
}

bool session_take_rate(struct session *session, const struct endpoint_settings ends[ENDPOINTS],
                       enum endpoint which, struct fail *fail)
{
    struct user *user = session->user;
    int64_t rate = quota_rate(ends, which);
    char whose[TOKEN_NAME_MAX + 16] = "";
    if (!rate_is_limited(session) || budget_take(&user->rate, rate))
        return true;
    const struct budget *full = budget_short(&user->rate, rate);
    if (full == &user->rate)
        snprintf(whose, sizeof whose, " user '%s'", user->name);
    return fail_set(fail, FAULT_TOO_MANY,
                    "it would send %" PRId64 " bit/s, but of the %" PRId64
                    " bit/s that the daemon allows%s in all, %" PRId64
                    " are asked for already (%s)",
                    rate, full->limit, whose, full->used,
                    full == &user->rate ? "--user-quota" : "--max-total-rate");
}

void session_give_rate(struct session *session, const struct endpoint_settings ends[ENDPOINTS],
                       enum endpoint which)
{
    if (rate_is_limited(session))
        budget_give(&session->user->rate, quota_rate(ends, which));
}

/* ---- what flowd.describe says ---- */

void sessions_describe(struct sessions *sessions, const char *user, struct describe_reply *reply)
{
    const struct sessions_config *config = &sessions->config;
    struct quotas_message *quotas = &reply->quotas;
    pthread_mutex_lock(&sessions->lock);
    reply->limits.sessions = (int64_t)sessions->count;
    pthread_mutex_unlock(&sessions->lock);
    reply->limits.flows = sessions->flows.used;
    reply->limits.lease_s = config->lease_s;
    quotas->max_flows = config->max_flows;
    quotas->max_sessions = config->max_sessions;
    quotas->report_memory = config->report_memory;
    quotas->spill_size = sessions->spill ? config->spill_size : 0;
    quotas->retain_size = config->retain_size;
    quotas->retain_s = config->retain_s;
    quota_describe(&config->quotas, user ? user : "", quotas);
}
