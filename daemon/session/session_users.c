/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What sessions take of the quotas of their user and of the daemon. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "session/session_state.h"

/* For queues and histograms of all flows, which grow as their peers please. */
#define FLOW_MEMORY (INT64_C(1) << 30)

static int64_t limit_or_none(int64_t limit)
{
    return limit ? limit : INT64_MAX;
}

void sessions_init_quotas(struct sessions *sessions)
{
    const struct sessions_config *config = &sessions->config;
    sessions->flows = (struct budget){.limit = config->max_flows};
    sessions->rate = (struct budget){.limit = limit_or_none(config->quotas.total_rate)};
    sessions->flow_memory = (struct budget){.limit = FLOW_MEMORY};
    list_init(&sessions->users);
}

void sessions_free_users(struct sessions *sessions)
{
    list_for_each_safe (link, &sessions->users)
        free(list_item(link, struct user, link));
}

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
    user->flows =
        (struct budget){.limit = limit_or_none(user->quota->flows), .parent = &sessions->flows};
    user->rate =
        (struct budget){.limit = limit_or_none(user->quota->rate), .parent = &sessions->rate};
    user->reports = (struct budget){.limit = limit_or_none(user->quota->reports)};
    user->flow_memory =
        (struct budget){.limit = INT64_MAX, .parent = &sessions->flow_memory, .shares = name[0]};
    list_append(&sessions->users, &user->link);
    return user;
}

/* ---- the log ---- */

enum { LOG_LINES = 10 };
#define LOG_TIME (10 * NS_PER_SEC)

/* Whether the user has a line left; and how many were not written before it. */
static bool take_line(struct user *user, int64_t now, int64_t *unlogged)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    if (!user->log_lines || now - user->log_began >= LOG_TIME) {
        user->log_began = now;
        user->log_lines = 0;
    }
    bool good = user->log_lines < LOG_LINES;
    *unlogged = user->unlogged;
    user->log_lines += good;
    user->unlogged = good ? 0 : user->unlogged + 1;
    pthread_mutex_unlock(&lock);
    return good;
}

void session_warn(const struct session *session, const char *format, ...)
{
    char text[PROTOCOL_REASON_MAX], more[64] = "";
    int64_t unlogged;
    va_list args;
    if (!take_line(session->user, clock_now(), &unlogged))
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (unlogged)
        snprintf(more, sizeof more, " (%" PRId64 " such warnings were suppressed)", unlogged);
    log_warning("session %.8s: %s%s", session->id, text, more);
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
                    "%zu more flow endpoints would make %" PRId64 ", but the daemon allows %" PRId64
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

bool session_bounds_rates(const struct session *session)
{
    return session->owner->config.quotas.flow_rate || rate_is_limited(session);
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
                    " are already requested (%s)",
                    rate, full->limit, whose, full->used,
                    full == &user->rate ? "--user-quota" : "--max-total-rate");
}

void session_give_rate(struct session *session, const struct endpoint_settings ends[ENDPOINTS],
                       enum endpoint which)
{
    if (rate_is_limited(session))
        budget_give(&session->user->rate, quota_rate(ends, which));
}

static struct contact_bucket *contact_bucket(struct session *session)
{
    return session->user->name[0] ? &session->user->contacts : NULL;
}

bool session_begin_contacts(struct session *session, struct addresses *peer, struct fail *fail)
{
    size_t kept = 0;
    for (size_t i = 0; i < peer->count; i++)
        if (contacts_begin(session->owner->contacts, contact_bucket(session), &peer->list[i],
                           clock_now(), fail))
            peer->list[kept++] = peer->list[i];
    peer->count = kept;
    return kept > 0;
}

/* A host that agrees at its second address, as where it serves IPv4 only, is not held against the
 * user: a name with more addresses than that may be anybody's. */
void session_end_contacts(struct session *session, const struct addresses *peer, size_t tried,
                          bool agreed)
{
    for (size_t i = 0; i < peer->count; i++) {
        enum contact_end end = i >= tried                 ? CONTACT_UNTRIED
                               : agreed && i == tried - 1 ? CONTACT_AGREED
                                                          : CONTACT_REFUSED;
        contacts_end(session->owner->contacts, agreed && i == 0 ? NULL : contact_bucket(session),
                     &peer->list[i], end, clock_now());
    }
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
