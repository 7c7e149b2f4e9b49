/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/rpc_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/rpc_reports.h"
#include "host/sysinfo.h"
#include "log.h"
#include "wire.h"
#include "xmlguard.h"

/* All answers that are being made, as far as calls decide how large they are. */
#define ANSWERS_MEMORY (INT64_C(256) << 20)

/* A reply, the objects that it becomes, and their XML. */
enum { ANSWER_COPIES = 4 };

struct rpc_server {
    struct rpc_server_config config;
    struct budget answers;
};

struct call_in_progress {
    struct rpc_server *server;
    struct call_wait *wait;
    enum call_result result;
    int64_t charged; /* for its answer, or those of its parts so far */
};

/* ---- the methods ---- */

static enum call_result describe(struct rpc_server *server, void *call, void *reply_memory,
                                 struct call_in_progress *progress, struct fail *fail)
{
    struct describe_reply *reply = reply_memory;
    (void)call, (void)fail;
    snprintf(reply->product, sizeof reply->product, "%s", PACKAGE_NAME);
    snprintf(reply->version, sizeof reply->version, "%s", PACKAGE_VERSION);
    snprintf(reply->features, sizeof reply->features, "tcp udp%s%s%s",
             sysinfo_has_mptcp() ? " mptcp" : "", HAVE_GSL ? " gsl" : "", HAVE_PCAP ? " pcap" : "");
    reply->api = PROTOCOL_API;
    memcpy(reply->daemon_id, server->config.daemon_id, sizeof reply->daemon_id);
    memcpy(reply->boot_id, server->config.boot_id, sizeof reply->boot_id);
    reply->workers = server->config.workers;
    sysinfo_describe(reply);
    sessions_describe(server->config.sessions, progress->wait->user, reply);
    dump_dir_describe(server->config.dumps, &reply->quotas);
    reply->limits.data_ports_low = server->config.data_ports_low;
    reply->limits.data_ports_high = server->config.data_ports_high;
    return CALL_DONE;
}

static enum call_result read_clock(struct rpc_server *server, void *call, void *reply_memory,
                                   struct call_in_progress *progress, struct fail *fail)
{
    struct clock_reply *reply = reply_memory;
    (void)server, (void)call, (void)fail;
    reply->received = progress->wait->arrived;
    sysinfo_clock(reply);
    return CALL_DONE;
}

static void count_stamp(const struct stamp_counts *counts, struct status_reply *reply)
{
    reply->stamp_answered = reply->stamp_ignored = counts ? 0 : STATUS_ABSENT;
    for (int i = 0; counts && i < STAMP_VERDICTS; i++)
        *(i == STAMP_ANSWERED ? &reply->stamp_answered : &reply->stamp_ignored) +=
            counts->verdicts[i];
}

static enum call_result status(struct rpc_server *server, void *call, void *reply,
                               struct call_in_progress *progress, struct fail *fail)
{
    (void)call, (void)progress, (void)fail;
    sessions_status(server->config.sessions, reply);
    count_stamp(server->config.stamp, reply);
    return CALL_DONE;
}

static enum call_result stop_all(struct rpc_server *server, void *call, void *reply,
                                 struct call_in_progress *progress, struct fail *fail)
{
    const struct call_wait *wait = progress->wait;
    char why[PROTOCOL_REASON_MAX];
    (void)call, (void)fail;
    snprintf(why, sizeof why, "stopped by another controller (%s%s%s)",
             wait->user ? wait->user : "", wait->user ? " at " : "",
             wait->from ? wait->from : "unknown");
    sessions_stop_all(server->config.sessions, DRAIN_AS_SET, why, reply);
    return CALL_DONE;
}

static enum call_result open_session(struct rpc_server *server, void *call, void *reply,
                                     struct call_in_progress *progress, struct fail *fail)
{
    return session_open(server->config.sessions, call, progress->wait->user, reply, fail);
}

/* Methods of a session: the first member of each call is its id. A call that has waited is carried
 * out again, which says nothing of the controller: the lease counts from when the call came. */
#define SESSION_METHOD(name, ...)                                                                  \
    static enum call_result name(struct rpc_server *server, void *call, void *reply,               \
                                 struct call_in_progress *progress, struct fail *fail)             \
    {                                                                                              \
        struct session *session = session_get(server->config.sessions, call, progress->wait->user, \
                                              progress->wait->arrived, fail);                      \
        if (!session)                                                                              \
            return CALL_FAULT;                                                                     \
        enum call_result result = __VA_ARGS__;                                                     \
        session_put(session);                                                                      \
        return result;                                                                             \
    }

