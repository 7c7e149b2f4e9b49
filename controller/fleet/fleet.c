/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fleet/fleet.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "fleet/fleet_state.h"
#include "log.h"
#include "mem.h"
#include "printable.h"

enum { PROBE_TIMEOUT_MS = 10000 };

struct fleet *fleet_new(void *owner, int extra_fd)
{
    struct fleet *fleet = mem_new(1, sizeof *fleet);
    fleet->owner = owner;
    fleet->extra_fd = extra_fd;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    fleet->multi = curl_multi_init();
    fleet->headers = curl_slist_append(NULL, "Content-Type: text/xml");
    fleet->headers = curl_slist_append(fleet->headers, PROTOCOL_HEADER ": flowctl");
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
             access_has_tls(fleet->access) ? "s" : "", v6 ? "[" : "", length, host,
             zone ? "%25" : "", zone ? zone + 1 : "", v6 ? "]" : "", port, PROTOCOL_PATH);
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

void fleet_call(struct fleet *fleet, size_t daemon, enum fleet_lane lane, enum method_id method,
                void *arguments, int64_t timeout_ms, fleet_done *done)
{
    struct call *call = mem_new(1, sizeof *call);
    call->method = method;
    call->xml = fleet_serialize(method, arguments);
    call->timeout_ms = timeout_ms;
    call->done = done;
    list_append(&fleet->remotes[daemon]->lanes[lane].calls, &call->link);
    fleet->pending++;
    log_debug("%s: %s called", fleet->remotes[daemon]->name, methods[method].name);
    start_next(&fleet->remotes[daemon]->lanes[lane]);
}

bool fleet_is_sent(const struct fleet *fleet, size_t daemon, enum fleet_lane which)
{
    const struct lane *lane = &fleet->remotes[daemon]->lanes[which];
    curl_off_t sent = 0;
    if (list_empty(&lane->calls))
        return true;
    const struct call *call = list_item(lane->calls.next, struct call, link);
    if (lane->busy)
        curl_easy_getinfo(lane->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
    return call->link.next == &lane->calls &&
           sent == (curl_off_t)XMLRPC_MEMBLOCK_SIZE(char, call->xml);
}

/* ---- what came back ---- */

/* Hands the end of a lane's first call over. */
static void deliver(struct lane *lane, struct fleet_result *result)
{
    struct fleet *fleet = lane->fleet;
    const struct schema *schema = methods[result->method].reply;
    struct call *call = list_item(lane->calls.next, struct call, link);
    fleet_done *done = call->done;
    lane->busy = false;
    drop_call(fleet, call);
    printable(result->fail.text); /* faults and errors quote what the daemon sent */
    if (done)
        done(fleet->owner, result);
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
        .reply = mem_new(1, schema->size),
    };
    schema_defaults(schema, result.reply);
    return result;
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
    if (code == CURLE_OK)
        lane->fleet->remotes[lane->daemon]->heard = result.received;
    if (code != CURLE_OK)
        result.outcome = fleet_explain_transport(remote, lane, code, &result.fail);
    else if (status != 200)
        result.outcome = fleet_explain_status(remote, status, &result.fail);
    else
        result.outcome =
            fleet_decode_reply(remote, lane, result.method, result.reply, &result.fail);
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
        return fail_prefix(&remote->refusal, "the server at %s is not a flowd", remote->name);
    return access_trusts(remote->access, remote->name, remote->host, remote->port, fingerprint,
                         &remote->refusal);
}

static void finish_probe(struct remote *remote, CURLcode code)
{
    char fingerprint[FINGERPRINT_MAX];
    enum key_state state = KEY_REFUSED;
    remote->refused = is_refused(&remote->probe, code);
    if (code != CURLE_OK)
        remote->refusal_outcome =
            fleet_explain_transport(remote, &remote->probe, code, &remote->refusal);
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
