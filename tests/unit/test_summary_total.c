/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/output/summary_total.c: the line over all flows. */
#include "controller/output/summary_total.c"

#include <stdlib.h>

#include "unit.h"

static struct summary summary;
static struct buffer line;

static int set_up(void **state)
{
    (void)state;
    summary = (struct summary){.count = 3, .datagrams_sent = METRIC_ABSENT};
    summary.total = (struct results_total){.goodput = NAN,
                                           .minimum = NAN,
                                           .median = NAN,
                                           .maximum = NAN,
                                           .retransmitted = METRIC_ABSENT,
                                           .until = METRIC_ABSENT};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buffer_free(&line);
    return 0;
}

static const char *total(bool megabytes)
{
    line.length = 0;
    summary_total(&summary, megabytes, &line);
    buffer_add(&line, "", 1);
    return line.data;
}

static void has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("'%s' is not in '%s'", part, text);
}

static void goodput_has_its_spread(void **state)
{
    (void)state;
    summary.total.directions = 3;
    summary.total.bytes = 12345;
    summary.total.goodput = 6e6;
    summary.total.minimum = 1e6;
    summary.total.median = 2e6;
    summary.total.maximum = 3e6;
    summary.total.fairness = 0.857143;
    summary.total.retransmitted = 99;
    has(total(false), "goodput = 6.000000 [Mbit/s] (12345 B at the receivers), "
                      "flow = 1.000000/2.000000/3.000000 [Mbit/s] (min/median/max), "
                      "fairness = 0.857143 (Jain), ");
    has(total(false), "retransmitted = 99 [B]");
    summary.total.goodput = 8.0 * (1 << 20);
    has(total(true), "goodput = 1.000000 [MiB/s]");
}

static void what_is_unknown_is_said(void **state)
{
    (void)state;
    summary.total.unknown = 1;
    has(total(false), "goodput = unknown (no final report), ");
    summary.total.directions = 1;
    has(total(false), "; unknown for 1 direction (no final report), ");
    summary.total.unknown = 2;
    summary.total.until = 777;
    has(total(false), "; unknown for 2 directions (no final report); 777 B in rows until then, ");
    summary.total.unknown = 0;
    summary.total.until = METRIC_ABSENT;
    assert_null(strstr(total(false), "unknown"));
}

static void volumes_are_counted(void **state)
{
    (void)state;
    assert_null(strstr(total(false), "volumes"));
    summary.total.volumes = 3;
    has(total(false), "volumes = 0/3 (read/all), ");
    summary.total.volumes_read = 2;
    summary.total.volume_time = 1500 * NS_PER_MS;
    has(total(false), "volumes = 2/3 (read/all), the last after 1.500000 [s], ");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(goodput_has_its_spread),
        CASE(what_is_unknown_is_said),
        CASE(volumes_are_counted),
    };
    return cmocka_run_group_tests_name("summary_total", tests, NULL, NULL);
}
