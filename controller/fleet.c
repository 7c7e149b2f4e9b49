/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fleet.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xmlrpc-c/base.h>

#include "clock.h"
#include "list.h"
#include "log.h"
#include "mem.h"
#include "wire.h"
#include "xmlguard.h"

enum { CONNECT_TIMEOUT_MS = 5000 };

/* A call in its lane's queue; the first one is under way. */
struct call {
    struct list link;
    enum method_id method;
    xmlrpc_mem_block *xml;
    int64_t timeout_ms;
    int64_t sent;
    void *context;
};

struct lane {
    struct fleet *fleet;
    size_t daemon;
    CURL *easy;
    bool busy;
    struct list calls;
    struct buffer answer;
    char error[CURL_ERROR_SIZE];
};

struct remote {
    char name[PROTOCOL_HOST_MAX + 16]; /* host:port, for sentences */
    char host[PROTOCOL_HOST_MAX];
    char url[PROTOCOL_HOST_MAX + 64];
    struct lane lanes[LANES];
};

struct fleet {
    fleet_done *done;
    void *owner;
    int extra_fd;
    CURLM *multi;
    struct curl_slist *headers;
    struct remote **remotes;
    size_t count, pending;
};

struct fleet *fleet_new(fleet_done *done, void *owner, int extra_fd)
{
    struct fleet *fleet = mem_new(1, sizeof *fleet);
    fleet->done = done;
    fleet->owner = owner;
    fleet->extra_fd = extra_fd;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    xmlrpc_limit_set(XMLRPC_XML_SIZE_LIMIT_ID, PROTOCOL_REPLY_MAX);
    fleet->multi = curl_multi_init();
    fleet->headers = curl_slist_append(NULL, "Content-Type: text/xml");
    fleet->headers = curl_slist_append(fleet->headers, "Expect:");
    return fleet;
}

static void drop_call(struct fleet *fleet, struct call *call)
{
    list_remove(&call->link);
    XMLRPC_MEMBLOCK_FREE(char, call->xml);
    free(call);
    fleet->pending--;
}

void fleet_cancel(struct fleet *fleet, size_t daemon)
{
    for (int i = 0; i < LANES; i++) {
        struct lane *lane = &fleet->remotes[daemon]->lanes[i];
        if (lane->busy)
            curl_multi_remove_handle(fleet->multi, lane->easy);
        lane->busy = false;
        while (!list_empty(&lane->calls))
            drop_call(fleet, list_item(lane->calls.next, struct call, link));
    }
}

void fleet_free(struct fleet *fleet)
{
    if (!fleet)
        return;
    for (size_t i = 0; i < fleet->count; i++) {
        fleet_cancel(fleet, i);
        for (int k = 0; k < LANES; k++) {
            curl_easy_cleanup(fleet->remotes[i]->lanes[k].easy);
            buffer_free(&fleet->remotes[i]->lanes[k].answer);
        }
        free(fleet->remotes[i]);
    }
    free(fleet->remotes);
    curl_multi_cleanup(fleet->multi);
    curl_slist_free_all(fleet->headers);
    curl_global_cleanup();
    free(fleet);
}

static size_t take_answer(void *data, size_t size, size_t count, void *context)
{
    struct lane *lane = context;
    if (lane->answer.length + size * count > PROTOCOL_REPLY_MAX)
        return 0;
    buffer_add(&lane->answer, data, size * count);
    return size * count;
}

static void set_up_lane(struct lane *lane, const char *url)
{
    CURL *easy = lane->easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, lane);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, lane->fleet->headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, lane);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, lane->error);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
}

