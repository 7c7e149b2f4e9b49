/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/output/summary_text.c: the lines of a run's summary, to the last character. */
#include "controller/output/summary_text.c"

#include "unit.h"

static void keep_line(void *text, const char *line)
{
    buffer_printf(text, "%s\n", line);
}

/* A run with its results, and what became of it in words. */
struct scene {
    bool megabytes;
    struct plan *plan;
    struct describe_reply daemons[2];
    struct results *results;
    struct buffer text;
};

static void begin(struct scene *scene, size_t flows)
{
    *scene = (struct scene){0};
    scene->plan = plan_new(flows);
    scene->results = results_new(flows);
    for (size_t i = 0; i < 2; i++) {
        snprintf(scene->daemons[i].os, sizeof scene->daemons[i].os, "Linux");
        snprintf(scene->daemons[i].os_release, sizeof scene->daemons[i].os_release, "6.%zu", i);
    }
    for (size_t i = 0; i < 2 * flows; i++)
        report_init(&scene->results->flows[i / 2].ends[i % 2].final);
}

static struct endpoint_result *finished(struct scene *scene, size_t flow, enum endpoint end)
{
    struct endpoint_result *result = &scene->results->flows[flow].ends[end];
    result->finished = true;
    return result;
}

static struct plan_flow *planned(struct scene *scene, size_t flow)
{
    return &scene->plan->flows[flow];
}

static void finish_all(struct scene *scene)
{
    for (size_t i = 0; i < 2 * scene->results->count; i++)
        finished(scene, i / 2, i % 2);
}

static const char *summary(struct scene *scene)
{
    scene->text.length = 0;
    plan_group(scene->plan);
    struct clocksync *clocks = clocksync_new(scene->plan->daemon_count, CLOCK_MODE_NONE);
    struct summary *summary = summary_new(&(struct summary_source){.plan = scene->plan,
                                                                   .hosts = scene->daemons,
                                                                   .results = scene->results,
                                                                   .clocks = clocks,
                                                                   .start_bound = CLOCK_NEVER});
    summary_text(summary, scene->megabytes, keep_line, &scene->text);
    summary_free(summary);
    clocksync_free(clocks);
    buffer_add(&scene->text, "", 1);
    return scene->text.data;
}

static void end(struct scene *scene)
{
    plan_free(scene->plan);
    results_free(scene->results);
    buffer_free(&scene->text);
}

/* The line of the source of flow 0, without its "ID   0 S: localhost (Linux 6.0)". */
static void check_source(struct scene *scene, const char *expected)
{
    static const char head[] = "\nID   0 S: localhost (Linux 6.0)";
    const char *text = summary(scene);
    assert_ptr_equal(strstr(text, head), text);
    text += strlen(head);
    char *line = mem_printf("%.*s", (int)strcspn(text, "\n"), text);
    assert_string_equal(line, expected);
    free(line);
}

#define NO_RATES ", through = 0.000000/0.000000 [Mbit/s] (out/in)"

static void two_lines_for_each_flow_and_one_for_all(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, 2);
    finish_all(&scene);
    assert_string_equal(
        summary(&scene),
        "\n"
        "ID   0 S: localhost (Linux 6.0)" NO_RATES "\n"
        "ID   0 D: localhost (Linux 6.0)" NO_RATES "\n"
        "\n"
        "ID   1 S: localhost (Linux 6.0)" NO_RATES "\n"
        "ID   1 D: localhost (Linux 6.0)" NO_RATES "\n"
        "\n"
        "total: flows = 2, failed = 0, goodput = unknown, retransmitted = nan [B], start skew = 0.000 "
        "[ms]\n");
    end(&scene);
}

static void set_place(struct scene *scene, const char *host, const char *control, uint16_t port)
{
    struct plan_place *place = &planned(scene, 0)->at[DESTINATION];
    snprintf(place->host, sizeof place->host, "%s", host);
    snprintf(place->control, sizeof place->control, "%s", control);
    place->port = port;
}

