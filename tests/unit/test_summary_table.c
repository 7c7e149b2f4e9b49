/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/output/summary_table.c and summary_lines.c: the table of a run's end, which of
 * its columns fit, and the sentences below it. */
#include "controller/output/summary_lines.c"
#include "controller/output/summary_table.c"

#include "unit.h"

static struct plan *plan;
static struct results *results;
static struct describe_reply daemons[2];
static struct output_options options;
static struct buffer text;

static void keep_line(void *to, const char *line)
{
    buffer_printf(to, "%s\n", line);
}

static void begin(size_t flows)
{
    plan = plan_new(flows);
    results = results_new(flows);
    for (size_t i = 0; i < ENDPOINTS * flows; i++)
        report_init(&results->flows[i / 2].ends[i % 2].final);
    options = (struct output_options){0};
}

static int tear_down(void **state)
{
    (void)state;
    plan_free(plan);
    results_free(results);
    buffer_free(&text);
    return 0;
}

/* Flow `index` has sent `bytes` from its source in ten seconds. */
static struct flow_result *carried(size_t index, int64_t bytes)
{
    struct plan_flow *planned = &plan->flows[index];
    struct flow_result *flow = &results->flows[index];
    planned->ends[SOURCE].duration = 10 * NS_PER_SEC;
    planned->ends[DESTINATION].duration = 0;
    for (int end = 0; end < ENDPOINTS; end++) {
        snprintf(planned->at[end].host, sizeof planned->at[end].host, "%s",
                 end ? "receiver.example" : "sender.example");
        memcpy(planned->at[end].control, planned->at[end].host, sizeof planned->at[end].control);
        flow->ends[end].finished = true;
    }
    int64_t *sent = flow->ends[SOURCE].final.value, *read = flow->ends[DESTINATION].final.value;
    sent[METRIC_tx_bytes] = read[METRIC_rx_bytes] = bytes;
    sent[METRIC_tx_time] = read[METRIC_rx_time] = 10 * NS_PER_SEC;
    sent[METRIC_bytes_retrans] = bytes / 100;
    sent[METRIC_bytes_sent] = bytes;
    sent[METRIC_srtt] = 12345;
    sent[METRIC_min_rtt] = 10001;
    return flow;
}

static const char *summary(int width)
{
    const struct terminal terminal = {.width = width, .height = 24};
    text.length = 0;
    plan_group(plan);
    struct clocksync *clocks = clocksync_new(plan->daemon_count, CLOCK_MODE_NONE);
    struct summary *made = summary_new(&(struct summary_source){.plan = plan,
                                                                .hosts = daemons,
                                                                .results = results,
                                                                .clocks = clocks,
                                                                .start_bound = CLOCK_NEVER});
    summary_table(made, &terminal, &options, keep_line, &text);
    summary_free(made);
    clocksync_free(clocks);
    buffer_add(&text, "", 1);
    return text.data;
}

static void two_flows(void)
{
    begin(2);
    carried(0, 125000000);
    carried(1, 250000000);
}

/* The first lines of the summary. */
static void check_lines(int width, size_t count, const char *expected)
{
    const char *all = summary(width), *at = all;
    for (size_t i = 0; i < count && at; i++)
        at = strchr(at, '\n') + 1;
    char *lines = mem_printf("%.*s", (int)(at - all), all);
    assert_string_equal(lines, expected);
    free(lines);
}

static void eighty_columns(void **state)
{
    (void)state;
    two_flows();
    assert_string_equal(
        summary(80),
        "flow  from            to                goodput  retransmitted  limited by\n"
        "                                         Mbit/s                 share of time\n"
        "   0  sender.example  receiver.example    100.0       1.250 MB  -\n"
        "   1  sender.example  receiver.example    200.0       2.500 MB  -\n"
        "\n"
        "total: 2 flows, goodput 300.0 Mbit/s, 375.0 MB received\n"
        "per flow 100.0 / 150.0 / 200.0 Mbit/s (min/median/max), fairness 0.9000 (Jain)\n"
        "retransmitted 3.750 MB (1.00 % of the bytes sent)\n");
}

static void columns_are_dropped_by_priority(void **state)
{
    static const int widths[] = {120, 200};
    (void)state;
    two_flows();
    check_lines(60, 3,
                "flow  goodput  retransmitted  limited by\n"
                "       Mbit/s                 share of time\n"
                "   0    100.0       1.250 MB  -\n");
    check_lines(10, 3, "flow  goodput\n       Mbit/s\n   0    100.0\n"); /* these always stay */
    for (size_t i = 0; i < COUNT(widths); i++)
        check_lines(widths[i], 3,
                    "flow  from            to                algorithm  goodput  retransmitted  "
                    "of sent     srtt  min RTT  limited by\n"
                    "                                                    Mbit/s                 "
                    "      %  ms, end  ms, end  share of time\n"
                    "   0  sender.example  receiver.example  -            100.0       1.250 MB  "
                    "   1.00    12.35    10.00  -\n");
}

