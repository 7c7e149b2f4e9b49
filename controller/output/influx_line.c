/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/influx_line.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "output/hide.h"
#include "output/metric_form.h"

/* A backslash itself can't be escaped in a tag, and would escape what follows the value. */
static void put_title(struct buffer *out, const struct sink_run *run)
{
    char *title = hide_title(run);
    size_t length = title ? strlen(title) : 0;
    while (length && title[length - 1] == '\\')
        length--;
    if (length)
        buffer_text(out, ",title=");
    for (size_t i = 0; i < length; i++)
        buffer_printf(out, "%s%c", strchr(",= ", title[i]) ? "\\" : "", title[i]);
    buffer_add(out, "", 1);
    free(title);
}

void influx_lines_start(struct influx_lines *lines, const struct sink_run *run)
{
    *lines = (struct influx_lines){.run_id = run->run_id, .wall_start = run->wall_start};
    put_title(&lines->title, run);
}

void influx_lines_free(struct influx_lines *lines)
{
    buffer_free(&lines->title);
}

static void put_field(struct buffer *out, const struct metric_form *form, const char *text)
{
    bool word = form->type == METRIC_TYPE_WORD;
    buffer_text(out, ",");
    buffer_text(out, form->name);
    buffer_text(out, word ? "=\"" : "=");
    buffer_text(out, text);
    buffer_text(out, word ? "\"" : form->type == METRIC_TYPE_INTEGER ? "i" : "");
}

void influx_row(const struct influx_lines *lines, const struct report *report,
                const int64_t delta[METRICS], struct buffer *out)
{
    buffer_printf(out, "flowrig,run=%s%s,flow=%" PRId64 ",endpoint=%s seq=%" PRId64 "i",
                  lines->run_id, lines->title.data, report->key[REPORT_FLOW],
                  endpoint_name((enum endpoint)report->key[REPORT_ENDPOINT]),
                  report->key[REPORT_NUMBER]);
    for (int i = 0; i < METRICS; i++) {
        char text[CELL_MAX];
        if (metric_format((enum metric)i, delta, text))
            put_field(out, metric_form((enum metric)i), text);
    }
    buffer_printf(out, " %" PRId64 "\n", lines->wall_start + report->key[REPORT_END]);
}

static void put_integer(struct buffer *out, const char *name, int64_t value)
{
    if (value != METRIC_ABSENT)
        buffer_printf(out, ",%s=%" PRId64 "i", name, value);
}

static void put_direction(const struct summary_direction *direction, struct buffer *out)
{
    if (isfinite(direction->goodput))
        buffer_printf(out, ",goodput_bits_per_second=%.15g", direction->goodput);
    put_integer(out, "received_bytes", direction->bytes);
    put_integer(out, "sent_bytes", direction->sent);
    put_integer(out, "retransmitted_bytes", direction->retransmitted);
    put_integer(out, "datagrams_lost", direction->datagrams_lost);
    if (!direction->limits_known)
        return;
    buffer_printf(out, ",limited_by=\"%s\"", limits_list[direction->limits.most].name);
    for (int i = 0; i < LIMITS; i++)
        if (direction->limits.share[i] > 0)
            buffer_printf(out, ",limited_by_%s_ratio=%.6f", limits_list[i].name,
                          direction->limits.share[i]);
}

int64_t influx_summary(const struct influx_lines *lines, const struct summary *summary,
                       struct buffer *out)
{
    int64_t count = 0;
    for (size_t i = 0; i < ENDPOINTS * summary->count; i++) {
        const struct summary_direction *direction =
            &summary->flows[i / ENDPOINTS].directions[i % ENDPOINTS];
        if (!direction->exists)
            continue;
        count++;
        buffer_printf(out, "flowrig_flow,run=%s%s,flow=%zu,sender=%s complete=%s", lines->run_id,
                      lines->title.data, i / ENDPOINTS,
                      endpoint_name((enum endpoint)(i % ENDPOINTS)),
                      summary->status ? "false" : "true");
        put_direction(direction, out);
        buffer_printf(out, " %" PRId64 "\n", lines->wall_start);
    }
    return count;
}
