/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "metric_unit.h"

#include <string.h>

#include "mem.h"

static const struct metric_unit units[] = {
    {"ns", "seconds", 9, 1},          {"us", "seconds", 6, 1},
    {"ms", "seconds", 3, 1},          {"B", "bytes", 0, 1},
    {"B/s", "bits_per_second", 0, 8}, {"ppm", "ratio", 6, 1},
    {"seg", "segments", 0, 1},        {"1", "", 0, 1},
};

const struct metric_unit *metric_unit(enum metric metric)
{
    for (size_t i = 0; i < COUNT(units); i++)
        if (!strcmp(units[i].from, metrics[metric].unit))
            return &units[i];
    return &units[COUNT(units) - 1];
}
