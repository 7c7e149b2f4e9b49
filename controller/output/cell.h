/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Values of a report as text. */
#ifndef FLOWRIG_CELL_H
#define FLOWRIG_CELL_H

#include "report.h"

enum { CELL_MAX = 64 };

/* How screen and log differ. */
struct cell_style {
    bool symbolic;  /* INT_MAX, USHRT_MAX, UINT_MAX by name */
    bool is_screen; /* inf for an infinite threshold is the log's word; a screen has INT_MAX */
    bool megabytes; /* bit rates in 2**20 byte/s */
    bool bytes;     /* windows in bytes instead of segments */
};

/* Writes the column's value for an interval of `elapsed` ns, in which counters are differences, and
 * gives its length. What does not exist is "nan"; "inf" for tallies (no block came) as flowgrind
 * has it. */
size_t cell_format(const struct column *column, const int64_t values[METRICS], int64_t elapsed,
                   const struct cell_style *style, char text[CELL_MAX]);

/* The column's unit as it is shown. */
const char *cell_unit(const struct column *column, const struct cell_style *style);

#endif
