/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests who is next where calls wait for a thread: nobody has all of them, few calls go before
 * many. */
#include "control/executors.c"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "unit.h"

enum { JOBS = 40 };

/* A job that says when it began, and goes on until it may end. */
struct test_job {
    struct job job;
    atomic_bool begun, may_end, ended;
    int turn;
};

static atomic_int turns;

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void run_test_job(struct job *job)
{
    struct test_job *test = list_item(job, struct test_job, job);
    test->turn = atomic_fetch_add(&turns, 1);
    test->begun = true;
    while (!test->may_end)
        nap();
    test->ended = true;
}

static void add(struct executors *executors, struct test_job *test, const char *owner, bool may_end)
{
    *test = (struct test_job){.job.run = run_test_job, .may_end = may_end};
    snprintf(test->job.owner, sizeof test->job.owner, "%s", owner);
    executors_add(executors, &test->job);
}

static void wait_for(atomic_bool *flag)
{
    for (int i = 0; !*flag && i < 20000; i++)
        nap();
    assert_true(*flag);
}

static void all_are_carried_out(void **state)
{
    struct test_job jobs[JOBS];
    struct executors *executors = executors_new(3, 2);
    (void)state;
    for (int i = 0; i < JOBS; i++)
        add(executors, &jobs[i], i % 3 ? "alice" : "bob", true);
    executors_free(executors);
    for (int i = 0; i < JOBS; i++)
        assert_true(jobs[i].ended);
    executors_free(NULL);
}

static void nobody_has_all_threads(void **state)
{
    struct test_job alice[3], bob;
    struct executors *executors = executors_new(3, 2);
    (void)state;
    for (int i = 0; i < 3; i++)
        add(executors, &alice[i], "alice", false);
    wait_for(&alice[0].begun);
    wait_for(&alice[1].begun);
    add(executors, &bob, "bob", true);
    wait_for(&bob.ended);
    assert_false(alice[2].begun); /* bob came later, and went first */
    alice[0].may_end = true;
    wait_for(&alice[2].begun);
    alice[1].may_end = alice[2].may_end = true;
    executors_free(executors);
    assert_true(alice[2].ended);
}

static void who_has_fewest_is_next(void **state)
{
    struct test_job first, alice[4], bob;
    struct executors *executors = executors_new(2, 2);
    (void)state;
    add(executors, &first, "alice", false);
    add(executors, &alice[0], "alice", false);
    wait_for(&first.begun);
    wait_for(&alice[0].begun);
    for (int i = 1; i < 4; i++)
        add(executors, &alice[i], "alice", true);
    add(executors, &bob, "bob", true);
    alice[0].may_end = true;
    wait_for(&bob.ended);
    for (int i = 1; i < 4; i++)
        wait_for(&alice[i].ended);
    assert_true(bob.turn < alice[1].turn && alice[1].turn < alice[2].turn);
    assert_true(alice[2].turn < alice[3].turn); /* of one owner, as they came */
    first.may_end = true;
    executors_free(executors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_carried_out),
        cmocka_unit_test(nobody_has_all_threads),
        cmocka_unit_test(who_has_fewest_is_next),
    };
    return cmocka_run_group_tests_name("executors", tests, NULL, NULL);
}
