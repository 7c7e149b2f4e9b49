/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "rpc_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xmlrpc-c/server.h>

#include "log.h"
#include "report.h"
#include "sysinfo.h"
#include "wire.h"
#include "xmlguard.h"

#define MULTICALL "system.multicall"

struct rpc_server {
    struct rpc_server_config config;
    xmlrpc_registry *registry;
    struct registration {
        struct rpc_server *server;
        enum method_id id;
    } registrations[METHODS];
};

/* A call on its way through xmlrpc-c, which hands it to the method. */
struct call_in_progress {
    struct call_wait *wait;
    enum call_result result;
};

/* ---- the methods ---- */

static enum call_result describe(struct rpc_server *server, void *call, void *reply_memory,
                                 struct call_wait *wait, struct fail *fail)
{
    struct describe_reply *reply = reply_memory;
    (void)call, (void)fail;
    snprintf(reply->product, sizeof reply->product, "%s", PACKAGE_NAME);
    snprintf(reply->version, sizeof reply->version, "%s", PACKAGE_VERSION);
    snprintf(reply->features, sizeof reply->features, "tcp%s%s%s",
             sysinfo_has_mptcp() ? " mptcp" : "", HAVE_GSL ? " gsl" : "", HAVE_PCAP ? " pcap" : "");
    reply->api = PROTOCOL_API;
    memcpy(reply->daemon_id, server->config.daemon_id, sizeof reply->daemon_id);
    memcpy(reply->boot_id, server->config.boot_id, sizeof reply->boot_id);
    reply->workers = server->config.workers;
    sysinfo_describe(reply);
    sessions_describe(server->config.sessions, wait->user, reply);
    dump_dir_describe(server->config.dumps, &reply->quotas);
    reply->limits.data_ports_low = server->config.data_ports_low;
    reply->limits.data_ports_high = server->config.data_ports_high;
    return CALL_DONE;
}

static enum call_result read_clock(struct rpc_server *server, void *call, void *reply_memory,
                                   struct call_wait *wait, struct fail *fail)
{
    struct clock_reply *reply = reply_memory;
    (void)server, (void)call, (void)fail;
    reply->received = wait->arrived;
    sysinfo_clock(reply);
    return CALL_DONE;
}

static enum call_result status(struct rpc_server *server, void *call, void *reply,
                               struct call_wait *wait, struct fail *fail)
{
    (void)call, (void)wait, (void)fail;
    sessions_status(server->config.sessions, reply);
    return CALL_DONE;
}

static enum call_result stop_all(struct rpc_server *server, void *call, void *reply,
                                 struct call_wait *wait, struct fail *fail)
{
    (void)call, (void)wait, (void)fail;
    sessions_stop_all(server->config.sessions, DRAIN_AS_SET, reply);
    return CALL_DONE;
}

static enum call_result open_session(struct rpc_server *server, void *call, void *reply,
                                     struct call_wait *wait, struct fail *fail)
{
    return session_open(server->config.sessions, call, wait->user, reply, fail);
}

/* Methods of a session: the first member of each call is its id. */
#define SESSION_METHOD(name, ...)                                                      \
    static enum call_result name(struct rpc_server *server, void *call, void *reply,   \
                                 struct call_wait *wait, struct fail *fail)            \
    {                                                                                  \
        struct session *session =                                                      \
            session_get(server->config.sessions, call, wait->user, clock_now(), fail); \
        if (!session)                                                                  \
            return CALL_FAULT;                                                         \
        enum call_result result = __VA_ARGS__;                                         \
        session_put(session);                                                          \
        return result;                                                                 \
    }

_Static_assert(offsetof(struct session_call, session) == 0, "SESSION_METHOD counts on it");
_Static_assert(offsetof(struct prepare_call, session) == 0, "SESSION_METHOD counts on it");
_Static_assert(offsetof(struct prepared_call, session) == 0, "SESSION_METHOD counts on it");
_Static_assert(offsetof(struct start_call, session) == 0, "SESSION_METHOD counts on it");
_Static_assert(offsetof(struct reports_call, session) == 0, "SESSION_METHOD counts on it");
_Static_assert(offsetof(struct stop_call, session) == 0, "SESSION_METHOD counts on it");

