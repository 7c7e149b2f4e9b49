/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows about hosts (--host-stats): from a daemon to the outputs. */
#include <inttypes.h>

#include "run/run_state.h"

bool run_take_host(struct run *run, size_t daemon, const struct report_row *row, struct fail *fail)
{
    const int64_t *key = row->report.key;
    const struct report_section *section = report_section(row, REPORT_SECTION_HOST);
    int64_t *next = &run->daemons[daemon].host_number;
    struct host_row host = {.host = daemon,
                            .number = key[REPORT_NUMBER],
                            .begin = key[REPORT_BEGIN],
                            .end = key[REPORT_END]};
    if (!run->options->output.host_stats)
        return fail_set(fail, 0, "it sent a row about its host, for which nobody asked");
    if (!section || !hoststat_row_read(section->data, section->length, &host.stats) ||
        host.number < 0 || host.number == INT64_MAX || !report_has_sane_time(&row->report))
        return fail_set(fail, 0, "row %" PRId64 " about its host is invalid", host.number);
    if (host.number < *next)
        return true; /* a log that is continued has it */
    *next = host.number + 1;
    sinks_host(&run->sinks, &host);
    return true;
}
