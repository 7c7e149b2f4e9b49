/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The units of metrics.def, and those that files and metrics for other programs have instead. */
#ifndef FLOWRIG_METRIC_UNIT_H
#define FLOWRIG_METRIC_UNIT_H

#include <stdint.h>

#include "metrics.h"

struct metric_unit {
    const char *from; /* of metrics.def */
    const char *to;   /* "" where it has none */
    unsigned places;  /* decimals of a value in `to` that loses nothing */
    int64_t multiplier;
};

/* The unit of a metric. */
const struct metric_unit *metric_unit(enum metric metric);

#endif
