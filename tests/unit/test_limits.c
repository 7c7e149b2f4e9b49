/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/results/limits.c: the verdict of a window, one cause at a time, and its way from
 * rows to shares. */
#include "controller/results/limits.c"

#include "unit.h"

#define MS NS_PER_MS

/* A window of 100 ms that a queue in the network limits: 100 Mbit/s over 40 ms, 108 ms with it. */
static struct limit_window queued(void)
{
    return (struct limit_window){.elapsed = 100 * MS,
                                 .blocked = 99 * MS,
                                 .acked = 1250000,
                                 .sent = 860,
                                 .cwnd = 914,
                                 .unacked = 914,
                                 .ssthresh = 600,
                                 .mss = 1448,
                                 .notsent = 700000,
                                 .snd_wnd = 6000000,
                                 .send_buffer = 4000000,
                                 .srtt = 108000,
                                 .min_rtt = 40000,
                                 .max_pacing_rate = METRIC_ABSENT,
                                 .history = {.sent = 100000}};
}

static void a_queue(void **state)
{
    (void)state;
    struct limit_window window = queued();
    assert_int_equal(limits_judge(&window), LIMIT_queue);
    window.srtt = 50000;
    assert_int_equal(limits_judge(&window), LIMIT_queue);
    window.srtt = 49999; /* less than a quarter above the minimum */
    assert_int_equal(limits_judge(&window), LIMIT_network);
    window.unacked = 700; /* and the congestion window has room */
    assert_int_equal(limits_judge(&window), LIMIT_unclear);
    window.model_based = true;
    assert_int_equal(limits_judge(&window), LIMIT_network);
    window.min_rtt = METRIC_ABSENT;
    window.model_based = false;
    assert_int_equal(limits_judge(&window), LIMIT_unclear);
}

static void an_application(void **state)
{
    (void)state;
    struct limit_window window = queued();
    window.idle = 10 * MS;
    window.blocked = 90 * MS;
    assert_int_equal(limits_judge(&window), LIMIT_queue);
    window.idle++;
    assert_int_equal(limits_judge(&window), LIMIT_application);
    window.idle = 0;
    window.blocked = 50 * MS; /* it runs for the other half */
    assert_int_equal(limits_judge(&window), LIMIT_cpu);
    window.blocked++;
    assert_int_equal(limits_judge(&window), LIMIT_queue);
    window.blocked = window.idle = METRIC_ABSENT; /* a row is missing */
    assert_int_equal(limits_judge(&window), LIMIT_unclear);
}

/* 65,536 bytes over 31 ms allow 16.9 Mbit/s. */
static void a_window(void **state)
{
    (void)state;
    struct limit_window window = queued();
    window.rwnd_limited = 30000;
    window.snd_wnd = 65536;
    window.srtt = window.min_rtt = 31000;
    window.acked = 211000;
    assert_int_equal(limits_judge(&window), LIMIT_receive_window);
    window.acked = 100000; /* that is not what the window allows */
    assert_int_equal(limits_judge(&window), LIMIT_receiver);
    window.rwnd_limited = 29999;
    assert_int_equal(limits_judge(&window), LIMIT_network);
}

static void a_send_buffer(void **state)
{
    (void)state;
    struct limit_window window = queued();
    window.sndbuf_limited = 10000; /* the kernel's clock */
    assert_int_equal(limits_judge(&window), LIMIT_send_buffer);
    window.sndbuf_limited = 9999;
    assert_int_equal(limits_judge(&window), LIMIT_queue);
    window.history.starved = 0.1; /* what rows have shown */
    window.send_buffer = 65536;
    assert_int_equal(limits_judge(&window), LIMIT_send_buffer);
    window.send_buffer = 4000000; /* 296 Mbit/s in a round trip: that does not fill */
    assert_int_equal(limits_judge(&window), LIMIT_queue);
    assert_false(is_starved(&window));
    window.notsent = 2000;
    window.unacked = 300;
    assert_true(is_starved(&window));
    window.blocked = 40 * MS;
    assert_false(is_starved(&window));
}

