/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a request takes of memory, and its answer. */
#include "control/http_state.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "xmlguard.h"

/* The deadline for an answer grows with its size. */
#define ANSWER_TIME (30 * NS_PER_SEC)
#define ANSWER_RATE (64 * 1024) /* bytes/s */

/* What every request may have besides HTTP_TRAFFIC_MEMORY keeps small ones going where large ones
 * have taken all of it. */
#define TRAFFIC_FREE (INT64_C(64) << 10)

static const struct http_refusal crowded = {
    MHD_HTTP_SERVICE_UNAVAILABLE, "the daemon has too many large calls and replies in progress"};

/* ---- connections ---- */

struct http_connection *request_connection(const struct request *request)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

struct address http_peer(struct MHD_Connection *connection)
{
    struct address peer = {.length = 0};
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (!info || !info->client_addr)
        return peer;
    peer.length = info->client_addr->sa_family == AF_INET6 ? sizeof peer.v6 : sizeof peer.v4;
    memcpy(&peer.storage, info->client_addr, peer.length);
    return peer;
}

void request_set_deadline(struct request *request, int64_t deadline)
{
    struct http_connection *connection = request_connection(request);
    if (connection)
        http_connections_set_deadline(request->connections, connection, deadline);
}

/* ---- memory ---- */

bool request_charge(struct request *request, int64_t bytes)
{
    int64_t more = request->traffic + bytes - TRAFFIC_FREE - request->charged;
    if (more > 0 && !budget_take(&request->http->traffic, more)) {
        request->refused = crowded;
        return false;
    }
    request->traffic += bytes;
    request->charged += more > 0 ? more : 0;
    return true;
}

static void discharge(struct request *request, int64_t bytes)
{
    request->traffic -= bytes;
    int64_t held = request->traffic > TRAFFIC_FREE ? request->traffic - TRAFFIC_FREE : 0;
    budget_give(&request->http->traffic, request->charged - held);
    request->charged = held;
}

bool request_charge_reading(struct request *request)
{
    int64_t cost = xml_cost(request->body.data, request->body.length);
    if (request->reading)
        return true;
    if (!request_charge(request, cost))
        return false;
    request->reading = cost;
    return true;
}

/* ---- answers ---- */

/* The connection ends where it is not sure where the next request begins, and where nobody knows
 * who has it: it would stay for as long as somebody waits for the next call of a known user. */
enum MHD_Result request_answer_text(const struct request *request, unsigned code, const char *text)
{
    char *line = mem_printf("%s\n", text);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(line), line, MHD_RESPMEM_MUST_FREE);
    MHD_add_response_header(response, "Content-Type", "text/plain; charset=utf-8");
    if (code != MHD_HTTP_SERVICE_UNAVAILABLE)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    if (code == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, "Allow", request->allowed);
    if (code == MHD_HTTP_UNAUTHORIZED)
        MHD_add_response_header(response, "WWW-Authenticate", "Basic realm=\"flowd\"");
    enum MHD_Result result = MHD_queue_response(request->connection, code, response);
    MHD_destroy_response(response);
    return result;
}

static void count_refusal(struct http_counts *counts, unsigned status)
{
    for (size_t i = 0; i < COUNT(counts->refused); i++) {
        unsigned found = 0;
        if (!atomic_compare_exchange_strong(&counts->refused[i].status, &found, status) &&
            found != status)
            continue;
        atomic_fetch_add(&counts->refused[i].count, 1);
        return;
    }
}

enum MHD_Result request_answer_refused(const struct request *request)
{
    if (log_enabled(LOG_LEVEL_DEBUG)) {
        char peer[ADDRESS_TEXT_MAX];
        struct address address = http_peer(request->connection);
        address_format_port(&address, peer);
        log_debug("http: refused %s: %u %s", peer, request->refused.status, request->refused.why);
    }
    count_refusal(&request->http->counts, request->refused.status);
    return request_answer_text(request, request->refused.status, request->refused.why);
}

void request_answer_until(struct request *request, int64_t length)
{
    request_set_deadline(request, clock_now() + ANSWER_TIME + length * NS_PER_SEC / ANSWER_RATE);
}

enum MHD_Result request_answer_call(struct request *request)
{
    discharge(request, request->reading);
    int64_t length = (int64_t)XMLRPC_MEMBLOCK_SIZE(char, request->answer);
    if (!request_charge(request, length)) {
        XMLRPC_MEMBLOCK_FREE(char, request->answer);
        request->answer = NULL;
        return request_answer_refused(request);
    }
    request_answer_until(request, length);
    atomic_fetch_add(&request->http->counts.calls, 1);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(XMLRPC_MEMBLOCK_SIZE(char, request->answer),
                                        XMLRPC_MEMBLOCK_CONTENTS(char, request->answer),
                                        MHD_RESPMEM_PERSISTENT); /* it lives until on_completed() */
    MHD_add_response_header(response, "Content-Type", "text/xml; charset=utf-8");
    enum MHD_Result result = MHD_queue_response(request->connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}
