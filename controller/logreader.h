/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads a flow log back (flowlog(5)). */
#ifndef FLOWRIG_LOGREADER_H
#define FLOWRIG_LOGREADER_H

#include <stddef.h>
#include <stdint.h>

#include "fail.h"
#include "settings.h"

/* One row: a number for each column, NAN for a word or for what is absent. */
struct logreader_row {
    int64_t flow;
    enum endpoint endpoint;
    double *values; /* as many as there are columns; the first two are unused */
};

struct logreader {
    char **columns, **units;
    size_t column_count;
    struct logreader_row *rows;
    size_t row_count;
};

/* Reads the whole file; gives NULL and a sentence that names the line if it is no flow log. A last
 * line that is cut off is left out. */
struct logreader *logreader_open(const char *path, struct fail *fail);
void logreader_free(struct logreader *log);

/* Index of a column, or -1. */
int logreader_column(const struct logreader *log, const char *name);

#endif
