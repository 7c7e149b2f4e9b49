/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/plan/plan.c: defaults, which daemons a plan has, its checks, and how it is told.
 */
#include "controller/plan/plan.c"

#include "mem.h"
#include "unit.h"

static void put_at(struct plan *plan, size_t flow, enum endpoint end, const char *host,
                   const char *control, uint16_t port)
{
    struct plan_place *place = &plan->flows[flow].at[end];
    *place = (struct plan_place){.port = port};
    snprintf(place->host, sizeof place->host, "%s", host);
    snprintf(place->control, sizeof place->control, "%s", control);
}

/* What plan_print() writes; free() it. */
static char *printed(const struct plan *plan)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    plan_print(plan, out);
    fclose(out);
    return text;
}

static void new_plans_have_the_defaults(void **state)
{
    (void)state;
    struct plan *plan = plan_new(3);
    assert_int_equal(plan->count, 3);
    assert_int_equal(plan->daemon_count, 0);
    assert_false(plan->hosts_named);
    for (size_t i = 0; i < 3; i++) {
        const struct plan_flow *flow = &plan->flows[i];
        for (int end = 0; end < ENDPOINTS; end++) {
            assert_string_equal(flow->at[end].host, "localhost");
            assert_string_equal(flow->at[end].control, "localhost");
            assert_int_equal(flow->at[end].port, 5999);
            assert_true(flow->ends[end].request_size.a == 8192);
        }
        assert_int_equal(flow->ends[SOURCE].duration, INT64_C(10000000000));
        assert_int_equal(flow->ends[DESTINATION].duration, 0);
        assert_int_equal(flow->settings.interval, 50000000);
        assert_int_equal(flow->settings.drain, INT64_C(5000000000));
    }
    plan_free(plan);
    plan_free(NULL);
}

/* ---- daemons */

static void endpoints_with_one_control_address_share_a_daemon(void **state)
{
    (void)state;
    struct plan *plan = plan_new(4);
    put_at(plan, 0, SOURCE, "10.0.0.1", "ctl-a", 5999);
    put_at(plan, 0, DESTINATION, "10.0.0.2", "ctl-b", 5999);
    put_at(plan, 1, SOURCE, "10.0.9.1", "CTL-A", 5999); /* names know no case */
    put_at(plan, 1, DESTINATION, "10.0.0.1", "ctl-a", 6000);
    put_at(plan, 2, SOURCE, "ctl-a", "ctl-ab", 5999);
    put_at(plan, 2, DESTINATION, "ctl-b", "ctl-b", 5999);
    put_at(plan, 3, SOURCE, "x", "ctl-", 5999);
    put_at(plan, 3, DESTINATION, "x", "ctl-a", 5999);
    static const size_t expected[4][ENDPOINTS] = {{0, 1}, {0, 2}, {3, 1}, {4, 0}};
    static const struct {
        const char *host;
        uint16_t port;
        size_t endpoints;
    } daemons[] = {
        {"ctl-a", 5999, 3},  {"ctl-b", 5999, 2}, {"ctl-a", 6000, 1},
        {"ctl-ab", 5999, 1}, {"ctl-", 5999, 1},
    };
    /* Twice: a plan can be grouped again. */
    for (int round = 0; round < 2; round++) {
        plan_group(plan);
        assert_int_equal(plan->daemon_count, COUNT(daemons));
        for (size_t i = 0; i < COUNT(daemons); i++) {
            assert_string_equal(plan->daemons[i].host, daemons[i].host);
            assert_int_equal(plan->daemons[i].port, daemons[i].port);
            assert_int_equal(plan->daemons[i].endpoints, daemons[i].endpoints);
        }
        for (size_t i = 0; i < 4; i++)
            for (int end = 0; end < ENDPOINTS; end++)
                assert_int_equal(plan->flows[i].at[end].daemon, expected[i][end]);
    }
    plan_free(plan);
}

static void the_test_address_does_not_make_a_daemon(void **state)
{
    (void)state;
    struct plan *plan = plan_new(1);
    put_at(plan, 0, SOURCE, "10.0.0.1", "here", 5999);
    put_at(plan, 0, DESTINATION, "10.0.0.2", "here", 5999);
    plan_group(plan);
    assert_int_equal(plan->daemon_count, 1);
    assert_int_equal(plan->daemons[0].endpoints, 2);
    plan_free(plan);
}