SESSION_METHOD(renew, session_renew(session, reply))
SESSION_METHOD(prepare, session_prepare(session, call, reply, wait, fail))
SESSION_METHOD(prepared, session_prepared(session, call, reply, wait))
SESSION_METHOD(start, session_start(session, call, reply, fail))
SESSION_METHOD(stop, session_stop(session, call, reply))

static enum call_result close_it(struct rpc_server *server, void *call, void *reply,
                                 struct call_wait *wait, struct fail *fail)
{
    struct session *session =
        session_get(server->config.sessions, call, wait->user, clock_now(), NULL);
    (void)fail;
    /* Closing what is closed does no harm: the answer to the first call may have been lost. */
    if (!session)
        return CALL_DONE;
    enum call_result result = session_close(session, reply);
    session_put(session);
    return result;
}

static xmlrpc_value *encode_section(xmlrpc_env *env, const struct report_section *section)
{
    if (section->type >= REPORT_SECTION_HISTOGRAM)
        return xmlrpc_base64_new(env, section->length, section->data);
    char *text = mem_printf("%.*s", (int)section->length, (const char *)section->data);
    xmlrpc_value *value = wire_text(env, text);
    free(text);
    return value;
}

static xmlrpc_value *encode_sections(xmlrpc_env *env, const struct report_row *row)
{
    xmlrpc_value *sections = xmlrpc_struct_new(env);
    for (size_t i = 0; i < row->section_count; i++) {
        char name[REPORT_SECTION_NAME_MAX];
        report_section_name(row->sections[i].type, name);
        xmlrpc_value *value = encode_section(env, &row->sections[i]);
        xmlrpc_struct_set_value(env, sections, name, value);
        xmlrpc_DECREF(value);
    }
    return sections;
}

static void append(xmlrpc_env *env, xmlrpc_value *array, xmlrpc_value *item)
{
    xmlrpc_array_append_item(env, array, item);
    xmlrpc_DECREF(item);
}

static xmlrpc_value *encode_row(xmlrpc_env *env, const struct report_row *row)
{
    xmlrpc_value *array = xmlrpc_array_new(env);
    for (size_t i = 0; i < REPORT_KEYS; i++)
        append(env, array, wire_int(env, row->report.key[i]));
    for (size_t i = 0; i < METRICS; i++) {
        int64_t value = row->report.value[i];
        bool none = value == METRIC_ABSENT || value == METRIC_INFINITE;
        append(env, array, none ? xmlrpc_nil_new(env) : wire_int(env, value));
    }
    append(env, array, encode_sections(env, row));
    return array;
}

/* Packed rows as an array of arrays, for people and scripts. */
static void make_table(struct reports_reply *reply)
{
    struct report_layout layout;
    struct report_row row;
    size_t at = 0, used;
    xmlrpc_env env;
    xmlrpc_env_init(&env);
    report_layout_own(&layout);
    xmlrpc_value *table = xmlrpc_array_new(&env);
    while (at < reply->rows.length &&
           report_unpack((char *)reply->rows.data + at, reply->rows.length - at, &layout, &row,
                         &used, NULL)) {
        append(&env, table, encode_row(&env, &row));
        at += used;
    }
    free(reply->rows.data);
    reply->rows = (struct schema_bytes){0};
    reply->table = table;
    xmlrpc_env_clean(&env);
}

static enum call_result reports(struct rpc_server *server, void *call_memory, void *reply,
                                struct call_wait *wait, struct fail *fail)
{
    const struct reports_call *call = call_memory;
    bool table = !strcmp(call->encoding, "table");
    if (!table && call->encoding[0] && strcmp(call->encoding, "packed")) {
        fail_set(fail, FAULT_BAD_CALL, "encoding: '%s' is neither packed nor table",
                 call->encoding);
        return CALL_FAULT;
    }
    /* A call that has waited is carried out again, and that says nothing of the controller. Names
     * may take longer than the lease to be looked up: other calls are heard of again and again. */
    struct session *session =
        session_get(server->config.sessions, call->session, wait->user, wait->arrived, fail);
    if (!session)
        return CALL_FAULT;
    enum call_result result = session_reports(session, call, reply, wait, fail);
    if (result == CALL_DONE && table)
        make_table(reply);
    session_put(session);
    return result;
}

