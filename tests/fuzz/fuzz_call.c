/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a daemon is sent: the body of a call, through the guard and xmlrpc-c to the call's struct.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "protocol.h"
#include "wire.h"
#include "xmlguard.h"

/* What was taken can be written again, and is then taken again. */
static void check_again(const struct schema *schema, void *object)
{
    struct fail fail;
    xmlrpc_env env;
    xmlrpc_env_init(&env);
    xmlrpc_value *value = wire_encode(&env, schema, object);
    FUZZ_CHECK(value && !env.fault_occurred);
    void *again = mem_new(1, schema->size);
    if (wire_decode(value, schema, again, false, &fail))
        schema_free(schema, again);
    free(again);
    xmlrpc_DECREF(value);
    xmlrpc_env_clean(&env);
}

static void decode(const struct method *method, xmlrpc_value *parameters)
{
    struct fail fail;
    xmlrpc_env env;
    xmlrpc_value *first = NULL;
    xmlrpc_env_init(&env);
    if (xmlrpc_array_size(&env, parameters) > 0)
        xmlrpc_array_read_item(&env, parameters, 0, &first);
    void *call = mem_new(1, method->call->size);
    if (first && wire_decode(first, method->call, call, false, &fail)) {
        check_again(method->call, call);
        schema_free(method->call, call);
    }
    free(call);
    if (first)
        xmlrpc_DECREF(first);
    xmlrpc_env_clean(&env);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fail fail;
    xmlrpc_env env;
    const char *name = NULL;
    xmlrpc_value *parameters = NULL;
    struct xml_call call;
    if (!xml_guard_call((const char *)data, size, &call, &fail))
        return 0;
    xmlrpc_env_init(&env);
    xmlrpc_parse_call(&env, (const char *)data, size, &name, &parameters);
    for (int i = 0; i < METHODS && !env.fault_occurred; i++)
        if (!strcmp(methods[i].name, name))
            decode(&methods[i], parameters);
    if (!env.fault_occurred) {
        free((void *)name);
        xmlrpc_DECREF(parameters);
    }
    xmlrpc_env_clean(&env);
    return 0;
}