static void lines_are_no_wider_than_the_terminal(void **state)
{
    (void)state;
    two_flows();
    results->flows[1].ends[DESTINATION].finished = false;
    for (int width = 40; width < 160; width++) {
        const char *at = summary(width);
        for (; *at; at += strcspn(at, "\n") + 1)
            if ((int)strcspn(at, "\n") > width && strncmp(at, "flow  ", 6))
                fail_msg("wider than %d: %.*s", width, (int)strcspn(at, "\n"), at);
    }
}

static void responses_have_columns_of_their_own(void **state)
{
    (void)state;
    begin(1);
    struct flow_result *flow = carried(0, 125000000);
    int64_t *sent = flow->ends[SOURCE].final.value;
    plan->flows[0].ends[SOURCE].response_size = dist_constant(40);
    sent[METRIC_rtt_count] = 4;
    sent[METRIC_rtt_min] = 1500000;
    sent[METRIC_rtt_sum] = 8000000;
    sent[METRIC_rtt_p99] = 3500000;
    const char *all = summary(200);
    assert_non_null(strstr(all, "block RTT  block RTT  block RTT"));
    assert_non_null(strstr(all, "ms min    ms mean     ms p99"));
    assert_non_null(strstr(all, "1.500      2.000      3.500"));
    sent[METRIC_rtt_count] = 0; /* none came */
    assert_non_null(strstr(summary(200), "        -          -          -"));
}

static void what_is_not_known_is_a_dash(void **state)
{
    (void)state;
    two_flows();
    int64_t *sent = results->flows[0].ends[SOURCE].final.value;
    sent[METRIC_bytes_retrans] = sent[METRIC_srtt] = sent[METRIC_min_rtt] = METRIC_ABSENT;
    results->flows[0].ends[DESTINATION].finished = false;
    check_lines(120, 3,
                "flow  from            to                algorithm  goodput  retransmitted  of sent"
                "     srtt  min RTT  limited by\n"
                "                                                    Mbit/s                       %"
                "  ms, end  ms, end  share of time\n"
                "   0  sender.example  receiver.example  -                -              -        -"
                "        -        -  -\n");
}

static void what_failed_is_said_below(void **state)
{
    (void)state;
    two_flows();
    results->flows[0].ends[SOURCE].missing = 2;
    results->flows[1].ends[DESTINATION].finished = false;
    options.summary = SUMMARY_TOTAL;
    assert_string_equal(
        summary(80), "flow 0, source: 2 reports are missing\n"
                     "flow 1, destination: no final report came\n"
                     "total: 2 flows, 2 failed, goodput 100.0 Mbit/s, 125.0 MB received; unknown "
                     "for 1\n"
                     "  direction (no final report)\n"
                     "per flow 100.0 / 100.0 / 100.0 Mbit/s (min/median/max)\n"
                     "retransmitted 3.750 MB (1.00 % of the bytes sent)\n");
}

static void both_directions_are_told_apart(void **state)
{
    (void)state;
    begin(1);
    struct flow_result *flow = carried(0, 125000000);
    plan->flows[0].ends[DESTINATION].duration = 10 * NS_PER_SEC;
    flow->ends[DESTINATION].final.value[METRIC_tx_time] = 10 * NS_PER_SEC;
    flow->ends[SOURCE].final.value[METRIC_rx_time] = 10 * NS_PER_SEC;
    flow->ends[SOURCE].final.value[METRIC_rx_bytes] = 12500000;
    options.summary = SUMMARY_TOTAL;
    check_lines(
        120, 1,
        "total: 1 flow, goodput 110.0 Mbit/s (from sources 100.0 + from destinations 10.00), "
        "137.5 MB received\n");
}

static void rates_that_were_asked_for_say_nothing_of_fairness(void **state)
{
    (void)state;
    two_flows();
    plan->flows[1].ends[SOURCE].rate = 1000000;
    assert_null(strstr(summary(80), "fairness"));
}

static void volumes_have_a_column_of_their_own(void **state)
{
    (void)state;
    two_flows();
    assert_null(strstr(summary(80), "read after"));
    for (int i = 0; i < 2; i++)
        plan->flows[i].ends[SOURCE].volume = 125000000;
    results->flows[0].ends[DESTINATION].final.value[METRIC_volume_time] = 2500 * NS_PER_MS;
    const char *all = summary(60);
    assert_non_null(strstr(all, "goodput  read after"));
    assert_non_null(strstr(all, "   0    100.0       2.500"));
    assert_non_null(strstr(all, "   1    200.0           -"));
    assert_non_null(strstr(all, "1 of 2 volumes read, the last after 2.500 s"));
}

#define CASE(test) cmocka_unit_test_teardown(test, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(eighty_columns),
        CASE(columns_are_dropped_by_priority),
        CASE(lines_are_no_wider_than_the_terminal),
        CASE(responses_have_columns_of_their_own),
        CASE(what_is_not_known_is_a_dash),
        CASE(what_failed_is_said_below),
        CASE(both_directions_are_told_apart),
        CASE(rates_that_were_asked_for_say_nothing_of_fairness),
        CASE(volumes_have_a_column_of_their_own),
    };
    return cmocka_run_group_tests_name("summary_table", tests, NULL, NULL);
}
