/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What tests of common/number.c share: texts that a parser takes or refuses, and random numbers. */
#ifndef FLOWRIG_UNIT_NUMBER_TEXTS_H
#define FLOWRIG_UNIT_NUMBER_TEXTS_H

#include "number.h"

#include <string.h>

#include "unit.h"

enum { ROUNDS = 200000 };

/* Numbers of every length, and those around the limits. */
static inline int64_t random_number(void)
{
    static const int64_t corners[] = {0, 1, -1, INT64_MAX, INT64_MIN, INT64_MAX - 1, INT64_MIN + 1};
    if (random_below(16) == 0)
        return corners[random_below(COUNT(corners))];
    return (int64_t)random_bits() >> random_below(64);
}

typedef bool parser(const char *text, int64_t *value, struct fail *fail);

struct good {
    const char *text;
    int64_t value;
};

static inline void assert_taken(parser *parse, const struct good *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct fail fail = {0};
        int64_t value = 42;
        if (!parse(cases[i].text, &value, &fail) || value != cases[i].value)
            fail_msg("'%s' gave %" PRId64 " (%s)", cases[i].text, value, fail.text);
        assert_string_equal(fail.text, "");
    }
}

struct bad {
    const char *text;
    const char *reason; /* a part of the sentence, which also quotes the text */
};

static inline void assert_sentence(const struct bad *bad, const char *sentence)
{
    char quoted[128];
    snprintf(quoted, sizeof quoted, "'%s'", bad->text);
    if (!strstr(sentence, quoted) || !strstr(sentence, bad->reason))
        fail_msg("'%s' was refused with: %s", bad->text, sentence);
}

static inline void assert_refused(parser *parse, const struct bad *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct fail fail = {0};
        int64_t value = 42;
        if (parse(cases[i].text, &value, &fail))
            fail_msg("'%s' was taken as %" PRId64, cases[i].text, value);
        assert_sentence(&cases[i], fail.text);
        assert_false(parse(cases[i].text, &value, NULL));
    }
}

#endif
