/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The end of an iperf3 test: both ends stop, and tell each other what they have counted. */
#include <stdlib.h>

#include "iperf/iperf3_test_state.h"
#include "log.h"

/* How long a step may take. */
#define STOP_TIME    (1500 * NS_PER_MS) /* until what was sent has arrived */
#define RESULTS_TIME (30 * NS_PER_SEC)
#define FINAL_TIME   (4500 * NS_PER_MS) /* clients wait for 10 s */
#define DONE_TIME    (10 * NS_PER_SEC)

static double seconds_of(const struct timeval *time)
{
    return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

/* What the daemon has used meanwhile, for whatever it did. */
static void take_cpu(struct iperf3_test *test)
{
    struct rusage now;
    double time = (double)(clock_now() - test->started) / NS_PER_SEC;
    getrusage(RUSAGE_SELF, &now);
    if (time <= 0)
        return;
    test->cpu.user = 100 * (seconds_of(&now.ru_utime) - seconds_of(&test->usage.ru_utime)) / time;
    test->cpu.system = 100 * (seconds_of(&now.ru_stime) - seconds_of(&test->usage.ru_stime)) / time;
    test->cpu.total = test->cpu.user + test->cpu.system;
}

/* A client with a volume ends the test when it has handed all to its sockets; and what was lost of
 * datagrams is only known once those on their way are there. */
static bool awaits_rest(const struct iperf3_test *test)
{
    return test->params.bytes || test->params.blocks || test->params.udp;
}

void test_ask_results(struct iperf3_test *test)
{
    test_say(test, IPERF3_EXCHANGE_RESULTS);
    test_enter(test, PHASE_RESULTS, RESULTS_TIME);
}

void test_send_results(struct iperf3_test *test)
{
    struct iperf3_flows *flows = &test->flows;
    const char *output = iperf3_output_finish(&flows->output, flows->streams, flows->count);
    char *text = iperf3_results_write(flows->streams, flows->count, &test->cpu, output);
    iperf3_channel_json(&test->channel, text);
    free(text);
    test_say(test, IPERF3_DISPLAY_RESULTS);
    test_enter(test, PHASE_DONE, DONE_TIME);
}

void test_end(struct iperf3_test *test)
{
    take_cpu(test);
    test_enter(test, PHASE_STOPPING, STOP_TIME);
    iperf3_flows_stop(&test->flows, awaits_rest(test));
    /* What the server sends ends before it asks for results: then its end comes first. */
    if (iperf3_flows_finished(&test->flows, true))
        test_ask_results(test);
}

bool test_take_results(struct iperf3_test *test)
{
    int64_t sent[2 * IPERF3_STREAMS_MAX];
    struct fail fail = {0};
    size_t length, count = test->flows.count;
    enum iperf3_input input = iperf3_channel_read_json(&test->channel, IPERF3_RESULTS_MAX);
    if (input == IPERF3_INPUT_NONE)
        return false;
    if (input == IPERF3_INPUT_CLOSED) {
        test_finish(test);
        return false;
    }
    const char *text = iperf3_channel_text(&test->channel, &length);
    if (input == IPERF3_INPUT_TOO_LONG || !iperf3_results_read(text, length, sent, count, &fail)) {
        test_refuse(test, IPERF3_RESULTS,
                    input == IPERF3_INPUT_TOO_LONG ? "its results are too long" : fail.text);
        return true;
    }
    iperf3_channel_forget(&test->channel);
    /* With an omitted time the two ends count from different bytes on. */
    for (size_t i = 0; i < count; i++)
        if (test->params.omit || test->flows.streams[i].reverse)
            sent[i] = METRIC_ABSENT;
    if (awaits_rest(test))
        session_expect(test->flows.session, sent, count);
    else
        session_stop_within(test->flows.session, 0);
    test_enter(test, PHASE_FINAL, FINAL_TIME);
    if (test->flows.over)
        test_send_results(test);
    return true;
}
