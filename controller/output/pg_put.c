/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/pg_put.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "printable.h"
#include "put.h"

/* A string as standard_conforming_strings has it, NULL for NULL. */
void pg_put_literal(struct buffer *sql, const char *text)
{
    char *copy = text ? mem_strdup(text) : NULL;
    if (copy)
        printable(copy);
    buffer_text(sql, copy ? "'" : "NULL");
    for (const char *at = copy; at && *at; at++)
        buffer_add(sql, *at == '\'' ? "''" : at, *at == '\'' ? 2 : 1);
    if (copy)
        buffer_text(sql, "'");
    free(copy);
}

void pg_put_hidden(struct buffer *sql, const struct hide *hide, const char *text)
{
    char *shown = text ? hide_text(hide, text) : NULL;
    pg_put_literal(sql, shown);
    free(shown);
}

void pg_put_integer(struct buffer *sql, int64_t value)
{
    if (value == METRIC_ABSENT)
        buffer_text(sql, "NULL");
    else
        buffer_printf(sql, "%" PRId64, value);
}

void pg_put_real(struct buffer *sql, double value)
{
    if (isfinite(value))
        buffer_printf(sql, "%.17g", value);
    else
        buffer_text(sql, "NULL");
}

void pg_put_endpoint(struct buffer *sql, size_t index)
{
    buffer_printf(sql, "%c%zu%c", PG_ENDPOINT_MARK, index, PG_ENDPOINT_MARK);
}

void pg_put_run_id(struct buffer *sql, const char *run)
{
    buffer_printf(sql, "(SELECT id FROM run WHERE uuid = '%s')", run);
}

static void put_field(struct buffer *rows, int64_t value)
{
    uint8_t *at = (uint8_t *)buffer_reserve(rows, 12);
    bool absent = value == METRIC_ABSENT || value == METRIC_INFINITE;
    at = put_be32(at, absent ? UINT32_MAX : 8);
    if (!absent)
        put_be64(at, (uint64_t)value);
    rows->length += absent ? 4 : 12;
}

void pg_put_row(struct buffer *rows, const struct report *report, const int64_t *values)
{
    uint16_t count = htobe16(PG_KEYS + METRICS);
    buffer_add(rows, &count, sizeof count);
    put_field(rows, ENDPOINTS * report->key[REPORT_FLOW] + report->key[REPORT_ENDPOINT]);
    put_field(rows, report->key[REPORT_NUMBER]);
    put_field(rows, report->key[REPORT_BEGIN]);
    put_field(rows, report->key[REPORT_END]);
    for (int i = 0; i < METRICS; i++)
        put_field(rows, values[i]);
}
