/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "schema.h"

#include <stdlib.h>
#include <string.h>

#include "dist.h"
#include "mem.h"

bool choices_parse(const struct choices *choices, const char *text, int64_t *number,
                   struct fail *fail)
{
    struct buffer all = {0};
    for (int64_t i = 0; i < choices->count; i++) {
        if (!strcmp(text, choices->names[i])) {
            *number = i;
            buffer_free(&all);
            return true;
        }
        buffer_printf(&all, "%s%s", i ? ", " : "", choices->names[i]);
    }
    fail_set(fail, 0, "'%s' is not one of %.*s", text, (int)all.length, all.data);
    buffer_free(&all);
    return false;
}

static void field_default(const struct field *field, void *at)
{
    switch (field->type) {
    case FIELD_INT:
    case FIELD_BOOL:
    case FIELD_CHOICE:
        *(int64_t *)at = field->fallback;
        break;
    case FIELD_DIST:
        *(struct dist *)at = dist_constant((double)field->fallback);
        break;
    case FIELD_STRUCT:
        schema_defaults(field->sub, at);
        break;
    case FIELD_TEXT:
    case FIELD_WORDS:
    case FIELD_BYTES:
    case FIELD_LIST:
    case FIELD_INTS:
    case FIELD_VALUE:
        break;
    }
}

void schema_defaults(const struct schema *schema, void *object)
{
    memset(object, 0, schema->size);
    for (size_t i = 0; i < schema->count; i++)
        field_default(&schema->fields[i], (char *)object + schema->fields[i].offset);
}

const struct field *schema_common(const struct schema *schema, const struct field *list)
{
    for (size_t i = 0; i < schema->count; i++)
        if (schema->fields[i].flags & FIELD_COMMON && schema->fields[i].sub == list->sub)
            return &schema->fields[i];
    return NULL;
}

const void *schema_member(const void *object, const struct field *field)
{
    return object ? (const char *)object + field->offset : NULL;
}

static void list_free(const struct field *field, struct schema_list *list)
{
    for (size_t i = 0; field->sub && i < list->count; i++)
        schema_free(field->sub, (char *)list->items + i * field->sub->size);
    free(list->items);
    *list = (struct schema_list){0};
}

void schema_free(const struct schema *schema, void *object)
{
    for (size_t i = 0; object && i < schema->count; i++) {
        const struct field *field = &schema->fields[i];
        void *at = (char *)object + field->offset;
        if (field->type == FIELD_STRUCT) {
            schema_free(field->sub, at);
        } else if (field->type == FIELD_LIST || field->type == FIELD_INTS) {
            list_free(field, at);
        } else if (field->type == FIELD_BYTES) {
            free(((struct schema_bytes *)at)->data);
            *(struct schema_bytes *)at = (struct schema_bytes){0};
        }
    }
}
