/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests what a sender of STAMP tells of a path, with played times: delays, losses in each
 * direction, and what it says nothing about. */
#include "../../controller/stamp/stamp_figures.c"

#include "clock.h"
#include "unit.h"

enum { COUNT_MAX = 16, STAMP_OWN = STAMP_SYNCHRONISED | 1 };

#define START (1000000 * NS_PER_SEC)
#define THERE (30 * NS_PER_MS)
#define HELD  (3 * NS_PER_MS)
#define BACK  (10 * NS_PER_MS)
#define APART (20 * NS_PER_MS)
#define ERROR NS_PER_MS

static bool is_near(int64_t value, int64_t wanted)
{
    return llabs(value - wanted) <= 2;
}

static int64_t sent_at(uint32_t number)
{
    return START + number * APART;
}

static struct stamp_figures begin(size_t count)
{
    struct stamp_figures figures;
    stamp_figures_init(&figures, COUNT_MAX);
    for (uint32_t i = 0; i < count; i++)
        stamp_figures_send(&figures, stamp_time(sent_at(i)));
    return figures;
}

/* The reply of a reflector that is synchronised, with a number of its own. */
static struct stamp_arrived reply_to(uint32_t number, uint32_t own)
{
    int64_t sent = sent_at(number);
    return (struct stamp_arrived){
        .reply = {.sequence = own,
                  .received = stamp_time(sent + THERE),
                  .sent = stamp_time(sent + THERE + HELD),
                  .error = stamp_error_encode(true, ERROR),
                  .request = {.sequence = number, .sent = stamp_time(sent)},
                  .ttl = 61},
        .class = {.known = true, .dscp = 46, .ecn = 2},
        .at = stamp_time(sent + THERE + HELD + BACK),
        .tos = 10 << 2 | 3,
        .ttl = 60,
    };
}

static void take(struct stamp_figures *figures, uint32_t number, uint32_t own)
{
    struct stamp_arrived arrived = reply_to(number, own);
    stamp_figures_take(figures, &arrived, STAMP_OWN);
}

static void delays_are_told_apart(void **state)
{
    struct stamp_figures figures = begin(4);
    (void)state;
    for (uint32_t i = 0; i < 4; i++)
        take(&figures, i, i);
    assert_true(is_near(stamp_times_at(&figures.rtt, 0.5), THERE + BACK));
    assert_true(is_near(stamp_times_at(&figures.there, 1), THERE));
    assert_true(is_near(stamp_times_mean(&figures.back), BACK));
    assert_true(is_near(stamp_times_jitter(&figures.rtt), 0));
    assert_true(figures.synchronised);
    assert_in_range(figures.error, ERROR, ERROR + ERROR / 64 + 2);
    assert_int_equal(figures.dscp_there[46], 4);
    assert_int_equal(figures.ecn_there[2], 4);
    assert_int_equal(figures.dscp_back[10], 4);
    assert_int_equal(figures.ecn_back[3], 4);
    assert_true(figures.ttl_there == 61 && figures.ttl_back == 60);
    stamp_figures_free(&figures);
}

static void percentiles_are_by_rank(void **state)
{
    struct stamp_figures figures = begin(1);
    (void)state;
    assert_int_equal(stamp_times_at(&figures.rtt, 0.5), METRIC_ABSENT);
    assert_int_equal(stamp_times_mean(&figures.rtt), METRIC_ABSENT);
    for (int i = 10; i > 0; i--)
        figures.rtt.values[figures.rtt.count++] = i;
    assert_int_equal(stamp_times_at(&figures.rtt, 0), 1);
    assert_int_equal(stamp_times_at(&figures.rtt, 0.5), 5);
    assert_int_equal(stamp_times_at(&figures.rtt, 0.99), 10);
    assert_int_equal(stamp_times_at(&figures.rtt, 1), 10);
    stamp_figures_free(&figures);
}

/* RFC 3550: the first difference counts a sixteenth. */
static void jitter_is_that_of_rtp(void **state)
{
    struct stamp_times times = {.values = (int64_t[3]){0}};
    (void)state;
    times_add(&times, 1000);
    assert_int_equal(stamp_times_jitter(&times), METRIC_ABSENT);
    times_add(&times, 2600);
    assert_int_equal(stamp_times_jitter(&times), 100);
    times_add(&times, 2600);
    assert_in_range(stamp_times_jitter(&times), 93, 94);
}

