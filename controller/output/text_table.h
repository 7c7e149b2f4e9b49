/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A table of texts that fits a width: columns of the last ranks are left out where it does not. */
#ifndef FLOWRIG_TEXT_TABLE_H
#define FLOWRIG_TEXT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { TEXT_COLUMNS_MAX = 16, TEXT_RANKS = 8, TEXT_NEVER };

struct text_column {
    const char *head;
    bool left;
    int rank; /* 1: always shown; up to TEXT_RANKS */
};

struct text_table {
    const struct text_column *columns;
    size_t column_count, row_count, room;
    char **cells;
};

/* Adds a row; the cells, as many as there are columns, belong to the table then. */
void text_table_add(struct text_table *table, char *const cells[]);
/* Gives columns that have "-" only a rank that is never shown; `columns` are the table's. */
void text_table_drop_empty(const struct text_table *table, struct text_column *columns);
/* Prints the table, no line wider than `width` where the columns of rank 1 fit; says which columns
 * were left out. Frees what it holds. */
void text_table_print(struct text_table *table, FILE *out, int width);

#endif
