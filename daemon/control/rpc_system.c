/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/rpc_system.h"

#include <stdlib.h>
#include <string.h>

#include "protocol.h"
#include "wire.h"

struct system_method {
    const char *name, *gives, *takes, *help;
    xmlrpc_value *(*run)(xmlrpc_env *env, xmlrpc_value *parameters);
};

static xmlrpc_value *list_methods(xmlrpc_env *env, xmlrpc_value *parameters);
static xmlrpc_value *method_signature(xmlrpc_env *env, xmlrpc_value *parameters);
static xmlrpc_value *help_of_method(xmlrpc_env *env, xmlrpc_value *parameters);
static xmlrpc_value *method_exists(xmlrpc_env *env, xmlrpc_value *parameters);

static const struct system_method system_methods[] = {
    {"system.listMethods", "array", NULL, "The names of all methods.", list_methods},
    {"system.methodExist", "boolean", "string", "Whether there is a method of this name.",
     method_exists},
    {"system.methodHelp", "string", "string",
     "What the method of this name does, takes and returns.", help_of_method},
    {"system.methodSignature", "array", "string",
     "The types that the method of this name returns and takes, in every way it can be called.",
     method_signature},
    {RPC_MULTICALL, "array", "array",
     "Carries out an array of structs, each with methodName and params; for each returns an array "
     "of "
     "the one answer, or a fault's struct.",
     NULL},
};
enum { SYSTEM_METHODS = sizeof system_methods / sizeof system_methods[0] };

static const struct system_method *find_system(const char *name)
{
    for (int i = 0; i < SYSTEM_METHODS; i++)
        if (!strcmp(system_methods[i].name, name))
            return &system_methods[i];
    return NULL;
}

static const struct method *find_method(const char *name)
{
    for (int i = 0; i < METHODS; i++)
        if (!strcmp(methods[i].name, name))
            return &methods[i];
    return NULL;
}

static xmlrpc_value *unknown(xmlrpc_env *env, const char *name)
{
    xmlrpc_env_set_fault_formatted(env, XMLRPC_NO_SUCH_METHOD_ERROR, "there is no method '%.64s'",
                                   name);
    return NULL;
}

/* ---- parameters */

/* An item of an array, to be released; NULL where there is none. */
static xmlrpc_value *item_of(xmlrpc_value *array, int index)
{
    xmlrpc_env env;
    xmlrpc_value *item = NULL;
    xmlrpc_env_init(&env);
    if (array && xmlrpc_value_type(array) == XMLRPC_TYPE_ARRAY &&
        index < xmlrpc_array_size(&env, array))
        xmlrpc_array_read_item(&env, array, (unsigned)index, &item);
    xmlrpc_env_clean(&env);
    return item;
}

/* A member of a struct, to be released; NULL where there is none of that type. */
static xmlrpc_value *member_of(xmlrpc_value *value, const char *name, xmlrpc_type type)
{
    xmlrpc_env env;
    xmlrpc_value *member = NULL;
    xmlrpc_env_init(&env);
    if (xmlrpc_value_type(value) == XMLRPC_TYPE_STRUCT)
        xmlrpc_struct_find_value(&env, value, name, &member);
    if (member && xmlrpc_value_type(member) != type) {
        xmlrpc_DECREF(member);
        member = NULL;
    }
    xmlrpc_env_clean(&env);
    return member;
}

static void release(xmlrpc_value *value)
{
    if (value)
        xmlrpc_DECREF(value);
}

/* The text of a string, to be freed; NULL where it is none. */
static char *text_of(xmlrpc_value *value)
{
    xmlrpc_env env;
    const char *text = NULL;
    xmlrpc_env_init(&env);
    if (value && xmlrpc_value_type(value) == XMLRPC_TYPE_STRING)
        xmlrpc_read_string(&env, value, &text);
    xmlrpc_env_clean(&env);
    return (char *)text;
}

/* The name that is the only parameter, to be freed; NULL with `env` at fault where it is none. */
static char *only_name(xmlrpc_env *env, xmlrpc_value *parameters)
{
    xmlrpc_value *first = item_of(parameters, 0);
    char *name = text_of(first);
    release(first);
    if (!name)
        xmlrpc_env_set_fault(env, FAULT_BAD_CALL,
                             "expected the name of a method, and nothing else");
    return name;
}

/* ---- what there is */

static void append(xmlrpc_env *env, xmlrpc_value *array, xmlrpc_value *item)
{
    if (array && item && !env->fault_occurred)
        xmlrpc_array_append_item(env, array, item);
    release(item);
}

static xmlrpc_value *list_methods(xmlrpc_env *env, xmlrpc_value *parameters)
{
    xmlrpc_value *list = xmlrpc_array_new(env);
    (void)parameters;
    for (int i = 0; i < METHODS; i++)
        append(env, list, wire_text(env, methods[i].name));
    for (int i = 0; i < SYSTEM_METHODS; i++)
        append(env, list, wire_text(env, system_methods[i].name));
    return list;
}

static xmlrpc_value *types(xmlrpc_env *env, const char *gives, const char *takes)
{
    xmlrpc_value *list = xmlrpc_array_new(env);
    append(env, list, wire_text(env, gives));
    if (takes)
        append(env, list, wire_text(env, takes));
    return list;
}

