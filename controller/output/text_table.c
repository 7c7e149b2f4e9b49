/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/text_table.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "printable.h"

enum { GAP = 2 };

void text_table_add(struct text_table *table, char *const cells[])
{
    size_t count = table->column_count;
    if (table->row_count == table->room) {
        table->room = table->room ? 2 * table->room : 16;
        table->cells = mem_grow(table->cells, table->room * count, sizeof *table->cells);
    }
    char **row = table->cells + table->row_count++ * count;
    for (size_t i = 0; i < count; i++) {
        row[i] = cells[i] && *cells[i] ? cells[i] : mem_strdup("-");
        if (row[i] != cells[i])
            free(cells[i]);
        printable(row[i]);
    }
}

/* Characters, not bytes, of UTF-8. */
static int width_of(const char *text)
{
    int width = 0;
    for (; *text; text++)
        width += (*text & 0xc0) != 0x80;
    return width;
}

static void measure(const struct text_table *table, int widths[TEXT_COLUMNS_MAX])
{
    for (size_t i = 0; i < table->column_count; i++) {
        widths[i] = width_of(table->columns[i].head);
        for (size_t row = 0; row < table->row_count; row++) {
            int width = width_of(table->cells[row * table->column_count + i]);
            widths[i] = width > widths[i] ? width : widths[i];
        }
    }
}

/* The last rank that fits. */
static int fitting_rank(const struct text_table *table, const int widths[TEXT_COLUMNS_MAX],
                        int width)
{
    int used = -GAP;
    for (int rank = 1; rank <= TEXT_RANKS; rank++) {
        for (size_t i = 0; i < table->column_count; i++)
            used += table->columns[i].rank == rank ? widths[i] + GAP : 0;
        if (used > width && rank > 1)
            return rank - 1;
    }
    return TEXT_RANKS;
}

static void print_row(const struct text_table *table, char *const *cells,
                      const int widths[TEXT_COLUMNS_MAX], int rank, FILE *out)
{
    int pending = 0; /* spaces that are only written before something else */
    bool first = true;
    for (size_t i = 0; i < table->column_count; i++) {
        const struct text_column *column = &table->columns[i];
        const char *text = cells ? cells[i] : column->head;
        int space = widths[i] - width_of(text);
        if (column->rank > rank)
            continue;
        pending += (first ? 0 : GAP) + (column->left ? 0 : space);
        fprintf(out, "%*s%s", pending, "", text);
        pending = column->left ? space : 0;
        first = false;
    }
    fputc('\n', out);
}

void text_table_drop_empty(const struct text_table *table, struct text_column *columns)
{
    for (size_t i = 0; i < table->column_count; i++) {
        bool any = false;
        for (size_t row = 0; row < table->row_count; row++)
            any |= strcmp(table->cells[row * table->column_count + i], "-") != 0;
        if (!any)
            columns[i].rank = TEXT_NEVER;
    }
}

void text_table_print(struct text_table *table, FILE *out, int width)
{
    int widths[TEXT_COLUMNS_MAX];
    bool any = false;
    measure(table, widths);
    int rank = fitting_rank(table, widths, width);
    print_row(table, NULL, widths, rank, out);
    for (size_t row = 0; row < table->row_count; row++)
        print_row(table, table->cells + row * table->column_count, widths, rank, out);
    for (size_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].rank <= rank || table->columns[i].rank == TEXT_NEVER)
            continue;
        fprintf(out, "%s%s", any ? ", " : "(a wider terminal also shows: ", table->columns[i].head);
        any = true;
    }
    if (any)
        fprintf(out, ")\n");
    for (size_t i = 0; i < table->row_count * table->column_count; i++)
        free(table->cells[i]);
    free(table->cells);
    *table = (struct text_table){0};
}
