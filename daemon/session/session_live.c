/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "session/live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "session/session_state.h"

/* ---- what endpoints report */

/* The last report of an endpoint, as far as it is shown. */
struct live_row {
    int64_t at; /* when it was taken, CLOCK_MONOTONIC */
    int64_t value[EXPOSED_METRICS];
};

/* Adds what has moved since the last report to the sums of the session and of the daemon. */
static void add_bytes(struct session *session, struct member *member, int64_t tx, int64_t rx)
{
    int64_t more_tx = tx > member->live_tx ? tx - member->live_tx : 0;
    int64_t more_rx = rx > member->live_rx ? rx - member->live_rx : 0;
    member->live_tx += more_tx;
    member->live_rx += more_rx;
    session->live_tx += more_tx;
    session->live_rx += more_rx;
    atomic_fetch_add(&session->owner->live_tx, more_tx);
    atomic_fetch_add(&session->owner->live_rx, more_rx);
}

void session_keep_live(struct session *session, struct member *member,
                       const struct ring_entry *entry, int64_t now)
{
    static struct report_layout layout; /* the collector's */
    struct report_row row;
    size_t used;
    if (!session->owner->config.live)
        return;
    if (!layout.columns)
        report_layout_own(&layout);
    if (!report_unpack(entry->data, entry->size, &layout, &row, &used, NULL))
        return;
    const int64_t *value = row.report.value;
    bool is_final = row.report.key[REPORT_KIND] == REPORT_FINAL;
    /* A start row has the kernel's values of before; a final one may leave out the beginning. */
    if (row.report.key[REPORT_KIND] == REPORT_START ||
        (is_final && value[METRIC_omitted] != METRIC_ABSENT))
        return;
    if (!member->live)
        member->live = mem_new(1, sizeof *member->live);
    member->live->at = now;
    for (int i = 0; i < EXPOSED_METRICS; i++)
        member->live->value[i] = value[exposed_metrics[i].metric];
    add_bytes(session, member, value[METRIC_tx_bytes], value[METRIC_rx_bytes]);
}

void session_end_live(struct session *session, struct member *member, const struct flow *flow)
{
    if (session->owner->config.live)
        add_bytes(session, member, flow_bytes_sent(flow), flow_bytes_read(flow));
}

/* ---- what is shown */

void session_describe(struct session *session, int64_t now, struct status_session *status)
{
    pthread_mutex_lock(&session->lock);
    memcpy(status->run, session->run, sizeof status->run);
    memcpy(status->controller, session->controller, sizeof status->controller);
    snprintf(status->user, sizeof status->user, "%s", session->user->name);
    status->state = session->state;
    status->flows = (int64_t)session->count;
    status->running =
        session->state == SESSION_PREPARING ? 0 : (int64_t)(session->count - session->done);
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

static void take_endpoints(const struct session *session, size_t most, struct live_figures *live)
{
    int64_t now = clock_now(); /* with the lock: no report is later */
    for (size_t i = 0; i < session->count; i++) {
        const struct member *member = &session->members[i];
        if (!member->live)
            continue;
        live->reporting++;
        if (live->endpoint_count == most)
            continue;
        struct live_endpoint *endpoint = &live->endpoints[live->endpoint_count++];
        *endpoint = (struct live_endpoint){.slot = session->slot,
                                           .flow = member->id,
                                           .endpoint = member->endpoint,
                                           .age = now - member->live->at};
        memcpy(endpoint->value, member->live->value, sizeof endpoint->value);
    }
}

static int by_slot(const void *one, const void *other)
{
    struct session *const *a = one, *const *b = other;
    return (*a)->slot < (*b)->slot ? -1 : (*a)->slot > (*b)->slot;
}

static void take_sessions(struct sessions *sessions, size_t most, int64_t now,
                          struct live_figures *live)
{
    struct session **all = sessions_snapshot(sessions, &live->session_count);
    live->sessions = mem_new(live->session_count, sizeof *live->sessions);
    qsort(all, live->session_count, sizeof(struct session *), by_slot);
    for (size_t i = 0; i < live->session_count; i++) {
        struct live_session *session = &live->sessions[i];
        session_describe(all[i], now, &session->status);
        pthread_mutex_lock(&all[i]->lock);
        session->slot = all[i]->slot;
        session->tx = all[i]->live_tx;
        session->rx = all[i]->live_rx;
        session->lost = all[i]->lost + all[i]->store.unreadable;
        take_endpoints(all[i], most, live);
        pthread_mutex_unlock(&all[i]->lock);
        live->spilled += session->status.spilled;
        session_put(all[i]);
    }
    free(all);
}

/* They stay as long as the daemon. */
static void take_users(struct sessions *sessions, struct live_figures *live)
{
    pthread_mutex_lock(&sessions->lock);
    list_for_each (link, &sessions->users)
        live->user_count++;
    live->users = mem_new(live->user_count, sizeof *live->users);
    struct live_user *next = live->users;
    list_for_each (link, &sessions->users) {
        struct user *user = list_item(link, struct user, link);
        *next++ = (struct live_user){user->name,       user->quota,     user->sessions,
                                     user->flows.used, user->rate.used, user->reports.used};
    }
    live->opened = sessions->opened;
    pthread_mutex_unlock(&sessions->lock);
}

void sessions_live(struct sessions *sessions, size_t most, struct live_figures *live)
{
    int64_t now = clock_now();
    struct describe_reply reply = {0};
    *live = (struct live_figures){.endpoints = mem_new(most, sizeof *live->endpoints)};
    take_sessions(sessions, most, now, live);
    take_users(sessions, live);
    sessions_describe(sessions, NULL, &reply);
    live->quotas = reply.quotas;
    live->flows = sessions->flows.used;
    live->rate = sessions->rate.used;
    live->report_memory = sessions->memory.used;
    live->tx = atomic_load(&sessions->live_tx);
    live->rx = atomic_load(&sessions->live_rx);
    live->uptime = now - sessions->opened_at;
}

void live_free(struct live_figures *live)
{
    free(live->endpoints);
    free(live->sessions);
    free(live->users);
    *live = (struct live_figures){0};
}
