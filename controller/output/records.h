/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The records of a run as JSON, one object each, as contrib/schema/flowrig-1.schema.json has them.
 * Every function appends the object's text to `out`. */
#ifndef FLOWRIG_RECORDS_H
#define FLOWRIG_RECORDS_H

#include <jansson.h>

#include "info.h"
#include "output/hide.h"
#include "output/sink.h"

#define RECORDS_SCHEMA "flowrig/1"

/* What the records of a run have in common. */
struct records {
    const struct sink_run *run;
    struct hide *hide; /* NULL: nothing is hidden */
};

/* Append the records of the run, of a daemon's host and of a flow's settings. */
void record_run(const struct records *records, struct buffer *out);
void record_host(const struct records *records, size_t daemon, struct buffer *out);
void record_flow(const struct records *records, size_t flow, struct buffer *out);
/* A row, or a begin or final report with what is known of the connection. */
void record_interval(const struct records *records, const struct report *report,
                     const int64_t delta[METRICS], struct buffer *out);
void record_report(const struct records *records, const struct report *report,
                   const struct endpoint_result *result, struct buffer *out);
void record_host_row(const struct records *records, const struct host_row *row, struct buffer *out);
void record_note(const struct records *records, const struct note *note, struct buffer *out);
void record_histogram(const struct histogram_about *about, const struct histogram *histogram,
                      struct buffer *out);
/* One direction of a flow, as the last record has it: the caller owns it. */
json_t *record_direction(const struct summary_direction *direction, enum endpoint sender);
/* The last one; `summary` is NULL where the run was cut off. */
void record_end(const struct records *records, const struct summary *summary, struct buffer *out);

/* Lines about a connection, or words about a host, as an object: the caller owns it. */
json_t *record_info(const struct records *records, const char *text, info_reader *next);

enum { RECORD_TIME_MAX = 40 };
/* A wall clock instant, ns since 1970, as RFC 3339 has it, in UTC with nine decimals. */
void record_time(int64_t wall, char text[RECORD_TIME_MAX]);

#endif
