/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How files for other programs name and write a metric: the same in every format. Names end with
 * the unit (seconds, bytes, bits per second, ratio, segments), unless they say it already; values
 * are in that unit, exact, and left out where they do not exist. */
#ifndef FLOWRIG_METRIC_FORM_H
#define FLOWRIG_METRIC_FORM_H

#include <stdbool.h>

#include "metrics.h"
#include "output/cell.h"

enum { METRIC_NAME_MAX = 80 };

enum metric_type {
    METRIC_TYPE_INTEGER,
    METRIC_TYPE_REAL, /* with a fixed number of decimals */
    METRIC_TYPE_WORD, /* such as "open" or "n/c": never anything to be escaped */
};

struct metric_form {
    char name[METRIC_NAME_MAX];
    enum metric_type type;
    const char *unit;            /* of the value, "" where it has none */
    unsigned places;             /* decimals of a real */
    int64_t multiplier;          /* of the value in a report */
    const struct column *column; /* that has the words */
};

/* The form of a metric; it stays. */
const struct metric_form *metric_form(enum metric metric);

/* Writes the value of the metric, and returns its length: 0 where it does not exist, is not finite,
 * or is an integer beyond 2**53, which readers with doubles only would change. */
size_t metric_format(enum metric metric, const int64_t values[METRICS], char text[CELL_MAX]);

/* Bits per second of `bytes` in `elapsed` ns, or METRIC_ABSENT. */
int64_t metric_bit_rate(int64_t bytes, int64_t elapsed);

#endif
