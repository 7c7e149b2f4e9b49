/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/engine/worker.c: what has a turn, and when. */
#include "daemon/engine/worker.c"

#include "unit.h"

static struct worker worker;
static int fired, ran;

static int set_up(void **state)
{
    (void)state;
    worker_init(&worker);
    fired = ran = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    munmap(worker.scratch, WORKER_SCRATCH_SIZE);
    free(worker.block);
    timers_free(&worker.timers);
    return 0;
}

/* One that has fallen behind, as a flow does whose intervals are shorter than what a row takes. */
static void fall_behind(struct timer *timer, int64_t now)
{
    fired++;
    timers_set(&worker.timers, timer, now - NS_PER_SEC);
}

static void run_task(struct task *task)
{
    (void)task;
    ran++;
}

static void test_timers_that_are_always_due(void **state)
{
    (void)state;
    struct timer timers[3] = {{.fire = fall_behind}, {.fire = fall_behind}, {.fire = fall_behind}};
    struct task tasks[2] = {{.run = run_task}, {.run = run_task}};
    worker_update_now(&worker);
    for (int i = 0; i < 3; i++)
        timers_set(&worker.timers, &timers[i], worker.now - NS_PER_SEC);
    for (int i = 0; i < 2; i++) {
        list_init(&tasks[i].link);
        worker_queue(&worker, &tasks[i]);
    }
    run_timers(&worker);
    assert_int_equal(fired, 3);
    run_tasks(&worker); /* timers have a turn after each task */
    assert_int_equal(ran, 2);
    assert_int_equal(fired, 9);
}

/* Each of those that are due has its turn before data is read. */
static void count(struct timer *timer, int64_t now)
{
    (void)timer, (void)now;
    fired++;
}

static void test_timers_that_are_due_once(void **state)
{
    (void)state;
    enum { TIMERS = 1000 };
    struct timer timers[TIMERS] = {{.fire = NULL}};
    worker_update_now(&worker);
    for (int i = 0; i < TIMERS; i++) {
        timers[i].fire = count;
        timers_set(&worker.timers, &timers[i],
                   worker.now + (i % 2 ? NS_PER_SEC : -(int64_t)random_below(1000)));
    }
    run_timers(&worker);
    assert_int_equal(fired, TIMERS / 2);
    run_timers(&worker);
    assert_int_equal(fired, TIMERS / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_timers_that_are_always_due, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_timers_that_are_due_once, set_up, tear_down),
    };
    seed_random();
    alarm(60); /* a test that hangs fails */
    return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
