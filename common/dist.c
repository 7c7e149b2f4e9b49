/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dist.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "number.h"

static const struct {
    char letter;
    const char *name;
    int parameters;
} kinds[] = {
    [DIST_CONSTANT] = {'C', "constant", 1},
};

enum { KINDS = sizeof kinds / sizeof kinds[0] };

static bool find_kind(const char *text, enum dist_kind *kind, struct fail *fail)
{
    for (int i = 0; i < KINDS; i++) {
        if (text[0] == kinds[i].letter && text[1] == ':') {
            *kind = i;
            return true;
        }
    }
    return fail_set(fail, 0, "'%s' names no distribution; it reads like C:8192", text);
}

bool dist_parse(const char *text, struct dist *dist, struct fail *fail)
{
    char copy[DIST_TEXT_MAX];
    if (!find_kind(text, &dist->kind, fail))
        return false;
    if (!mem_copy_text(copy, sizeof copy, text + 2))
        return fail_set(fail, 0, "'%s' is too long", text);
    char *second = strchr(copy, ':');
    if (second)
        *second++ = '\0';
    dist->b = 0;
    if ((kinds[dist->kind].parameters == 2) != (second != NULL))
        return fail_set(fail, 0, "the %s distribution takes %d number%s, not '%s'",
                        kinds[dist->kind].name, kinds[dist->kind].parameters,
                        kinds[dist->kind].parameters == 1 ? "" : "s", text);
    return number_parse_real(copy, &dist->a, fail) &&
           (!second || number_parse_real(second, &dist->b, fail));
}

/* The shortest decimal that reads back as the same double. */
static void format_real(double value, char text[32])
{
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, 32, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            return;
    }
}

void dist_format(const struct dist *dist, char text[DIST_TEXT_MAX])
{
    char a[32], b[32];
    format_real(dist->a, a);
    format_real(dist->b, b);
    bool two = kinds[dist->kind].parameters == 2;
    snprintf(text, DIST_TEXT_MAX, "%c:%s%s%s", kinds[dist->kind].letter, a, two ? ":" : "",
             two ? b : "");
}

bool dist_equal(const struct dist *one, const struct dist *other)
{
    return one->kind == other->kind && one->a == other->a && one->b == other->b;
}