static void pacing(void **state)
{
    (void)state;
    struct limit_window window = queued();
    window.max_pacing_rate = 12500000;
    window.unacked = 400;
    assert_int_equal(limits_judge(&window), LIMIT_pacing);
    window.acked = 1125000 - 1;
    assert_int_equal(limits_judge(&window), LIMIT_queue);
    window.acked = 1250000;
    window.unacked = 800; /* the congestion window is full: it is the network, too */
    assert_int_equal(limits_judge(&window), LIMIT_queue);
}

/* 1 % loss over 40 ms allows 3.5 Mbit/s. */
static void loss_and_marks(void **state)
{
    (void)state;
    struct limit_window window = queued();
    window.srtt = 40500;
    window.cwnd = window.unacked = 10;
    window.acked = 30000;
    window.history.retransmitted = 1000;
    assert_int_equal(limits_judge(&window), LIMIT_network);
    window.history.reduced_by = REDUCED_BY_LOSS;
    assert_int_equal(limits_judge(&window), LIMIT_loss);
    window.acked = 1250000; /* far more than that */
    assert_int_equal(limits_judge(&window), LIMIT_network);
    window.history.reduced_by = REDUCED_BY_MARKS;
    assert_int_equal(limits_judge(&window), LIMIT_ecn);
}

static void slow_start(void **state)
{
    (void)state;
    struct limit_window window = queued();
    window.ssthresh = METRIC_INFINITE;
    assert_int_equal(limits_judge(&window), LIMIT_slow_start);
    window.model_based = true; /* bbr never has a threshold */
    assert_int_equal(limits_judge(&window), LIMIT_queue);
}

/* ---- from rows to shares */

static void take(struct limits *limits, int64_t begin_ms, int64_t end_ms, int64_t blocked_ms,
                 int64_t idle_ms, int64_t from_ms)
{
    struct report report;
    report_init(&report);
    report.key[REPORT_BEGIN] = begin_ms * MS;
    report.key[REPORT_END] = end_ms * MS;
    if (blocked_ms >= 0) {
        report.value[METRIC_tx_blocked] = blocked_ms * MS;
        report.value[METRIC_tx_idle] = idle_ms * MS;
    }
    limits_take(limits, &report, report.value, &(struct limit_about){.from = from_ms * MS});
}

/* Rows of 50 ms make windows of 100 ms; the last one is half as long and counts, shorter ones do
 * not. */
static void rows_make_windows(void **state)
{
    (void)state;
    struct limits limits = {0}, other = {0};
    struct limit_shares shares;
    limits_sum_up(&limits, &other, &shares);
    assert_true(shares.judged == 0);
    for (int i = 0; i < 10; i++) /* of each window one half is idle */
        take(&limits, 50 * i, 50 * i + 50, i % 2 ? 50 : 0, i % 2 ? 0 : 50, 0);
    take(&limits, 500, 550, 0, 0, 0);
    limits_sum_up(&limits, &other, &shares);
    assert_int_equal((int64_t)shares.judged, 550 * MS);
    assert_int_equal(shares.most, LIMIT_application);
    assert_int_equal(lround(1100 * shares.share[LIMIT_application]), 1000);
    assert_int_equal(lround(1100 * shares.share[LIMIT_cpu]), 100);
    assert_int_equal(shares.snd_wnd, METRIC_ABSENT);
    limits_free(&limits);
}

static void what_is_left_out_is_not_judged(void **state)
{
    (void)state;
    struct limits limits = {0}, other = {0};
    struct limit_shares shares;
    for (int i = 0; i < 4; i++)
        take(&limits, 100 * i, 100 * i + 100, 0, i < 2 ? 100 : 0, 200);
    limits_sum_up(&limits, &other, &shares);
    assert_int_equal((int64_t)shares.judged, 200 * MS);
    assert_int_equal(shares.most, LIMIT_cpu);
    take(&other, 0, 1000, -1, -1, 0); /* it has never sent */
    limits_sum_up(&other, &limits, &shares);
    assert_true(shares.judged == 0);
    limits_free(&limits);
    limits_free(&other);
}

