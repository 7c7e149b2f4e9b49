/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/host_form.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "output/pg_put.h"

/* Shares are in ppm; everything else is a count, or bytes and says so. */
static bool is_share(enum hoststat stat)
{
    return hoststats[stat].kind == HOSTSTAT_KIND_SHARE;
}

void host_form_name(enum hoststat stat, char name[HOST_NAME_MAX_TEXT])
{
    const char *field = hoststats[stat].field;
    bool is_bytes = !strcmp(hoststats[stat].unit, "B") && !strstr(field, "bytes");
    snprintf(name, HOST_NAME_MAX_TEXT, "%s%s", field,
             is_share(stat) ? "_ratio"
             : is_bytes     ? "_bytes"
                            : "");
}

size_t host_form_value(enum hoststat stat, const struct hoststat_row *row,
                       char text[NUMBER_TEXT_MAX])
{
    text[0] = '\0';
    int64_t exact = INT64_C(1) << 53; /* what readers with doubles only can take */
    if (row->value[stat] == METRIC_ABSENT || row->value[stat] > exact)
        return 0;
    return number_format_fixed(text, row->value[stat], is_share(stat) ? 6 : 0);
}

void host_form_insert(const struct host_row *row, const char *run_id, struct buffer *sql)
{
    buffer_text(sql, "INSERT INTO hoststat(host, scope, object, seq, begin_ns, end_ns");
    for (int i = 0; i < HOSTSTATS; i++)
        if (row->stats.value[i] != METRIC_ABSENT)
            buffer_printf(sql, ", \"%s\"", hoststats[i].field);
    buffer_printf(sql, ") SELECT host.id, '%s', ", hoststat_scope_name(row->stats.scope));
    pg_put_literal(sql, *row->stats.object ? row->stats.object : NULL);
    buffer_printf(sql, ", %" PRId64 ", %" PRId64 ", %" PRId64, row->number, row->begin, row->end);
    for (int i = 0; i < HOSTSTATS; i++)
        if (row->stats.value[i] != METRIC_ABSENT)
            buffer_printf(sql, ", %" PRId64, row->stats.value[i]);
    buffer_printf(sql,
                  " FROM host JOIN run ON run.id = host.run WHERE run.uuid = '%s' AND "
                  "host.number = %zu; ",
                  run_id, row->host);
}
