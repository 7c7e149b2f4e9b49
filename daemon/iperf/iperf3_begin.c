/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An iperf3 test up to its start: parameters, connections, flows. */
#include <stdlib.h>
#include <string.h>

#include "iperf/iperf3_test_state.h"
#include "log.h"
#include "net/kernel.h"

/* How long a step may take. */
#define STREAMS_TIME (30 * NS_PER_SEC)
#define TURN_TIME    (35 * NS_PER_SEC) /* until the streams of another test are there */
#define PREPARE_TIME (10 * NS_PER_SEC)
#define END_TIME     (10 * NS_PER_SEC) /* until the client ends a test whose streams are over */
/* A test without a limit of its own, where the daemon has none: the most that iperf3 allows. */
#define TIME_LONGEST (87060 * NS_PER_SEC)

static int64_t shorter(int64_t one, int64_t other)
{
    return !one ? other : !other ? one : clock_earlier(one, other);
}

/* The longest flow that the daemon's quotas allow. */
static int64_t longest_time(const struct iperf3_test *test)
{
    const struct quotas *quotas = test->host->quotas;
    int64_t limit = shorter(quotas->duration, quota_of_user(quotas, IPERF3_USER)->duration);
    return shorter(limit, TIME_LONGEST);
}

static bool has_congestion_control(const char *name)
{
    char names[KERNEL_NAMES_MAX], *save = NULL;
    kernel_congestion_controls(names);
    for (char *at = strtok_r(names, " ", &save); at; at = strtok_r(NULL, " ", &save))
        if (!strcmp(at, name))
            return true;
    return false;
}

/* Whether the rates of both directions are allowed to one stream: before any is made. */
static bool check_rates(const struct iperf3_test *test, struct fail *fail)
{
    const struct iperf3_params *params = &test->params;
    struct prepare_endpoint endpoint;
    size_t last = (size_t)iperf3_params_streams(params) - 1;
    for (size_t i = 0; i <= last; i += last ? last : 1) {
        iperf3_params_endpoint(params, i, longest_time(test), &endpoint);
        const struct endpoint_settings ends[] = {endpoint.source, endpoint.destination};
        if (!quota_check_settings(test->host->quotas, IPERF3_USER, ends, SOURCE, fail) ||
            !quota_check_settings(test->host->quotas, IPERF3_USER, ends, DESTINATION, fail))
            return false;
    }
    return true;
}

static void ask_for_streams(struct iperf3_test *test)
{
    test_say(test, IPERF3_CREATE_STREAMS);
    test_enter(test, PHASE_STREAMS, STREAMS_TIME);
}

struct iperf3_test *iperf3_test_awaits_datagrams(struct iperf3_host *host,
                                                 const struct address *peer)
{
    list_for_each (link, &host->tests) {
        struct iperf3_test *test = list_item(link, struct iperf3_test, link);
        if (test->phase == PHASE_STREAMS && test->params.udp &&
            address_same_host(&test->peer, peer))
            return test;
    }
    return NULL;
}

void test_pass_turn(struct iperf3_test *test)
{
    list_for_each (link, &test->host->tests) {
        struct iperf3_test *next = list_item(link, struct iperf3_test, link);
        if (next->phase != PHASE_TURN || !address_same_host(&test->peer, &next->peer))
            continue;
        ask_for_streams(next);
        return;
    }
}

static void check_params(struct iperf3_test *test)
{
    struct iperf3_params *params = &test->params;
    struct fail fail = {0};
    int64_t time = (params->time + params->omit) * NS_PER_SEC;
    if (time > longest_time(test)) {
        test_refuse(test, params->version_number >= 3020 ? IPERF3_MAX_DURATION : IPERF3_DURATION,
                    "the test is longer than the daemon allows");
        return;
    }
    /* As iperf3's server does: what is in force is part of the results. */
    if (!has_congestion_control(params->congestion))
        params->congestion[0] = '\0';
    if (!check_rates(test, &fail) || !iperf3_flows_open(&test->flows, test->name, params, &fail)) {
        test_refuse_fault(test, &fail);
        return;
    }
    if (params->udp && iperf3_test_awaits_datagrams(test->host, &test->peer))
        test_enter(test, PHASE_TURN, TURN_TIME);
    else
        ask_for_streams(test);
}

