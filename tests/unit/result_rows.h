/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What tests of controller/results/results.c share: rows as daemons report them, taken by results.
 */
#ifndef FLOWRIG_UNIT_RESULT_ROWS_H
#define FLOWRIG_UNIT_RESULT_ROWS_H

#include "controller/results/results.c"

#include "mem.h"
#include "unit.h"

/* A row without values or sections. */
static inline struct report_row row_of(int64_t flow, int64_t end, enum report_kind kind,
                                       int64_t number)
{
    struct report_row row = {0};
    report_init(&row.report);
    row.report.key[REPORT_FLOW] = flow;
    row.report.key[REPORT_ENDPOINT] = end;
    row.report.key[REPORT_KIND] = kind;
    row.report.key[REPORT_NUMBER] = number;
    return row;
}

static inline void add_section(struct report_row *row, uint32_t type, const char *text)
{
    row->sections[row->section_count++] =
        (struct report_section){type, (uint32_t)strlen(text), text};
}

static inline struct endpoint_result *take(struct results *results, const struct report_row *row,
                                           int64_t delta[METRICS])
{
    struct fail fail = {0};
    struct endpoint_result *result = results_take(results, row, delta, &fail);
    if (!result)
        fail_msg("%s", fail.text);
    return result;
}

#endif
