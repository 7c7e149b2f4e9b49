/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/metric_form.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "mem.h"
#include "metric_unit.h"
#include "number.h"

/* The largest integer up to which a double holds every one. */
#define EXACT_MAX (INT64_C(1) << 53)

/* The column that shows the metric in words, or NULL. */
static const struct column *find_words(enum metric metric)
{
    for (size_t i = 0; i < columns_count; i++)
        if (columns[i].metric == metric &&
            (columns[i].form == COLUMN_CA_STATE || columns[i].form == COLUMN_TCP_STATE ||
             columns[i].form == COLUMN_STATUS || columns[i].form == COLUMN_OPTIONS))
            return &columns[i];
    return NULL;
}

static void fill(struct metric_form *form, enum metric metric)
{
    const struct metric_unit *unit = metric_unit(metric);
    bool said = !*unit->to || strstr(metrics[metric].field, unit->to);
    snprintf(form->name, sizeof form->name, "%s%s%s", metrics[metric].field, said ? "" : "_",
             said ? "" : unit->to);
    form->unit = unit->to;
    form->places = unit->places;
    form->multiplier = unit->multiplier;
    form->column = find_words(metric);
    form->type = form->column   ? METRIC_TYPE_WORD
                 : form->places ? METRIC_TYPE_REAL
                                : METRIC_TYPE_INTEGER;
}

const struct metric_form *metric_form(enum metric metric)
{
    static struct metric_form forms[METRICS];
    if (!forms[metric].name[0])
        fill(&forms[metric], metric);
    return &forms[metric];
}

size_t metric_format(enum metric metric, const int64_t values[METRICS], char text[CELL_MAX])
{
    static const struct cell_style style = {0};
    const struct metric_form *form = metric_form(metric);
    int64_t value = values[metric];
    text[0] = '\0';
    if (value == METRIC_ABSENT || value == METRIC_INFINITE)
        return 0;
    if (form->type == METRIC_TYPE_WORD)
        return cell_format(form->column, values, 0, &style, text);
    if (__builtin_mul_overflow(value, form->multiplier, &value) ||
        (!form->places && (value > EXACT_MAX || value < -EXACT_MAX)))
        return 0;
    return number_format_fixed(text, value, form->places);
}

int64_t metric_bit_rate(int64_t bytes, int64_t elapsed)
{
    if (bytes == METRIC_ABSENT || elapsed <= 0)
        return METRIC_ABSENT;
    return number_scale(bytes, 8 * NS_PER_SEC, elapsed);
}
