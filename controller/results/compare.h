/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two groups of samples compared: their difference, how well it is known, and whether ranks could
 * have fallen so by chance. Pure: no clock, no input. */
#ifndef FLOWRIG_COMPARE_H
#define FLOWRIG_COMPARE_H

#include <stdbool.h>
#include <stddef.h>

/* Samples of one group. */
struct compare_group {
    size_t count;
    double mean, deviation; /* deviation: the sample's, with n - 1; NAN below two samples */
    double median;          /* NAN: no sample */
};

struct compare_result {
    struct compare_group a, b;
    double difference; /* mean of b less mean of a; NAN where one has no sample */
    double relative;   /* the same over the mean of a; NAN where that is 0 */
    double low, high;  /* 95 % confidence interval of the difference; NAN: too few samples */
    double u;          /* Mann and Whitney's U of b */
    double p;          /* two-sided; NAN below two samples in a group */
    bool exact;        /* p is no approximation */
};

/* Describes samples, which are finite. */
struct compare_group compare_describe(const double *values, size_t count);
/* Half the width of the confidence interval of the mean by Student's t, such as 0.95 for `level`;
 * NAN below two samples. */
double compare_half_width(const struct compare_group *group, double level);

/* Compares them; the samples are finite. */
void compare(const double *a, size_t a_count, const double *b, size_t b_count,
             struct compare_result *result);

/* The quantile of Student's t distribution: P(T <= t) = part, 0.5 <= part < 1. */
double compare_student(double part, double degrees);

#endif
