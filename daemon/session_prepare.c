/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "session_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "log.h"

/* Descriptors that are not flows: control connections, workers, the daemon's own. */
enum { SPARE_FILES = 64 };

/* What one endpoint of a call needs before it is made. */
struct request {
    const struct prepare_endpoint *endpoint;
    struct endpoint_settings ends[ENDPOINTS];
    struct addresses own, peer;
    struct listener *listener;
    struct dump *dump;
    uint8_t secret[SECRET_SIZE], proof[SECRET_SIZE];
};

static bool is_source(const struct prepare_endpoint *endpoint)
{
    return endpoint->endpoint[0] == 's';
}

static bool refuse(const struct prepare_endpoint *endpoint, struct fail *fail)
{
    return fail_prefix(fail, "flow %" PRId64 ", %s", endpoint->flow,
                       endpoint_name(is_source(endpoint) ? SOURCE : DESTINATION));
}

static bool check_source(const struct prepare_endpoint *endpoint, struct request *request,
                         struct fail *fail)
{
    if (!endpoint->peer_host[0] || !endpoint->port)
        return fail_set(fail, FAULT_BAD_CALL, "a source needs the peer's host and port");
    if (!secret_parse(endpoint->secret, request->secret) ||
        !secret_parse(endpoint->proof, request->proof) ||
        secret_equal(request->secret, request->proof))
        return fail_set(fail, FAULT_BAD_CALL,
                        "a source needs the secret and the proof that its destination issued, 32 "
                        "hexadecimal digits each");
    return true;
}

static bool check_endpoint(const struct session *session, const struct prepare_endpoint *endpoint,
                           struct request *request, struct fail *fail)
{
    request->endpoint = endpoint;
    request->ends[SOURCE] = endpoint->source;
    request->ends[DESTINATION] = endpoint->destination;
    if (strcmp(endpoint->endpoint, "s") && strcmp(endpoint->endpoint, "d"))
        return fail_set(fail, FAULT_BAD_CALL,
                        "flow %" PRId64 ": the endpoint is '%s', but there "
                        "are s and d",
                        endpoint->flow, endpoint->endpoint);
    fail->code = FAULT_BAD_CALL;
    if (!settings_check(request->ends, &endpoint->settings, fail) ||
        (is_source(endpoint) && !check_source(endpoint, request, fail))) {
        fail->code = FAULT_BAD_CALL;
        return refuse(endpoint, fail);
    }
    return traffic_check(&request->ends[is_source(endpoint) ? SOURCE : DESTINATION],
                         session->table_count, fail) ||
           refuse(endpoint, fail);
}

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
                    " bytes find no room in the daemon's memory for reports of %" PRId64
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

static enum endpoint end_of(const struct request *request)
{
    return is_source(request->endpoint) ? SOURCE : DESTINATION;
}

static bool check_quotas(const struct session *session, const struct request *request,
                         struct fail *fail)
{
    return quota_check_settings(&session->owner->config.quotas, session->user->name, request->ends,
                                end_of(request), fail) ||
           refuse(request->endpoint, fail);
}

/* After their names have been looked up: what counts is where the packets go. */
static bool check_addresses(const struct session *session, const struct request *requests,
                            size_t count, struct fail *fail)
{
    const struct quotas *quotas = &session->owner->config.quotas;
    for (size_t i = 0; i < count; i++)
        if (!quota_check_own(quotas, &requests[i].own, end_of(&requests[i]), fail) ||
            !quota_check_peer(quotas, &requests[i].peer, fail))
            return refuse(requests[i].endpoint, fail);
    return true;
}

