/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The figures of a running flow endpoint that flowd shows to Prometheus, from exposed.def. */
#ifndef FLOWRIG_EXPOSED_H
#define FLOWRIG_EXPOSED_H

#include "exposition.h"
#include "metrics.h"

/* EXPOSED_<field>: its place in a list of them. */
enum exposed {
#define EXPOSED(field, ...) EXPOSED_##field,
#include "exposed.def"
    EXPOSED_METRICS
};

struct exposed_metric {
    enum metric metric;
    enum exposition_type type;
    const char *name; /* without unit */
};

extern const struct exposed_metric exposed_metrics[EXPOSED_METRICS];

/* What its values are in. */
struct exposed_unit {
    const char *name;
    unsigned places; /* decimals, exact */
};
struct exposed_unit exposed_unit(enum exposed index);

/* Begins its family: flowrig_flow_<name>_<unit>. */
void exposed_family(struct exposition *page, enum exposed index);

#endif
