/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cdf.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "number.h"

#define BLANKS " \t\r"

/* The next word at *at, which moves past it; NULL for none. */
static char *next_word(char **at)
{
    char *word = *at + strspn(*at, BLANKS), *end = word + strcspn(word, BLANKS);
    *at = *end ? end + 1 : end;
    *end = '\0';
    return *word ? word : NULL;
}

static bool take_number(char **at, double *value, struct fail *fail)
{
    char *word = next_word(at);
    if (!word)
        return fail_set(fail, 0, "a line has two numbers: a value, and the share up to it");
    return number_parse_real(word, value, fail);
}

static bool add_point(struct cdf *cdf, char *line, struct fail *fail)
{
    struct cdf_point point;
    char *at = line;
    if (!take_number(&at, &point.value, fail) || !take_number(&at, &point.share, fail))
        return false;
    if (next_word(&at))
        return fail_set(fail, 0, "a line has two numbers: a value, and the share up to it");
    if (point.value < 0 || point.share < 0 || point.share > 100)
        return fail_set(fail, 0,
                        "values must not be negative, and shares must be within 0 to 1 or 0 to "
                        "100");
    const struct cdf_point *last = cdf->count ? &cdf->points[cdf->count - 1] : NULL;
    if (last && (point.value < last->value || point.share < last->share))
        return fail_set(fail, 0, "values and shares must not decrease from line to line");
    if (cdf->count == CDF_POINTS_MAX)
        return fail_set(fail, 0, "more than %d points", CDF_POINTS_MAX);
    cdf->points = mem_grow(cdf->points, cdf->count + 1, sizeof *cdf->points);
    cdf->points[cdf->count++] = point;
    return true;
}

static bool take_lines(struct cdf *cdf, char *text, const char *name, struct fail *fail)
{
    char *next = text;
    for (int number = 1; next; number++) {
        char *line = next + strspn(next, BLANKS);
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        if (*line && *line != '#' && !add_point(cdf, line, fail))
            return fail_prefix(fail, "%s, line %d", name, number);
    }
    return true;
}

/* Shares up to 100 are percent. */
static bool complete(struct cdf *cdf, const char *name, struct fail *fail)
{
    double whole = cdf->count ? cdf->points[cdf->count - 1].share : 0;
    if (whole != 1 && whole != 100)
        return fail_set(fail, 0, "%s: the last share must be 1 (or 100 percent)", name);
    for (size_t i = 0; i < cdf->count; i++)
        cdf->points[i].share /= whole;
    return true;
}

bool cdf_parse(const char *text, size_t length, const char *name, struct cdf *cdf,
               struct fail *fail)
{
    *cdf = (struct cdf){0};
    if (length > CDF_TEXT_MAX)
        return fail_set(fail, 0, "%s has more than %d bytes", name, CDF_TEXT_MAX);
    if (memchr(text, '\0', length))
        return fail_set(fail, 0, "%s contains a NUL byte: not a table of two columns", name);
    char *copy = mem_new(length + 1, 1);
    memcpy(copy, text, length);
    bool good = take_lines(cdf, copy, name, fail) && complete(cdf, name, fail);
    free(copy);
    if (!good)
        cdf_free(cdf);
    return good;
}

void cdf_free(struct cdf *cdf)
{
    free(cdf->points);
    *cdf = (struct cdf){0};
}

double cdf_quantile(const struct cdf *cdf, double u)
{
    size_t low = 0, high = cdf->count - 1; /* the answer is at or below `high` */
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (cdf->points[middle].share < u)
            low = middle + 1;
        else
            high = middle;
    }
    const struct cdf_point *to = &cdf->points[low];
    if (low == 0)
        return to->value;
    const struct cdf_point *from = to - 1;
    if (to->share <= from->share)
        return to->value;
    double value =
        from->value + (to->value - from->value) * (u - from->share) / (to->share - from->share);
    return value < to->value ? value : to->value; /* rounding may lead beyond it */
}