static void describe_sections(char *text, size_t size)
{
    int length = snprintf(text, size,
                          "%d info: lines name=value about the connection; %d error: why the flow "
                          "failed; histograms, see flowd(8):",
                          REPORT_SECTION_INFO, REPORT_SECTION_ERROR);
    for (int i = 0; i < SERIES; i++) {
        char name[REPORT_SECTION_NAME_MAX];
        report_section_name((uint32_t)(REPORT_SECTION_HISTOGRAM + i), name);
        length += snprintf(text + length, size - (size_t)length, "%s %d %s", i ? "," : "",
                           REPORT_SECTION_HISTOGRAM + i, name);
    }
}

static enum call_result describe_reports(struct rpc_server *server, void *call_memory,
                                         void *reply_memory, struct call_wait *wait,
                                         struct fail *fail)
{
    const struct schema_call *call = call_memory;
    struct schema_reply *reply = reply_memory;
    struct schema_column *list = mem_new(REPORT_COLUMNS, sizeof *list);
    (void)server, (void)wait, (void)fail;
    for (size_t i = 0; i < REPORT_COLUMNS; i++) {
        snprintf(list[i].name, sizeof list[i].name, "%s", report_column_name(i));
        if (call->names_only)
            continue;
        snprintf(list[i].unit, sizeof list[i].unit, "%s", report_column_unit(i));
        snprintf(list[i].kind, sizeof list[i].kind, "%s", report_column_kind(i));
        snprintf(list[i].help, sizeof list[i].help, "%s", report_column_help(i));
    }
    reply->columns = (struct schema_list){list, REPORT_COLUMNS};
    snprintf(
        reply->packed, sizeof reply->packed,
        "little-endian: length of the row in bytes (32 bits), number of sections (32 bits), a "
        "bit for each column: whether it is there, those that are (7 bits in each byte, the "
        "lowest first, the eighth set in all but the last; half of it, and where it is odd, -1 "
        "less that; 2**63-1 is an infinite value), padding to a multiple of 8, the sections: "
        "type and length (32 bits each), bytes, padding to a multiple of 8");
    describe_sections(reply->sections, sizeof reply->sections);
    return CALL_DONE;
}

static enum call_result list_dumps(struct rpc_server *server, void *call, void *reply,
                                   struct call_wait *wait, struct fail *fail)
{
    (void)wait;
    return dump_dir_list(server->config.dumps, call, reply, fail) ? CALL_DONE : CALL_FAULT;
}

static enum call_result read_dump(struct rpc_server *server, void *call, void *reply,
                                  struct call_wait *wait, struct fail *fail)
{
    (void)wait;
    return dump_dir_read(server->config.dumps, call, reply, fail) ? CALL_DONE : CALL_FAULT;
}

static enum call_result (*const handlers[METHODS])(struct rpc_server *, void *, void *,
                                                   struct call_wait *, struct fail *) = {
    [METHOD_DESCRIBE] = describe,       [METHOD_CLOCK] = read_clock,
    [METHOD_STATUS] = status,           [METHOD_STOP_ALL] = stop_all,
    [METHOD_OPEN] = open_session,       [METHOD_RENEW] = renew,
    [METHOD_CLOSE] = close_it,          [METHOD_PREPARE] = prepare,
    [METHOD_PREPARED] = prepared,       [METHOD_START] = start,
    [METHOD_REPORTS] = reports,         [METHOD_STOP] = stop,
    [METHOD_SCHEMA] = describe_reports, [METHOD_DUMPS_LIST] = list_dumps,
    [METHOD_DUMPS_READ] = read_dump,
};

/* ---- through xmlrpc-c ---- */

