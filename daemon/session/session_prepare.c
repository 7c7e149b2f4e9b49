/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "session/session_prepare.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cdf.h"
#include "log.h"
#include "peer/peer.h"
#include "peer/rendezvous.h"

static bool charge_tables(struct session *session, struct fail *fail)
{
    int64_t bytes = 0;
    for (size_t i = 0; i < session->table_count; i++)
        bytes += (int64_t)(session->tables[i].count * sizeof *session->tables[i].points);
    if (budget_take(&session->budget, bytes)) {
        session->table_bytes = bytes;
        return true;
    }
    session_free_tables(session);
    return fail_set(fail, FAULT_NO_MEMORY,
                    "tables of %" PRId64
                    " bytes do not fit in the daemon's report memory of %" PRId64
                    " bytes (--report-memory)",
                    bytes, session->owner->config.report_memory);
}

/* The first call that has tables decides. */
static bool take_tables(struct session *session, const struct schema_list *list, struct fail *fail)
{
    const struct prepare_table *tables = list->items;
    if (!list->count || session->table_count)
        return true;
    session->tables = mem_new(list->count, sizeof *session->tables);
    for (size_t i = 0; i < list->count; i++) {
        char name[32];
        snprintf(name, sizeof name, "table %zu", i);
        if (!cdf_parse(tables[i].text.data, tables[i].text.length, name, &session->tables[i],
                       fail)) {
            fail->code = FAULT_BAD_CALL;
            session_free_tables(session);
            return false;
        }
        session->table_count++;
    }
    return charge_tables(session, fail);
}

/* What the quotas allow of all endpoints at once; `rated` of them have taken their rate. */
static void give_quotas(struct session *session, const struct request *requests, size_t count,
                        size_t rated)
{
    for (size_t i = 0; i < rated; i++)
        session_give_rate(session, requests[i].ends, request_end(&requests[i]));
    session_give_flows(session, count);
    session->held -= count;
}

bool request_take_quotas(struct session *session, const struct request *requests, size_t count,
                         struct fail *fail)
{
    if (!session_take_flows(session, count, fail))
        return false;
    session->held += count;
    for (size_t i = 0; i < count; i++) {
        if (session_take_rate(session, requests[i].ends, request_end(&requests[i]), fail))
            continue;
        give_quotas(session, requests, count, i);
        return request_refuse(requests[i].endpoint, fail);
    }
    return true;
}

/* Names take no longer than this, nor half the lease, to be looked up. */
enum { NAMES_WAIT_MS = 20000 };

/* The call waits no longer for names: says which one it waits for. */
static enum call_result names_took_too_long(const struct request *pending, double seconds,
                                            struct fail *fail)
{
    fail_set(fail, FAULT_SYSTEM, "the host name '%s' was not resolved within %.3g s",
             pending->pending_host, seconds);
    request_refuse(pending->endpoint, fail);
    return CALL_FAULT;
}

/* Looks all hosts up; every name is asked for before one is waited for. */
static enum call_result resolve_all(struct session *session, struct request *requests, size_t count,
                                    struct call_wait *wait, struct fail *fail)
{
    const struct request *pending = NULL;
    int64_t deadline = session_call_deadline(session, wait, NAMES_WAIT_MS);
    session_wait(session, resolver_waitlist(session->owner->parts.resolver), wait, deadline);
    for (size_t i = 0; i < count; i++) {
        enum call_result one = request_resolve(session, &requests[i], deadline, fail);
        if (one == CALL_FAULT)
            return CALL_FAULT;
        if (one == CALL_WAIT && !pending)
            pending = &requests[i];
    }
    if (!pending)
        return CALL_DONE;
    if (wait->never || clock_now() < deadline)
        return CALL_WAIT;
    return names_took_too_long(pending, (double)(deadline - wait->arrived) / NS_PER_SEC, fail);
}

