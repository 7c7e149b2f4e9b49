/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What files of traces are made of (flowtrace(5)), for who writes and who reads them. A file begins
 * with a line of JSON, padded to TRACE_HEADER_SIZE; events of one size follow. */
#ifndef FLOWRIG_TRACEFORMAT_H
#define FLOWRIG_TRACEFORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "traceevent.h"

enum { TRACE_HEADER_SIZE = 8192, TRACE_VERSION = 1, TRACE_CA_STATES = 5, TRACE_TCP_STATES = 13 };

_Static_assert(sizeof(struct trace_event) == 64, "an event is compact, and has no holes");

struct trace_field {
    const char *name, *unit, *sentence;
    uint8_t at, width; /* bytes */
    double scale;
    int64_t none;   /* -1: none such */
    uint32_t kinds; /* a bit for each kind that has it */
};

extern const struct trace_field trace_fields[];
extern const size_t trace_fields_count;

/* Names by number; NULL at 0 of kinds and states of the connection, which begin with 1. */
extern const char *const trace_kind_names[TRACE_KINDS];
extern const char *const trace_ca_state_names[TRACE_CA_STATES];
extern const char *const trace_tcp_state_names[TRACE_TCP_STATES];

#endif