/* Whether all of them are new: by a set of bits, two for each number of a flow that there is. */
static bool check_new(const struct session *session, const struct prepare_call *call,
                      struct fail *fail)
{
    const struct prepare_endpoint *endpoints = call->endpoints.items;
    int64_t highest = 0;
    for (size_t i = 0; i < session->count; i++)
        highest = session->members[i].id > highest ? session->members[i].id : highest;
    for (size_t i = 0; i < call->endpoints.count; i++)
        highest = endpoints[i].flow > highest ? endpoints[i].flow : highest;
    uint8_t *seen = mem_new((size_t)highest / 4 + 1, 1);
    bool good = true;
    for (size_t i = 0; i < session->count; i++) {
        size_t bit = 2 * (size_t)session->members[i].id + session->members[i].endpoint;
        seen[bit / 8] |= (uint8_t)(1 << bit % 8);
    }
    for (size_t i = 0; good && i < call->endpoints.count; i++) {
        size_t bit = 2 * (size_t)endpoints[i].flow + !is_source(&endpoints[i]);
        if (seen[bit / 8] >> bit % 8 & 1) {
            fail_set(fail, FAULT_BAD_STATE, "it is prepared already");
            good = refuse(&endpoints[i], fail);
        }
        seen[bit / 8] |= (uint8_t)(1 << bit % 8);
    }
    free(seen);
    return good;
}

static bool check_files(struct session *session, size_t more, struct fail *fail)
{
    struct rlimit files;
    int64_t needed = session->owner->flows.used + (int64_t)more + SPARE_FILES;
    getrlimit(RLIMIT_NOFILE, &files);
    return needed <= (int64_t)files.rlim_cur ||
           fail_set(fail, FAULT_FILES,
                    "%zu more flow endpoints need %" PRId64 " open files in all, but the daemon's "
                    "limit is %llu (ulimit -n)",
                    more, needed, (unsigned long long)files.rlim_cur);
}

/* What the quotas allow of all endpoints at once; `rated` of them have taken their rate. */
static void give_quotas(struct session *session, const struct request *requests, size_t count,
                        size_t rated)
{
    for (size_t i = 0; i < rated; i++)
        session_give_rate(session, requests[i].ends, end_of(&requests[i]));
    session_give_flows(session, count);
}

static bool take_quotas(struct session *session, const struct request *requests, size_t count,
                        struct fail *fail)
{
    if (!session_take_flows(session, count, fail))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (session_take_rate(session, requests[i].ends, end_of(&requests[i]), fail))
            continue;
        give_quotas(session, requests, count, i);
        return refuse(requests[i].endpoint, fail);
    }
    return true;
}

/* A host's own name often stands for 127.0.1.1 in its /etc/hosts. An end that is bound there can't
 * be reached from elsewhere, so such a name binds it to nothing; an address, or localhost, does. */
static void drop_own_loopback(const char *host, struct addresses *own)
{
    struct address literal;
    size_t kept = 0;
    if (!strcasecmp(host, "localhost") || address_parse(host, 0, &literal))
        return;
    for (size_t i = 0; i < own->count; i++)
        if (!address_is_loopback(&own->list[i]))
            own->list[kept++] = own->list[i];
    own->count = kept;
}

/* Looks both hosts up. CALL_WAIT: one is being asked for. */
static enum call_result resolve(struct session *session, struct request *request, struct fail *fail)
{
    struct resolver *resolver = session->owner->parts.resolver;
    const struct prepare_endpoint *endpoint = request->endpoint;
    enum resolver_answer own = RESOLVER_KNOWN, peer = RESOLVER_KNOWN;
    if (endpoint->host[0])
        own = resolver_lookup(resolver, endpoint->host, &request->own, fail);
    if (own == RESOLVER_KNOWN)
        drop_own_loopback(endpoint->host, &request->own);
    if (own == RESOLVER_KNOWN && is_source(endpoint))
        peer = resolver_lookup(resolver, endpoint->peer_host, &request->peer, fail);
    else if (own == RESOLVER_KNOWN && endpoint->destination.dump && endpoint->peer_host[0] &&
             resolver_lookup(resolver, endpoint->peer_host, &request->peer, NULL) ==
                 RESOLVER_PENDING)
        peer = RESOLVER_PENDING; /* a name that only the source knows does no harm */
    if (own == RESOLVER_UNKNOWN || peer == RESOLVER_UNKNOWN) {
        refuse(endpoint, fail);
        return CALL_FAULT;
    }
    for (size_t i = 0; i < request->peer.count; i++)
        address_set_port(&request->peer.list[i], (uint16_t)endpoint->port);
    return own == RESOLVER_PENDING || peer == RESOLVER_PENDING ? CALL_WAIT : CALL_DONE;
}