static void end_contacts(struct session *session, const struct request *requests, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (request_is_source(requests[i].endpoint))
            session_end_contacts(session, &requests[i].peer, 0, false);
}

static bool begin_contacts(struct session *session, struct request *requests, size_t count,
                           struct fail *fail)
{
    for (size_t i = 0; i < count; i++) {
        if (!request_is_source(requests[i].endpoint) ||
            session_begin_contacts(session, &requests[i].peer, fail))
            continue;
        end_contacts(session, requests, i);
        return request_refuse(requests[i].endpoint, fail);
    }
    return true;
}

static bool open_listener(struct session *session, struct request *request, struct fail *fail)
{
    const struct prepare_endpoint *endpoint = request->endpoint;
    const struct transport *transport = transports[endpoint->settings.transport];
    struct listeners *listeners = session->owner->parts.listeners;
    struct endpoint_settings settings = endpoint->destination;
    if (!(transport_traits[endpoint->settings.transport].capabilities & TRANSPORT_STREAM)) {
        request->listener =
            listeners_acquire_socket(listeners, &session->holder, transport, &request->own,
                                     &settings, &request->socket, fail);
        return request->listener != NULL;
    }
    /* What is dumped has a port of its own: a capture sees nothing else then. */
    settings.dump |= endpoint->source.dump;
    request->listener =
        listeners_acquire(listeners, &session->holder, transport, &request->own, &settings, fail);
    return request->listener != NULL;
}

static bool open_listeners(struct session *session, struct request *requests, size_t count,
                           struct fail *fail)
{
    for (size_t i = 0; i < count; i++) {
        if (request_is_source(requests[i].endpoint)) {
            if (!request_try_options(&requests[i], fail))
                return false;
            continue;
        }
        if (!open_listener(session, &requests[i], fail))
            return request_refuse(requests[i].endpoint, fail);
        secret_make(requests[i].secret);
        secret_make(requests[i].proof);
    }
    return true;
}

static bool open_dump(struct session *session, struct request *request, struct fail *fail)
{
    const struct prepare_endpoint *endpoint = request->endpoint;
    bool source = request_is_source(endpoint);
    if (!(source ? &endpoint->source : &endpoint->destination)->dump)
        return true;
    request->dump =
        dump_open(session->owner->parts.captures,
                  &(struct dump_request){
                      .prefix = endpoint->settings.dump_prefix,
                      .run = session->run,
                      .host = endpoint->host,
                      .user = session->user->name,
                      .holder = session->holder,
                      .flow = endpoint->flow,
                      .endpoint = endpoint_letter((enum endpoint)endpoint->endpoint),
                      .snaplen = (int)endpoint->settings.snaplen,
                      .microseconds = endpoint->settings.dump_us,
                      .filter = transports[endpoint->settings.transport]->capture_filter,
                      .port = source ? (uint16_t)endpoint->port : listener_port(request->listener),
                      .peers = &request->peer,
                  },
                  fail);
    return request->dump || request_refuse(endpoint, fail);
}

static bool open_trace(struct session *session, struct request *request, struct fail *fail)
{
    const struct prepare_endpoint *endpoint = request->endpoint;
    bool source = request_is_source(endpoint);
    const struct endpoint_settings *own = source ? &endpoint->source : &endpoint->destination;
    if (!own->trace)
        return true;
    request->trace = trace_open(session->owner->parts.tracer,
                                &(struct trace_request){
                                    .prefix = endpoint->settings.dump_prefix,
                                    .run = session->run,
                                    .host = endpoint->host,
                                    .user = session->user->name,
                                    .flow = endpoint->flow,
                                    .endpoint = endpoint_letter((enum endpoint)endpoint->endpoint),
                                    .port = source ? 0 : listener_port(request->listener),
                                    .events = own->trace_max,
                                    .filter = (int)endpoint->settings.trace_filter,
                                },
                                fail);
    return request->trace || request_refuse(endpoint, fail);
}