/* Against the definition: two endpoints share a daemon exactly if host and port are the same. */
static void random_plans_are_grouped(void **state)
{
    static const char *const names[2][4] = {{"a", "ab", "b.c", "::1"}, {"A", "aB", "B.c", "::1"}};
    (void)state;
    for (int round = 0; round < 200; round++) {
        size_t count = 1 + random_below(20), sum = 0;
        struct plan *plan = plan_new(count);
        int which[20][ENDPOINTS];
        for (size_t i = 0; i < count; i++)
            for (int end = 0; end < ENDPOINTS; end++) {
                int name = (int)random_below(4), port = (int)random_below(3);
                which[i][end] = 3 * name + port;
                put_at(plan, i, end, "h", names[random_below(2)][name], (uint16_t)(7000 + port));
            }
        plan_group(plan);
        for (size_t i = 0; i < 2 * count; i++)
            for (size_t k = 0; k < 2 * count; k++)
                assert_int_equal(plan->flows[i / 2].at[i % 2].daemon ==
                                     plan->flows[k / 2].at[k % 2].daemon,
                                 which[i / 2][i % 2] == which[k / 2][k % 2]);
        for (size_t i = 0; i < plan->daemon_count; i++) {
            assert_true(plan->daemons[i].endpoints > 0);
            sum += plan->daemons[i].endpoints;
        }
        assert_int_equal(sum, 2 * count);
        plan_free(plan);
    }
}

static void daemons_are_written_with_their_port(void **state)
{
    static const struct {
        const char *host;
        uint16_t port;
        const char *text;
    } cases[] = {
        {"localhost", 5999, "localhost:5999"},
        {"10.0.0.1", 1, "10.0.0.1:1"},
        {"::1", 65535, "[::1]:65535"},
        {"fe80::1%eth0", 5999, "[fe80::1%eth0]:5999"},
    };
    char text[PROTOCOL_HOST_MAX + 16];
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct plan_daemon daemon = {.port = cases[i].port};
        snprintf(daemon.host, sizeof daemon.host, "%s", cases[i].host);
        plan_daemon_text(&daemon, text);
        assert_string_equal(text, cases[i].text);
    }
}

/* The longest host that there can be still has its brackets and port. */
static void long_names_of_daemons_fit(void **state)
{
    (void)state;
    char text[PROTOCOL_HOST_MAX + 16];
    struct plan_daemon daemon = {.port = 65535};
    memset(daemon.host, 'x', sizeof daemon.host - 1);
    daemon.host[1] = ':';
    plan_daemon_text(&daemon, text);
    assert_int_equal(strlen(text), PROTOCOL_HOST_MAX - 1 + strlen("[]:65535"));
    assert_string_equal(text + PROTOCOL_HOST_MAX - 1, "x]:65535");
}

/* ---- checks and times */

static void checks_name_the_flow(void **state)
{
    (void)state;
    struct fail fail = {0};
    struct plan *plan = plan_new(3);
    assert_true(plan_check(plan, &fail));
    assert_string_equal(fail.text, "");
    plan->flows[2].ends[SOURCE].duration = 0;
    assert_false(plan_check(plan, &fail));
    assert_string_equal(fail.text, "flow 2: neither endpoint sends: give one a duration above 0 "
                                   "with -T");
    plan->flows[1].ends[DESTINATION].delay = 1;
    assert_false(plan_check(plan, &fail));
    assert_string_equal(fail.text, "flow 1: the destination has a delay (-Y) but no duration (-T)");
    assert_false(plan_check(plan, NULL));
    plan_free(plan);
}

static void the_end_is_that_of_the_last_flow(void **state)
{
    (void)state;
    struct plan *plan = plan_new(3);
    assert_int_equal(plan_end(plan), INT64_C(10000000000));
    plan->flows[0].ends[SOURCE].duration = 3 * NS_PER_SEC;
    plan->flows[2].ends[SOURCE].duration = 4 * NS_PER_SEC;
    plan->flows[1].ends[SOURCE].delay = 500 * NS_PER_MS;
    assert_int_equal(plan_end(plan), INT64_C(10500000000));
    plan->flows[0].ends[DESTINATION].duration = 2 * NS_PER_SEC;
    plan->flows[0].ends[DESTINATION].delay = 9 * NS_PER_SEC;
    assert_int_equal(plan_end(plan), INT64_C(11000000000));
    for (int i = 0; i < 3; i++)
        plan->flows[i].ends[SOURCE].duration = plan->flows[i].ends[DESTINATION].duration = 0;
    assert_int_equal(plan_end(plan), 0);
    plan_free(plan);
}

/* ---- in words */

