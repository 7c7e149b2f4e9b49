/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/summary_total.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"

void summary_unknown(const struct results_total *total, struct buffer *line)
{
    if (total->unknown && total->directions)
        buffer_printf(line, "; unknown for %zu direction%s", total->unknown,
                      total->unknown == 1 ? "" : "s");
    if (total->unknown)
        buffer_text(line, " (no final report)");
    if (total->until != METRIC_ABSENT)
        buffer_printf(line, "; %" PRId64 " B in rows until then", total->until);
}

static void put_total_rate(char text[32], double bits, bool megabytes)
{
    if (isnan(bits))
        snprintf(text, 32, "nan");
    else
        snprintf(text, 32, "%.6f", megabytes ? bits / 8 / (1 << 20) : bits / 1e6);
}

/* Goodput, its spread and its fairness; of flows that failed, what is known. */
static void put_goodputs(const struct results_total *total, bool megabytes, struct buffer *line)
{
    const char *unit = megabytes ? "MiB/s" : "Mbit/s";
    char goodput[32], low[32], middle[32], high[32];
    put_total_rate(goodput, total->goodput, megabytes);
    put_total_rate(low, total->minimum, megabytes);
    put_total_rate(middle, total->median, megabytes);
    put_total_rate(high, total->maximum, megabytes);
    if (total->directions)
        buffer_printf(line, "goodput = %s [%s] (%" PRId64 " B at the receivers)", goodput, unit,
                      total->bytes);
    else
        buffer_text(line, "goodput = unknown");
    summary_unknown(total, line);
    buffer_text(line, ", ");
    if (total->directions)
        buffer_printf(line, "flow = %s/%s/%s [%s] (min/median/max), fairness = %.6f (Jain), ", low,
                      middle, high, unit, total->fairness);
}

static void put_volumes(const struct results_total *total, struct buffer *line)
{
    if (!total->volumes)
        return;
    buffer_printf(line, "volumes = %zu/%zu (read/all)", total->volumes_read, total->volumes);
    if (total->volumes_read)
        buffer_printf(line, ", the last after %.6f [s]", (double)total->volume_time / NS_PER_SEC);
    buffer_text(line, ", ");
}

void summary_total(const struct summary *summary, bool megabytes, struct buffer *line)
{
    const struct results_total *total = &summary->total;
    char lost[96] = "retransmitted = nan [B]", error[48] = "", verdict[64] = "";
    bool datagrams = summary->datagrams_sent != METRIC_ABSENT;
    if (total->retransmitted != METRIC_ABSENT)
        snprintf(lost, sizeof lost, "retransmitted = %" PRId64 " [B]%s", total->retransmitted,
                 datagrams ? ", " : "");
    else if (datagrams)
        lost[0] = '\0';
    if (datagrams)
        snprintf(lost + strlen(lost), sizeof lost - strlen(lost),
                 "lost = %" PRId64 "/%" PRId64 " [#]", summary->datagrams_lost,
                 summary->datagrams_sent);
    if (total->stopped)
        snprintf(verdict, sizeof verdict, "stopped = %zu, ", total->stopped);
    if (total->empty)
        snprintf(verdict + strlen(verdict), sizeof verdict - strlen(verdict),
                 "without data = %zu, ", total->empty);
    if (summary->start_bound != CLOCK_NEVER)
        snprintf(error, sizeof error, " (clocks known to %.3f ms)",
                 (double)summary->start_bound / NS_PER_MS);
    buffer_printf(line, "total: flows = %zu, failed = %zu, %s", summary->count, total->failed,
                  verdict);
    put_volumes(total, line);
    put_goodputs(total, megabytes, line);
    buffer_printf(line, "%s, start skew = %.3f [ms]%s", lost,
                  (double)(total->last_start - total->first_start) / NS_PER_MS, error);
}
