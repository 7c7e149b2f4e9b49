/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calls become XML, and what comes back becomes a reply or a sentence. */
#include <stdlib.h>

#include "fleet/fleet_state.h"
#include "address.h"
#include "log.h"
#include "wire.h"
#include "xmlguard.h"

xmlrpc_mem_block *fleet_serialize(enum method_id method, void *call)
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

/* Whether nothing was reached at all; then a sentence says why. */
static bool explain_unreached(const struct remote *remote, const struct lane *lane, CURLcode code,
                              struct fail *fail)
{
    long error = 0;
    curl_off_t connected = 0;
    curl_easy_getinfo(lane->easy, CURLINFO_OS_ERRNO, &error);
    curl_easy_getinfo(lane->easy, CURLINFO_CONNECT_TIME_T, &connected);
    if (code == CURLE_URL_MALFORMAT)
        fail_set(fail, 0, "'%s' is not a host name", remote->host);
    else if (code == CURLE_COULDNT_RESOLVE_HOST)
        fail_set(fail, 0, "the host name '%s' is not known", remote->host);
    else if (code == CURLE_COULDNT_CONNECT)
        fail_set(fail, 0, "no flowd can be reached at %s: %s", remote->name,
                 error ? fail_errno((int)error) : lane->error);
    else if (code == CURLE_OPERATION_TIMEDOUT && !connected)
        fail_set(fail, 0, "no flowd can be reached at %s: no answer within %d s", remote->name,
                 CONNECT_TIMEOUT_MS / 1000);
    else
        return false;
    return true;
}

/* What speaks TLS hangs up on whom does not. */
static void explain_no_http(const struct remote *remote, struct fail *fail)
{
    if (access_has_tls(remote->access))
        fail_set(fail, 0, "the server at %s does not speak HTTP over TLS: it is not a flowd",
                 remote->name);
    else
        fail_set(fail, 0,
                 "the server at %s does not speak HTTP: if it is a flowd that requires a token, "
                 "use --token-file",
                 remote->name);
}

/* A call beyond this takes more than one packet of the smallest MTU that paths have with IPv6. */
enum { SMALL_CALL = 1200 - 400 /* headers */ };

/* The daemon has the connection, and the answer does not come. Where small packets pass and large
 * ones do not, the path is suspected. */
static void explain_silence(const struct remote *remote, const struct lane *lane, struct fail *fail)
{
    static const char advice[] =
        "a firewall, or for a link with a smaller MTU than the hosts assume";
    const struct call *call =
        list_empty(&lane->calls) ? NULL : list_item(lane->calls.next, struct call, link);
    bool others = call && remote->heard > call->sent;
    bool large = call && XMLRPC_MEMBLOCK_SIZE(char, call->xml) > SMALL_CALL;
    if (others)
        fail_set(fail, 0,
                 "flowd at %s did not answer %s in time, but other calls meanwhile: check the path "
                 "for %s",
                 remote->name, methods[call->method].name, advice);
    else if (large && remote->heard)
        fail_set(
            fail, 0,
            "flowd at %s did not answer in time, although it answered smaller calls before: if "
            "it still runs, check the path for %s",
            remote->name, advice);
    else
        fail_set(fail, 0, "flowd at %s did not answer in time", remote->name);
}

enum fleet_outcome fleet_explain_transport(const struct remote *remote, const struct lane *lane,
                                           CURLcode code, struct fail *fail)
{
    if (explain_unreached(remote, lane, code, fail))
        return FLEET_NOT_REACHED;
    if (code == CURLE_OPERATION_TIMEDOUT)
        explain_silence(remote, lane, fail);
    else if (code == CURLE_WRITE_ERROR)
        fail_set(fail, 0, "the answer of flowd at %s is larger than %d bytes", remote->name,
                 PROTOCOL_REPLY_MAX);
    else if (code == CURLE_SSL_CONNECT_ERROR)
        fail_set(fail, 0,
                 "the server at %s does not use TLS: it is not a flowd that was started with "
                 "--token-file; nothing was sent to it",
                 remote->name);
    else if (code == CURLE_SSL_PINNEDPUBKEYNOTMATCH)
        fail_set(fail, 0,
                 "the server at %s has another key than a moment ago, so this may be another "
                 "machine; the token was not sent to it",
                 remote->name);
    else if (code == CURLE_PEER_FAILED_VERIFICATION)
        fail_set(fail, 0, "the certificate of flowd at %s is refused: %s (--tls-ca)", remote->name,
                 lane->error);
    else if (code == CURLE_GOT_NOTHING || code == CURLE_UNSUPPORTED_PROTOCOL)
        explain_no_http(remote, fail);
    else
        fail_set(fail, 0, "the connection to flowd at %s failed: %s", remote->name,
                 lane->error[0] ? lane->error : curl_easy_strerror(code));
    return FLEET_BROKEN;
}

const char *fleet_advice(const struct fleet_result *result, const char *host)
{
    /* Most often it listens on the loopback interface, as it does without options. */
    return result->refused && !address_names_loopback(host) ? " (is flowd started there with -b?)"
                                                            : "";
}

static enum fleet_outcome not_flowd(const struct remote *remote, const char *why, struct fail *fail)
{
    fail_set(fail, 0, "the server at %s is not a flowd that this flowctl understands: %s",
             remote->name, why);
    return FLEET_BROKEN;
}

/* What a fault says; false where it is not a fault. */
static bool read_fault(xmlrpc_value *fault, struct fail *fail)
{
    xmlrpc_env env;
    int code = 0;
    const char *text = NULL;
    xmlrpc_env_init(&env);
    xmlrpc_decompose_value(&env, fault, "{s:i,s:s,*}", "faultCode", &code, "faultString", &text);
    bool good = !env.fault_occurred;
    if (good)
        fail_set(fail, code, "%s", text);
    free((char *)text);
    xmlrpc_env_clean(&env);
    return good;
}

enum fleet_outcome fleet_decode_reply(const struct remote *remote, const struct lane *lane,
                                      enum method_id method, void *reply, struct fail *fail)
{
    struct xml_message message;
    struct fail why;
    enum fleet_outcome outcome = FLEET_ANSWERED;
    if (!xml_read(lane->answer.data, lane->answer.length, &message, &why))
        return not_flowd(remote, why.text, fail);
    if (message.kind == XML_FAULT) {
        outcome = read_fault(message.value, fail)
                      ? FLEET_FAULT
                      : not_flowd(remote, "its fault has no code or no text", fail);
    } else if (message.kind != XML_RESPONSE) {
        outcome = not_flowd(remote, "its reply is not a response", fail);
    } else if (!wire_decode(message.value, methods[method].reply, reply, true, &why)) {
        outcome = not_flowd(remote, why.text, fail);
    }
    xmlrpc_DECREF(message.value);
    return outcome;
}

enum fleet_outcome fleet_explain_status(const struct remote *remote, long status, struct fail *fail)
{
    const char *meaning = access_explain_status(remote->access, status);
    if (meaning)
        fail_set(fail, 0, "flowd at %s %s", remote->name, meaning);
    else
        fail_set(fail, 0, "the server at %s is a web server, not a flowd", remote->name);
    log_debug("%s: HTTP status %ld", remote->name, status);
    return FLEET_BROKEN;
}
