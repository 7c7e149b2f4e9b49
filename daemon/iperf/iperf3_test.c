/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "iperf/iperf3_test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "iperf/iperf3_test_state.h"
#include "log.h"

/* Until the parameters have come. */
#define PARAMS_TIME (5 * NS_PER_SEC)

/* A state byte, in a phase that waits for the end of the test or for something else. */
static bool take_state(struct iperf3_test *test)
{
    int state;
    enum iperf3_input input = iperf3_channel_read_state(&test->channel, &state);
    if (input == IPERF3_INPUT_NONE)
        return false;
    if (input == IPERF3_INPUT_CLOSED || state == IPERF3_DONE || state == IPERF3_CLIENT_TERMINATE) {
        log_info("iperf3 test of %s ends: %s", test->name,
                 input == IPERF3_INPUT_CLOSED ? "the client has closed the connection"
                 : state == IPERF3_DONE       ? "done"
                                              : "the client was stopped");
        test_finish(test);
        return false;
    }
    if (state == IPERF3_TEST_END && test->phase == PHASE_RUNNING)
        test_end(test);
    else if (state != IPERF3_TEST_START)
        test_refuse(test, IPERF3_MESSAGE, "it sent an unexpected state");
    return true;
}

static bool take_input(struct iperf3_test *test)
{
    if (test->gone)
        return false;
    switch (test->phase) {
    case PHASE_PARAMS:
        return test_take_params(test);
    case PHASE_RESULTS:
        return test_take_results(test);
    case PHASE_LEAVING:
        if (!iperf3_channel_discard(&test->channel))
            test_finish(test);
        return false;
    default:
        return take_state(test);
    }
}

/* ---- what happens to the flows ---- */

static void on_rows(struct iperf3_test *test)
{
    iperf3_flows_read(&test->flows);
    if (test->flows.stopped[0] && test->phase < PHASE_DONE) {
        log_info("iperf3 test of %s ends: %s", test->name, test->flows.stopped);
        test_say(test, IPERF3_SERVER_TERMINATE);
        test_leave(test);
    } else if (test->phase == PHASE_RUNNING) {
        test_check_running(test);
    } else if (test->phase == PHASE_STOPPING && iperf3_flows_finished(&test->flows, true)) {
        test_ask_results(test);
    } else if (test->phase == PHASE_FINAL && test->flows.over) {
        test_send_results(test);
    }
}

static void drain_input(struct iperf3_test *test)
{
    while (take_input(test))
        ;
}

static void on_flows(struct iperf3_flows *flows)
{
    struct iperf3_test *test = container_of(flows, struct iperf3_test, flows);
    if (test->gone) {
        test_release(test);
        return;
    }
    if (!flows->session)
        return;
    if (test->phase == PHASE_PREPARING)
        test_check_prepared(test);
    else
        on_rows(test);
    drain_input(test);
}

static void on_event(struct watch *watch, uint32_t events)
{
    struct iperf3_test *test = container_of(watch, struct iperf3_test, watch);
    if (test->gone)
        return;
    if (events & EPOLLOUT && !iperf3_channel_flush(&test->channel))
        test_finish(test);
    else
        drain_input(test);
}

static void on_deadline(struct iperf3_test *test)
{
    switch (test->phase) {
    case PHASE_STOPPING:
        test_ask_results(test);
        drain_input(test);
        break;
    case PHASE_DONE:
    case PHASE_LEAVING:
        test_finish(test);
        break;
    default:
        test_refuse(test, test->phase == PHASE_PARAMS ? IPERF3_PARAMS : IPERF3_TERMINATED,
                    test->phase == PHASE_FINAL || test->phase == PHASE_PREPARING
                        ? "its streams took too long"
                        : "the client took too long");
    }
}

static void on_timer(struct timer *timer, int64_t now)
{
    struct iperf3_test *test = container_of(timer, struct iperf3_test, timer);
    if (now >= test->deadline)
        on_deadline(test);
    else
        test_arm(test);
}

/* ---- all tests ---- */

struct iperf3_test *iperf3_test_find(struct iperf3_host *host,
                                     const uint8_t cookie[IPERF3_COOKIE_SIZE])
{
    list_for_each (link, &host->tests) {
        struct iperf3_test *test = list_item(link, struct iperf3_test, link);
        if (!memcmp(test->cookie, cookie, IPERF3_COOKIE_SIZE))
            return test;
    }
    return NULL;
}

size_t iperf3_tests_of(struct iperf3_host *host, const struct address *address)
{
    size_t count = 0;
    list_for_each (link, &host->tests)
        count += address_same_host(&list_item(link, struct iperf3_test, link)->peer, address);
    return count;
}

void iperf3_test_new(struct iperf3_host *host, int fd, const struct address *peer,
                     const uint8_t cookie[IPERF3_COOKIE_SIZE])
{
    struct iperf3_test *test = mem_new(1, sizeof *test);
    test->host = host;
    test->watch.ready = on_event;
    test->timer.fire = on_timer;
    test->flows.worker = host->worker;
    test->flows.sessions = host->sessions;
    test->flows.changed = on_flows;
    test->peer = *peer;
    address_format_port(peer, test->name);
    memcpy(test->cookie, cookie, IPERF3_COOKIE_SIZE);
    list_append(&host->tests, &test->link);
    host->test_count++;
    atomic_fetch_add(&host->alive, 1);
    iperf3_channel_open(&test->channel, fd);
    if (!worker_watch(host->worker, &test->watch, fd)) {
        test_finish(test);
        return;
    }
    test_say(test, IPERF3_PARAM_EXCHANGE);
    test_enter(test, PHASE_PARAMS, PARAMS_TIME);
    drain_input(test);
}

void iperf3_tests_end(struct iperf3_host *host)
{
    list_for_each_safe (link, &host->tests)
        test_finish(list_item(link, struct iperf3_test, link));
}
