/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/run/daemon_contact.c and the lead of run_start.c: when a daemon that does not
 * answer is given up, and how late a run starts, by a clock of the test's own. */
#include "controller/run/daemon_contact.c"
#include "controller/run/run_start.c"

#include "unit.h"

#define START INT64_C(1000000000000)
#define LEASE (15 * NS_PER_SEC)

static struct daemon_contact contact;

static int set_up(void **state)
{
    (void)state;
    contact = (struct daemon_contact){.last = START};
    return 0;
}

static void a_silent_daemon_is_called_again_until_its_lease_ends(void **state)
{
    (void)state;
    for (int64_t now = START; now < START + LEASE; now += NS_PER_SEC) {
        assert_int_equal(daemon_contact_failed(&contact, false, LEASE, now), DAEMON_RETRY);
        assert_int_equal(contact.retry_at, now + RETRY_PAUSE);
    }
    assert_int_equal(daemon_contact_failed(&contact, false, LEASE, START + LEASE - 1),
                     DAEMON_RETRY);
    assert_int_equal(daemon_contact_failed(&contact, false, LEASE, START + LEASE), DAEMON_LEASE);
}

static void an_answer_begins_the_lease_anew(void **state)
{
    (void)state;
    daemon_contact_heard(&contact, START + 10 * NS_PER_SEC);
    assert_int_equal(daemon_contact_failed(&contact, false, LEASE, START + 24 * NS_PER_SEC),
                     DAEMON_RETRY);
    assert_int_equal(daemon_contact_failed(&contact, false, LEASE, START + 25 * NS_PER_SEC),
                     DAEMON_LEASE);
}

static void a_host_that_refuses_has_no_daemon(void **state)
{
    (void)state;
    assert_int_equal(daemon_contact_failed(&contact, true, LEASE, START), DAEMON_RETRY);
    assert_int_equal(daemon_contact_failed(&contact, true, LEASE, START + REFUSED_TIME - 1),
                     DAEMON_RETRY);
    assert_int_equal(daemon_contact_failed(&contact, true, LEASE, START + REFUSED_TIME),
                     DAEMON_IS_OFF);
}

static void only_refusals_in_a_row_count(void **state)
{
    (void)state;
    daemon_contact_failed(&contact, true, LEASE, START);
    daemon_contact_failed(&contact, false, LEASE, START + NS_PER_SEC / 2); /* no answer at all */
    assert_int_equal(daemon_contact_failed(&contact, true, LEASE, START + NS_PER_SEC),
                     DAEMON_RETRY);
    daemon_contact_heard(&contact, START + NS_PER_SEC + NS_PER_SEC / 2);
    assert_int_equal(daemon_contact_failed(&contact, true, LEASE, START + 2 * NS_PER_SEC),
                     DAEMON_RETRY);
    assert_int_equal(daemon_contact_failed(&contact, true, LEASE, START + 3 * NS_PER_SEC),
                     DAEMON_IS_OFF);
}

static void no_call_outlasts_the_lease(void **state)
{
    (void)state;
    assert_int_equal(daemon_contact_timeout_ms(&contact, LEASE, START), 12000); /* enough */
    assert_int_equal(daemon_contact_timeout_ms(&contact, LEASE, START + 5 * NS_PER_SEC), 10001);
    assert_int_equal(daemon_contact_timeout_ms(&contact, LEASE, START + 14 * NS_PER_SEC), 1001);
    assert_int_equal(daemon_contact_timeout_ms(&contact, LEASE, START + 15 * NS_PER_SEC), 200);
    assert_int_equal(daemon_contact_timeout_ms(&contact, LEASE, START + 60 * NS_PER_SEC), 200);
}

static void leases_are_renewed_three_times_as_often(void **state)
{
    (void)state;
    assert_false(daemon_contact_needs_renewal(&contact, LEASE, START + 5 * NS_PER_SEC - 1));
    assert_true(daemon_contact_needs_renewal(&contact, LEASE, START + 5 * NS_PER_SEC));
}

static void a_run_starts_when_all_daemons_have_heard(void **state)
{
    const int64_t ms = NS_PER_MS;
    (void)state;
    assert_int_equal(start_lead(0, 0, 0), 100 * ms);
    assert_int_equal(start_lead(50 * ms, 50 * ms, 1000), 100 * ms + 100 * ms + 20 * ms);
    /* a call that has waited: ten times that */
    assert_int_equal(start_lead(50 * ms, 60 * ms, 0), 200 * ms + 100 * ms);
    assert_int_equal(start_lead(50 * ms, 250 * ms, 0), 200 * ms + 2000 * ms);
    /* but that is bounded */
    assert_int_equal(start_lead(50 * ms, 1050 * ms, 0), 200 * ms + 2000 * ms + 1000 * ms);
    /* a call that was faster than the round trip tells nothing */
    assert_int_equal(start_lead(50 * ms, 10 * ms, 0), 200 * ms);
    /* Of a long round trip the half reaches the daemons. */
    assert_int_equal(start_lead(100 * ms, 100 * ms, 0), 100 * ms + 200 * ms);
    assert_int_equal(start_lead(150 * ms, 150 * ms, 0), 100 * ms + 200 * ms);
    assert_int_equal(start_lead(600 * ms, 600 * ms, 0), 100 * ms + 600 * ms);
}

#define CASE(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_silent_daemon_is_called_again_until_its_lease_ends),
        CASE(an_answer_begins_the_lease_anew),
        CASE(a_host_that_refuses_has_no_daemon),
        CASE(only_refusals_in_a_row_count),
        CASE(no_call_outlasts_the_lease),
        CASE(leases_are_renewed_three_times_as_often),
        CASE(a_run_starts_when_all_daemons_have_heard),
    };
    return cmocka_run_group_tests_name("daemon_contact", tests, NULL, NULL);
}
