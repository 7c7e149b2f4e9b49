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
    struct xml_message message;
    if (!size || !xml_read((const char *)data + 1, size - 1, &message, &fail))
        return 0;
    const struct schema *schema = methods[data[0] % METHODS].reply;
    void *reply = mem_new(1, schema->size);
    if (message.kind == XML_RESPONSE && wire_decode(message.value, schema, reply, true, &fail))
        schema_free(schema, reply);
    free(reply);
    xmlrpc_DECREF(message.value);
    return 0;
}