/* The methods of the protocol take a struct, or nothing that stands for an empty one. */
static xmlrpc_value *method_signature(xmlrpc_env *env, xmlrpc_value *parameters)
{
    char *name = only_name(env, parameters);
    if (!name)
        return NULL;
    const struct system_method *system = find_system(name);
    xmlrpc_value *list = NULL;
    if (!system && !find_method(name)) {
        unknown(env, name);
    } else {
        list = xmlrpc_array_new(env);
        append(env, list,
               types(env, system ? system->gives : "struct", system ? system->takes : "struct"));
        if (!system)
            append(env, list, types(env, "struct", NULL));
    }
    free(name);
    return list;
}

static xmlrpc_value *help_of_method(xmlrpc_env *env, xmlrpc_value *parameters)
{
    char *name = only_name(env, parameters);
    if (!name)
        return NULL;
    const struct system_method *system = find_system(name);
    const struct method *method = find_method(name);
    char *help = method ? method_help(method) : NULL;
    xmlrpc_value *text =
        system || help ? wire_text(env, system ? system->help : help) : unknown(env, name);
    free(help);
    free(name);
    return text;
}

static xmlrpc_value *method_exists(xmlrpc_env *env, xmlrpc_value *parameters)
{
    char *name = only_name(env, parameters);
    bool exists = name && (find_system(name) || find_method(name));
    free(name);
    return env->fault_occurred ? NULL : xmlrpc_bool_new(env, exists);
}

/* ---- several calls as one */

static xmlrpc_value *carry_out_part(xmlrpc_env *env, xmlrpc_value *part, rpc_dispatch *dispatch,
                                    void *context)
{
    xmlrpc_value *name = member_of(part, "methodName", XMLRPC_TYPE_STRING);
    xmlrpc_value *parameters = member_of(part, "params", XMLRPC_TYPE_ARRAY), *answer = NULL;
    char *method = text_of(name);
    if (!method || !parameters)
        xmlrpc_env_set_fault(env, FAULT_BAD_CALL,
                             "each call in a " RPC_MULTICALL
                             " is a struct of the string methodName and the array params");
    else if (!strcmp(method, RPC_MULTICALL))
        xmlrpc_env_set_fault(env, FAULT_BAD_CALL, "a " RPC_MULTICALL " takes no other in it");
    else
        answer = dispatch(env, context, method, parameters);
    free(method);
    release(name);
    release(parameters);
    return answer;
}

static xmlrpc_value *fault_struct(xmlrpc_env *env, const xmlrpc_env *part)
{
    xmlrpc_value *fault = xmlrpc_struct_new(env), *code = xmlrpc_int_new(env, part->fault_code);
    xmlrpc_value *text = wire_text(env, part->fault_string);
    if (!env->fault_occurred) {
        xmlrpc_struct_set_value(env, fault, "faultCode", code);
        xmlrpc_struct_set_value(env, fault, "faultString", text);
    }
    release(code);
    release(text);
    return fault;
}

static xmlrpc_value *run_part(xmlrpc_env *env, xmlrpc_value *part, rpc_dispatch *dispatch,
                              void *context)
{
    xmlrpc_env own;
    xmlrpc_env_init(&own);
    xmlrpc_value *answer = part ? carry_out_part(&own, part, dispatch, context) : NULL;
    xmlrpc_value *result = NULL;
    if (own.fault_occurred) {
        result = fault_struct(env, &own);
    } else {
        result = xmlrpc_array_new(env);
        append(env, result, answer);
        answer = NULL;
    }
    release(answer);
    xmlrpc_env_clean(&own);
    return result;
}

int rpc_system_parts(xmlrpc_value *parameters)
{
    xmlrpc_env env;
    xmlrpc_value *parts = item_of(parameters, 0);
    xmlrpc_env_init(&env);
    int count =
        parts && xmlrpc_value_type(parts) == XMLRPC_TYPE_ARRAY ? xmlrpc_array_size(&env, parts) : 0;
    xmlrpc_env_clean(&env);
    release(parts);
    return count;
}

static xmlrpc_value *multicall(xmlrpc_env *env, xmlrpc_value *parameters, rpc_dispatch *dispatch,
                               void *context)
{
    xmlrpc_value *parts = item_of(parameters, 0), *answers = xmlrpc_array_new(env);
    int count = rpc_system_parts(parameters);
    if (!parts || xmlrpc_value_type(parts) != XMLRPC_TYPE_ARRAY)
        xmlrpc_env_set_fault(env, FAULT_BAD_CALL, RPC_MULTICALL " takes an array of calls");
    for (int i = 0; i < count && !env->fault_occurred; i++) {
        xmlrpc_value *part = item_of(parts, i);
        append(env, answers, run_part(env, part, dispatch, context));
        release(part);
    }
    release(parts);
    return answers;
}

xmlrpc_value *rpc_system_call(xmlrpc_env *env, const char *method, xmlrpc_value *parameters,
                              rpc_dispatch *dispatch, void *context)
{
    const struct system_method *found = find_system(method);
    if (!found)
        return unknown(env, method);
    return found->run ? found->run(env, parameters) : multicall(env, parameters, dispatch, context);
}
