/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/run/options.c with controller/plan/assign.c: which endpoints of which flows each
 * setting is for. */
#include "controller/run/options.c"

#include "options_line.h"

/* The defaults of the endpoints, in words. */
#define HOSTS_S "s.host=localhost s.daemon=localhost:5999 s.duration=10s "
#define HOSTS_D "d.host=localhost d.daemon=localhost:5999 "

enum { ROUNDS = 5000 };

static void settings_are_for_an_endpoint(void **state)
{
    static const struct {
        const char *line, *flow;
    } cases[] = {
        {"-T s=3", "s.host=localhost s.daemon=localhost:5999 s.duration=3s " HOSTS_D "mode=stream"},
        {"-T d=2.5", HOSTS_S HOSTS_D "d.duration=2.5s mode=stream"},
        {"-T b=1", "s.host=localhost s.daemon=localhost:5999 s.duration=1s " HOSTS_D
                   "d.duration=1s mode=stream"},
        {"--duration=s=0,d=1",
         "s.host=localhost s.daemon=localhost:5999 " HOSTS_D "d.duration=1s mode=stream"},
        {"-Y s=20ms", HOSTS_S "s.delay=0.02s " HOSTS_D "mode=stream"},
        {"-S s=64k", HOSTS_S "s.request_size=65536B " HOSTS_D "mode=stream"},
        {"-A s", HOSTS_S "s.response_size=40B " HOSTS_D "mode=message"},
        {"--ask-response=b",
         HOSTS_S "s.response_size=40B " HOSTS_D "d.response_size=40B mode=message"},
        {"-A s,d", HOSTS_S "s.response_size=40B " HOSTS_D "d.response_size=40B mode=message"},
        {"-R s=10Mbit", HOSTS_S "s.rate=10000000bit/s " HOSTS_D "mode=message"},
        {"-B s=1M,d=2M",
         HOSTS_S "s.send_buffer=1048576B " HOSTS_D "d.send_buffer=2097152B mode=stream"},
        {"-W b=4096",
         HOSTS_S "s.receive_buffer=4096B " HOSTS_D "d.receive_buffer=4096B mode=stream"},
        {"-O s=TCP_CONGESTION=reno", HOSTS_S "s.congestion_control=reno " HOSTS_D "mode=stream"},
        {"-O d=TCP_NODELAY", HOSTS_S HOSTS_D "d.nodelay=1 mode=stream"},
        {"-O b=TCP_CONGESTION=x,s=TCP_NODELAY", HOSTS_S
         "s.congestion_control=x s.nodelay=1 " HOSTS_D "d.congestion_control=x mode=stream"},
        {"--socket-option=s=TCP_NODELAY", HOSTS_S "s.nodelay=1 " HOSTS_D "mode=stream"},
        /* A cap without an endpoint is for both; with one, it is not. */
        {"-U 32k", HOSTS_S "s.block_cap=32768B " HOSTS_D "d.block_cap=32768B mode=stream"},
        {"-U d=9000", HOSTS_S HOSTS_D "d.block_cap=9000B mode=stream"},
        {"-i 0.1", HOSTS_S HOSTS_D "interval=0.1s mode=stream"},
        {"-Q -L -N", HOSTS_S HOSTS_D "summarize_only=1 late_connect=1 shutdown=1 mode=stream"},
        {"--framing=message", HOSTS_S HOSTS_D "framing=message mode=message"},
        {"--drain=0", HOSTS_S HOSTS_D "drain=0s mode=stream"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check_flow(cases[i].line, 0, cases[i].flow);
}

static void hosts(void **state)
{
    static const struct {
        const char *given, *host, *control;
        uint16_t port;
    } cases[] = {
        {"10.0.0.1", "10.0.0.1", "10.0.0.1", 5999},
        {"host1:6001", "host1", "host1", 6001},
        {"10.0.0.1/ctl", "10.0.0.1", "ctl", 5999},
        {"10.0.0.1/ctl:1", "10.0.0.1", "ctl", 1},
        {"fd00::1", "fd00::1", "fd00::1", 5999},
        {"[fd00::1]:65535", "fd00::1", "fd00::1", 65535},
        {"fd00::1/[fd00::2]:7000", "fd00::1", "fd00::2", 7000},
        {"[fd00::1]/10.0.0.1", "fd00::1", "10.0.0.1", 5999},
        {"10.0.0.1/fd00::2", "10.0.0.1", "fd00::2", 5999},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char line[128];
        snprintf(line, sizeof line, "-H s=%s,d=peer", cases[i].given);
        struct run_options options = good(line);
        const struct plan_place *place = &options.plan->flows[0].at[SOURCE];
        assert_string_equal(place->host, cases[i].host);
        assert_string_equal(place->control, cases[i].control);
        assert_int_equal(place->port, cases[i].port);
        assert_string_equal(options.plan->flows[0].at[DESTINATION].host, "peer");
        assert_true(options.plan->hosts_named);
        assert_int_equal(options.plan->daemon_count, 2);
        options_free(&options);
    }
}

static void options_are_for_the_flows_selected(void **state)
{
    static const char line[] = "-n 4 -T s=1 -F 1,3 -T s=2 -R s=8 -F 2 -T s=3 -F -1 -Y s=4 -F 0-0 "
                               "-S s=64";
    (void)state;
    check_flow(line, 0,
               "s.host=localhost s.daemon=localhost:5999 s.duration=1s s.delay=4s "
               "s.request_size=64B " HOSTS_D "mode=stream");
    check_flow(line, 1,
               "s.host=localhost s.daemon=localhost:5999 s.duration=2s s.delay=4s "
               "s.rate=8bit/s " HOSTS_D "mode=message");
    check_flow(line, 2,
               "s.host=localhost s.daemon=localhost:5999 s.duration=3s s.delay=4s " HOSTS_D
               "mode=stream");
    check_flow(line, 3,
               "s.host=localhost s.daemon=localhost:5999 s.duration=2s s.delay=4s "
               "s.rate=8bit/s " HOSTS_D "mode=message");
    check_flow("-n 6 -F 0,2-4 -T s=5", 4,
               "s.host=localhost s.daemon=localhost:5999 s.duration=5s " HOSTS_D "mode=stream");
    check_flow("-n 6 -F 0,2-4 -T s=5", 5,
               "s.host=localhost s.daemon=localhost:5999 s.duration=10s " HOSTS_D "mode=stream");
    check_flow("-n 2 -F 1 -Q -i 2", 0,
               "s.host=localhost s.daemon=localhost:5999 s.duration=10s " HOSTS_D
               "interval=2s summarize_only=1 mode=stream");
    /* -1 among others is all, too. */
    check_flow("-n 3 -F -1,1 -T s=5", 2,
               "s.host=localhost s.daemon=localhost:5999 s.duration=5s " HOSTS_D "mode=stream");
    check_flow("-n 2 -F 1,-1 -T s=5", 0,
               "s.host=localhost s.daemon=localhost:5999 s.duration=5s " HOSTS_D "mode=stream");
}

/* What is said of single flows goes before what is said of all, wherever it stands; and -n may
 * come last. */
static void the_order_of_options_does_not_matter(void **state)
{
    static const char *const lines[] = {
        "-n 2 -T s=1 -F 1 -T s=2 -O s=TCP_NODELAY",
        "-F 1 -T s=2 -O s=TCP_NODELAY -F -1 -T s=1 -n 2",
        "-F 1 -O s=TCP_NODELAY -F -1 -T s=1 -F 1 -T s=2 --flows=2",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        check_flow(lines[i], 0,
                   "s.host=localhost s.daemon=localhost:5999 s.duration=1s " HOSTS_D "mode=stream");
        check_flow(lines[i], 1,
                   "s.host=localhost s.daemon=localhost:5999 s.duration=2s "
                   "s.nodelay=1 " HOSTS_D "mode=stream");
    }
}

static void saying_the_same_twice_is_good(void **state)
{
    static const char *const lines[] = {
        "-T s=1 -T s=1",
        "-T s=1 -T s=1000ms",
        "-T s=1 -T b=1",
        "-T s=1,s=1",
        "-H s=a -H s=a",
        "-H s=a -H s=a/a:5999",
        "-L -L",
        "-i 0.1 -i 100ms",
        "-O s=TCP_NODELAY -O s=TCP_NODELAY",
        "-O s=TCP_CONGESTION=reno,s=TCP_CONGESTION=reno",
        "-T s=1 -T d=2",
        "-n 2 -F 0 -T s=1 -F 1 -T s=2",
        "-n 2 -F 0 -i 1 -F 1 -i 1000ms",
        "-n 3 -F 0,1 -T s=1 -F 2 -T s=2",
        "-T s=1 -Y s=2",
        "-S s=8192 -S s=8k",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct run_options options = good(lines[i]);
        options_free(&options);
    }
}

static void many_flows(void **state)
{
    (void)state;
    struct run_options options = good("-n 2000 -F 1999 -T s=1");
    assert_int_equal(options.plan->count, 2000);
    assert_int_equal(options.plan->daemons[0].endpoints, 4000);
    assert_int_equal(options.plan->flows[1998].ends[SOURCE].duration, 10 * NS_PER_SEC);
    assert_int_equal(options.plan->flows[1999].ends[SOURCE].duration, NS_PER_SEC);
    options_free(&options);
}

/* Random durations for random flows, against the rule: the flow's own, else that of all, else the
 * default; two different ones of one kind are refused. */
static void random_selections(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        enum { FLOWS = 5 };
        int own[FLOWS] = {0}, all = 0;
        bool twice = false;
        struct buffer line = {0};
        buffer_printf(&line, "-n %d", FLOWS);
        for (uint64_t k = random_below(6); k > 0; k--) {
            int value = 1 + (int)random_below(4);
            unsigned set = 1 + (unsigned)random_below((1 << FLOWS) - 1);
            if (random_below(3) == 0) {
                buffer_printf(&line, " -F -1 -T s=%d", value);
                twice |= all && all != value;
                all = value;
                continue;
            }
            const char *comma = " -F ";
            for (int i = 0; i < FLOWS; i++) {
                if (!(set >> i & 1))
                    continue;
                if (i && set >> (i - 1) & 1 && !(set >> (i + 1) & 1))
                    buffer_printf(&line, "-%d", i);
                else if (!i || !(set >> (i - 1) & 1))
                    buffer_printf(&line, "%s%d", comma, i);
                comma = ",";
                twice |= own[i] && own[i] != value;
                own[i] = value;
            }
            buffer_printf(&line, " -T s=%d", value);
        }
        buffer_add(&line, "", 1);
        struct run_options options;
        struct fail fail;
        if (read_line(line.data, &options, &fail) == twice)
            fail_msg("'%s': %s", line.data, twice ? "is taken" : fail.text);
        for (int i = 0; i < FLOWS && !twice; i++) {
            int expected = own[i] ? own[i] : all ? all : 10;
            if (options.plan->flows[i].ends[SOURCE].duration != expected * NS_PER_SEC)
                fail_msg("'%s': flow %d does not have %d s", line.data, i, expected);
        }
        options_free(&options);
        buffer_free(&line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_are_for_an_endpoint),
        cmocka_unit_test(hosts),
        cmocka_unit_test(options_are_for_the_flows_selected),
        cmocka_unit_test(the_order_of_options_does_not_matter),
        cmocka_unit_test(saying_the_same_twice_is_good),
        cmocka_unit_test(many_flows),
        cmocka_unit_test(random_selections),
    };
    seed_random();
    return cmocka_run_group_tests_name("options_flows", tests, NULL, NULL);
}
