/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is gathered of a run; only the run_about*.c files use it. */
#ifndef FLOWRIG_RUN_ABOUT_STATE_H
#define FLOWRIG_RUN_ABOUT_STATE_H

#include "output/run_about.h"
#include "results/results.h"

/* What a flow log says of a flow once it has ended. */
struct about_flow {
    struct endpoint_result ends[ENDPOINTS]; /* the final reports alone */
    char *limits[ENDPOINTS];                /* of the direction that the end sends, in words */
};

struct run_about {
    json_t *run, *hosts, *flows, *events, *ends, *end;
    struct about_flow *log_flows; /* by number, of a flow log */
    size_t log_flow_count;
};

/* The object of an end among about->ends; it is made where it is not there yet. */
json_t *about_end(struct run_about *about, int64_t flow, enum endpoint end);
/* A copy of the text; what is no UTF-8 in it is replaced. */
json_t *about_text(const char *text);
/* Makes the record that ends a run from what a flow log said. */
void run_about_sum_up(struct run_about *about);

#endif
