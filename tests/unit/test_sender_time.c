/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/flow/sender_time.c with a clock of its own. */
#include "daemon/flow/sender_time.c"

#include "unit.h"

static void states_add_up(void **state)
{
    (void)state;
    struct sender_time time = {0};
    assert_int_equal(sender_time_blocked(&time, 1000), 0);
    sender_time_enter(&time, SENDER_RUNS, 1000);
    sender_time_enter(&time, SENDER_BLOCKED, 1010);
    assert_int_equal(sender_time_blocked(&time, 1015), 5); /* it goes on */
    assert_int_equal(sender_time_idle(&time, 1015), 0);
    sender_time_enter(&time, SENDER_IDLE, 1040);
    sender_time_enter(&time, SENDER_BLOCKED, 1100);
    sender_time_enter(&time, SENDER_OFF, 1103);
    assert_int_equal(sender_time_blocked(&time, 9999), 33);
    assert_int_equal(sender_time_idle(&time, 9999), 60);
}

/* A row may be taken with an older time than the state's. */
static void nothing_is_negative(void **state)
{
    (void)state;
    struct sender_time time = {0};
    sender_time_enter(&time, SENDER_BLOCKED, 1000);
    assert_int_equal(sender_time_blocked(&time, 990), 0);
    sender_time_enter(&time, SENDER_BLOCKED, 1005); /* the same state again */
    assert_int_equal(sender_time_blocked(&time, 1006), 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_add_up),
        cmocka_unit_test(nothing_is_negative),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
