/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/flow/closing.c: early ends and draining, by a clock of the test's own. */
#include "daemon/flow/closing.c"

#include "unit.h"

#define START INT64_C(1000000000)
#define END   (START + 10 * NS_PER_SEC)

static struct closing closing;
static int64_t before;

static int set_up(void **state)
{
    (void)state;
    closing_init(&closing);
    before = -1;
    return 0;
}

static void nothing_is_broken_at_first(void **state)
{
    (void)state;
    assert_false(closing_is_broken(&closing, CLOCK_NEVER - 1, END, &before));
    assert_int_equal(closing.deadline, CLOCK_NEVER);
}

static void an_early_end_is_an_error_after_a_while(void **state)
{
    (void)state;
    closing_peer_left(&closing, START);
    assert_false(closing_is_broken(&closing, START, END, &before));
    assert_false(closing_is_broken(&closing, START + EARLY_GRACE - 1, END, &before));
    assert_int_equal(before, -1);
    assert_true(closing_is_broken(&closing, START + EARLY_GRACE, END, &before));
    assert_int_equal(before, END - START);
    /* however late it is looked at */
    assert_true(closing_is_broken(&closing, START + 5 * NS_PER_SEC, END, &before));
    assert_int_equal(before, END - START);
}

static void an_early_end_is_forgiven(void **state)
{
    (void)state;
    closing_peer_left(&closing, START);
    closing_forgive(&closing);
    assert_false(closing_is_broken(&closing, START + 100 * NS_PER_SEC, END, &before));
}

static void draining_forgives_it_too(void **state)
{
    (void)state;
    closing_peer_left(&closing, START);
    closing_begin(&closing, START + NS_PER_SEC, 5 * NS_PER_SEC);
    assert_false(closing_is_broken(&closing, START + 100 * NS_PER_SEC, END, &before));
    assert_int_equal(closing.deadline, START + 6 * NS_PER_SEC);
}

static void a_stop_shortens_draining_and_never_prolongs_it(void **state)
{
    (void)state;
    closing_begin(&closing, START, 5 * NS_PER_SEC);
    closing_shorten(&closing, START + NS_PER_SEC, 10 * NS_PER_SEC);
    assert_int_equal(closing.deadline, START + 5 * NS_PER_SEC);
    closing_shorten(&closing, START + NS_PER_SEC, NS_PER_SEC / 2);
    assert_int_equal(closing.deadline, START + NS_PER_SEC + NS_PER_SEC / 2);
    closing_shorten(&closing, START + NS_PER_SEC, 0);
    assert_int_equal(closing.deadline, START + NS_PER_SEC);
}

static void who_is_told_does_not_look(void **state)
{
    (void)state;
    closing_begin(&closing, START, NS_PER_SEC);
    for (int i = 0; i < 10; i++)
        assert_int_equal(closing_next_look(&closing, START + i, true), START + NS_PER_SEC);
    assert_int_equal(closing_next_look(&closing, START, false), START + PAUSE_FIRST);
}

static void who_is_not_told_looks_ever_more_rarely(void **state)
{
    static const int64_t pauses[] = {1, 2, 4, 8, 16, 16, 16};
    int64_t now = START;
    (void)state;
    closing_begin(&closing, START, NS_PER_SEC);
    for (size_t i = 0; i < sizeof pauses / sizeof pauses[0]; i++) {
        int64_t look = closing_next_look(&closing, now, false);
        assert_int_equal(look - now, pauses[i] * NS_PER_MS);
        now = look;
    }
    /* but not after the deadline */
    now = closing.deadline - NS_PER_MS;
    assert_int_equal(closing_next_look(&closing, now, false), closing.deadline);
    /* the next end begins anew */
    closing_begin(&closing, now, NS_PER_SEC);
    assert_int_equal(closing_next_look(&closing, now, false), now + PAUSE_FIRST);
}

#define CASE(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(nothing_is_broken_at_first),
        CASE(an_early_end_is_an_error_after_a_while),
        CASE(an_early_end_is_forgiven),
        CASE(draining_forgives_it_too),
        CASE(a_stop_shortens_draining_and_never_prolongs_it),
        CASE(who_is_told_does_not_look),
        CASE(who_is_not_told_looks_ever_more_rarely),
    };
    return cmocka_run_group_tests_name("closing", tests, NULL, NULL);
}