static void endpoints_have_their_place(void **state)
{
    static const struct {
        const char *host, *control;
        uint16_t port;
        const char *place;
    } cases[] = {
        {"10.0.0.2", "10.0.0.2", 5999, "10.0.0.2 (Linux 6.1)"},
        {"10.0.0.2", "ctl", 5999, "10.0.0.2/ctl:5999 (Linux 6.1)"},
        {"10.0.0.2", "10.0.0.2", 6000, "10.0.0.2/10.0.0.2:6000 (Linux 6.1)"},
        {"10.0.0.2", "fd00::2", 5999, "10.0.0.2/[fd00::2]:5999 (Linux 6.1)"},
        {"10.0.0.2", "localhost", 5999, "10.0.0.2/localhost:5999 (Linux 6.0)"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct scene scene;
        begin(&scene, 1);
        finish_all(&scene);
        set_place(&scene, cases[i].host, cases[i].control, cases[i].port);
        char *expected = mem_printf("\nID   0 D: %s" NO_RATES "\n", cases[i].place);
        if (!strstr(summary(&scene), expected))
            fail_msg("%s is not in\n%s", expected, scene.text.data);
        free(expected);
        end(&scene);
    }
}

static void connections_are_described(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, 1);
    finish_all(&scene);
    struct endpoint_result *source = finished(&scene, 0, SOURCE);
    int64_t *value = source->final.value;
    source->info = mem_strdup("send_buffer=3822336\nreceive_buffer=131072\n"
                              "congestion_control=bbr\n");
    planned(&scene, 0)->ends[SOURCE].receive_buffer = 65536;
    value[METRIC_snd_mss] = 1448;
    value[METRIC_path_mtu] = 1500;
    value[METRIC_interface_mtu] = 9000;
    value[METRIC_connect_time] = 20156499;
    value[METRIC_exchange_time] = 500;
    check_source(&scene, ", sbuf = 3822336/0 [B] (real/req), rbuf = 131072/65536 [B] (real/req)"
                         ", SMSS = 1448 [B], PMTU = 1500 [B]"
                         ", Interface MTU = 9000 (Ethernet jumbo frames) [B], CC = bbr"
                         ", handshake = 20.156 [ms], exchange = 0.001 [ms]" NO_RATES);
    end(&scene);
}

