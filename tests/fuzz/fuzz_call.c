/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a daemon is sent: the body of a call, to the call's struct.
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
    struct xml_message message;
    char method[XML_METHOD_MAX];
    if (!xml_read((const char *)data, size, &message, &fail))
        return 0;
    FUZZ_CHECK(xml_guard((const char *)data, size, method, &fail));
    if (message.kind == XML_CALL) {
        FUZZ_CHECK(!strcmp(method, message.method));
        for (int i = 0; i < METHODS; i++)
            if (!strcmp(methods[i].name, message.method))
                decode(&methods[i], message.value);
    }
    xmlrpc_DECREF(message.value);
    return 0;
}
