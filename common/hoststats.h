/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Figures of a host over an interval (hoststats.def), and their form on the wire: the text of a
 * section of a report that belongs to no flow, "scope object" and "field=value" in lines. */
#ifndef FLOWRIG_HOSTSTATS_H
#define FLOWRIG_HOSTSTATS_H

#include <stdbool.h>

#include "mem.h"
#include "metrics.h"

/* HOSTSTAT_<field>: the slot of a figure. */
enum hoststat {
#define HOSTSTAT(field, ...) HOSTSTAT_##field,
#include "hoststats.def"
    HOSTSTATS
};

enum hoststat_scope { HOSTSTAT_SCOPE_HOST, HOSTSTAT_SCOPE_INTERFACE, HOSTSTAT_SCOPE_QDISC };
enum { HOSTSTAT_SCOPES = HOSTSTAT_SCOPE_QDISC + 1 };
enum hoststat_kind { HOSTSTAT_KIND_SHARE, HOSTSTAT_KIND_COUNTER, HOSTSTAT_KIND_GAUGE };

struct hoststat_info {
    const char *field;
    enum hoststat_scope scope;
    enum hoststat_kind kind;
    const char *unit;   /* "ppm", "B", "1" */
    const char *source; /* "Tcp RetransSegs", or "" */
    const char *help;
};

extern const struct hoststat_info hoststats[HOSTSTATS];

/* "host", "interface", "qdisc". */
const char *hoststat_scope_name(enum hoststat_scope scope);

/* Between two rows, ns: what reading the counters costs stays far below a percent of a CPU. */
#define HOSTSTAT_INTERVAL_MIN INT64_C(100000000)

enum { HOSTSTAT_OBJECT_MAX = 64 };

/* What was measured of the host, of one of its interfaces or of a queueing discipline. */
struct hoststat_row {
    enum hoststat_scope scope;
    char object[HOSTSTAT_OBJECT_MAX]; /* "" of the host, "eth0", "eth0/fq/root" */
    int64_t value[HOSTSTATS];         /* METRIC_ABSENT where there is none */
};

/* A row without values. */
void hoststat_row_init(struct hoststat_row *row, enum hoststat_scope scope, const char *object);
/* Appends the text of a row. */
void hoststat_row_put(const struct hoststat_row *row, struct buffer *out);
/* Reads such a text; fields that are not known are skipped. Returns false where it is none. */
bool hoststat_row_read(const char *text, size_t length, struct hoststat_row *row);

#endif
