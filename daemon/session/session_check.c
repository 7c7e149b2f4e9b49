/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "block.h"
#include "failure.h"
#include "flow/datagram_wire.h"
#include "mem.h"
#include "session/session_prepare.h"
#include "flow/traffic.h"

/* Descriptors that are not flows: control connections, workers, the daemon's own. */
enum { SPARE_FILES = 64 };

bool request_is_source(const struct prepare_endpoint *endpoint)
{
    return endpoint->endpoint == SOURCE;
}

enum endpoint request_end(const struct request *request)
{
    return (enum endpoint)request->endpoint->endpoint;
}

bool request_refuse(const struct prepare_endpoint *endpoint, struct fail *fail)
{
    return failure_mark(fail, endpoint->flow, (enum endpoint)endpoint->endpoint);
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

/* The size of a header of its blocks, where they have one. */
static int64_t header_size(const struct request *request)
{
    const struct peer_protocol *protocol = request->protocol;
    return protocol && protocol->format ? protocol->format->header_size : BLOCK_HEADER_SIZE;
}

static bool check_endpoint(const struct session *session, const struct prepare_endpoint *endpoint,
                           struct request *request, struct fail *fail)
{
    request->endpoint = endpoint;
    request->socket = -1;
    request->ends[SOURCE] = endpoint->source;
    request->ends[DESTINATION] = endpoint->destination;
    fail->code = FAULT_BAD_CALL;
    if (!settings_check_header(request->ends, &endpoint->settings, header_size(request), fail) ||
        (request_is_source(endpoint) && !check_source(endpoint, request, fail))) {
        fail->code = FAULT_BAD_CALL;
        return request_refuse(endpoint, fail);
    }
    return traffic_check(&request->ends[endpoint->endpoint], session->table_count, fail) ||
           request_refuse(endpoint, fail);
}

static bool check_quotas(const struct session *session, const struct request *request,
                         struct fail *fail)
{
    const struct quotas *quotas = &session->owner->config.quotas;
    const char *user = session->user->name;
    return (quota_check_settings(quotas, user, request->ends, request_end(request), fail) &&
            quota_check_drain(quotas, user, request->ends, request->endpoint->settings.drain,
                              fail)) ||
           request_refuse(request->endpoint, fail);
}

/* The CPU that the endpoint asks for, or -1. */
static int64_t wanted_cpu(const struct prepare_endpoint *endpoint)
{
    return (request_is_source(endpoint) ? &endpoint->source : &endpoint->destination)->cpu;
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
    return request_refuse(endpoint, fail);
}

bool request_check(const struct session *session, const struct prepare_endpoint *endpoint,
                   struct request *request, struct fail *fail)
{
    return check_endpoint(session, endpoint, request, fail) && check_cpu(session, endpoint, fail) &&
           check_quotas(session, request, fail);
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
        size_t bit = 2 * (size_t)endpoints[i].flow + (size_t)endpoints[i].endpoint;
        if (seen[bit / 8] >> bit % 8 & 1) {
            fail_set(fail, FAULT_BAD_STATE, "it is prepared already");
            good = request_refuse(&endpoints[i], fail);
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
                    "%zu more flow endpoints need %" PRId64 " open files in total, but the "
                    "daemon's limit is %llu (ulimit -n)",
                    more, needed, (unsigned long long)files.rlim_cur);
}

bool request_check_call(struct session *session, const struct prepare_call *call, struct fail *fail)
{
    return check_new(session, call, fail) && check_files(session, call->endpoints.count, fail);
}

bool request_check_addresses(const struct session *session, const struct request *requests,
                             size_t count, struct fail *fail)
{
    const struct quotas *quotas = &session->owner->config.quotas;
    for (size_t i = 0; i < count; i++)
        if (!quota_check_own(quotas, &requests[i].own, request_end(&requests[i]), fail) ||
            !quota_check_peer(quotas, &requests[i].peer, fail))
            return request_refuse(requests[i].endpoint, fail);
    return true;
}

bool request_try_options(const struct request *request, struct fail *fail)
{
    const struct prepare_endpoint *endpoint = request->endpoint;
    if (!endpoint->settings.late_connect || !request->peer.count)
        return true;
    int fd = transports[endpoint->settings.transport]->create(request->peer.list[0].any.sa_family,
                                                              &endpoint->source, fail);
    if (fd < 0)
        return request_refuse(endpoint, fail);
    close(fd);
    return true;
}

/* The worker with the fewest endpoints of this kind, so that flows spread over the CPUs. Two
 * daemons of one host count alike, and so the ends of a flow share a CPU there: what one sends is
 * still in the other's cache, and waking it takes no interrupt. */
struct worker *request_worker(const struct session *session,
                              const struct prepare_endpoint *endpoint)
{
    const struct sessions_parts *parts = &session->owner->parts;
    enum endpoint kind = (enum endpoint)endpoint->endpoint;
    int64_t cpu = wanted_cpu(endpoint);
    if (cpu >= 0)
        return worker_on(parts, cpu, endpoint->flow);
    struct worker *best = parts->workers[0];
    for (size_t i = 1; i < parts->worker_count; i++)
        if (parts->workers[i]->endpoint_count[kind] < best->endpoint_count[kind])
            best = parts->workers[i];
    return best;
}