_Static_assert(offsetof(struct session_call, session) == 0, "SESSION_METHOD counts on it");
_Static_assert(offsetof(struct prepare_call, session) == 0, "SESSION_METHOD counts on it");
_Static_assert(offsetof(struct prepared_call, session) == 0, "SESSION_METHOD counts on it");
_Static_assert(offsetof(struct start_call, session) == 0, "SESSION_METHOD counts on it");
_Static_assert(offsetof(struct reports_call, session) == 0, "SESSION_METHOD counts on it");
_Static_assert(offsetof(struct stop_call, session) == 0, "SESSION_METHOD counts on it");

SESSION_METHOD(renew, session_renew(session, reply))
SESSION_METHOD(prepare, session_prepare(session, call, reply, progress->wait, fail))
SESSION_METHOD(prepared, session_prepared(session, call, reply, progress->wait))
SESSION_METHOD(start, session_start(session, call, reply, fail))
SESSION_METHOD(stop, session_stop(session, call, reply))

static enum call_result close_it(struct rpc_server *server, void *call, void *reply,
                                 struct call_in_progress *progress, struct fail *fail)
{
    struct session *session = session_get(server->config.sessions, call, progress->wait->user,
                                          progress->wait->arrived, NULL);
    (void)fail;
    /* Closing what is closed does no harm: the answer to the first call may have been lost. */
    if (!session) {
        ((struct close_reply *)reply)->rows = progress->wait->rows;
        return CALL_DONE;
    }
    enum call_result result = session_close(session, reply, progress->wait);
    session_put(session);
    return result;
}

/* Charges the memory that an answer takes while it is made, before it is made. */
static bool charge_answer(struct rpc_server *server, struct call_in_progress *progress,
                          int64_t bytes, struct fail *fail)
{
    if (progress->wait->never && progress->charged + bytes > PROTOCOL_PARTS_REPLY_MAX)
        return fail_set(fail, FAULT_NO_MEMORY,
                        "the replies of the system.multicall would exceed %d bytes: make fewer "
                        "calls at once",
                        PROTOCOL_PARTS_REPLY_MAX);
    if (!budget_take(&server->answers, bytes))
        return fail_set(fail, FAULT_NO_MEMORY,
                        "the daemon has too many large replies in progress: call again later, or "
                        "request fewer bytes (max_bytes)");
    progress->charged += bytes;
    return true;
}

static enum call_result reports(struct rpc_server *server, void *call_memory, void *reply,
                                struct call_in_progress *progress, struct fail *fail)
{
    struct reports_call call = *(const struct reports_call *)call_memory;
    call.max_bytes = rpc_reports_most_bytes(&call);
    struct session *session = session_get(server->config.sessions, call.session,
                                          progress->wait->user, progress->wait->arrived, fail);
    if (!session)
        return CALL_FAULT;
    enum call_result result = session_reports(session, &call, reply, progress->wait, fail);
    if (result == CALL_DONE &&
        (!charge_answer(server, progress, rpc_reports_memory(&call, reply), fail) ||
         !rpc_reports_encode(&call, reply, fail)))
        result = CALL_FAULT;
    session_put(session);
    return result;
}

static enum call_result describe_reports(struct rpc_server *server, void *call, void *reply,
                                         struct call_in_progress *progress, struct fail *fail)
{
    (void)server, (void)progress, (void)fail;
    rpc_reports_describe(call, reply);
    return CALL_DONE;
}

/* Whose dumps are shown. */
static const char *dumps_user(const struct call_in_progress *progress)
{
    return progress->wait->user ? progress->wait->user : "";
}

static enum call_result list_dumps(struct rpc_server *server, void *call, void *reply,
                                   struct call_in_progress *progress, struct fail *fail)
{
    return dump_dir_list(server->config.dumps, call, dumps_user(progress), reply, fail)
               ? CALL_DONE
               : CALL_FAULT;
}

static enum call_result read_dump(struct rpc_server *server, void *call, void *reply,
                                  struct call_in_progress *progress, struct fail *fail)
{
    const struct dumps_read_call *read = call;
    return charge_answer(server, progress, read->max_bytes * ANSWER_COPIES, fail) &&
                   dump_dir_read(server->config.dumps, call, dumps_user(progress), reply, fail)
               ? CALL_DONE
               : CALL_FAULT;
}

