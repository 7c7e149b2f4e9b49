/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/flow/sampler.c: the blocks that are counted where none is seen. */
#include "daemon/flow/sampler.c"

#include "unit.h"

/* Every distribution that a caller can ask for, with the least parameters that it may have, and
 * with others. */
static const char *const sizes[] = {
    "C:1",        "C:8192",     "C:1073741824", "U:0:0",      "U:0.5:9",   "U:100:200",
    "E:1e-320",   "E:0.5",      "E:1e300",      "N:0:0",      "N:0.1:1",   "N:100:1e9",
    "L:1e-320:0", "L:0.5:1",    "L:1e300:1",    "P:1e-320:1", "P:0.5:0.5", "P:2:1e300",
    "W:0.5:0.5",  "W:1e-320:1", "W:1e300:2",    "F:0",        "F:7",       "F:1e300",
};

static struct flow stream_flow(enum endpoint sender, enum endpoint endpoint, const char *size)
{
    struct flow flow = {.endpoint = endpoint, .framing = &framing_stream};
    for (int i = 0; i < ENDPOINTS; i++)
        schema_defaults(&endpoint_settings_schema, &flow.ends[i]);
    schema_defaults(&flow_settings_schema, &flow.settings);
    flow.ends[sender].duration = NS_PER_SEC;
    flow.ends[sender].request_size = dist_constant(1000);
    if (!dist_parse(size, &flow.ends[1 - sender].request_size, NULL))
        fail_msg("%s", size);
    *(sender == endpoint ? &flow.tx : &flow.rx) =
        (struct direction){.active = true, .bytes = 3999, .tail_bytes = 1001};
    return flow;
}

/* The size of what an end would send that does not send is in force nowhere. */
static void the_silent_end_has_no_blocks(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        for (int sender = 0; sender < ENDPOINTS; sender++) {
            for (int endpoint = 0; endpoint < ENDPOINTS; endpoint++) {
                struct flow flow = stream_flow(sender, endpoint, sizes[i]);
                bool sends = sender == endpoint;
                int64_t value[METRICS] = {0};
                if (!settings_check(flow.ends, &flow.settings, NULL))
                    fail_msg("%s is refused", sizes[i]);
                set_counters(&flow, 0, value);
                assert_int_equal(value[METRIC_tx_requests], sends ? 3 : 0);
                assert_int_equal(value[METRIC_rx_requests], sends ? 0 : 3);
                set_tail(&flow, value);
                assert_int_equal(value[METRIC_tx_requests_tail], sends ? 2 : 0);
                assert_int_equal(value[METRIC_rx_requests_tail], sends ? 0 : 2);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_silent_end_has_no_blocks)};
    return cmocka_run_group_tests_name("sampler", tests, NULL, NULL);
}