/* The one struct that every method takes; none at all stands for an empty one. */
static xmlrpc_value *only_parameter(xmlrpc_env *env, xmlrpc_value *parameters)
{
    xmlrpc_value *parameter = NULL;
    int count = xmlrpc_array_size(env, parameters);
    if (count == 0)
        return xmlrpc_struct_new(env);
    if (count > 1) {
        xmlrpc_env_set_fault(env, FAULT_BAD_CALL, "one struct is taken, and nothing besides");
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

static xmlrpc_value *run_method(xmlrpc_env *env, struct registration *registration,
                                xmlrpc_value *parameter, struct call_in_progress *progress)
{
    const struct method *method = &methods[registration->id];
    struct fail fail = {0};
    void *call = mem_new(1, method->call->size), *reply = mem_new(1, method->reply->size);
    xmlrpc_value *answer = NULL;
    schema_defaults(method->reply, reply);
    if (!wire_decode(parameter, method->call, call, false, &fail)) {
        fail.code = FAULT_BAD_CALL;
        fail_prefix(&fail, "%s", method->name);
        progress->result = CALL_FAULT;
    } else {
        progress->result =
            handlers[registration->id](registration->server, call, reply, progress->wait, &fail);
        schema_free(method->call, call);
    }
    if (progress->result == CALL_WAIT && progress->wait->never) {
        fail_set(&fail, FAULT_BAD_CALL, "%s has to wait, which it can't in a system.multicall",
                 method->name);
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

static xmlrpc_value *method_function(xmlrpc_env *env, xmlrpc_value *parameters, void *registration,
                                     void *progress)
{
    xmlrpc_value *answer = NULL, *parameter = only_parameter(env, parameters);
    if (!env->fault_occurred)
        answer = run_method(env, registration, parameter, progress);
    if (parameter)
        xmlrpc_DECREF(parameter);
    return answer;
}

static void add_method(xmlrpc_env *env, struct rpc_server *server, enum method_id id)
{
    char *help = method_help(&methods[id]);
    server->registrations[id] = (struct registration){server, id};
    struct xmlrpc_method_info3 info = {
        .methodName = methods[id].name,
        .methodFunction = method_function,
        .serverInfo = &server->registrations[id],
        .signatureString = "S:S,S:",
        .help = help,
    };
    xmlrpc_registry_add_method3(env, server->registry, &info);
    free(help);
}

struct rpc_server *rpc_server_new(const struct rpc_server_config *config, struct fail *fail)
{
    xmlrpc_env env;
    struct rpc_server *server = mem_new(1, sizeof *server);
    server->config = *config;
    xmlrpc_limit_set(XMLRPC_XML_SIZE_LIMIT_ID, PROTOCOL_REPLY_MAX);
    xmlrpc_env_init(&env);
    server->registry = xmlrpc_registry_new(&env);
    for (int id = 0; id < METHODS && !env.fault_occurred; id++)
        add_method(&env, server, id);
    bool good = !env.fault_occurred;
    if (!good) {
        fail_set(fail, 0, "the methods can't be registered: %s", env.fault_string);
        rpc_server_free(server);
    }
    xmlrpc_env_clean(&env);
    return good ? server : NULL;
}

void rpc_server_free(struct rpc_server *server)
{
    if (!server)
        return;
    if (server->registry)
        xmlrpc_registry_free(server->registry);
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
static bool check_call(const char *xml, size_t length, struct xml_call *call, struct fail *fail)
{
    if (!xml_guard_call(xml, length, call, fail))
        return false;
    return strcmp(call->method, MULTICALL) || call->parts <= PROTOCOL_PARTS_MAX ||
           fail_set(fail, 0, "it holds %d calls, and no more than %d are taken at once",
                    call->parts, PROTOCOL_PARTS_MAX);
}

enum call_result rpc_server_call(struct rpc_server *server, const char *xml, size_t length,
                                 struct call_wait *wait, xmlrpc_mem_block **answer)
{
    struct call_in_progress progress = {.wait = wait, .result = CALL_FAULT};
    struct xml_call call;
    struct fail fail;
    xmlrpc_env env;
    *answer = NULL;
    if (!check_call(xml, length, &call, &fail)) {
        char text[2 * FAIL_TEXT_MAX];
        snprintf(text, sizeof text, "the XML of the call is refused: %s", fail.text);
        *answer = fault_answer(FAULT_BAD_XML, text);
        return CALL_FAULT;
    }
    /* The parts of a multicall can't be made again one by one. */
    wait->never = !strcmp(call.method, MULTICALL);
    xmlrpc_env_init(&env);
    xmlrpc_registry_process_call2(&env, server->registry, xml, length, &progress, answer);
    if (env.fault_occurred)
        *answer = fault_answer(env.fault_code, env.fault_string);
    else if (progress.result == CALL_WAIT)
        XMLRPC_MEMBLOCK_FREE(char, *answer);
    xmlrpc_env_clean(&env);
    if (progress.result == CALL_WAIT)
        *answer = NULL;
    return progress.result;
}