/* Looks all hosts up; every name is asked for before one is waited for. */
static enum call_result resolve_all(struct session *session, struct request *requests, size_t count,
                                    struct call_wait *wait, struct fail *fail)
{
    enum call_result result = CALL_DONE;
    session_wait(session, resolver_waitlist(session->owner->parts.resolver), wait, CLOCK_NEVER);
    for (size_t i = 0; i < count && result != CALL_FAULT; i++) {
        enum call_result one = resolve(session, &requests[i], fail);
        if (one != CALL_DONE)
            result = one;
    }
    return result;
}

/* A source that connects late would have its options refused in the middle of the run. */
static bool try_options(const struct request *request, struct fail *fail)
{
    const struct prepare_endpoint *endpoint = request->endpoint;
    if (!endpoint->settings.late_connect || !request->peer.count)
        return true;
    int fd = transports[endpoint->settings.transport]->create(request->peer.list[0].any.sa_family,
                                                              &endpoint->source, fail);
    if (fd < 0)
        return refuse(endpoint, fail);
    close(fd);
    return true;
}

static bool open_listeners(struct session *session, struct request *requests, size_t count,
                           struct fail *fail)
{
    for (size_t i = 0; i < count; i++) {
        if (is_source(requests[i].endpoint)) {
            if (!try_options(&requests[i], fail))
                return false;
            continue;
        }
        /* What is dumped has a port of its own: a capture sees nothing else then. */
        struct endpoint_settings settings = requests[i].endpoint->destination;
        settings.dump |= requests[i].endpoint->source.dump;
        requests[i].listener = listeners_acquire(
            session->owner->parts.listeners, transports[requests[i].endpoint->settings.transport],
            &requests[i].own, &settings, fail);
        if (!requests[i].listener)
            return refuse(requests[i].endpoint, fail);
        secret_make(requests[i].secret);
        secret_make(requests[i].proof);
    }
    return true;
}

/* The CPU that the endpoint asks for, or -1. */
static int64_t wanted_cpu(const struct prepare_endpoint *endpoint)
{
    return (is_source(endpoint) ? &endpoint->source : &endpoint->destination)->cpu;
}

/* A worker on the CPU; several there share its flows. NULL if there is none. */
static struct worker *worker_on(const struct sessions_parts *parts, int64_t cpu, int64_t flow)
{
    size_t there = 0, skip;
    for (size_t i = 0; i < parts->worker_count; i++)
        there += parts->workers[i]->cpu == cpu;
    if (!there)
        return NULL;
    skip = (size_t)flow % there;
    for (size_t i = 0;; i++)
        if (parts->workers[i]->cpu == cpu && !skip--)
            return parts->workers[i];
}

static bool check_cpu(const struct session *session, const struct prepare_endpoint *endpoint,
                      struct fail *fail)
{
    const struct sessions_parts *parts = &session->owner->parts;
    int64_t cpu = wanted_cpu(endpoint);
    struct buffer list = {0};
    if (cpu < 0 || worker_on(parts, cpu, 0))
        return true;
    for (size_t i = 0; i < parts->worker_count; i++)
        if (worker_on(parts, parts->workers[i]->cpu, 0) == parts->workers[i])
            buffer_printf(&list, "%s%d", list.length ? ", " : "", parts->workers[i]->cpu);
    buffer_add(&list, "", 1);
    fail_set(fail, FAULT_BAD_CALL,
             "no worker of flowd there runs on CPU %" PRId64 " (--cpu); they "
             "run on %s",
             cpu, list.data);
    buffer_free(&list);
    return refuse(endpoint, fail);
}

/* The worker with the fewest endpoints of this kind, so that flows spread over the CPUs. Two
 * daemons of one host count alike, and so the ends of a flow share a CPU there: what one sends is
 * still in the other's cache, and waking it takes no interrupt. */
static struct worker *choose_worker(const struct sessions_parts *parts,
                                    const struct prepare_endpoint *endpoint)
{
    enum endpoint kind = is_source(endpoint) ? SOURCE : DESTINATION;
    int64_t cpu = wanted_cpu(endpoint);
    if (cpu >= 0)
        return worker_on(parts, cpu, endpoint->flow);
    struct worker *best = parts->workers[0];
    for (size_t i = 1; i < parts->worker_count; i++)
        if (parts->workers[i]->carried[kind] < best->carried[kind])
            best = parts->workers[i];
    return best;
}

