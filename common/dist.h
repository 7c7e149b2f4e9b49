/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the size of a block, of a response, or the gap between blocks is drawn from. */
#ifndef FLOWRIG_DIST_H
#define FLOWRIG_DIST_H

#include <stddef.h>
#include <stdint.h>

#include "fail.h"

enum dist_kind {
    DIST_CONSTANT,
    DIST_UNIFORM,
    DIST_EXPONENTIAL,
    DIST_NORMAL,
    DIST_LOGNORMAL,
    DIST_PARETO,
    DIST_WEIBULL,
    DIST_EMPIRICAL, /* a is the number of a table (struct cdf) that goes with it */
};

/* A distribution with the parameters "#1" and "#2" of the manual page's option -G. */
struct dist {
    enum dist_kind kind;
    double a, b; /* b is 0 where the kind has one parameter */
};

enum { DIST_TEXT_MAX = 80 };

static inline struct dist dist_constant(double value)
{
    return (struct dist){.kind = DIST_CONSTANT, .a = value};
}

/* Reads "C:8192" or "N:2000:50", and checks that the parameters make sense for a size or a gap. */
bool dist_parse(const char *text, struct dist *dist, struct fail *fail);
/* Writes the form that dist_parse() reads, exact to the last bit of the parameters. */
void dist_format(const struct dist *dist, char text[DIST_TEXT_MAX]);
/* The value of a constant as a whole number from `least` to `most`, the nearest one; `least` for
 * what is drawn, which has no one value. */
int64_t dist_whole(const struct dist *dist, int64_t least, int64_t most);
bool dist_equal(const struct dist *one, const struct dist *other);

#endif
