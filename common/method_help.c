/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a method of the API says of itself. */
#include "protocol.h"

#include <inttypes.h>

#include "mem.h"

static void describe_members(struct buffer *text, const struct schema *schema, int indent)
{
    static const char *const types[] = {
        [FIELD_INT] = "integer",   [FIELD_BOOL] = "boolean", [FIELD_TEXT] = "string",
        [FIELD_WORDS] = "strings", [FIELD_DIST] = "string",  [FIELD_BYTES] = "base64",
        [FIELD_STRUCT] = "struct", [FIELD_LIST] = "structs", [FIELD_INTS] = "integers",
        [FIELD_CHOICE] = "string", [FIELD_VALUE] = "array",
    };
    for (size_t i = 0; i < schema->count; i++) {
        const struct field *field = &schema->fields[i];
        buffer_printf(text, "%*s%s (%s%s): %s", indent, "", field->name, types[field->type],
                      field->flags & FIELD_ALWAYS ? ", always" : "", field->help);
        if (field->fallback > 0)
            buffer_printf(text, "; default %s%" PRId64, field->type == FIELD_DIST ? "C:" : "",
                          field->fallback);
        buffer_text(text, "\n");
        if (field->sub && !(field->flags & FIELD_COMMON))
            describe_members(text, field->sub, indent + 2);
    }
}

char *method_help(const struct method *method)
{
    struct buffer text = {0};
    buffer_printf(&text, "%s\nTakes one struct:\n", method->help);
    describe_members(&text, method->call, 2);
    buffer_text(&text, "Returns one struct:\n");
    describe_members(&text, method->reply, 2);
    buffer_add(&text, "", 1);
    return text.data;
}
