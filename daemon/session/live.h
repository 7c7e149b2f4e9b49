/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What sessions and their flows are doing at the moment. The figures of a flow are those of its
 * last report: nothing more is asked of the workers. */
#ifndef FLOWRIG_LIVE_H
#define FLOWRIG_LIVE_H

#include "exposed.h"
#include "session/session.h"

/* An endpoint that has reported. */
struct live_endpoint {
    int64_t slot, flow;
    enum endpoint endpoint;
    int64_t age; /* of the figures, ns */
    int64_t value[EXPOSED_METRICS];
};

/* A session; its slot is the lowest number that was free when it was opened. */
struct live_session {
    int64_t slot;
    struct status_session status;
    int64_t tx, rx; /* bytes of its endpoints so far */
    int64_t lost;   /* reports */
};

/* A user who has opened a session since the daemon was started, and what they use of their quotas;
 * of these 0 is no limit. */
struct live_user {
    const char *name;
    const struct user_quota *quota;
    int64_t sessions, flows, rate, reports;
};

struct live_figures {
    struct live_endpoint *endpoints;
    size_t endpoint_count, reporting; /* those that are listed, and all that have reported */
    struct live_session *sessions;
    size_t session_count;
    struct live_user *users;
    size_t user_count;
    struct quotas_message quotas; /* of the daemon */
    int64_t flows, rate, opened;  /* in use now, and sessions so far */
    int64_t report_memory, spilled;
    int64_t tx, rx; /* bytes of all endpoints so far, of sessions that are gone as well */
    int64_t uptime;
};

/* Takes them; at most `most` endpoints are listed, those of the lowest slots first. live_free()
 * frees. From any thread; each session is locked for as long as it takes to copy. */
void sessions_live(struct sessions *sessions, size_t most, struct live_figures *live);
void live_free(struct live_figures *live);

#endif
