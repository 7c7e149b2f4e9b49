/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests for metrics: GET or HEAD of one page, by those who may make calls as well. */
#include <string.h>
#include <sys/resource.h>

#include "control/http_state.h"
#include "control/metrics_page.h"

#define METRICS_PATH "/metrics"

static const struct http_refusal wrong_path = {MHD_HTTP_NOT_FOUND, "metrics are at " METRICS_PATH},
                                 wrong_method = {MHD_HTTP_METHOD_NOT_ALLOWED,
                                                 "metrics are read with GET or HEAD"},
                                 has_body = {MHD_HTTP_CONTENT_TOO_LARGE,
                                             "a request for metrics has no body"};

static void check_scrape(struct request *request, const char *url, const char *method)
{
    request->allowed = "GET, HEAD";
    if (strcmp(url, METRICS_PATH))
        request->refused = wrong_path;
    else if (strcmp(method, "GET") && strcmp(method, "HEAD"))
        request->refused = wrong_method;
    else
        request->refused = http_headers_check(request->connection, request->http->names);
    if (!request->refused.status)
        request->refused = request_check_who(request, &request->why);
}

/* This thread serves nothing else: what runs flows comes first. */
static void yield_to_flows(void)
{
    static _Thread_local bool done;
    if (!done)
        setpriority(PRIO_PROCESS, 0, 19); /* of the calling thread, in Linux */
    done = true;
}

static enum MHD_Result answer(struct request *request)
{
    struct http_connection *connection = request_connection(request);
    struct buffer page = {0};
    yield_to_flows();
    if (connection)
        http_connections_know(request->connections, connection);
    atomic_fetch_add(&request->http->counts.scrapes, 1);
    metrics_page_get(request->http->page, clock_now(), &page);
    request_answer_until(request, (int64_t)page.length);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(page.length, page.data, MHD_RESPMEM_MUST_FREE);
    MHD_add_response_header(response, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    MHD_add_response_header(response, "Cache-Control", "no-store");
    enum MHD_Result result = MHD_queue_response(request->connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

enum MHD_Result http_on_scrape(void *context, struct MHD_Connection *connection, const char *url,
                               const char *method, const char *version, const char *data,
                               size_t *length, void **own)
{
    struct request *request = *own;
    (void)version, (void)data;
    if (!request) {
        *own = request = request_new(context, connection);
        check_scrape(request, url, method);
        return MHD_YES;
    }
    if (*length) {
        if (!request->refused.status)
            request->refused = has_body;
        *length = 0;
        return MHD_YES;
    }
    if (!request->refused.status)
        return answer(request);
    request_set_deadline(request, CLOCK_NEVER);
    if (request->why.text[0] && !request->held_back &&
        request_hold_back(request, request->why.text))
        return MHD_YES;
    return request_answer_refused(request);
}
