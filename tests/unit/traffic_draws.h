/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What tests of daemon/flow/traffic.c share: settings of an endpoint, and traffic that is drawn by
 * them. */
#ifndef FLOWRIG_UNIT_TRAFFIC_DRAWS_H
#define FLOWRIG_UNIT_TRAFFIC_DRAWS_H

#include "daemon/flow/traffic.h"

#include <string.h>

#include "unit.h"

static struct endpoint_settings settings;

static inline int set_up(void **state)
{
    (void)state;
    schema_defaults(&endpoint_settings_schema, &settings);
    settings.duration = NS_PER_SEC;
    return 0;
}

#if HAVE_GSL

/* Half of all values lie within 100 to 200, the others within 1000 to 3000. */
static char table_text[] = "100 0\n200 0.5\n1000 0.5\n3000 1\n";

static struct cdf table;

static inline struct traffic start(int64_t seed, int64_t flow, enum endpoint endpoint)
{
    struct traffic traffic;
    if (!table.count)
        assert_true(cdf_parse(table_text, strlen(table_text), "table", &table, NULL));
    assert_true(traffic_check(&settings, 1, NULL));
    traffic_init(&traffic, &settings, &table, seed, flow, endpoint);
    return traffic;
}

#endif

#define FRESH(test) cmocka_unit_test_setup(test, set_up)

#endif