static enum call_result (*const handlers[METHODS])(struct rpc_server *, void *, void *,
                                                   struct call_in_progress *, struct fail *) = {
    [METHOD_DESCRIBE] = describe,       [METHOD_CLOCK] = read_clock,
    [METHOD_STATUS] = status,           [METHOD_STOP_ALL] = stop_all,
    [METHOD_OPEN] = open_session,       [METHOD_RENEW] = renew,
    [METHOD_CLOSE] = close_it,          [METHOD_PREPARE] = prepare,
    [METHOD_PREPARED] = prepared,       [METHOD_START] = start,
    [METHOD_REPORTS] = reports,         [METHOD_STOP] = stop,
    [METHOD_SCHEMA] = describe_reports, [METHOD_DUMPS_LIST] = list_dumps,
    [METHOD_DUMPS_READ] = read_dump,
};

/* ---- calls ---- */

/* The one struct that every method takes; none at all stands for an empty one. */
static xmlrpc_value *only_parameter(xmlrpc_env *env, xmlrpc_value *parameters)
{
    xmlrpc_value *parameter = NULL;
    int count = xmlrpc_array_size(env, parameters);
    if (count == 0)
        return xmlrpc_struct_new(env);
    if (count > 1) {
        xmlrpc_env_set_fault(env, FAULT_BAD_CALL, "expected exactly one struct");
        return NULL;
    }
    xmlrpc_array_read_item(env, parameters, 0, &parameter);
    return parameter;
}

static void set_fault(xmlrpc_env *env, const struct fail *fail)
{
    xmlrpc_env clean;
    const char *text = NULL;
    /* The sentence may quote what came from outside. */
    xmlrpc_env_init(&clean);
    xmlrpc_value *value = wire_text(&clean, fail->text);
    if (value)
        xmlrpc_read_string(&clean, value, &text);
    xmlrpc_env_set_fault(env, fail->code ? fail->code : FAULT_SYSTEM, text ? text : "");
    free((void *)text);
    if (value)
        xmlrpc_DECREF(value);
    xmlrpc_env_clean(&clean);
}

static void say_called(const struct method *method, const struct call_in_progress *progress,
                       const struct fail *fail)
{
    double ms = (double)(clock_now() - progress->wait->arrived) / NS_PER_MS;
    if (progress->result == CALL_DONE)
        log_debug("%s: answered after %.3f ms", method->name, ms);
    else if (progress->result == CALL_FAULT)
        log_debug("%s: fault %d after %.3f ms: %s", method->name, fail->code, ms, fail->text);
    else
        log_debug("%s: waits", method->name);
}

/* What the lists of a reply take while they become an answer. */
static int64_t lists_memory(const struct schema *schema, const void *reply)
{
    int64_t bytes = 0;
    for (size_t i = 0; i < schema->count; i++) {
        const struct field *field = &schema->fields[i];
        if (field->type == FIELD_LIST)
            bytes += (int64_t)(((const struct schema_list *)schema_member(reply, field))->count *
                               field->sub->size);
    }
    return bytes * ANSWER_COPIES;
}

static xmlrpc_value *run_method(xmlrpc_env *env, enum method_id id, xmlrpc_value *parameter,
                                struct call_in_progress *progress)
{
    const struct method *method = &methods[id];
    struct fail fail = {0};
    void *call = mem_new(1, method->call->size), *reply = mem_new(1, method->reply->size);
    xmlrpc_value *answer = NULL;
    schema_defaults(method->reply, reply);
    if (!wire_decode(parameter, method->call, call, false, &fail)) {
        fail.code = FAULT_BAD_CALL;
        fail_prefix(&fail, "%s", method->name);
        progress->result = CALL_FAULT;
    } else {
        progress->result = handlers[id](progress->server, call, reply, progress, &fail);
        schema_free(method->call, call);
    }
    if (progress->result == CALL_DONE &&
        !charge_answer(progress->server, progress, lists_memory(method->reply, reply), &fail))
        progress->result = CALL_FAULT;
    if (progress->result == CALL_WAIT && progress->wait->never) {
        fail_set(&fail, FAULT_BAD_CALL,
                 "%s would wait, which is not possible in a system.multicall", method->name);
        progress->result = CALL_FAULT;
    }
    if (log_enabled(LOG_LEVEL_DEBUG))
        say_called(method, progress, &fail);
    if (progress->result == CALL_FAULT)
        set_fault(env, &fail);
    else if (progress->result == CALL_DONE)
        answer = wire_encode(env, method->reply, reply);
    else
        answer = xmlrpc_nil_new(env); /* thrown away */
    schema_free(method->reply, reply);
    free(call);
    free(reply);
    return answer;
}