size_t fleet_add(struct fleet *fleet, const char *host, uint16_t port)
{
    struct remote *remote = mem_new(1, sizeof *remote);
    bool v6 = strchr(host, ':') != NULL;
    snprintf(remote->name, sizeof remote->name, "%s%s%s:%u", v6 ? "[" : "", host, v6 ? "]" : "",
             port);
    snprintf(remote->host, sizeof remote->host, "%s", host);
    /* In a URL the zone of an address is written %25 (RFC 6874). */
    const char *zone = v6 ? strchr(host, '%') : NULL;
    int length = zone ? (int)(zone - host) : (int)strlen(host);
    snprintf(remote->url, sizeof remote->url, "http://%s%.*s%s%s%s:%u%s", v6 ? "[" : "", length,
             host, zone ? "%25" : "", zone ? zone + 1 : "", v6 ? "]" : "", port, PROTOCOL_PATH);
    fleet->remotes = mem_grow(fleet->remotes, fleet->count + 1, sizeof(struct remote *));
    fleet->remotes[fleet->count] = remote;
    for (int i = 0; i < LANES; i++) {
        struct lane *lane = &remote->lanes[i];
        lane->fleet = fleet;
        lane->daemon = fleet->count;
        list_init(&lane->calls);
        set_up_lane(lane, remote->url);
    }
    /* Every lane keeps its connection. */
    curl_multi_setopt(fleet->multi, CURLMOPT_MAXCONNECTS, (long)(LANES * (fleet->count + 1) + 8));
    return fleet->count++;
}

static void start_next(struct lane *lane)
{
    if (lane->busy || list_empty(&lane->calls))
        return;
    struct call *call = list_item(lane->calls.next, struct call, link);
    lane->busy = true;
    lane->answer.length = 0;
    lane->error[0] = '\0';
    curl_easy_setopt(lane->easy, CURLOPT_POSTFIELDSIZE_LARGE,
                     (curl_off_t)XMLRPC_MEMBLOCK_SIZE(char, call->xml));
    curl_easy_setopt(lane->easy, CURLOPT_POSTFIELDS, XMLRPC_MEMBLOCK_CONTENTS(char, call->xml));
    curl_easy_setopt(lane->easy, CURLOPT_TIMEOUT_MS, (long)call->timeout_ms);
    call->sent = clock_now();
    curl_multi_add_handle(lane->fleet->multi, lane->easy);
}

static xmlrpc_mem_block *serialize(enum method_id method, void *call)
{
    xmlrpc_env env;
    xmlrpc_env_init(&env);
    xmlrpc_mem_block *xml = XMLRPC_MEMBLOCK_NEW(char, &env, 0);
    xmlrpc_value *parameters = xmlrpc_array_new(&env);
    xmlrpc_value *value = wire_encode(&env, methods[method].call, call);
    xmlrpc_array_append_item(&env, parameters, value);
    xmlrpc_serialize_call(&env, xml, methods[method].name, parameters);
    if (env.fault_occurred) {
        log_error("%s can't be written as XML: %s", methods[method].name, env.fault_string);
        abort();
    }
    xmlrpc_DECREF(value);
    xmlrpc_DECREF(parameters);
    xmlrpc_env_clean(&env);
    return xml;
}

void fleet_call(struct fleet *fleet, size_t daemon, enum fleet_lane lane, enum method_id method,
                void *arguments, int64_t timeout_ms, void *context)
{
    struct call *call = mem_new(1, sizeof *call);
    call->method = method;
    call->xml = serialize(method, arguments);
    call->timeout_ms = timeout_ms;
    call->context = context;
    list_append(&fleet->remotes[daemon]->lanes[lane].calls, &call->link);
    fleet->pending++;
    log_trace("%s: %s", fleet->remotes[daemon]->name, methods[method].name);
    start_next(&fleet->remotes[daemon]->lanes[lane]);
}

/* ---- what came back ---- */

static enum fleet_outcome explain_transport(const struct remote *remote, const struct lane *lane,
                                            CURLcode code, struct fail *fail)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        fail_set(fail, 0, "the host name '%s' is not known", remote->host);
        return FLEET_NOT_REACHED;
    case CURLE_COULDNT_CONNECT: {
        long error = 0;
        curl_easy_getinfo(lane->easy, CURLINFO_OS_ERRNO, &error);
        fail_set(fail, 0, "no flowd can be reached at %s: %s", remote->name,
                 error ? fail_errno((int)error) : lane->error);
        return FLEET_NOT_REACHED;
    }
    case CURLE_OPERATION_TIMEDOUT: {
        curl_off_t connected = 0;
        curl_easy_getinfo(lane->easy, CURLINFO_CONNECT_TIME_T, &connected);
        if (!connected) {
            fail_set(fail, 0, "no flowd can be reached at %s: no answer within %d s", remote->name,
                     CONNECT_TIMEOUT_MS / 1000);
            return FLEET_NOT_REACHED;
        }
        fail_set(fail, 0, "flowd at %s did not answer in time", remote->name);
        return FLEET_BROKEN;
    }
    case CURLE_WRITE_ERROR:
        fail_set(fail, 0, "the answer of flowd at %s is larger than %d bytes", remote->name,
                 PROTOCOL_REPLY_MAX);
        return FLEET_BROKEN;
    default:
        fail_set(fail, 0, "the connection to flowd at %s broke: %s", remote->name,
                 lane->error[0] ? lane->error : curl_easy_strerror(code));
        return FLEET_BROKEN;
    }
}

