/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Flows over connections that are there already: their peer has found the daemon by a protocol of
 * its own, and whoever spoke it opens the session, starts and stops it as a controller does. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "log.h"
#include "session/session_prepare.h"

/* The other end has no daemon that would look after its rate. */
static bool check_peer_quotas(const struct session *session, const struct request *request,
                              struct fail *fail)
{
    return quota_check_settings(&session->owner->config.quotas, session->user->name, request->ends,
                                SOURCE, fail) ||
           request_refuse(request->endpoint, fail);
}

static bool take_addresses(struct request *request, struct fail *fail)
{
    if (!address_local(request->socket, &request->own.list[0]) ||
        !address_peer(request->socket, &request->peer.list[0])) {
        fail_set(fail, FAULT_CONNECT, "the connection is gone: %s", fail_errno(errno));
        return request_refuse(request->endpoint, fail);
    }
    request->own.list[0] = address_on_wire(&request->own.list[0]);
    request->own.count = request->peer.count = 1;
    return true;
}

static bool check_all(struct session *session, const struct adoption *adoption,
                      struct request *requests, struct fail *fail)
{
    const struct prepare_call call = {
        .endpoints = {(void *)adoption->endpoints, adoption->count},
    };
    if (session->state != SESSION_PREPARING)
        return fail_set(fail, FAULT_BAD_STATE, "the session is %s already",
                        session_states.names[session->state]);
    for (size_t i = 0; i < adoption->count; i++) {
        requests[i].protocol = adoption->protocol;
        if (!request_check(session, &adoption->endpoints[i], &requests[i], fail) ||
            !check_peer_quotas(session, &requests[i], fail))
            return false;
        requests[i].socket = adoption->sockets[i];
        if (!take_addresses(&requests[i], fail))
            return false;
    }
    return request_check_call(session, &call, fail) &&
           request_check_addresses(session, requests, adoption->count, fail);
}

bool session_adopt(struct session *session, const struct adoption *adoption, struct fail *fail)
{
    struct request *requests = mem_new(adoption->count, sizeof *requests);
    pthread_mutex_lock(&session->lock);
    bool good = check_all(session, adoption, requests, fail) &&
                request_take_quotas(session, requests, adoption->count, fail);
    for (size_t i = 0; good && i < adoption->count; i++)
        request_add_member(session, &requests[i]);
    pthread_mutex_unlock(&session->lock);
    for (size_t i = 0; !good && i < adoption->count; i++)
        close(adoption->sockets[i]);
    free(requests);
    return good;
}

void session_stop_within(struct session *session, int64_t drain)
{
    pthread_mutex_lock(&session->lock);
    session_stop_members(session, NULL, drain);
    pthread_mutex_unlock(&session->lock);
}

void session_expect(struct session *session, const int64_t *bytes, size_t count)
{
    pthread_mutex_lock(&session->lock);
    for (size_t i = 0; i < session->count && i < count; i++) {
        struct flow *flow = member_flow_to_post(&session->members[i]);
        if (flow)
            flow_post_expect(flow, bytes[i]);
    }
    pthread_mutex_unlock(&session->lock);
}