static bool open_dump(struct session *session, struct request *request, struct fail *fail)
{
    const struct prepare_endpoint *endpoint = request->endpoint;
    bool source = is_source(endpoint);
    if (!(source ? &endpoint->source : &endpoint->destination)->dump)
        return true;
    request->dump =
        dump_open(session->owner->parts.captures,
                  &(struct dump_request){
                      .prefix = endpoint->settings.dump_prefix,
                      .run = session->run,
                      .host = endpoint->host,
                      .flow = endpoint->flow,
                      .endpoint = endpoint->endpoint[0],
                      .snaplen = (int)endpoint->settings.snaplen,
                      .port = source ? (uint16_t)endpoint->port : listener_port(request->listener),
                      .peers = &request->peer,
                  },
                  fail);
    return request->dump || refuse(endpoint, fail);
}

static bool open_dumps(struct session *session, struct request *requests, size_t count,
                       struct fail *fail)
{
    for (size_t i = 0; i < count; i++)
        if (!open_dump(session, &requests[i], fail))
            return false;
    return true;
}

static void add_member(struct session *session, const struct request *request)
{
    struct sessions *sessions = session->owner;
    const struct prepare_endpoint *endpoint = request->endpoint;
    enum endpoint which = is_source(endpoint) ? SOURCE : DESTINATION;
    if (session->count == session->capacity) {
        session->capacity = session->capacity ? 2 * session->capacity : 16;
        session->members = mem_grow(session->members, session->capacity, sizeof(struct member));
    }
    struct flow *flow = flow_new(&(struct flow_arguments){
        .session = session_reference(session),
        .index = session->count,
        .endpoint = endpoint,
        .worker = choose_worker(&sessions->parts, endpoint),
        .tables = session->tables,
        .own = request->own,
        .peer = request->peer,
        .peer_clock = session_peer_clock(session, endpoint->peer_clock),
    });
    flow->listener = request->listener;
    flow->dump = request->dump;
    if (flow->dump)
        dump_set_flow(flow->dump, flow);
    memcpy(flow->secret, request->secret, SECRET_SIZE);
    memcpy(flow->proof, request->proof, SECRET_SIZE);
    session->members[session->count++] =
        (struct member){.flow = flow, .id = endpoint->flow, .endpoint = which};
    atomic_fetch_add(&flow->worker->carried[which], 1);
    flow_post_prepare(flow);
    if (which == DESTINATION)
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
        list[count].flow = flow->id;
        list[count].port = listener_port(flow->listener);
        secret_format(flow->secret, list[count].secret);
        secret_format(flow->proof, list[count].proof);
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
        add_member(session, &requests[i]);
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
    if (session->state != PREPARING) {
        fail_set(fail, FAULT_BAD_STATE,
                 "the session is %s: endpoints are prepared before the start",
                 session_state_names[session->state]);
        return CALL_FAULT;
    }
    if (!take_tables(session, &call->tables, fail))
        return CALL_FAULT;
    for (size_t i = 0; i < count; i++)
        if (!check_endpoint(session, &endpoints[i], &requests[i], fail) ||
            !check_cpu(session, &endpoints[i], fail) || !check_quotas(session, &requests[i], fail))
            return CALL_FAULT;
    if (!check_new(session, call, fail) || !check_files(session, count, fail))
        return CALL_FAULT;
    enum call_result result = resolve_all(session, requests, count, wait, fail);
    if (result != CALL_DONE)
        return result;
    if (!check_addresses(session, requests, count, fail) ||
        !take_quotas(session, requests, count, fail))
        return CALL_FAULT;
    if (open_listeners(session, requests, count, fail) &&
        open_dumps(session, requests, count, fail)) {
        answer_prepare(session, carry_out(session, call, requests), reply);
        return CALL_DONE;
    }
    for (size_t i = 0; i < count; i++) {
        dump_close(requests[i].dump);
        listeners_release(session->owner->parts.listeners, requests[i].listener);
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
    int64_t deadline = session_call_deadline(wait, call->wait_ms);
    enum call_result result = CALL_DONE;
    pthread_mutex_lock(&session->lock);
    if (!session->failed && session->ready < session->count && session->state == PREPARING &&
        clock_now() < deadline) {
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
            failure->endpoint[0] = endpoint_letter(member->endpoint);
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
