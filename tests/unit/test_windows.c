/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/output/windows.c: rows of both ends become rows of windows, in order. */
#include "controller/output/windows.c"

#include "unit.h"

#define MS NS_PER_MS

struct scene {
    struct plan *plan;
    struct windows *windows;
    const struct window_row *rows;
    size_t count;
    int64_t end;
};

/* Flows from the source for 10 s, windows of 1 s. */
static struct scene begin(size_t flows)
{
    struct scene scene = {.plan = plan_new(flows)};
    scene.windows = windows_new(scene.plan, NS_PER_SEC);
    return scene;
}

static void end(struct scene *scene)
{
    windows_free(scene->windows);
    plan_free(scene->plan);
}

static bool add(struct scene *scene, size_t flow, enum endpoint endpoint, int64_t from_ms,
                int64_t to_ms, int64_t value)
{
    struct report report;
    report_init(&report);
    report.key[REPORT_FLOW] = (int64_t)flow;
    report.key[REPORT_ENDPOINT] = endpoint;
    report.key[REPORT_BEGIN] = from_ms * MS;
    report.key[REPORT_END] = to_ms * MS;
    report.value[endpoint == SOURCE ? METRIC_total_retrans : METRIC_rx_bytes] = value;
    report.value[METRIC_cwnd] = value;
    return windows_add(scene->windows, &report, report.value);
}

static void finish(struct scene *scene, size_t flow, enum endpoint endpoint)
{
    struct report report = {.key = {[REPORT_FLOW] = (int64_t)flow, [REPORT_ENDPOINT] = endpoint}};
    windows_finish(scene->windows, &report);
}

static bool next(struct scene *scene, bool all)
{
    return windows_next(scene->windows, all, &scene->rows, &scene->count, &scene->end);
}

/* A row without round-trip times of blocks, or of which a figure is absent, adds none to its
 * window; an absent value must not become a number. */
