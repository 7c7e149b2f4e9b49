/* SPDX-License-Identifier: GPL-3.0-or-later */
/* InfluxDB's line protocol: one point for each row of an interval, and for each direction of a
 * flow when the run is over. Flow and endpoint are tags: points that share measurement, tags and
 * time replace one another. A title is a tag, too: it belongs to its run, so it makes no more
 * series. The type of a field never changes. */
#ifndef FLOWRIG_INFLUX_LINE_H
#define FLOWRIG_INFLUX_LINE_H

#include "output/sink.h"

/* What the lines of a run have in common. */
struct influx_lines {
    const char *run_id;
    int64_t wall_start;
    struct buffer title; /* its tag, or nothing */
};

/* Sets up what they have in common; frees it. */
void influx_lines_start(struct influx_lines *lines, const struct sink_run *run);
void influx_lines_free(struct influx_lines *lines);
/* Append lines. Counters of an interval are differences. */
void influx_row(const struct influx_lines *lines, const struct report *report,
                const int64_t delta[METRICS], struct buffer *out);
/* Returns how many lines. */
int64_t influx_summary(const struct influx_lines *lines, const struct summary *summary,
                       struct buffer *out);

#endif
