/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "results/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

/* Up to this many samples in both groups together the rank test counts all arrangements. */
enum { EXACT_MOST = 40 };

static int compare_numbers(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

struct compare_group compare_describe(const double *values, size_t count)
{
    struct compare_group group = {.count = count, .mean = NAN, .deviation = NAN, .median = NAN};
    double sum = 0, squares = 0;
    if (!count)
        return group;
    double *sorted = mem_new(count, sizeof *sorted);
    memcpy(sorted, values, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_numbers);
    group.median = (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
    free(sorted);
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    group.mean = sum / (double)count;
    for (size_t i = 0; i < count; i++)
        squares += (values[i] - group.mean) * (values[i] - group.mean);
    if (count > 1)
        group.deviation = sqrt(squares / (double)(count - 1));
    return group;
}

/* ---- Student's t */

/* One step of Lentz's evaluation of a continued fraction. */
static double no_zero(double value)
{
    return fabs(value) < 1e-300 ? 1e-300 : value;
}

/* The continued fraction of the incomplete beta function (DLMF 8.17.22), for x < (a+1)/(a+b+2). */
static double beta_fraction(double x, double a, double b)
{
    double c = 1, d = 1 / no_zero(1 - (a + b) * x / (a + 1)), fraction = d;
    for (int m = 1; m < 300; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1 / no_zero(1 + even * d);
        c = no_zero(1 + even / c);
        fraction *= c * d;
        d = 1 / no_zero(1 + odd * d);
        c = no_zero(1 + odd / c);
        fraction *= c * d;
        if (fabs(c * d - 1) < 1e-15)
            break;
    }
    return fraction;
}

/* The regularized incomplete beta function I_x(a, b). */
static double beta(double x, double a, double b)
{
    if (x <= 0 || x >= 1)
        return x <= 0 ? 0 : 1;
    double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
    return x < (a + 1) / (a + b + 2) ? front * beta_fraction(x, a, b) / a
                                     : 1 - front * beta_fraction(1 - x, b, a) / b;
}

/* P(T > t) = I_x(v/2, 1/2) / 2 with x = v / (v + t*t), for t >= 0 (Abramowitz, Stegun 26.7.1). */
static double student_tail(double t, double degrees)
{
    return beta(degrees / (degrees + t * t), degrees / 2, 0.5) / 2;
}

double compare_student(double part, double degrees)
{
    double low = 0, high = 1;
    while (student_tail(high, degrees) > 1 - part && high < 1e9)
        high *= 2;
    for (int i = 0; i < 200 && high - low > 1e-13 * high; i++) {
        double middle = (low + high) / 2;
        *(student_tail(middle, degrees) > 1 - part ? &low : &high) = middle;
    }
    return (low + high) / 2;
}

double compare_half_width(const struct compare_group *group, double level)
{
    if (group->count < 2)
        return NAN;
    return compare_student((1 + level) / 2, (double)(group->count - 1)) * group->deviation /
           sqrt((double)group->count);
}

/* The interval of the difference where the deviations of the groups differ: Welch 1947, with
 * Satterthwaite's degrees of freedom. Without any deviation it is the difference itself. */
static void put_interval(struct compare_result *result)
{
    const struct compare_group *a = &result->a, *b = &result->b;
    result->low = result->high = NAN;
    if (a->count < 2 || b->count < 2)
        return;
    double of_a = a->deviation * a->deviation / (double)a->count;
    double of_b = b->deviation * b->deviation / (double)b->count;
    double half = 0;
    if (of_a + of_b > 0) {
        double degrees =
            (of_a + of_b) * (of_a + of_b) /
            (of_a * of_a / (double)(a->count - 1) + of_b * of_b / (double)(b->count - 1));
        half = compare_student(0.975, degrees) * sqrt(of_a + of_b);
    }
    result->low = result->difference - half;
    result->high = result->difference + half;
}

/* ---- ranks */

struct ranked {
    double value;
    bool of_b;
};

static int compare_ranked(const void *a, const void *b)
{
    return compare_numbers(&((const struct ranked *)a)->value, &((const struct ranked *)b)->value);
}

/* The share of all arrangements of m and n samples whose U is at most u: Mann and Whitney's
 * recurrence, by the number of arrangements for each U. */
static double arrangements(size_t m, size_t n, double u)
{
    size_t most = m * n;
    double *ways = mem_new((m + 1) * (most + 1), sizeof *ways), all = 0, below = 0;
    ways[0] = 1;
    /* ways[k][s]: k of the ranks seen so far are of the first group and exceed s of the second. */
    for (size_t seen = 0; seen < m + n; seen++)
        for (size_t k = (seen < m ? seen + 1 : m); k > 0; k--) {
            size_t step = seen + 1 - k; /* members of the second group below this one */
            for (size_t s = step; s <= most && step <= n; s++)
                ways[k * (most + 1) + s] += ways[(k - 1) * (most + 1) + s - step];
        }
    for (size_t s = 0; s <= most; s++) {
        all += ways[m * (most + 1) + s];
        if ((double)s <= u)
            below += ways[m * (most + 1) + s];
    }
    free(ways);
    return below / all;
}

/* The normal approximation with the correction for ties, and for continuity (Lehmann 1975). */
static double approximate(double u, double m, double n, double ties)
{
    double total = m + n;
    double variance = m * n / 12 * (total + 1 - ties / (total * (total - 1)));
    double distance = fabs(u - m * n / 2) - 0.5;
    if (variance <= 0 || distance < 0)
        return 1;
    return erfc(distance / sqrt(variance) / sqrt(2));
}

static void put_ranks(const double *a, const double *b, struct compare_result *result)
{
    size_t m = result->b.count, n = result->a.count, total = m + n;
    struct ranked *all = mem_new(total + 1, sizeof *all);
    double sum = 0, ties = 0;
    result->u = result->p = NAN;
    for (size_t i = 0; i < total; i++)
        all[i] = (struct ranked){i < m ? b[i] : a[i - m], i < m};
    qsort(all, total, sizeof *all, compare_ranked);
    for (size_t i = 0, next; i < total; i = next) {
        for (next = i + 1; next < total && all[next].value == all[i].value;)
            next++;
        double tied = (double)(next - i), rank = (double)(i + next + 1) / 2;
        for (size_t k = i; k < next; k++)
            sum += all[k].of_b ? rank : 0;
        ties += tied * tied * tied - tied;
    }
    free(all);
    if (m < 2 || n < 2)
        return;
    result->u = sum - (double)(m * (m + 1)) / 2;
    result->exact = ties == 0 && total <= EXACT_MOST;
    if (!result->exact) {
        result->p = approximate(result->u, (double)m, (double)n, ties);
        return;
    }
    double least = fmin(result->u, (double)(m * n) - result->u);
    result->p = fmin(1, 2 * arrangements(m, n, least));
}

void compare(const double *a, size_t a_count, const double *b, size_t b_count,
             struct compare_result *result)
{
    *result = (struct compare_result){.a = compare_describe(a, a_count),
                                      .b = compare_describe(b, b_count)};
    result->difference = result->b.mean - result->a.mean;
    result->relative =
        result->a.mean != 0 ? result->difference / fabs(result->a.mean) : (double)NAN;
    put_interval(result);
    put_ranks(a, b, result);
}
