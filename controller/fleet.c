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

enum { CONNECT_TIMEOUT_MS = 5000, PROBE_TIMEOUT_MS = 10000 };

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

/* Whether a daemon may be talked to. */
enum key_state {
    KEY_TRUSTED, /* or not asked for */
    KEY_UNKNOWN,
    KEY_LEARNING,
    KEY_REFUSED,
};

struct remote {
    char name[PROTOCOL_HOST_MAX + 16]; /* host:port, for sentences */
    char host[PROTOCOL_HOST_MAX];
    uint16_t port;
    struct access *access;
    enum key_state key_state;
    struct lane probe; /* has no calls; connects and learns the key */
    enum fleet_outcome refusal_outcome;
    bool refused;        /* nobody listened there */
    struct fail refusal; /* why it is not talked to */
    char url[PROTOCOL_HOST_MAX + 64];
    struct lane lanes[LANES];
};

struct fleet {
    fleet_done *done;
    void *owner;
    int extra_fd;
    struct access *access;
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

void fleet_set_access(struct fleet *fleet, struct access *access)
{
    fleet->access = access;
}

static void drop_call(struct fleet *fleet, struct call *call)
{
    list_remove(&call->link);
    XMLRPC_MEMBLOCK_FREE(char, call->xml);
    free(call);
    fleet->pending--;
}

/* The handle goes, and the connection with it: it has shown what it was made for. */
static void end_probe(struct remote *remote, enum key_state state)
{
    struct lane *probe = &remote->probe;
    curl_multi_remove_handle(probe->fleet->multi, probe->easy);
    curl_easy_cleanup(probe->easy);
    probe->easy = NULL;
    remote->key_state = state;
}

void fleet_cancel(struct fleet *fleet, size_t daemon)
{
    struct remote *remote = fleet->remotes[daemon];
    if (remote->key_state == KEY_LEARNING)
        end_probe(remote, KEY_UNKNOWN);
    for (int i = 0; i < LANES; i++) {
        struct lane *lane = &remote->lanes[i];
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
    log_trace("%s: %zu bytes read", lane->fleet->remotes[lane->daemon]->name, size * count);
    buffer_add(&lane->answer, data, size * count);
    return size * count;
}

static void set_up_handle(struct lane *lane, const char *url)
{
    CURL *easy = lane->easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, lane);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, lane->error);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
}

static void set_up_lane(struct lane *lane, const char *url)
{
    set_up_handle(lane, url);
    CURL *easy = lane->easy;
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, lane->fleet->headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, lane);
}

size_t fleet_add(struct fleet *fleet, const char *host, uint16_t port)
{
    struct remote *remote = mem_new(1, sizeof *remote);
    bool v6 = strchr(host, ':') != NULL;
    snprintf(remote->name, sizeof remote->name, "%s%s%s:%u", v6 ? "[" : "", host, v6 ? "]" : "",
             port);
    snprintf(remote->host, sizeof remote->host, "%s", host);
    remote->port = port;
    remote->access = fleet->access;
    remote->probe = (struct lane){.fleet = fleet, .daemon = fleet->count};
    /* In a URL the zone of an address is written %25 (RFC 6874). */
    const char *zone = v6 ? strchr(host, '%') : NULL;
    int length = zone ? (int)(zone - host) : (int)strlen(host);
    snprintf(remote->url, sizeof remote->url, "http%s://%s%.*s%s%s%s:%u%s",
             fleet->access ? "s" : "", v6 ? "[" : "", length, host, zone ? "%25" : "",
             zone ? zone + 1 : "", v6 ? "]" : "", port, PROTOCOL_PATH);
    fleet->remotes = mem_grow(fleet->remotes, fleet->count + 1, sizeof(struct remote *));
    fleet->remotes[fleet->count] = remote;
    for (int i = 0; i < LANES; i++) {
        struct lane *lane = &remote->lanes[i];
        lane->fleet = fleet;
        lane->daemon = fleet->count;
        list_init(&lane->calls);
        set_up_lane(lane, remote->url);
        if (remote->access && !access_needs_keys(remote->access))
            access_set_up(remote->access, lane->easy, NULL);
    }
    if (remote->access && access_needs_keys(remote->access))
        remote->key_state = KEY_UNKNOWN;
    /* Every lane keeps its connection. */
    curl_multi_setopt(fleet->multi, CURLMOPT_MAXCONNECTS, (long)(LANES * (fleet->count + 1) + 8));
    return fleet->count++;
}

