/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a controller is sent: a method's number, then the body of the reply to it. */
#include "fuzz.h"

#include <stdlib.h>

#include "mem.h"
#include "protocol.h"
#include "wire.h"
#include "xmlguard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fail fail;
    xmlrpc_env env;
    xmlrpc_value *value = NULL;
    int code;
    const char *fault = NULL;
    if (!size || !xml_guard((const char *)data + 1, size - 1, &fail))
        return 0;
    const struct schema *schema = methods[data[0] % METHODS].reply;
    xmlrpc_env_init(&env);
    xmlrpc_parse_response2(&env, (const char *)data + 1, size - 1, &value, &code, &fault);
    if (!env.fault_occurred && !fault) {
        void *reply = mem_new(1, schema->size);
        if (wire_decode(value, schema, reply, true, &fail))
            schema_free(schema, reply);
        free(reply);
        xmlrpc_DECREF(value);
    }
    free((void *)fault);
    xmlrpc_env_clean(&env);
    return 0;
}
