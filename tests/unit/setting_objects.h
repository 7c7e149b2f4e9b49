/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What tests of settings share: a setting by its name, and an object that holds any setting. */
#ifndef FLOWRIG_UNIT_SETTING_OBJECTS_H
#define FLOWRIG_UNIT_SETTING_OBJECTS_H

#include "settings.c"

#include "unit.h"

/* One of either struct, so that a setting of any scope has its place. */
union object {
    struct endpoint_settings endpoint;
    struct flow_settings flow;
};

static inline void object_default(const struct setting *setting, union object *object)
{
    *object = (union object){0};
    schema_defaults(
        setting->scope == SCOPE_FLOW ? &flow_settings_schema : &endpoint_settings_schema, object);
}

static inline const struct setting *setting_of(const char *field)
{
    for (size_t i = 0; i < settings_count; i++)
        if (!strcmp(settings_list[i].field, field))
            return &settings_list[i];
    fail_msg("there is no setting %s", field);
    return NULL;
}

#endif
