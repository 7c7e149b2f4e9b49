/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Endpoints of a session.prepare: session_check.c says what is wrong with them, session_prepare.c
 * makes them. All with the session's lock. */
#ifndef FLOWRIG_SESSION_PREPARE_H
#define FLOWRIG_SESSION_PREPARE_H

#include "session/session_state.h"

/* What one endpoint of a call needs before it is made. */
struct request {
    const struct prepare_endpoint *endpoint;
    struct endpoint_settings ends[ENDPOINTS];
    struct addresses own, peer;
    const char *pending_host; /* the name that is being looked up; NULL: none is */
    struct listener *listener;
    int socket; /* that the endpoint has from the start; -1: none */
    const struct peer_protocol *protocol;
    struct dump *dump;
    struct trace *trace;
    uint8_t secret[SECRET_SIZE], proof[SECRET_SIZE];
};

/* Whether the endpoint is a source, and which end a request is for. */
bool request_is_source(const struct prepare_endpoint *endpoint);
enum endpoint request_end(const struct request *request);
/* Returns false, with the endpoint before the sentence. */
bool request_refuse(const struct prepare_endpoint *endpoint, struct fail *fail);

/* What the endpoint says, by itself: fills `request` with it. */
bool request_check(const struct session *session, const struct prepare_endpoint *endpoint,
                   struct request *request, struct fail *fail);
/* Whether all endpoints are new to the session, and the files suffice for them. */
bool request_check_call(struct session *session, const struct prepare_call *call,
                        struct fail *fail);
/* Looks both hosts up, and chooses the addresses that fit. CALL_WAIT: one is being asked for. */
enum call_result request_resolve(struct session *session, struct request *request, int64_t until,
                                 struct fail *fail);
/* After their names have been looked up: what counts is where the packets go. */
bool request_check_addresses(const struct session *session, const struct request *requests,
                             size_t count, struct fail *fail);
/* Whether the system takes the options of a source that connects late: it would refuse them in the
 * middle of the run. */
bool request_try_options(const struct request *request, struct fail *fail);
/* Takes what the quotas allow of all of them at once, or nothing; false with a sentence. */
bool request_take_quotas(struct session *session, const struct request *requests, size_t count,
                         struct fail *fail);
/* Makes the flow of an endpoint that has everything: it is prepared from now on. */
void request_add_member(struct session *session, const struct request *request);
/* The worker for an endpoint that was checked. */
struct worker *request_worker(const struct session *session,
                              const struct prepare_endpoint *endpoint);

#endif