/* A source that connected, and got no answer: what was not measured is not told. */
static void handshakes(void **state)
{
    static const struct {
        int64_t connect, exchange;
        const char *text;
    } cases[] = {
        {20156499, 500, ", handshake = 20.156 [ms], exchange = 0.001 [ms]"},
        {20156499, METRIC_ABSENT, ", handshake = 20.156 [ms]"},
        {METRIC_ABSENT, 2000000, ", handshake with exchange = 2.000 [ms]"},
        {METRIC_ABSENT, METRIC_ABSENT, ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scene scene;
        char expected[200];
        begin(&scene, 1);
        finish_all(&scene);
        finished(&scene, 0, SOURCE)->final.value[METRIC_connect_time] = cases[i].connect;
        finished(&scene, 0, SOURCE)->final.value[METRIC_exchange_time] = cases[i].exchange;
        snprintf(expected, sizeof expected, "%s" NO_RATES, cases[i].text);
        check_source(&scene, expected);
        end(&scene);
    }
}

static void interfaces_have_names(void **state)
{
    static const struct {
        int64_t mtu;
        const char *name;
    } cases[] = {
        {65536, "Linux loopback"}, {1500, "Ethernet/PPP"}, {1492, "PPPoE"},    {1420, "WireGuard"},
        {1280, "IPv6 minimum"},    {1501, "unknown"},      {65535, "unknown"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct scene scene;
        char expected[128];
        begin(&scene, 1);
        finished(&scene, 0, SOURCE)->final.value[METRIC_interface_mtu] = cases[i].mtu;
        snprintf(expected, sizeof expected, ", Interface MTU = %d (%s) [B]" NO_RATES,
                 (int)cases[i].mtu, cases[i].name);
        check_source(&scene, expected);
        end(&scene);
    }
}

static void rates_and_times(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, 1);
    finish_all(&scene);
    int64_t *value = finished(&scene, 0, SOURCE)->final.value;
    value[METRIC_tx_time] = 4000 * NS_PER_MS;
    value[METRIC_rx_time] = 2000 * NS_PER_MS;
    value[METRIC_tx_bytes] = 1048576;
    value[METRIC_rx_bytes] = 3145728;
    planned(&scene, 0)->ends[SOURCE].delay = 250 * NS_PER_MS;
    value[METRIC_rx_responses] = 10;
    check_source(&scene, ", duration = 4.000/10.000 [s] (real/req), delay = 0.250 [s]"
                         ", through = 2.097152/12.582912 [Mbit/s] (out/in)"
                         ", transactions/s = 2.50 [#]"
                         ", response blocks = 0/10 [#] (out/in)");
    scene.megabytes = true;
    value[METRIC_rx_responses] = 0;
    check_source(&scene, ", duration = 4.000/10.000 [s] (real/req), delay = 0.250 [s]"
                         ", through = 0.250000/1.500000 [MiB/s] (out/in)");
    /* Who has no duration, is not said to have had one. */
    planned(&scene, 0)->ends[SOURCE].duration = planned(&scene, 0)->ends[SOURCE].delay = 0;
    value[METRIC_tx_time] = 0;
    check_source(&scene, ", through = 0.000000/1.500000 [MiB/s] (out/in)");
    end(&scene);
}

/* What was counted while draining belongs to the blocks. */
static void blocks_are_counted_whole(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, 1);
    finish_all(&scene);
    int64_t *value = finished(&scene, 0, SOURCE)->final.value;
    value[METRIC_tx_requests] = 100;
    value[METRIC_tx_requests_tail] = 1;
    value[METRIC_rx_requests] = 20;
    value[METRIC_tx_responses_tail] = 3;
    value[METRIC_rx_responses] = 90;
    value[METRIC_rx_responses_tail] = 9;
    check_source(&scene, NO_RATES ", request blocks = 101/20 [#] (out/in)"
                                  ", response blocks = 3/99 [#] (out/in)");
    end(&scene);
}

static void times_of_blocks(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, 1);
    finish_all(&scene);
    int64_t *value = finished(&scene, 0, SOURCE)->final.value;
    memcpy(&value[METRIC_rtt_count], (int64_t[]){4, 1000000, 9000000, 10000000}, 4 * sizeof *value);
    memcpy(&value[METRIC_iat_count], (int64_t[]){2, METRIC_ABSENT, METRIC_ABSENT, 3000000},
           4 * sizeof *value);
    memcpy(&value[METRIC_delay_count], (int64_t[]){1, -250000, -250000, -250000},
           4 * sizeof *value);
    check_source(&scene, NO_RATES ", RTT = 1.000/2.500/9.000 [ms] (min/avg/max)"
                                  ", IAT = 1.500 [ms] (avg)"
                                  ", delay = -0.250/-0.250/-0.250 [ms] (min/avg/max)");
    value[METRIC_rtt_count] = 0;
    value[METRIC_iat_sum] = METRIC_ABSENT;
    value[METRIC_delay_count] = METRIC_ABSENT;
    check_source(&scene, NO_RATES);
    end(&scene);
}

