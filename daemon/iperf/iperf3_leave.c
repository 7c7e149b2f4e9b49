/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How an iperf3 test ends, whether it went well or not. */
#include <stdlib.h>
#include <unistd.h>

#include "iperf/iperf3_test_state.h"
#include "log.h"

/* How long a step may take. */
#define LEAVE_TIME (2 * NS_PER_SEC)

void test_arm(struct iperf3_test *test)
{
    int64_t lease = iperf3_flows_renew(&test->flows, test->host->worker->now);
    timers_set(&test->host->worker->timers, &test->timer, clock_earlier(test->deadline, lease));
}

void test_enter(struct iperf3_test *test, enum phase phase, int64_t time)
{
    bool turn = test->phase == PHASE_STREAMS && phase != PHASE_STREAMS;
    test->phase = phase;
    if (turn)
        test_pass_turn(test);
    test->deadline = time == CLOCK_NEVER ? CLOCK_NEVER : clock_now() + time;
    test_arm(test);
}

/* The struct of an epoll event of this turn may still be pointed to: it is freed at the turn's
 * end. */
void test_release(struct iperf3_test *test)
{
    atomic_fetch_sub(&test->host->alive, 1);
    worker_free_later(test->host->worker, (struct deferred_free *)&test->link);
}

void test_finish(struct iperf3_test *test)
{
    if (test->gone)
        return;
    test->gone = true;
    timers_cancel(&test->host->worker->timers, &test->timer);
    worker_unwatch(test->host->worker, test->channel.fd);
    iperf3_channel_close(&test->channel);
    for (size_t i = 0; i < test->socket_count; i++)
        close(test->sockets[i].fd);
    test->socket_count = 0;
    list_remove(&test->link);
    test->host->test_count--;
    if (test->phase == PHASE_STREAMS)
        test_pass_turn(test);
    if (iperf3_flows_close(&test->flows))
        test_release(test);
}

/* The answer is on its way: whoever closes with unread input resets, and it may be lost. */
void test_leave(struct iperf3_test *test)
{
    iperf3_flows_close(&test->flows);
    iperf3_channel_shut(&test->channel);
    test_enter(test, PHASE_LEAVING, LEAVE_TIME);
}

void test_refuse(struct iperf3_test *test, enum iperf3_error error, const char *why)
{
    log_info("iperf3 test of %s ends: %s", test->name, why);
    iperf3_channel_error(&test->channel, error);
    test_leave(test);
}

void test_say(struct iperf3_test *test, int8_t state)
{
    iperf3_channel_states(&test->channel, &state, 1);
}

/* What the daemon has no room or no permission for. */
void test_refuse_fault(struct iperf3_test *test, const struct fail *fail)
{
    if (fail->code == FAULT_TOO_MANY || fail->code == FAULT_FILES) {
        log_info("iperf3 test of %s is refused: %s", test->name, fail->text);
        test_say(test, IPERF3_ACCESS_DENIED);
        test_leave(test);
        return;
    }
    test_refuse(test,
                fail->code == FAULT_CONGESTION                      ? IPERF3_CONGESTION
                : fail->code == FAULT_POLICY                        ? IPERF3_TOTAL_RATE
                : fail->code == FAULT_SYSTEM && test->params.window ? IPERF3_SET_BUFFER
                                                                    : IPERF3_TERMINATED,
                fail->text);
}