static void round_trips_that_are_absent_add_nothing(void **state)
{
    static const struct {
        int64_t count, minimum, sum, expected;
    } cases[] = {
        {2, 10, 30, 2},
        {0, 10, 30, 0},
        {0, METRIC_ABSENT, METRIC_ABSENT, 0},
        {METRIC_ABSENT, METRIC_ABSENT, METRIC_ABSENT, 0},
        {2, METRIC_ABSENT, 30, 0},
        {2, 10, METRIC_ABSENT, 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct slot slot = {0};
        struct report row;
        report_init(&row);
        row.value[METRIC_rtt_count] = cases[i].count;
        row.value[METRIC_rtt_min] = cases[i].minimum;
        row.value[METRIC_rtt_max] = 20;
        row.value[METRIC_rtt_sum] = cases[i].sum;
        fill(&slot, NS_PER_SEC, row.value);
        assert_int_equal(slot.block_rtt.count, cases[i].expected);
        assert_int_equal(slot.block_rtt.sum, cases[i].expected ? cases[i].sum : 0);
    }
}

/* Losses add up, and one may be taken back; jitter is that of the window's end. */
static void losses_are_of_the_window(void **state)
{
    (void)state;
    static const int64_t lost[] = {5, -2}, jitter[] = {900, 400};
    struct scene scene = begin(1);
    for (int i = 0; i < 2; i++) {
        struct report report;
        report_init(&report);
        report.key[REPORT_ENDPOINT] = DESTINATION;
        report.key[REPORT_BEGIN] = i * 500 * MS;
        report.key[REPORT_END] = (i + 1) * 500 * MS;
        report.value[METRIC_datagrams_lost] = lost[i];
        report.value[METRIC_datagrams_distinct] = 100;
        report.value[METRIC_jitter_last] = jitter[i];
        assert_true(windows_add(scene.windows, &report, report.value));
    }
    assert_true(next(&scene, true));
    assert_int_equal(scene.count, 1);
    assert_int_equal(scene.rows[0].lost, 3);
    assert_int_equal(scene.rows[0].distinct, 200);
    assert_int_equal(scene.rows[0].jitter, 400);
    end(&scene);
    scene = begin(1);
    assert_true(add(&scene, 0, DESTINATION, 0, 1000, 7));
    assert_true(next(&scene, true));
    assert_int_equal(scene.rows[0].lost, METRIC_ABSENT);
    assert_int_equal(scene.rows[0].jitter, METRIC_ABSENT);
    end(&scene);
}

static void both_ends_make_a_row(void **state)
{
    struct scene scene = begin(1);
    (void)state;
    add(&scene, 0, SOURCE, 0, 500, 3);
    add(&scene, 0, SOURCE, 500, 1000, 4);
    assert_false(next(&scene, false)); /* the receiver has not reported */
    add(&scene, 0, DESTINATION, 8, 508, 125);
    assert_false(next(&scene, false)); /* half of it */
    add(&scene, 0, DESTINATION, 508, 1008, 375);
    assert_true(next(&scene, false));
    assert_int_equal(scene.count, 1);
    assert_true(scene.end == NS_PER_SEC);
    assert_float_equal(scene.rows[0].goodput, 4000, 1e-9);
    assert_int_equal(scene.rows[0].retransmitted, 7); /* the sum */
    assert_int_equal(scene.rows[0].cwnd, 4);          /* the last */
    assert_true(scene.rows[0].srtt == METRIC_ABSENT);
    assert_int_equal(scene.rows[0].sender, SOURCE);
    assert_false(scene.rows[0].two_way);
    assert_false(next(&scene, true));
    end(&scene);
}

static void windows_come_in_order_with_flows_in_order(void **state)
{
    struct scene scene = begin(3);
    (void)state;
    for (int second = 2; second >= 0; second--)
        for (size_t flow = 3; flow--;)
            for (int e = 0; e < ENDPOINTS; e++)
                add(&scene, flow, (enum endpoint)e, 1000 * second, 1000 * second + 1000, 1);
    for (int second = 0; second < 3; second++) {
        assert_true(next(&scene, false));
        assert_true(scene.end == (second + 1) * NS_PER_SEC);
        assert_int_equal(scene.count, 3);
        for (size_t flow = 0; flow < 3; flow++)
            assert_int_equal(scene.rows[flow].flow, flow);
    }
    assert_false(next(&scene, true));
    end(&scene);
}

/* An end that is silent is waited for, but not for ever; what it says later is not invented. */
static void a_silent_end_is_absent_in_the_end(void **state)
{
    struct scene scene = begin(1);
    (void)state;
    for (int second = 0; second < WAIT; second++)
        add(&scene, 0, SOURCE, 1000 * second, 1000 * second + 1000, 1);
    assert_false(next(&scene, false));
    add(&scene, 0, SOURCE, 1000 * WAIT, 1000 * WAIT + 1000, 1);
    assert_true(next(&scene, false));
    assert_true(isnan(scene.rows[0].goodput) && scene.rows[0].retransmitted == 1);
    assert_false(next(&scene, false));
    assert_true(add(&scene, 0, DESTINATION, 0, 1000, 1)); /* too late, and dropped */
    assert_true(add(&scene, 0, DESTINATION, 1000, 2000, 125));
    assert_true(next(&scene, false));
    assert_float_equal(scene.rows[0].goodput, 1000, 1e-9);
    end(&scene);
}

static void an_end_that_is_finished_is_not_waited_for(void **state)
{
    struct scene scene = begin(1);
    (void)state;
    add(&scene, 0, DESTINATION, 0, 1000, 125);
    finish(&scene, 0, SOURCE);
    assert_true(next(&scene, false));
    assert_true(scene.rows[0].retransmitted == METRIC_ABSENT);
    end(&scene);
}

/* 10 s are planned: what is read a little later belongs to the last second. */
static void what_comes_after_the_end_belongs_to_the_last_window(void **state)
{
    struct scene scene = begin(1);
    (void)state;
    for (int e = 0; e < ENDPOINTS; e++) {
        add(&scene, 0, (enum endpoint)e, 9000, 10000, 125);
        add(&scene, 0, (enum endpoint)e, 10000, 10250, 125);
    }
    while (next(&scene, false))
        assert_int_equal(scene.count, 0); /* more may come until it is finished */
    finish(&scene, 0, SOURCE);
    finish(&scene, 0, DESTINATION);
    while (next(&scene, false) && !scene.count)
        ;
    assert_int_equal(scene.count, 1);
    assert_true(scene.end == 10 * NS_PER_SEC);
    assert_float_equal(scene.rows[0].goodput, 250 * 8 / 1.25, 1e-9);
    assert_false(next(&scene, true));
    end(&scene);
}

static void a_window_ends_with_the_run(void **state)
{
    struct plan *plan = plan_new(1);
    struct scene scene = {.plan = plan};
    (void)state;
    plan->flows[0].ends[SOURCE].duration = 2500 * MS;
    scene.windows = windows_new(plan, NS_PER_SEC);
    add(&scene, 0, SOURCE, 2000, 2500, 1);
    while (next(&scene, true) && !scene.count)
        ;
    assert_true(scene.end == 2500 * MS);
    end(&scene);
}

static void no_room_is_said_and_nothing_is_lost(void **state)
{
    struct scene scene = begin(1);
    size_t rows = 0;
    (void)state;
    scene.plan->flows[0].ends[SOURCE].duration = 1000 * NS_PER_SEC;
    for (int second = 0; second < 100; second++) {
        while (!add(&scene, 0, SOURCE, 1000 * second, 1000 * second + 1000, 1)) {
            assert_true(next(&scene, true));
            rows += scene.count;
        }
    }
    while (next(&scene, true))
        rows += scene.count;
    assert_int_equal(rows, 100);
    end(&scene);
}

/* A flow that begins late leaves no empty windows to wait for. */
static void a_late_beginning_is_jumped_to(void **state)
{
    struct scene scene = begin(1);
    (void)state;
    scene.plan->flows[0].ends[SOURCE].duration = 1000 * NS_PER_SEC;
    assert_true(add(&scene, 0, SOURCE, 500000, 501000, 1));
    while (next(&scene, true) && !scene.count)
        ;
    assert_true(scene.end == 501 * NS_PER_SEC || scene.end == 10 * NS_PER_SEC);
    assert_int_equal(scene.count, 1);
    end(&scene);
}

static void two_directions_have_a_row_each(void **state)
{
    struct scene scene = begin(1);
    (void)state;
    scene.plan->flows[0].ends[DESTINATION].duration = 10 * NS_PER_SEC;
    add(&scene, 0, SOURCE, 0, 1000, 1);
    add(&scene, 0, DESTINATION, 0, 1000, 125);
    assert_true(next(&scene, false));
    assert_int_equal(scene.count, 2);
    assert_true(scene.rows[0].two_way && scene.rows[1].two_way);
    assert_float_equal(scene.rows[0].goodput, 1000, 1e-9);
    assert_true(isnan(scene.rows[1].goodput)); /* the source said nothing of what it read */
    assert_int_equal(scene.rows[1].cwnd, 125);
    end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trips_that_are_absent_add_nothing),
        cmocka_unit_test(losses_are_of_the_window),
        cmocka_unit_test(both_ends_make_a_row),
        cmocka_unit_test(windows_come_in_order_with_flows_in_order),
        cmocka_unit_test(a_silent_end_is_absent_in_the_end),
        cmocka_unit_test(an_end_that_is_finished_is_not_waited_for),
        cmocka_unit_test(what_comes_after_the_end_belongs_to_the_last_window),
        cmocka_unit_test(a_window_ends_with_the_run),
        cmocka_unit_test(no_room_is_said_and_nothing_is_lost),
        cmocka_unit_test(a_late_beginning_is_jumped_to),
        cmocka_unit_test(two_directions_have_a_row_each),
    };
    return cmocka_run_group_tests_name("windows", tests, NULL, NULL);
}
