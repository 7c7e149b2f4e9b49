/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/quota.c: what an endpoint will send, and what is refused. */
#include "daemon/quota.c"

#include <string.h>

#include "unit.h"

static void set_defaults(struct endpoint_settings ends[ENDPOINTS])
{
    for (int end = 0; end < ENDPOINTS; end++)
        schema_defaults(&endpoint_settings_schema, &ends[end]);
    ends[SOURCE].duration = 10 * NS_PER_SEC;
}

static void rates(void **state)
{
    (void)state;
    struct endpoint_settings ends[ENDPOINTS];
    set_defaults(ends);
    assert_int_equal(quota_rate(ends, SOURCE), QUOTA_UNLIMITED);
    assert_int_equal(quota_rate(ends, DESTINATION), 0);
    ends[SOURCE].rate = 1000000;
    assert_int_equal(quota_rate(ends, SOURCE), 1000000);
    /* Responses that are ten times as large as their requests. */
    ends[SOURCE].request_size = dist_constant(100);
    ends[SOURCE].response_size = dist_constant(1000);
    assert_int_equal(quota_rate(ends, DESTINATION), 10000000);
    ends[DESTINATION].duration = NS_PER_SEC;
    ends[DESTINATION].rate = 5;
    assert_int_equal(quota_rate(ends, DESTINATION), 10000005);
    assert_int_equal(quota_rate(ends, SOURCE), 1000000);
    ends[DESTINATION].rate = 0;
    assert_int_equal(quota_rate(ends, DESTINATION), QUOTA_UNLIMITED);
    ends[SOURCE].rate = 0; /* and so are its responses */
    ends[DESTINATION].duration = 0;
    assert_int_equal(quota_rate(ends, DESTINATION), QUOTA_UNLIMITED);
    ends[SOURCE].rate = INT64_C(1000000000000000);
    ends[SOURCE].request_size = dist_constant(1);
    ends[SOURCE].response_size = dist_constant(1 << 30);
    assert_int_equal(quota_rate(ends, DESTINATION), QUOTA_UNLIMITED);
}

static void check(const struct quotas *quotas, const struct endpoint_settings *ends,
                  enum endpoint which, const char *sentence)
{
    struct fail fail = {0};
    bool good = quota_check_settings(quotas, ends, which, &fail);
    assert_int_equal(good, sentence == NULL);
    if (!good) {
        assert_string_equal(fail.text, sentence);
        assert_int_equal(fail.code, FAULT_POLICY);
    }
}

static void settings(void **state)
{
    (void)state;
    struct endpoint_settings ends[ENDPOINTS];
    struct quotas quotas = {0};
    set_defaults(ends);
    check(&quotas, ends, SOURCE, NULL);
    quotas.flow_rate = 1000;
    check(&quotas, ends, DESTINATION, NULL);
    check(&quotas, ends, SOURCE,
          "it would send as fast as it can, but the daemon allows 1000 bit/s "
          "(--max-flow-rate): give it a rate (-R)");
    ends[SOURCE].rate = 1000;
    check(&quotas, ends, SOURCE, NULL);
    ends[SOURCE].rate = 1001;
    check(&quotas, ends, SOURCE,
          "it would send 1001 bit/s, but the daemon allows 1000 bit/s (--max-flow-rate)");
    quotas = (struct quotas){.total_rate = 1000};
    check(&quotas, ends, SOURCE,
          "it would send 1001 bit/s, but the daemon allows 1000 bit/s (--max-total-rate)");
    quotas = (struct quotas){.duration = 10 * NS_PER_SEC};
    check(&quotas, ends, SOURCE, NULL);
    ends[SOURCE].delay = 1;
    check(&quotas, ends, SOURCE,
          "it would end after 10.000000001 s, but the daemon allows 10 s (--max-duration)");
}

static void addresses(void **state)
{
    (void)state;
    struct quotas quotas = {0};
    struct addresses none = {0}, two = {.count = 2}, any = {.count = 1};
    struct fail fail = {0};
    assert_true(address_parse("10.0.0.1", 80, &two.list[0]));
    assert_true(address_parse("fd00::1", 80, &two.list[1]));
    assert_true(address_parse("0.0.0.0", 0, &any.list[0]));
    assert_true(quota_check_own(&quotas, &none, DESTINATION, &fail));
    assert_true(quota_check_own(&quotas, &any, DESTINATION, &fail));
    assert_true(quota_check_peer(&quotas, &two, &fail));

    assert_true(netlist_add(&quotas.deny, "fd00::/16", &fail));
    assert_false(quota_check_peer(&quotas, &two, &fail)); /* one of them is enough */
    assert_string_equal(fail.text, "the daemon makes no tests with fd00::1 (--deny-test)");
    assert_int_equal(fail.code, FAULT_POLICY);
    assert_false(quota_check_own(&quotas, &none, DESTINATION, &fail));
    assert_non_null(strstr(fail.text, "it would listen at all addresses"));
    assert_false(quota_check_own(&quotas, &any, DESTINATION, &fail));
    assert_true(quota_check_own(&quotas, &none, SOURCE, &fail));

    quotas = (struct quotas){0};
    assert_true(netlist_add(&quotas.allow, "10.0.0.0/8", &fail));
    assert_false(quota_check_own(&quotas, &two, SOURCE, &fail));
    assert_string_equal(fail.text, "the daemon makes no tests with fd00::1: it is not among those "
                                   "of --allow-test");
    two.count = 1;
    assert_true(quota_check_own(&quotas, &two, SOURCE, &fail));
    assert_true(netlist_add(&quotas.deny, "10.0.0.1", &fail)); /* goes before */
    assert_false(quota_check_own(&quotas, &two, SOURCE, &fail));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates),
        cmocka_unit_test(settings),
        cmocka_unit_test(addresses),
    };
    return cmocka_run_group_tests_name("quota", tests, NULL, NULL);
}
