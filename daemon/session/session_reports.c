/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "session/session_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void explain_loss(struct session *session, struct reports_reply *reply)
{
    char spill[FAIL_TEXT_MAX / 2];
    int64_t memory = session->owner->config.report_memory;
    if (session->loss == LOSS_QUOTA) {
        snprintf(reply->failure, sizeof reply->failure,
                 "%" PRId64 " reports did not fit in the %" PRId64 " bytes of reports that user "
                 "'%s' may have (--user-quota), "
                 "and the flows were stopped",
                 reply->lost, session->user->quota->reports, session->user->name);
        return;
    }
    if (session->loss == LOSS_SHARE) {
        snprintf(reply->failure, sizeof reply->failure,
                 "%" PRId64 " reports were dropped and the flows stopped: the daemon's report "
                 "memory of %" PRId64 " bytes (--report-memory) was full, and this "
                 "session held most of it",
                 reply->lost, memory);
        return;
    }
    spill_explain(session->store.spill, spill, sizeof spill);
    snprintf(reply->failure, sizeof reply->failure,
             "%" PRId64 " reports did not fit in the daemon's report memory of %" PRId64
             " bytes (--report-memory)%s, and the flows were stopped",
             reply->lost, memory, spill);
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
    if (reply->finished && call->release)
        session_release_members(session);
    reply->lost = session->lost + session->store.unreadable;
    memcpy(reply->stopped, session->stopped, sizeof reply->stopped);
    session->stop_told = session->stopped[0];
    reply->state = session->state;
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
    int64_t deadline = session_call_deadline(session, wait, call->wait_ms);
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
    bool stop_told = session->stop_told || !session->stopped[0];
    if ((!rows || gathering) && stop_told && !session_is_finished(session) &&
        session->state != SESSION_CLOSED && now < deadline)
        result = session_wait(session, &session->waitlist, wait, deadline);
    else
        fill_reports(session, call, reply);
    pthread_mutex_unlock(&session->lock);
    return result;
}
