/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "metrics.h"

#include <string.h>

#include "mem.h"

const struct metric_info metrics[METRICS] = {
#define METRIC(field_, kind_, unit_, help_) {#field_, METRIC_KIND_##kind_, #unit_, help_},
#include "metrics.def"
};

const enum metric metric_counters[] = {
#define COUNTER_OF_COUNTER(field) METRIC_##field,
#define COUNTER_OF_GAUGE(field)
#define COUNTER_OF_FINAL(field)
#define COUNTER_OF_COUNT(field)
#define COUNTER_OF_MIN(field)
#define COUNTER_OF_MAX(field)
#define COUNTER_OF_SUM(field)
#define COUNTER_OF_PERCENTILE(field)
#define METRIC(field_, kind_, ...) COUNTER_OF_##kind_(field_)
#include "metrics.def"
};
const size_t metric_counters_count = COUNT(metric_counters);

const struct series_info series_list[SERIES] = {
#define PERCENTILES(field_, unit_, help_, label_) \
    {#field_, label_, METRIC_##field_##_count, METRIC_##field_##_p50},
#include "metrics.def"
};

const struct column columns[] = {
#define COLUMN(name_, head_, unit_, form_, metric_, places_, power_, side_, group_, help_) \
    {.name = #name_,                                                                       \
     .head = head_,                                                                        \
     .unit = unit_,                                                                        \
     .form = COLUMN_##form_,                                                               \
     .metric = METRIC_##metric_,                                                           \
     .places = places_,                                                                    \
     .power = power_,                                                                      \
     .side = COLUMN_SIDE_##side_,                                                          \
     .group = group_,                                                                      \
     .help = help_},
#include "metrics.def"
};
const size_t columns_count = COUNT(columns);

const char *metric_kind_name(enum metric_kind kind)
{
    static const char *const names[] = {
        [METRIC_KIND_COUNTER] = "counter", [METRIC_KIND_GAUGE] = "gauge",
        [METRIC_KIND_FINAL] = "final",     [METRIC_KIND_COUNT] = "count",
        [METRIC_KIND_MIN] = "min",         [METRIC_KIND_MAX] = "max",
        [METRIC_KIND_SUM] = "sum",         [METRIC_KIND_PERCENTILE] = "percentile",
    };
    return names[kind];
}

const struct column *column_find(const char *name, size_t length)
{
    for (size_t i = 0; i < columns_count; i++)
        if (strlen(columns[i].name) == length && !strncmp(columns[i].name, name, length))
            return &columns[i];
    return NULL;
}
