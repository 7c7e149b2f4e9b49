/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests failures of one end of a flow: how a fault carries them. */
#include "failure.c"

#include "unit.h"

static void a_fault_carries_flow_and_endpoint(void **state)
{
    static const int64_t flows[] = {0, 7, 9999999};
    (void)state;
    for (size_t i = 0; i < sizeof flows / sizeof flows[0]; i++) {
        for (int end = 0; end < ENDPOINTS; end++) {
            struct fail fail;
            struct failure failure;
            fail_set(&fail, 3004, "there is no room: flow 1, source: of %d", 2);
            assert_false(failure_mark(&fail, flows[i], (enum endpoint)end));
            assert_true(failure_read(&fail, &failure));
            assert_int_equal(failure.flow, flows[i]);
            assert_int_equal(failure.endpoint, end);
            assert_int_equal(failure.code, 3004);
            assert_null(failure.host);
            assert_string_equal(failure.sentence, "there is no room: flow 1, source: of 2");
        }
    }
}

static void other_faults_are_of_no_flow(void **state)
{
    static const char *const texts[] = {
        "",
        "the session is over",
        "flow",
        "flow 1",
        "flow 1, source",
        "flow 1, source:",
        "flow 1, somewhere: it is not known",
        "flow -1, source: it is not known",
        "flow x, source: it is not known",
        "flow 99999999999999999999, source: it is not known",
        " and flow 1, source: it is not known",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct fail fail;
        struct failure failure;
        fail_set(&fail, 1, "%s", texts[i]);
        if (failure_read(&fail, &failure))
            fail_msg("'%s' is taken for a failure of flow %lld", texts[i], (long long)failure.flow);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fault_carries_flow_and_endpoint),
        cmocka_unit_test(other_faults_are_of_no_flow),
    };
    return cmocka_run_group_tests_name("failure", tests, NULL, NULL);
}