static void take_window(struct limits *limits, int64_t begin_ms)
{
    struct report report;
    report_init(&report);
    report.key[REPORT_BEGIN] = begin_ms * MS;
    report.key[REPORT_END] = (begin_ms + 100) * MS;
    report.value[METRIC_tx_blocked] = 100 * MS;
    report.value[METRIC_tx_idle] = 0;
    report.value[METRIC_rwnd_limited] = 100000;
    report.value[METRIC_snd_wnd] = 65536;
    report.value[METRIC_srtt] = 31000;
    report.value[METRIC_bytes_acked] = 211000;
    limits_take(limits, &report, report.value, &(struct limit_about){0});
}

static void take_queue(struct limits *limits, int64_t begin_ms, int64_t queue)
{
    struct report report;
    report_init(&report);
    report.key[REPORT_BEGIN] = begin_ms * MS;
    report.key[REPORT_END] = (begin_ms + 100) * MS;
    report.value[METRIC_receive_queue] = queue;
    report.value[METRIC_receive_buffer] = 131072;
    limits_take(limits, &report, report.value, &(struct limit_about){0});
}

/* The receiver's rows say when its application did not read; it need not be at the same time as
 * the sender's windows, and may be known earlier or later. */
static void who_did_not_read(void **state)
{
    (void)state;
    struct limits sender = {0}, receiver = {0};
    struct limit_shares shares;
    for (int i = 0; i < 10; i++)
        take_window(&sender, 100 * i);
    limits_sum_up(&sender, &receiver, &shares);
    assert_true(shares.share[LIMIT_receive_window] == 1);
    assert_int_equal(shares.snd_wnd, 65536);
    assert_int_equal(shares.srtt, 31000);
    for (int i = 0; i < 12; i++)
        take_queue(&receiver, 100 * i + 50, i >= 2 && i < 5 ? 65536 : 65535);
    limits_sum_up(&sender, &receiver, &shares);
    assert_int_equal(lround(10 * shares.share[LIMIT_receiving_application]), 3);
    assert_int_equal(lround(10 * shares.share[LIMIT_receive_window]), 7);
    limits_free(&sender);
    limits_free(&receiver);
}

static void history(void **state)
{
    (void)state;
    struct limits limits = {.window = queued()};
    limits.window.retransmitted = 3;
    close_window(&limits);
    assert_int_equal(limits.history.reduced_by, REDUCED_BY_LOSS);
    assert_int_equal(limits.history.sent, 860);
    limits.window = queued();
    limits.window.marked = 1;
    limits.window.notsent = limits.window.unacked = 0;
    close_window(&limits);
    assert_int_equal(limits.history.reduced_by, REDUCED_BY_MARKS);
    assert_int_equal(limits.history.retransmitted, 3);
    assert_true(limits.history.starved == 1.0 / STARVED_WINDOWS);
    limits.window = queued();
    close_window(&limits);
    assert_int_equal(limits.history.reduced_by, REDUCED_BY_MARKS);
    limits.window.sent = METRIC_ABSENT;
    close_window(&limits);
    assert_int_equal(limits.history.sent, METRIC_ABSENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_queue),
        cmocka_unit_test(an_application),
        cmocka_unit_test(a_window),
        cmocka_unit_test(a_send_buffer),
        cmocka_unit_test(pacing),
        cmocka_unit_test(loss_and_marks),
        cmocka_unit_test(slow_start),
        cmocka_unit_test(rows_make_windows),
        cmocka_unit_test(what_is_left_out_is_not_judged),
        cmocka_unit_test(who_did_not_read),
        cmocka_unit_test(history),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