/* Every setting of settings.def once, in its order, behind the place of its endpoint. */
static void flows_are_described_with_all_settings(void **state)
{
    static const char *const known[] = {
        "s.host=localhost s.daemon=localhost:5999 s.duration=10s ",
        " s.delay=0s ",
        " s.request_size=8192B s.fit_mtu=0 ",
        " s.congestion_control=- ",
        " d.host=localhost d.daemon=localhost:5999 d.duration=0s ",
        " d.rate=0bit/s ",
        " d.nodelay=0 ",
        " interval=0.05s ",
        " framing=auto ",
        " drain=5s ",
    };
    (void)state;
    struct plan *plan = plan_new(1);
    plan_group(plan);
    char *line = plan_describe_flow(plan, 0, true);
    const char *at = line;
    for (size_t i = 0; i < COUNT(known); i++)
        if (!strstr(line, known[i]))
            fail_msg("'%s' is not there", known[i]);
    for (size_t i = 0; i < 3 * settings_count; i++) {
        static const char *const prefixes[] = {" s.", " d.", " "};
        const struct setting *setting = &settings_list[i % settings_count];
        size_t part = i / settings_count; /* source, destination, flow */
        if ((setting->scope == SCOPE_FLOW) != (part == 2))
            continue;
        char *word = mem_printf("%s%s=", prefixes[part], setting->field);
        at = strstr(at, word);
        if (!at || strstr(at + 1, word))
            fail_msg("'%s' is not there once, in its place", word);
        free(word);
    }
    const char *mode = strstr(at, " mode=");
    assert_non_null(mode);
    assert_string_equal(mode, " mode=stream");
    free(line);
    plan_free(plan);
}

static void flows_are_described_without_defaults(void **state)
{
    (void)state;
    struct plan *plan = plan_new(2);
    struct plan_flow *flow = &plan->flows[1];
    put_at(plan, 1, SOURCE, "10.0.0.1", "ctl", 6001);
    put_at(plan, 1, DESTINATION, "fd00::2", "fd00::2", 5999);
    flow->ends[SOURCE].rate = 1000000;
    snprintf(flow->ends[DESTINATION].congestion_control, SETTINGS_NAME_MAX, "reno");
    flow->ends[DESTINATION].nodelay = 1;
    flow->settings.late_connect = 1;
    plan_group(plan);
    char *line = plan_describe_flow(plan, 1, false);
    assert_string_equal(line, "s.host=10.0.0.1 s.daemon=ctl:6001 s.duration=10s "
                              "s.rate=1000000bit/s "
                              "d.host=fd00::2 d.daemon=[fd00::2]:5999 d.congestion_control=reno "
                              "d.nodelay=1 late_connect=1 mode=message");
    free(line);
    line = plan_describe_flow(plan, 0, false);
    assert_string_equal(line, "s.host=localhost s.daemon=localhost:5999 s.duration=10s "
                              "d.host=localhost d.daemon=localhost:5999 mode=stream");
    free(line);
    plan_free(plan);
}

static void plans_are_printed(void **state)
{
    (void)state;
    struct plan *plan = plan_new(2);
    put_at(plan, 1, DESTINATION, "10.0.0.9", "10.0.0.9", 7000);
    plan_group(plan);
    char *text = printed(plan), *lines[2], *expected;
    for (size_t i = 0; i < 2; i++)
        lines[i] = plan_describe_flow(plan, i, true);
    expected = mem_printf("flows: 2\ndaemon localhost:5999: 3 endpoints\n"
                          "daemon 10.0.0.9:7000: 1 endpoints\nflow 0: %s\nflow 1: %s\n",
                          lines[0], lines[1]);
    assert_int_equal(strcmp(text, expected), 0); /* too long for cmocka to show */
    free(expected);
    free(lines[0]);
    free(lines[1]);
    free(text);
    plan_free(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_plans_have_the_defaults),
        cmocka_unit_test(endpoints_with_one_control_address_share_a_daemon),
        cmocka_unit_test(the_test_address_does_not_make_a_daemon),
        cmocka_unit_test(random_plans_are_grouped),
        cmocka_unit_test(daemons_are_written_with_their_port),
        cmocka_unit_test(long_names_of_daemons_fit),
        cmocka_unit_test(checks_name_the_flow),
        cmocka_unit_test(the_end_is_that_of_the_last_flow),
        cmocka_unit_test(flows_are_described_with_all_settings),
        cmocka_unit_test(flows_are_described_without_defaults),
        cmocka_unit_test(plans_are_printed),
    };
    seed_random();
    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
