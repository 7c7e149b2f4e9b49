/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "exposed.h"

#include <stdio.h>
#include <string.h>

#include "metric_unit.h"

const struct exposed_metric exposed_metrics[EXPOSED_METRICS] = {
#define EXPOSED(field_, type_, name_) {METRIC_##field_, EXPOSITION_##type_, #name_},
#include "exposed.def"
};

struct exposed_unit exposed_unit(enum exposed index)
{
    const struct metric_unit *unit = metric_unit(exposed_metrics[index].metric);
    /* Prometheus' convention: bytes, not bits. */
    if (!strcmp(unit->from, "B/s"))
        return (struct exposed_unit){"bytes_per_second", 0};
    return (struct exposed_unit){unit->to, unit->places};
}

void exposed_family(struct exposition *page, enum exposed index)
{
    const struct exposed_metric *exposed = &exposed_metrics[index];
    const char *unit = exposed_unit(index).name;
    char name[EXPOSITION_NAME_MAX];
    snprintf(name, sizeof name, "flow_%s%s%s", exposed->name, *unit ? "_" : "", unit);
    exposition_family(page, exposed->type, name, unit, metrics[exposed->metric].help);
}
