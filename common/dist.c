/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dist.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "number.h"

/* The smallest value of a parameter, and whether it may have that. */
struct bound {
    double least;
    bool included;
};

static const struct {
    char letter;
    const char *name;
    int parameters;
    struct bound a, b;
} kinds[] = {
    [DIST_CONSTANT] = {'C', "constant", 1, {0, true}, {0, true}},
    [DIST_UNIFORM] = {'U', "uniform", 2, {0, true}, {0, true}},
    [DIST_EXPONENTIAL] = {'E', "exponential", 1, {0, false}, {0, true}},
    [DIST_NORMAL] = {'N', "normal", 2, {0, true}, {0, true}},
    [DIST_LOGNORMAL] = {'L', "lognormal", 2, {0, false}, {0, true}},
    [DIST_PARETO] = {'P', "pareto", 2, {0, false}, {0, false}},
    [DIST_WEIBULL] = {'W', "weibull", 2, {0, false}, {0, false}},
    [DIST_EMPIRICAL] = {'F', "empirical", 1, {0, true}, {0, true}},
};

enum { KINDS = COUNT(kinds) };

static bool find_kind(const char *text, enum dist_kind *kind, struct fail *fail)
{
    for (int i = 0; i < KINDS; i++) {
        if (text[0] == kinds[i].letter && text[1] == ':') {
            *kind = i;
            return true;
        }
    }
    return fail_set(
        fail, 0,
        "'%s' is not a distribution: it must begin with C:, U:, E:, N:, L:, P:, W: or F:", text);
}

static bool check_parameter(const char *text, const char *which, double value,
                            const struct bound *bound, struct fail *fail)
{
    if (value > bound->least || (bound->included && value == bound->least))
        return true;
    return fail_set(fail, 0, "'%s': the %s parameter must %s 0", text, which,
                    bound->included ? "not be below" : "be above");
}

static bool check_parameters(const char *text, const struct dist *dist, struct fail *fail)
{
    if (!check_parameter(text, "first", dist->a, &kinds[dist->kind].a, fail) ||
        !check_parameter(text, "second", dist->b, &kinds[dist->kind].b, fail))
        return false;
    if (dist->kind == DIST_EMPIRICAL && dist->a != floor(dist->a))
        return fail_set(fail, 0, "'%s' is not the number of a table", text);
    return dist->kind != DIST_UNIFORM || dist->a <= dist->b ||
           fail_set(fail, 0, "'%s': the minimum is above the maximum", text);
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
           (!second || number_parse_real(second, &dist->b, fail)) &&
           check_parameters(text, dist, fail);
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

int64_t dist_whole(const struct dist *dist, int64_t least, int64_t most)
{
    return dist->kind == DIST_CONSTANT ? number_from_real(dist->a, least, most) : least;
}

bool dist_equal(const struct dist *one, const struct dist *other)
{
    return one->kind == other->kind && one->a == other->a && one->b == other->b;
}