static bool open_dumps(struct session *session, struct request *requests, size_t count,
                       struct fail *fail)
{
    for (size_t i = 0; i < count; i++)
        if (!open_dump(session, &requests[i], fail) || !open_trace(session, &requests[i], fail))
            return false;
    return true;
}

void request_add_member(struct session *session, const struct request *request)
{
    struct sessions *sessions = session->owner;
    const struct prepare_endpoint *endpoint = request->endpoint;
    enum endpoint which = request_end(request);
    if (session->count == session->capacity) {
        session->capacity = session->capacity ? 2 * session->capacity : 16;
        session->members = mem_grow(session->members, session->capacity, sizeof(struct member));
    }
    struct flow *flow = flow_new(&(struct flow_arguments){
        .session = session_reference(session),
        .index = session->count,
        .endpoint = endpoint,
        .worker = request_worker(session, endpoint),
        .tables = session->tables,
        .own = request->own,
        .peer = request->peer,
        .memory = &session->flow_memory,
        .holds_peer = session_bounds_rates(session),
        .check_source = quota_check_address,
        .quotas = &session->owner->config.quotas,
        .peer_clock = session_peer_clock(session, endpoint->peer_clock),
        .protocol = request->protocol,
        .listener = request->listener,
        .fd = request->socket,
        .secret = request->secret,
        .proof = request->proof,
    });
    if (request->dump)
        flow_set_dump(flow, request->dump);
    if (request->trace)
        flow_set_trace(flow, request->trace);
    session->members[session->count++] = (struct member){
        .flow = flow, .id = endpoint->flow, .endpoint = which, .contact = which == SOURCE};
    atomic_fetch_add(&flow_worker(flow)->endpoint_count[which], 1);
    flow_post_prepare(flow);
    if (which == DESTINATION && request->socket < 0)
        rendezvous_add(sessions->parts.rendezvous, flow);
}

static void answer_prepare(const struct session *session, const struct prepared *prepared,
                           struct prepare_reply *reply)
{
    struct prepare_destination *list = mem_new(prepared->count, sizeof *list);
    size_t count = 0;
    for (size_t i = prepared->first; i < prepared->first + prepared->count; i++) {
        const struct flow *flow = session->members[i].flow;
        if (session->members[i].endpoint != DESTINATION || !flow)
            continue;
        list[count].flow = flow_id(flow);
        list[count].port = listener_port(flow_listener(flow));
        secret_format(flow_secret(flow), list[count].secret);
        secret_format(flow_proof(flow), list[count].proof);
        count++;
    }
    reply->destinations = (struct schema_list){list, count};
}

static const struct prepared *find_prepared(const struct session *session, const char *key)
{
    for (size_t i = 0; i < session->prepared_count; i++)
        if (!strcmp(session->prepared[i].key, key))
            return &session->prepared[i];
    return NULL;
}

static const struct prepared *carry_out(struct session *session, const struct prepare_call *call,
                                        const struct request *requests)
{
    session->prepared =
        mem_grow(session->prepared, session->prepared_count + 1, sizeof *session->prepared);
    struct prepared *prepared = &session->prepared[session->prepared_count++];
    *prepared = (struct prepared){.first = session->count, .count = call->endpoints.count};
    memcpy(prepared->key, call->key, sizeof prepared->key);
    for (size_t i = 0; i < call->endpoints.count; i++)
        request_add_member(session, &requests[i]);
    log_info("session %.8s: %zu endpoints to prepare", session->id, call->endpoints.count);
    return prepared;
}