/* Of eight, number 2 is lost on the way there, 4 on the way back, 7 somewhere. */
static void losses_are_told_apart(void **state)
{
    struct stamp_figures figures = begin(8);
    struct stamp_reply last = {.sequence = 7, .request.sequence = 9};
    (void)state;
    take(&figures, 0, 0);
    take(&figures, 1, 1);
    take(&figures, 3, 2);
    take(&figures, 5, 4);
    take(&figures, 6, 5);
    struct stamp_lost lost = stamp_figures_lost(&figures);
    assert_true(lost.all == 3 && lost.there == 1 && lost.back == 1 && lost.unknown == 1);
    stamp_figures_close(&figures, &last); /* it had seven before: number 7 as well */
    lost = stamp_figures_lost(&figures);
    assert_true(lost.all == 3 && lost.there == 1 && lost.back == 2 && lost.unknown == 0);
    stamp_figures_free(&figures);
}

static void copied_numbers_tell_nothing(void **state)
{
    struct stamp_figures figures = begin(4);
    struct stamp_reply last = {.sequence = 5, .request.sequence = 5};
    (void)state;
    take(&figures, 0, 0);
    take(&figures, 3, 3);
    stamp_figures_close(&figures, &last);
    struct stamp_lost lost = stamp_figures_lost(&figures);
    assert_true(lost.all == 2 && lost.there == METRIC_ABSENT && lost.back == METRIC_ABSENT &&
                lost.unknown == METRIC_ABSENT);
    stamp_figures_free(&figures);
}

/* A reflector that has all of a run's numbers lost its replies: only the last request shows it. */
static void replies_alone_can_be_lost(void **state)
{
    struct stamp_figures figures = begin(4);
    struct stamp_reply last = {.sequence = 4, .request.sequence = 5};
    (void)state;
    take(&figures, 0, 0);
    take(&figures, 3, 3);
    assert_int_equal(stamp_figures_lost(&figures).there, METRIC_ABSENT);
    stamp_figures_close(&figures, &last);
    struct stamp_lost lost = stamp_figures_lost(&figures);
    assert_true(lost.there == 0 && lost.back == 2 && lost.unknown == 0);
    stamp_figures_free(&figures);
}

/* Duplicates, late ones, other times than those that were sent, impossible times. */
static void others_are_not_taken(void **state)
{
    struct stamp_figures figures = begin(3);
    struct stamp_arrived late = reply_to(1, 1), forged = reply_to(1, 1), odd = reply_to(1, 1);
    (void)state;
    take(&figures, 0, 0);
    take(&figures, 0, 0);
    late.at += UINT64_C(2) << 32;
    forged.reply.request.sent++;
    odd.reply.sent = odd.reply.received - 10;
    stamp_figures_take(&figures, &late, STAMP_OWN);
    stamp_figures_take(&figures, &forged, STAMP_OWN);
    stamp_figures_take(&figures, &odd, STAMP_OWN);
    take(&figures, 3, 3);
    assert_true(figures.received == 1 && figures.duplicates == 1 && figures.late == 1);
    assert_int_equal(figures.wrong, 3);
    assert_int_equal(stamp_figures_lost(&figures).all, 2);
    stamp_figures_free(&figures);
}

static void clocks_have_to_say_that_they_are_right(void **state)
{
    const uint16_t others[] = {1, STAMP_SYNCHRONISED, STAMP_SYNCHRONISED | STAMP_PTP | 1};
    (void)state;
    for (size_t i = 0; i < COUNT(others); i++) {
        struct stamp_figures figures = begin(1);
        struct stamp_arrived arrived = reply_to(0, 0);
        arrived.reply.error = others[i];
        if (others[i] & STAMP_PTP)
            arrived.reply.received = arrived.reply.sent = UINT64_C(5) << 32;
        stamp_figures_take(&figures, &arrived, STAMP_OWN);
        assert_true(figures.received == 1 && !figures.synchronised);
        stamp_figures_free(&figures);
    }
    struct stamp_figures figures = begin(1);
    struct stamp_arrived arrived = reply_to(0, 0);
    stamp_figures_take(&figures, &arrived, 1);
    assert_false(figures.synchronised);
    stamp_figures_free(&figures);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delays_are_told_apart),
        cmocka_unit_test(percentiles_are_by_rank),
        cmocka_unit_test(jitter_is_that_of_rtp),
        cmocka_unit_test(losses_are_told_apart),
        cmocka_unit_test(copied_numbers_tell_nothing),
        cmocka_unit_test(replies_alone_can_be_lost),
        cmocka_unit_test(others_are_not_taken),
        cmocka_unit_test(clocks_have_to_say_that_they_are_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
