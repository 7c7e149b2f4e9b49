/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/flow/direction.c: what a direction may carry when, by a clock of the test's own. */
#include "daemon/flow/direction.c"

#include "unit.h"

/* Its sender sends from 20 to 50; responses may travel from 10 to 70. */
static struct direction planned(bool active)
{
    return (struct direction){
        .active = active, .from = 10, .start = 20, .stop = 50, .to = 70, .omit = CLOCK_NEVER};
}

static void it_opens_starts_stops_and_closes(void **state)
{
    static const struct {
        int64_t now;
        bool opened, started, stopped, closed;
        int64_t next;
    } steps[] = {
        {9, false, false, false, false, 10}, {10, true, false, false, false, 20},
        {19, true, false, false, false, 20}, {20, true, true, false, false, 50},
        {49, true, true, false, false, 50},  {50, true, true, true, false, 70},
        {69, true, true, true, false, 70},   {70, true, true, true, true, CLOCK_NEVER},
    };
    struct direction direction = planned(true);
    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        direction_tick(&direction, steps[i].now);
        assert_int_equal(direction.opened, steps[i].opened);
        assert_int_equal(direction.started, steps[i].started);
        assert_int_equal(direction.stopped, steps[i].stopped);
        assert_int_equal(direction.closed, steps[i].closed);
        assert_int_equal(direction_next(&direction), steps[i].next);
    }
    assert_int_equal(direction.opened_at, 10);
    assert_int_equal(direction.started_at, 20);
    assert_int_equal(direction.stopped_at, 50);
    assert_int_equal(direction.closed_at, 70);
}

static void instants_are_what_they_really_were(void **state)
{
    struct direction direction = planned(true);
    (void)state;
    direction_tick(&direction, 25); /* the process was late */
    direction_tick(&direction, 58);
    direction_tick(&direction, 90);
    assert_int_equal(direction.opened_at, 25);
    assert_int_equal(direction.started_at, 25);
    assert_int_equal(direction.stopped_at, 58);
    assert_int_equal(direction.closed_at, 90);
}

static void one_late_look_reaches_all(void **state)
{
    struct direction direction = planned(true);
    (void)state;
    direction_tick(&direction, 1000);
    assert_true(direction.started && direction.stopped && direction.opened && direction.closed);
    assert_int_equal(direction_next(&direction), CLOCK_NEVER);
}

static void without_a_sender_it_carries_responses_only(void **state)
{
    struct direction direction = planned(false);
    (void)state;
    assert_int_equal(direction_next(&direction), 10);
    direction_tick(&direction, 60);
    assert_false(direction.started || direction.stopped);
    assert_true(direction_has_stopped(&direction));
    assert_false(direction_is_over(&direction));
    assert_int_equal(direction_next(&direction), 70);
    direction_tick(&direction, 70);
    assert_true(direction_is_over(&direction));
}

static void what_is_omitted_wakes_it_once_it_carries(void **state)
{
    struct direction direction = planned(true);
    (void)state;
    direction.omit = 30;
    assert_int_equal(direction_next(&direction), 10);
    direction_tick(&direction, 20);
    assert_int_equal(direction_next(&direction), 30);
    direction.omit = CLOCK_NEVER;
    assert_int_equal(direction_next(&direction), 50);
    direction = planned(false);
    direction.omit = 30;
    direction_tick(&direction, 10);
    assert_int_equal(direction_next(&direction), 30);
}

static void a_stop_leaves_responses_their_time(void **state)
{
    struct direction direction = planned(true);
    (void)state;
    direction_tick(&direction, 20);
    direction_stop(&direction, 30, true);
    assert_true(direction.stopped);
    assert_int_equal(direction.stopped_at, 30);
    assert_false(direction.closed);
    assert_int_equal(direction_next(&direction), 70);
    direction = planned(true);
    direction_tick(&direction, 20);
    direction_stop(&direction, 30, false);
    assert_true(direction.stopped && direction.closed);
    assert_int_equal(direction.closed_at, 30);
}

static void a_stop_after_the_end_changes_nothing(void **state)
{
    struct direction direction = planned(true);
    (void)state;
    direction_tick(&direction, 50);
    direction_stop(&direction, 60, true);
    assert_int_equal(direction.stop, 50);
    assert_int_equal(direction.stopped_at, 50);
    direction_cut(&direction, 80);
    assert_int_equal(direction.stop, 50);
    assert_int_equal(direction.to, 70);
}

static void a_cut_ends_both_at_the_next_look(void **state)
{
    struct direction direction = planned(true);
    (void)state;
    direction_tick(&direction, 20);
    direction_cut(&direction, 30);
    assert_false(direction.stopped || direction.closed);
    assert_int_equal(direction_next(&direction), 30);
    direction_tick(&direction, 30);
    assert_true(direction.stopped && direction.closed);
}

static void what_moves_counts_until_the_end(void **state)
{
    struct direction direction = planned(true);
    (void)state;
    direction_tick(&direction, 20);
    direction_add_bytes(&direction, 100);
    direction_add_block(&direction, false);
    direction_add_block(&direction, true);
    direction.reported = 60;
    assert_int_equal(direction_fresh_bytes(&direction), 40);
    direction_tick(&direction, 50); /* requests are over, responses are not */
    direction_add_bytes(&direction, 10);
    direction_add_block(&direction, false);
    direction_add_block(&direction, true);
    direction_tick(&direction, 70);
    direction_add_block(&direction, true);
    assert_int_equal(direction.bytes, 100);
    assert_int_equal(direction.tail_bytes, 10);
    assert_int_equal(direction.requests, 1);
    assert_int_equal(direction.tail_requests, 1);
    assert_int_equal(direction.responses, 2);
    assert_int_equal(direction.tail_responses, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_opens_starts_stops_and_closes),
        cmocka_unit_test(instants_are_what_they_really_were),
        cmocka_unit_test(one_late_look_reaches_all),
        cmocka_unit_test(without_a_sender_it_carries_responses_only),
        cmocka_unit_test(what_is_omitted_wakes_it_once_it_carries),
        cmocka_unit_test(a_stop_leaves_responses_their_time),
        cmocka_unit_test(a_stop_after_the_end_changes_nothing),
        cmocka_unit_test(a_cut_ends_both_at_the_next_look),
        cmocka_unit_test(what_moves_counts_until_the_end),
    };
    return cmocka_run_group_tests_name("direction", tests, NULL, NULL);
}