bool test_take_params(struct iperf3_test *test)
{
    struct fail fail = {0};
    size_t length;
    enum iperf3_input input = iperf3_channel_read_json(&test->channel, IPERF3_PARAMS_MAX);
    if (input == IPERF3_INPUT_NONE)
        return false;
    if (input == IPERF3_INPUT_CLOSED) {
        test_finish(test);
        return false;
    }
    if (input == IPERF3_INPUT_TOO_LONG) {
        test_refuse(test, IPERF3_PARAMS, "its parameters are too long");
        return true;
    }
    const char *text = iperf3_channel_text(&test->channel, &length);
    enum iperf3_error error = iperf3_params_read(text, length, &test->params, &fail);
    iperf3_channel_forget(&test->channel);
    if (error)
        test_refuse(test, error, fail.text);
    else
        check_params(test);
    return true;
}

static int by_serial(const void *one, const void *other)
{
    uint64_t a = ((const struct stream_socket *)one)->serial;
    uint64_t b = ((const struct stream_socket *)other)->serial;
    return a < b ? -1 : a > b;
}

void test_check_running(struct iperf3_test *test)
{
    const struct iperf3_stream *failed = iperf3_flows_failed(&test->flows);
    if (failed)
        test_refuse(test, failed->reverse ? IPERF3_STREAM_WRITE : IPERF3_STREAM_READ,
                    failed->error);
    else if (test->flows.over && test->deadline == CLOCK_NEVER)
        test_enter(test, PHASE_RUNNING, END_TIME);
}

static void start(struct iperf3_test *test)
{
    const int8_t states[] = {IPERF3_TEST_START, IPERF3_TEST_RUNNING};
    struct fail fail = {0};
    if (!iperf3_flows_start(&test->flows, &fail)) {
        test_refuse_fault(test, &fail);
        return;
    }
    test->started = clock_now();
    getrusage(RUSAGE_SELF, &test->usage);
    iperf3_channel_states(&test->channel, states, COUNT(states));
    log_info("iperf3 test of %s started: %zu streams", test->name, test->flows.count);
    test_enter(test, PHASE_RUNNING, CLOCK_NEVER);
    iperf3_flows_read(&test->flows);
    test_check_running(test);
}

void test_check_prepared(struct iperf3_test *test)
{
    struct fail fail = {0};
    switch (iperf3_flows_prepared(&test->flows, &fail)) {
    case IPERF3_PREPARED:
        start(test);
        break;
    case IPERF3_UNPREPARED:
        test_refuse_fault(test, &fail);
        break;
    case IPERF3_PREPARING:
        break;
    }
}

/* All streams are there: they are numbered as they were accepted. */
static void adopt(struct iperf3_test *test)
{
    int sockets[2 * IPERF3_STREAMS_MAX];
    size_t count = test->socket_count;
    struct fail fail = {0};
    qsort(test->sockets, count, sizeof *test->sockets, by_serial);
    for (size_t i = 0; i < count; i++)
        sockets[i] = test->sockets[i].fd;
    test->socket_count = 0;
    if (!iperf3_flows_adopt(&test->flows, &test->params, sockets, count, longest_time(test),
                            &fail)) {
        test_refuse_fault(test, &fail);
        return;
    }
    test_enter(test, PHASE_PREPARING, PREPARE_TIME);
    test_check_prepared(test);
}

static void add_socket(struct iperf3_test *test, int fd, uint64_t serial)
{
    test->sockets[test->socket_count++] = (struct stream_socket){fd, serial};
    if ((int64_t)test->socket_count == iperf3_params_streams(&test->params))
        adopt(test);
}

bool iperf3_test_add_stream(struct iperf3_test *test, int fd, const struct address *peer,
                            uint64_t serial)
{
    if (test->phase != PHASE_STREAMS || test->params.udp || !address_same_host(&test->peer, peer))
        return false;
    add_socket(test, fd, serial);
    return true;
}

bool iperf3_test_own_address(const struct iperf3_test *test, struct address *own)
{
    bool good = address_local(test->channel.fd, own);
    *own = address_on_wire(own);
    return good;
}

bool iperf3_test_may_fragment(const struct iperf3_test *test)
{
    return !test->params.dont_fragment;
}

void iperf3_test_add_datagrams(struct iperf3_test *test, int fd)
{
    add_socket(test, fd, test->socket_count);
}