static enum fleet_outcome not_flowd(const struct remote *remote, const char *why, struct fail *fail)
{
    fail_set(fail, 0, "what answers at %s is no flowd that this flowctl understands: %s",
             remote->name, why);
    return FLEET_BROKEN;
}

static enum fleet_outcome decode_reply(const struct remote *remote, const struct lane *lane,
                                       enum method_id method, void *reply, struct fail *fail)
{
    xmlrpc_env env;
    xmlrpc_value *value = NULL;
    int fault_code;
    const char *fault = NULL;
    struct fail why;
    enum fleet_outcome outcome = FLEET_ANSWERED;
    if (!xml_guard(lane->answer.data, lane->answer.length, &why))
        return not_flowd(remote, why.text, fail);
    xmlrpc_env_init(&env);
    xmlrpc_parse_response2(&env, lane->answer.data, lane->answer.length, &value, &fault_code,
                           &fault);
    if (env.fault_occurred) {
        outcome = not_flowd(remote, env.fault_string, fail);
    } else if (fault) {
        fail_set(fail, fault_code, "%s", fault);
        outcome = FLEET_FAULT;
        free((char *)fault);
    } else {
        if (!wire_decode(value, methods[method].reply, reply, true, &why))
            outcome = not_flowd(remote, why.text, fail);
        xmlrpc_DECREF(value);
    }
    xmlrpc_env_clean(&env);
    return outcome;
}

static void finish(struct lane *lane, CURLcode code)
{
    struct fleet *fleet = lane->fleet;
    const struct remote *remote = fleet->remotes[lane->daemon];
    struct call *call = list_item(lane->calls.next, struct call, link);
    const struct schema *schema = methods[call->method].reply;
    struct fleet_result result = {
        .daemon = lane->daemon,
        .method = call->method,
        .sent = call->sent,
        .received = clock_now(),
        .context = call->context,
    };
    long status = 0;
    result.reply = mem_new(1, schema->size);
    schema_defaults(schema, result.reply);
    curl_easy_getinfo(lane->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_multi_remove_handle(fleet->multi, lane->easy);
    if (code != CURLE_OK) {
        long error = 0;
        curl_easy_getinfo(lane->easy, CURLINFO_OS_ERRNO, &error);
        result.refused = code == CURLE_COULDNT_CONNECT && error == ECONNREFUSED;
        result.outcome = explain_transport(remote, lane, code, &result.fail);
    } else if (status != 200) {
        char text[32];
        snprintf(text, sizeof text, "HTTP status %ld", status);
        result.outcome = not_flowd(remote, text, &result.fail);
    } else {
        result.outcome = decode_reply(remote, lane, call->method, result.reply, &result.fail);
    }
    lane->busy = false;
    drop_call(fleet, call);
    fleet->done(fleet->owner, &result);
    schema_free(schema, result.reply);
    free(result.reply);
    start_next(lane);
}

size_t fleet_pending(const struct fleet *fleet)
{
    return fleet->pending;
}

void fleet_step(struct fleet *fleet, int64_t timeout_ms)
{
    int running, left;
    CURLMsg *message;
    struct curl_waitfd extra = {.fd = fleet->extra_fd, .events = CURL_WAIT_POLLIN};
    curl_multi_perform(fleet->multi, &running);
    bool any = false;
    while ((message = curl_multi_info_read(fleet->multi, &left))) {
        struct lane *lane;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&lane);
        finish(lane, code);
        any = true;
    }
    if (!any)
        curl_multi_poll(fleet->multi, &extra, fleet->extra_fd >= 0, (int)timeout_ms, NULL);
}
