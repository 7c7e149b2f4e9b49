/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calls that wait for something to happen to their session. */
#include "session/session_state.h"

int64_t session_call_deadline(const struct session *session, const struct call_wait *wait,
                              int64_t wait_ms)
{
    int64_t half_lease = session->lease / 2, time = wait_ms * NS_PER_MS;
    return wait->never ? 0 : wait->arrived + (time < half_lease ? time : half_lease);
}

enum call_result session_wait(struct session *session, struct waitlist *waitlist,
                              struct call_wait *wait, int64_t deadline)
{
    wait->deadline = deadline;
    if (wait->allowed) {
        wait->waitlist = waitlist;
        wait->session = session_reference(session);
        waitlist_add(waitlist, wait->waiter);
    }
    return CALL_WAIT;
}