/* Carries out a call, or a part of one. */
static xmlrpc_value *dispatch(xmlrpc_env *env, void *context, const char *name,
                              xmlrpc_value *parameters)
{
    struct call_in_progress *progress = context;
    xmlrpc_value *answer = NULL, *parameter;
    enum method_id id = 0;
    while (id < METHODS && strcmp(methods[id].name, name))
        id++;
    if (id == METHODS) {
        answer = rpc_system_call(env, name, parameters, dispatch, context);
        progress->result = env->fault_occurred ? CALL_FAULT : CALL_DONE;
        return answer;
    }
    progress->result = CALL_FAULT;
    parameter = only_parameter(env, parameters);
    if (!env->fault_occurred)
        answer = run_method(env, id, parameter, progress);
    if (parameter)
        xmlrpc_DECREF(parameter);
    return answer;
}

struct rpc_server *rpc_server_new(const struct rpc_server_config *config)
{
    struct rpc_server *server = mem_new(1, sizeof *server);
    server->config = *config;
    server->answers = (struct budget){.limit = ANSWERS_MEMORY};
    return server;
}

void rpc_server_free(struct rpc_server *server)
{
    free(server);
}

static xmlrpc_mem_block *fault_answer(int code, const char *text)
{
    xmlrpc_env env, fault;
    xmlrpc_env_init(&env);
    xmlrpc_env_init(&fault);
    xmlrpc_env_set_fault(&fault, code, text);
    xmlrpc_mem_block *answer = XMLRPC_MEMBLOCK_NEW(char, &env, 0);
    xmlrpc_serialize_fault(&env, answer, &fault);
    xmlrpc_env_clean(&fault);
    xmlrpc_env_clean(&env);
    return answer;
}

/* Each part has an answer as large as it would have alone. */
static bool read_call(const char *xml, size_t length, struct xml_message *message,
                      struct fail *fail)
{
    if (!xml_read(xml, length, message, fail))
        return false;
    bool multicall = !strcmp(message->method, RPC_MULTICALL);
    int parts = multicall ? rpc_system_parts(message->value) : 0;
    if (message->kind != XML_CALL)
        fail_set(fail, 0, "it is not a call");
    else if (parts > PROTOCOL_PARTS_MAX)
        fail_set(fail, 0, "it contains %d calls, and at most %d are allowed at once", parts,
                 PROTOCOL_PARTS_MAX);
    else
        return true;
    xmlrpc_DECREF(message->value);
    return false;
}

/* The answer as XML; NULL with `env` at fault where there is no memory for it. */
static xmlrpc_mem_block *write_answer(xmlrpc_env *env, xmlrpc_value *answer)
{
    xmlrpc_mem_block *xml = XMLRPC_MEMBLOCK_NEW(char, env, 0);
    if (!env->fault_occurred)
        xmlrpc_serialize_response(env, xml, answer);
    if (!env->fault_occurred)
        return xml;
    if (xml)
        XMLRPC_MEMBLOCK_FREE(char, xml);
    return NULL;
}

enum call_result rpc_server_call(struct rpc_server *server, const char *xml, size_t length,
                                 struct call_wait *wait, xmlrpc_mem_block **answer)
{
    struct call_in_progress progress = {.server = server, .wait = wait, .result = CALL_FAULT};
    struct xml_message message;
    struct fail fail;
    xmlrpc_env env;
    *answer = NULL;
    if (!read_call(xml, length, &message, &fail)) {
        char text[2 * FAIL_TEXT_MAX];
        snprintf(text, sizeof text, "the XML of the call is refused: %s", fail.text);
        *answer = fault_answer(FAULT_BAD_XML, text);
        return CALL_FAULT;
    }
    /* The parts of a multicall can't be made again one by one. */
    wait->never = !strcmp(message.method, RPC_MULTICALL);
    xmlrpc_env_init(&env);
    xmlrpc_value *value = dispatch(&env, &progress, message.method, message.value);
    xmlrpc_DECREF(message.value);
    if (progress.result != CALL_WAIT && !env.fault_occurred)
        *answer = write_answer(&env, value);
    if (env.fault_occurred)
        *answer = fault_answer(env.fault_code, env.fault_string);
    if (value)
        xmlrpc_DECREF(value);
    budget_give(&server->answers, progress.charged);
    xmlrpc_env_clean(&env);
    return progress.result;
}
