/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What tests of common/xmlguard.c share: texts that pass, texts that are refused, and long ones. */
#ifndef FLOWRIG_UNIT_GUARDED_H
#define FLOWRIG_UNIT_GUARDED_H

#include "xmlbuild.c"
#include "xmlguard.c"

#include "mem.h"
#include "unit.h"

enum { ROUNDS = 20000 };

static inline bool guard_text(const char *xml, struct fail *fail)
{
    return xml_guard(xml, strlen(xml), NULL, fail);
}

static inline void assert_passes(const char *xml)
{
    struct fail fail = {0};
    if (!guard_text(xml, &fail))
        fail_msg("%s: %s", xml, fail.text);
    assert_string_equal(fail.text, "");
}

static inline void assert_refused(const char *xml, const char *sentence)
{
    struct fail fail = {0};
    if (guard_text(xml, &fail) || !strstr(fail.text, sentence))
        fail_msg("%s: %s", xml, fail.text);
    assert_false(guard_text(xml, NULL));
}

static inline char *nested(const char *open, const char *close, size_t depth, const char *inside)
{
    struct buffer xml = {0};
    for (size_t i = 0; i < depth; i++)
        buffer_text(&xml, open);
    buffer_text(&xml, inside);
    for (size_t i = 0; i < depth; i++)
        buffer_text(&xml, close);
    buffer_add(&xml, "", 1);
    return xml.data;
}

#endif
