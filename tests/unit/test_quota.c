/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/session/quota.c: what an endpoint will send, and what is refused. */
#include "daemon/session/quota.c"

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

/* A rate that is a mean is exceeded half of the time: no quota of rates allows it. */
static void rates_that_vary(void **state)
{
    (void)state;
    struct endpoint_settings ends[ENDPOINTS];
    set_defaults(ends);
    ends[SOURCE].rate = 1000;
    ends[SOURCE].request_size = dist_constant(100);
    ends[SOURCE].response_size = dist_constant(100);
    assert_int_equal(quota_rate(ends, SOURCE), 1000);
    assert_int_equal(quota_rate(ends, DESTINATION), 1000);
    ends[SOURCE].rate_spread = 10;
    assert_int_equal(quota_rate(ends, SOURCE), QUOTA_UNLIMITED);
    assert_int_equal(quota_rate(ends, DESTINATION), QUOTA_UNLIMITED);
    ends[SOURCE].rate_spread = 0;
    ends[SOURCE].request_size.kind = DIST_UNIFORM;
    ends[SOURCE].request_size.b = 200;
    assert_int_equal(quota_rate(ends, SOURCE), 1000);
    assert_int_equal(quota_rate(ends, DESTINATION), QUOTA_UNLIMITED);
}

/* Who does not send asks for no responses, whatever their size would be. */
static void no_responses_without_requests(void **state)
{
    (void)state;
    struct endpoint_settings ends[ENDPOINTS];
    set_defaults(ends);
    ends[DESTINATION].response_size = dist_constant(1000);
    ends[DESTINATION].rate = 1000;
    assert_int_equal(quota_rate(ends, SOURCE), QUOTA_UNLIMITED);
    ends[SOURCE].rate = 500;
    assert_int_equal(quota_rate(ends, SOURCE), 500);
    ends[SOURCE].response_size = dist_constant(1000);
    ends[SOURCE].duration = 0;
    assert_int_equal(quota_rate(ends, SOURCE), 0);
    assert_int_equal(quota_rate(ends, DESTINATION), 0);
}

static void check(const struct quotas *quotas, const struct endpoint_settings *ends,
                  enum endpoint which, const char *sentence)
{
    struct fail fail = {0};
    bool good = quota_check_settings(quotas, "alice", ends, which, &fail);
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
          "it would send as fast as possible, but the daemon allows 1000 bit/s "
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

/* Their own goes before that of each; the last one given counts. */
static void users(void **state)
{
    (void)state;
    struct endpoint_settings ends[ENDPOINTS];
    struct quotas quotas = {0};
    struct fail fail = {0};
    set_defaults(ends);
    assert_int_equal(quota_of_user(&quotas, "alice")->flows, 0);
    assert_true(quota_add_user(&quotas, "alice:flows=9", &fail));
    assert_true(quota_add_user(&quotas, "sessions=2,flows=10", &fail));
    assert_true(quota_add_user(&quotas, "alice:rate=1kbit,duration=10", &fail));
    assert_int_equal(quotas.user_count, 2);
    assert_int_equal(quota_of_user(&quotas, "alice")->flows, 0);
    assert_int_equal(quota_of_user(&quotas, "bob")->flows, 10);
    assert_int_equal(quota_of_user(&quotas, "bob")->sessions, 2);
    assert_int_equal(quota_of_user(&quotas, "alicf")->rate, 0);
    check(&quotas, ends, DESTINATION, NULL);
    check(&quotas, ends, SOURCE,
          "it would send as fast as possible, but the daemon allows user 'alice' 1000 bit/s "
          "(--user-quota): give it a rate (-R)");
    ends[SOURCE].rate = 1001;
    check(&quotas, ends, SOURCE,
          "it would send 1001 bit/s, but the daemon allows user 'alice' 1000 bit/s (--user-quota)");
    ends[SOURCE].rate = 1000;
    check(&quotas, ends, SOURCE, NULL);
    ends[SOURCE].duration++;
    check(&quotas, ends, SOURCE,
          "it would end after 10.000000001 s, but the daemon allows user 'alice' 10 s "
          "(--user-quota)");
}

static void no_quotas(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", "'' is not a quota: sessions=#, flows=#, rate=#.#, duration=#.#, reports=#, lease=#.#"},
        {"flows", "'flows' is not a quota: sessions=#, flows=#, rate=#.#, duration=#.#, reports=#, lease=#.#"},
        {"flows=1,", "'' is not a quota: sessions=#, flows=#, rate=#.#, duration=#.#, reports=#, lease=#.#"},
        {"memory=1", "'memory' is not a quota: sessions=#, flows=#, rate=#.#, duration=#.#, reports=#, lease=#.#"},
        {"flows=0", "flows: '0' would allow nothing"},
        {"flows=-1", "flows: '-1' would allow nothing"},
        {"flows=x", "flows: 'x' is not a whole number"},
        {":flows=1", "'' is not a user name"},
        {"a b:flows=1", "'a b' is not a user name"},
        {"a:b:flows=1",
         "'b:flows' is not a quota: sessions=#, flows=#, rate=#.#, duration=#.#, reports=#, lease=#.#"},
    };
    struct quotas quotas = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fail fail = {0};
        assert_false(quota_add_user(&quotas, cases[i][0], &fail));
        assert_string_equal(fail.text, cases[i][1]);
    }
    assert_int_equal(quotas.user_count, 0);
    struct fail fail = {0};
    for (int i = 0; i < USER_QUOTAS_MAX; i++) {
        char text[32];
        snprintf(text, sizeof text, "user%d:flows=1", i);
        assert_true(quota_add_user(&quotas, text, &fail));
    }
    assert_true(quota_add_user(&quotas, "user5:flows=2", &fail));
    assert_false(quota_add_user(&quotas, "flows=1", &fail));
    assert_string_equal(fail.text, "more than 128 user quotas");
}