static enum call_result prepare_new(struct session *session, const struct prepare_call *call,
                                    struct request *requests, struct prepare_reply *reply,
                                    struct call_wait *wait, struct fail *fail)
{
    const struct prepare_endpoint *endpoints = call->endpoints.items;
    size_t count = call->endpoints.count;
    if (!count) { /* each call that is carried out is remembered */
        fail_set(fail, FAULT_BAD_CALL, "there are no endpoints to prepare");
        return CALL_FAULT;
    }
    if (session->state != SESSION_PREPARING) {
        fail_set(fail, FAULT_BAD_STATE,
                 "the session is %s: endpoints are prepared before the start",
                 session_states.names[session->state]);
        return CALL_FAULT;
    }
    if (!take_tables(session, &call->tables, fail))
        return CALL_FAULT;
    for (size_t i = 0; i < count; i++)
        if (!request_check(session, &endpoints[i], &requests[i], fail))
            return CALL_FAULT;
    for (size_t i = 0; i < count; i++)
        requests[i].protocol =
            peer_protocol_of(endpoints[i].settings.transport, request_end(&requests[i]));
    if (!request_check_call(session, call, fail))
        return CALL_FAULT;
    enum call_result result = resolve_all(session, requests, count, wait, fail);
    if (result != CALL_DONE)
        return result;
    if (!request_check_addresses(session, requests, count, fail) ||
        !request_take_quotas(session, requests, count, fail))
        return CALL_FAULT;
    if (begin_contacts(session, requests, count, fail)) {
        if (open_listeners(session, requests, count, fail) &&
            open_dumps(session, requests, count, fail)) {
            answer_prepare(session, carry_out(session, call, requests), reply);
            return CALL_DONE;
        }
        end_contacts(session, requests, count);
    }
    for (size_t i = 0; i < count; i++) {
        dump_close(requests[i].dump);
        trace_close(requests[i].trace);
        listeners_release(session->owner->parts.listeners, requests[i].listener);
        if (requests[i].socket >= 0)
            close(requests[i].socket);
    }
    give_quotas(session, requests, count, count);
    return CALL_FAULT;
}

enum call_result session_prepare(struct session *session, const struct prepare_call *call,
                                 struct prepare_reply *reply, struct call_wait *wait,
                                 struct fail *fail)
{
    enum call_result result = CALL_DONE;
    pthread_mutex_lock(&session->lock);
    const struct prepared *before = find_prepared(session, call->key);
    if (before) {
        answer_prepare(session, before, reply);
    } else {
        struct request *requests = mem_new(call->endpoints.count, sizeof *requests);
        result = prepare_new(session, call, requests, reply, wait, fail);
        free(requests);
        /* A call that failed as a whole leaves nothing behind. */
        if (result == CALL_FAULT && !session->count)
            session_free_tables(session);
    }
    pthread_mutex_unlock(&session->lock);
    return result;
}

enum call_result session_prepared(struct session *session, const struct prepared_call *call,
                                  struct prepared_reply *reply, struct call_wait *wait)
{
    int64_t deadline = session_call_deadline(session, wait, call->wait_ms);
    enum call_result result = CALL_DONE;
    pthread_mutex_lock(&session->lock);
    if (!session->failed && session->ready < session->count &&
        session->state == SESSION_PREPARING && clock_now() < deadline) {
        result = session_wait(session, &session->waitlist, wait, deadline);
    } else {
        struct prepared_failure *list = mem_new(PROTOCOL_FAILURES_MAX, sizeof *list);
        size_t listed = 0;
        for (size_t i = 0; i < session->count && listed < PROTOCOL_FAILURES_MAX; i++) {
            const struct member *member = &session->members[i];
            if (!member->failed)
                continue;
            struct prepared_failure *failure = &list[listed++];
            failure->flow = member->id;
            failure->endpoint = member->endpoint;
            failure->code = member->code;
            snprintf(failure->reason, sizeof failure->reason, "%s",
                     member->reason ? member->reason : "");
        }
        reply->total = (int64_t)session->count;
        reply->ready = (int64_t)session->ready;
        reply->failed = (int64_t)session->failed;
        reply->failures = (struct schema_list){list, listed};
    }
    pthread_mutex_unlock(&session->lock);
    return result;
}