static void start_probe(struct remote *remote)
{
    struct lane *probe = &remote->probe;
    set_up_handle(probe, remote->url);
    access_set_up_probe(probe->easy);
    curl_easy_setopt(probe->easy, CURLOPT_TIMEOUT_MS, (long)PROBE_TIMEOUT_MS);
    probe->error[0] = '\0';
    remote->key_state = KEY_LEARNING;
    curl_multi_add_handle(probe->fleet->multi, probe->easy);
}

static void start_next(struct lane *lane)
{
    struct remote *remote = lane->fleet->remotes[lane->daemon];
    if (lane->busy || list_empty(&lane->calls))
        return;
    if (remote->key_state == KEY_UNKNOWN)
        start_probe(remote);
    if (remote->key_state != KEY_TRUSTED)
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
    log_debug("%s: %s called", fleet->remotes[daemon]->name, methods[method].name);
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
    case CURLE_SSL_CONNECT_ERROR:
        fail_set(fail, 0,
                 "there is no TLS with what answers at %s: it is no flowd that was started with "
                 "--token-file (%s); nothing was sent to it",
                 remote->name, lane->error);
        return FLEET_BROKEN;
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
        fail_set(fail, 0,
                 "what answers at %s has another key than a moment ago, so somebody else may be "
                 "answering there; the token was not sent to it",
                 remote->name);
        return FLEET_BROKEN;
    case CURLE_PEER_FAILED_VERIFICATION:
        fail_set(fail, 0, "the certificate of flowd at %s is refused: %s (--tls-ca)", remote->name,
                 lane->error);
        return FLEET_BROKEN;
    case CURLE_GOT_NOTHING: /* what speaks TLS hangs up on whom does not */
    case CURLE_UNSUPPORTED_PROTOCOL:
        fail_set(fail, 0,
                 "what answers at %s does not speak HTTP%s: %s; a flowd that was started with "
                 "--token-file is talked to with --token-file, and one without without",
                 remote->name, remote->access ? " within TLS" : "",
                 lane->error[0] ? lane->error : curl_easy_strerror(code));
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

/* Hands the end of a lane's first call over. */
static void deliver(struct lane *lane, struct fleet_result *result)
{
    struct fleet *fleet = lane->fleet;
    const struct schema *schema = methods[result->method].reply;
    lane->busy = false;
    drop_call(fleet, list_item(lane->calls.next, struct call, link));
    fleet->done(fleet->owner, result);
    schema_free(schema, result->reply);
    free(result->reply);
}

/* The result of a lane's first call, with nothing in it yet. */
static struct fleet_result result_of(const struct lane *lane)
{
    const struct call *call = list_item(lane->calls.next, struct call, link);
    const struct schema *schema = methods[call->method].reply;
    struct fleet_result result = {
        .daemon = lane->daemon,
        .method = call->method,
        .sent = call->sent,
        .received = clock_now(),
        .context = call->context,
        .reply = mem_new(1, schema->size),
    };
    schema_defaults(schema, result.reply);
    return result;
}

static enum fleet_outcome explain_status(const struct remote *remote, long status,
                                         struct fail *fail)
{
    char text[32];
    const char *meaning = access_explain_status(remote->access, status);
    snprintf(text, sizeof text, "HTTP status %ld", status);
    if (!meaning)
        return not_flowd(remote, text, fail);
    fail_set(fail, 0, "flowd at %s %s", remote->name, meaning);
    return FLEET_BROKEN;
}

/* Whether the host is there, and nobody listens. */
static bool is_refused(const struct lane *lane, CURLcode code)
{
    long error = 0;
    curl_easy_getinfo(lane->easy, CURLINFO_OS_ERRNO, &error);
    return code == CURLE_COULDNT_CONNECT && error == ECONNREFUSED;
}

static void finish(struct lane *lane, CURLcode code)
{
    const struct remote *remote = lane->fleet->remotes[lane->daemon];
    struct fleet_result result = result_of(lane);
    long status = 0;
    curl_easy_getinfo(lane->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_multi_remove_handle(lane->fleet->multi, lane->easy);
    result.refused = is_refused(lane, code);
    if (code != CURLE_OK)
        result.outcome = explain_transport(remote, lane, code, &result.fail);
    else if (status != 200)
        result.outcome = explain_status(remote, status, &result.fail);
    else
        result.outcome = decode_reply(remote, lane, result.method, result.reply, &result.fail);
    log_debug("%s: %s %s after %.3f ms%s%s", remote->name, methods[result.method].name,
              result.outcome == FLEET_ANSWERED ? "answered" : "failed",
              (double)(result.received - result.sent) / NS_PER_MS,
              result.outcome == FLEET_ANSWERED ? "" : ": ",
              result.outcome == FLEET_ANSWERED ? "" : result.fail.text);
    deliver(lane, &result);
    start_next(lane);
}

/* ---- keys ---- */

/* The calls that wait for a daemon that is not talked to end with its sentence. */
static void refuse_calls(struct remote *remote)
{
    for (int i = 0; i < LANES; i++) {
        struct lane *lane = &remote->lanes[i];
        while (remote->key_state == KEY_REFUSED && !list_empty(&lane->calls)) {
            struct fleet_result result = result_of(lane);
            result.outcome = remote->refusal_outcome;
            result.refused = remote->refused;
            result.fail = remote->refusal;
            deliver(lane, &result);
        }
    }
}

static bool judge_key(struct remote *remote, char fingerprint[FINGERPRINT_MAX])
{
    remote->refusal_outcome = FLEET_BROKEN;
    if (!access_probed_key(remote->probe.easy, fingerprint, &remote->refusal))
        return fail_prefix(&remote->refusal, "what answers at %s is no flowd", remote->name);
    return access_trusts(remote->access, remote->name, remote->host, remote->port, fingerprint,
                         &remote->refusal);
}

static void finish_probe(struct remote *remote, CURLcode code)
{
    char fingerprint[FINGERPRINT_MAX];
    enum key_state state = KEY_REFUSED;
    remote->refused = is_refused(&remote->probe, code);
    if (code != CURLE_OK)
        remote->refusal_outcome = explain_transport(remote, &remote->probe, code, &remote->refusal);
    else if (judge_key(remote, fingerprint))
        state = KEY_TRUSTED;
    end_probe(remote, state);
    for (int i = 0; i < LANES && state == KEY_TRUSTED; i++) {
        access_set_up(remote->access, remote->lanes[i].easy, fingerprint);
        start_next(&remote->lanes[i]);
    }
    refuse_calls(remote);
    /* It may be there another time. */
    if (state == KEY_REFUSED && code != CURLE_OK)
        remote->key_state = KEY_UNKNOWN;
}

static void finish_any(struct lane *lane, CURLcode code)
{
    struct remote *remote = lane->fleet->remotes[lane->daemon];
    if (lane == &remote->probe)
        finish_probe(remote, code);
    else
        finish(lane, code);
}

/* Calls that were made after the daemon had been refused. */
static bool refuse_late_calls(struct fleet *fleet)
{
    size_t before = fleet->pending;
    for (size_t i = 0; i < fleet->count; i++)
        refuse_calls(fleet->remotes[i]);
    return fleet->pending != before;
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
    bool any = refuse_late_calls(fleet);
    while ((message = curl_multi_info_read(fleet->multi, &left))) {
        struct lane *lane;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&lane);
        finish_any(lane, code);
        any = true;
    }
    if (!any) {
        log_trace("waiting for answers, %lld ms at most", (long long)timeout_ms);
        curl_multi_poll(fleet->multi, &extra, fleet->extra_fd >= 0, (int)timeout_ms, NULL);
    }
}