/* What there is none of is 0, so that it is left out. */
static void described(void **state)
{
    (void)state;
    struct quotas quotas = {.flow_rate = 5};
    struct quotas_message message = {.max_flows = 7}, none = {.max_flow_rate = 5, .max_flows = 7};
    struct fail fail = {0};
    quota_describe(&quotas, "", &message);
    assert_memory_equal(&message, &none, sizeof message);
    assert_true(netlist_add(&quotas.allow, "10.0.0.0/8,::ffff:1.2.3.4,fd00::/8", &fail));
    assert_true(quota_add_user(&quotas, "sessions=2", &fail));
    quota_describe(&quotas, "bob", &message);
    assert_string_equal(message.allow_test, "10.0.0.0/8 1.2.3.4/32 fd00::/8");
    assert_string_equal(message.deny_test, "");
    assert_string_equal(message.user.name, "bob");
    assert_int_equal(message.user.sessions, 2);
    /* As many as there may be, each as long as it may be. */
    while (quotas.deny.count < NETWORKS_MAX)
        assert_true(netlist_add(&quotas.deny, "1111:2222:3333:4444:5555:6666:7777:8888", &fail));
    quota_describe(&quotas, "bob", &message);
    assert_int_equal(strlen(message.deny_test), NETWORKS_MAX * 44 - 1);
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
    assert_string_equal(fail.text, "the daemon does not allow tests with fd00::1 (--deny-test)");
    assert_int_equal(fail.code, FAULT_POLICY);
    assert_false(quota_check_own(&quotas, &none, DESTINATION, &fail));
    assert_non_null(strstr(fail.text, "it would listen on all addresses"));
    assert_false(quota_check_own(&quotas, &any, DESTINATION, &fail));
    assert_true(quota_check_own(&quotas, &none, SOURCE, &fail));

    quotas = (struct quotas){0};
    assert_true(netlist_add(&quotas.allow, "10.0.0.0/8", &fail));
    assert_false(quota_check_own(&quotas, &two, SOURCE, &fail));
    assert_string_equal(fail.text, "the daemon does not allow tests with fd00::1: it is not in "
                                   "--allow-test");
    two.count = 1;
    assert_true(quota_check_own(&quotas, &two, SOURCE, &fail));
    assert_true(netlist_add(&quotas.deny, "10.0.0.1", &fail)); /* goes before */
    assert_false(quota_check_own(&quotas, &two, SOURCE, &fail));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates),
        cmocka_unit_test(rates_that_vary),
        cmocka_unit_test(no_responses_without_requests),
        cmocka_unit_test(settings),
        cmocka_unit_test(users),
        cmocka_unit_test(no_quotas),
        cmocka_unit_test(described),
        cmocka_unit_test(addresses),
    };
    return cmocka_run_group_tests_name("quota", tests, NULL, NULL);
}
