/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The columns of the screen's table: what each shows, and which of them fit. */
#ifndef FLOWRIG_TABLE_COLUMNS_H
#define FLOWRIG_TABLE_COLUMNS_H

#include "output/figure.h"
#include "output/windows.h"

enum { TABLE_GAP = 2, TABLE_TIME_WIDTH = 7, TABLE_COLUMNS = 13 };

/* What a column is about: a set. */
enum table_of {
    TABLE_OF_ALL = 1,
    TABLE_OF_BLOCKS = 2,    /* flows with responses */
    TABLE_OF_STREAMS = 4,   /* TCP */
    TABLE_OF_DATAGRAMS = 8, /* UDP */
    TABLE_OF_VOLUMES = 16,  /* flows with a fixed volume */
};

/* What the flows of a plan have: a set of the above, TABLE_OF_ALL included. */
unsigned table_kinds(const struct plan *plan);

/* A column: `rank` says which ones stay where there is little room, 1 first. */
struct table_column {
    const char *head, *unit; /* NULL: the unit of rates */
    int width, rank;
    unsigned of;
    void (*format)(const struct table_column *column, const struct figure_unit *unit,
                   const struct window_row *row, char text[FIGURE_MAX]);
    size_t field; /* where in the row its figure is, for those that only write it */
};

/* From left to right, after the time. */
extern const struct table_column table_columns[TABLE_COLUMNS];

/* The last rank whose columns fit into `width`, with those of all ranks before it, for flows of
 * these kinds. */
int table_fitting_rank(int width, unsigned kinds);
/* Whether it is shown where the columns up to `rank` fit; those of rank 1 always are. */
bool table_column_shown(const struct table_column *column, int rank, unsigned kinds);

/* A number as it is, "-" where there is none. */
void table_format_count(int64_t value, char text[FIGURE_MAX]);

#endif