static void what_came_late_and_what_was_set(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, 1);
    finish_all(&scene);
    int64_t *value = finished(&scene, 0, SOURCE)->final.value;
    value[METRIC_tx_tail] = 40;
    value[METRIC_rx_tail] = 8192;
    value[METRIC_tx_unacked] = 1;
    value[METRIC_rows_skipped] = 7;
    planned(&scene, 0)->ends[SOURCE].rate = 1500000;
    planned(&scene, 0)->ends[SOURCE].nodelay = 1;
    planned(&scene, 0)->settings.late_connect = 1;
    planned(&scene, 0)->settings.shutdown = 1;
    check_source(&scene, NO_RATES ", sent after the end = 40 [B], read while draining = 8192 [B]"
                                  ", never acknowledged = 1 [B], intervals skipped = 7 [#]"
                                  ", TCP_NODELAY = nan/1 (real/req), rate = 1.500000 [Mbit/s]"
                                  ", late connecting, calling shutdown");
    value[METRIC_tx_tail] = value[METRIC_rx_tail] = 0;
    value[METRIC_tx_unacked] = value[METRIC_rows_skipped] = 0;
    planned(&scene, 0)->ends[SOURCE].rate = planned(&scene, 0)->ends[SOURCE].nodelay = 0;
    planned(&scene, 0)->settings.late_connect = 0;
    planned(&scene, 0)->settings.shutdown = 0;
    check_source(&scene, NO_RATES);
    end(&scene);
}

static void failures_are_told(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, 1);
    struct endpoint_result *source = &scene.results->flows[0].ends[SOURCE];
    check_source(&scene, ", error: no final report came");
    results_set_error(source, "flowd is gone");
    check_source(&scene, ", error: flowd is gone");
    source->missing = 3;
    source->finished = true;
    check_source(&scene, NO_RATES ", 3 reports missing, error: flowd is gone");
    free(source->error);
    source->error = NULL;
    check_source(&scene, NO_RATES ", 3 reports missing");
    end(&scene);
}

static void totals(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, 2);
    finish_all(&scene);
    for (size_t i = 0; i < 2; i++) {
        int64_t *value = scene.results->flows[i].ends[DESTINATION].final.value;
        value[METRIC_rx_bytes] = i ? 1048576 : 3145728;
        value[METRIC_rx_time] = NS_PER_SEC;
        scene.results->flows[i].ends[SOURCE].final.value[METRIC_bytes_retrans] = 1448;
        scene.results->flows[i].ends[DESTINATION].started = true;
        scene.results->flows[i].ends[DESTINATION].start_late = i ? 1250000 : -250000;
    }
    /* 8.388608 and 25.165824: (1 + 3)^2 / (2 * (1 + 9)) = 0.8. */
    const char *total = strstr(summary(&scene), "total: ");
    assert_string_equal(
        total, "total: flows = 2, failed = 0, goodput = 33.554432 [Mbit/s] (4194304 B at the "
               "receivers), flow = 8.388608/16.777216/25.165824 [Mbit/s] (min/median/max), "
               "fairness = 0.800000 (Jain), retransmitted = 2896 [B], start skew = 1.500 [ms]\n");
    scene.megabytes = true;
    results_set_error(&scene.results->flows[1].ends[SOURCE], "x");
    total = strstr(summary(&scene), "total: ");
    assert_string_equal(
        total, "total: flows = 2, failed = 1, goodput = 4.000000 [MiB/s] (4194304 B at the "
               "receivers), flow = 1.000000/2.000000/3.000000 [MiB/s] (min/median/max), "
               "fairness = 0.800000 (Jain), retransmitted = 2896 [B], start skew = 1.500 [ms]\n");
    end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_lines_for_each_flow_and_one_for_all),
        cmocka_unit_test(endpoints_have_their_place),
        cmocka_unit_test(connections_are_described),
        cmocka_unit_test(handshakes),
        cmocka_unit_test(interfaces_have_names),
        cmocka_unit_test(rates_and_times),
        cmocka_unit_test(blocks_are_counted_whole),
        cmocka_unit_test(times_of_blocks),
        cmocka_unit_test(what_came_late_and_what_was_set),
        cmocka_unit_test(failures_are_told),
        cmocka_unit_test(totals),
    };
    return cmocka_run_group_tests_name("summary", tests, NULL, NULL);
}
