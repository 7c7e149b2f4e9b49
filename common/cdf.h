/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An empirical distribution: the cumulative distribution function as a table. */
#ifndef FLOWRIG_CDF_H
#define FLOWRIG_CDF_H

#include <stddef.h>

#include "fail.h"

enum { CDF_POINTS_MAX = 10000, CDF_TEXT_MAX = 256 * 1024 };

struct cdf_point {
    double value, share; /* P(X <= value) */
};

/* Points with growing shares, the last of them 1. Between two points the distribution is uniform;
 * the first point has its share for itself. */
struct cdf {
    struct cdf_point *points;
    size_t count;
};

/* Reads lines of two numbers, value and share, in the order of both; empty lines and lines that
 * begin with # are left out. Shares may be given as 0 to 1 or as 0 to 100. `name` stands in
 * sentences. cdf_free() frees it. */
bool cdf_parse(const char *text, size_t length, const char *name, struct cdf *cdf,
               struct fail *fail);
void cdf_free(struct cdf *cdf);

/* The value below which the share `u`, within 0 to 1, lies. */
double cdf_quantile(const struct cdf *cdf, double u);

#endif
