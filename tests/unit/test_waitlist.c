/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/engine/waitlist.c: each waiter is woken once, or cancelled, but never both. */
#include "daemon/engine/waitlist.c"

#include <stdatomic.h>
#include <stdint.h>
#include <unistd.h>

#include "clock.h"

#include "unit.h"

/* splitmix64 */
static uint64_t draw_from(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* A waiter that counts. */
struct sleeper {
    struct waiter waiter; /* first */
    atomic_int woken;
    int cancelled;
    struct waitlist *again; /* where it waits anew when it is woken */
    struct sleeper *other;  /* whom it cancels then */
    bool locked;            /* the list was locked while it was woken */
    struct waitlist *list;
};

static void on_wake(struct waiter *waiter)
{
    struct sleeper *sleeper = (struct sleeper *)waiter;
    atomic_fetch_add(&sleeper->woken, 1);
    if (sleeper->list) {
        sleeper->locked = pthread_mutex_trylock(&sleeper->list->lock) != 0;
        if (!sleeper->locked)
            pthread_mutex_unlock(&sleeper->list->lock);
    }
    if (sleeper->again && sleeper->woken < 10)
        waitlist_add(sleeper->again, &sleeper->waiter);
    if (sleeper->other)
        sleeper->other->cancelled += waitlist_cancel(sleeper->list, &sleeper->other->waiter);
}

static void sleeper_init(struct sleeper *sleeper)
{
    *sleeper = (struct sleeper){.waiter.wake = on_wake};
    list_init(&sleeper->waiter.link);
}

static void test_wake_nobody(void **state)
{
    (void)state;
    struct waitlist list;
    waitlist_init(&list);
    waitlist_wake(&list);
    waitlist_wake(&list);
    waitlist_destroy(&list);
}

static void test_all_are_woken_once(void **state)
{
    (void)state;
    struct waitlist list;
    struct sleeper sleepers[50];
    waitlist_init(&list);
    for (int i = 0; i < 50; i++) {
        sleeper_init(&sleepers[i]);
        waitlist_add(&list, &sleepers[i].waiter);
        assert_int_equal(sleepers[i].woken, 0);
    }
    waitlist_wake(&list);
    waitlist_wake(&list);
    for (int i = 0; i < 50; i++)
        assert_int_equal(sleepers[i].woken, 1);
    waitlist_destroy(&list);
}

static void test_cancelled_are_not_woken(void **state)
{
    (void)state;
    struct waitlist list;
    struct sleeper sleepers[9];
    waitlist_init(&list);
    for (int i = 0; i < 9; i++) {
        sleeper_init(&sleepers[i]);
        waitlist_add(&list, &sleepers[i].waiter);
    }
    for (int i = 0; i < 9; i += 2) /* first, last, and between */
        assert_true(waitlist_cancel(&list, &sleepers[i].waiter));
    assert_false(waitlist_cancel(&list, &sleepers[4].waiter));
    waitlist_wake(&list);
    for (int i = 0; i < 9; i++)
        assert_int_equal(sleepers[i].woken, i % 2);
    waitlist_destroy(&list);
}

static void test_woken_cannot_be_cancelled(void **state)
{
    (void)state;
    struct waitlist list;
    struct sleeper sleeper;
    waitlist_init(&list);
    sleeper_init(&sleeper);
    waitlist_add(&list, &sleeper.waiter);
    waitlist_wake(&list);
    assert_false(waitlist_cancel(&list, &sleeper.waiter));
    waitlist_add(&list, &sleeper.waiter); /* a second time */
    assert_true(waitlist_cancel(&list, &sleeper.waiter));
    waitlist_wake(&list);
    assert_int_equal(sleeper.woken, 1);
    waitlist_destroy(&list);
}

static void test_lists_are_apart(void **state)
{
    (void)state;
    struct waitlist one, other;
    struct sleeper sleepers[2];
    waitlist_init(&one);
    waitlist_init(&other);
    sleeper_init(&sleepers[0]);
    sleeper_init(&sleepers[1]);
    waitlist_add(&one, &sleepers[0].waiter);
    waitlist_add(&other, &sleepers[1].waiter);
    waitlist_wake(&one);
    assert_int_equal(sleepers[0].woken, 1);
    assert_int_equal(sleepers[1].woken, 0);
    assert_true(waitlist_cancel(&other, &sleepers[1].waiter));
    waitlist_destroy(&one);
    waitlist_destroy(&other);
}

static void test_no_lock_is_held_while_waking(void **state)
{
    (void)state;
    struct waitlist list;
    struct sleeper sleepers[3];
    waitlist_init(&list);
    for (int i = 0; i < 3; i++) {
        sleeper_init(&sleepers[i]);
        sleepers[i].list = &list;
        waitlist_add(&list, &sleepers[i].waiter);
    }
    waitlist_wake(&list);
    for (int i = 0; i < 3; i++)
        assert_false(sleepers[i].locked);
    waitlist_destroy(&list);
}

static void test_cancelled_by_one_that_is_woken(void **state)
{
    (void)state;
    struct waitlist list;
    struct sleeper sleepers[3];
    waitlist_init(&list);
    for (int i = 0; i < 3; i++) {
        sleeper_init(&sleepers[i]);
        sleepers[i].list = &list;
        sleepers[i].other = &sleepers[(i + 1) % 3];
        waitlist_add(&list, &sleepers[i].waiter);
    }
    waitlist_wake(&list);
    for (int i = 0; i < 3; i++)
        assert_int_equal(sleepers[i].woken + sleepers[i].cancelled, 1);
    waitlist_destroy(&list);
}

/* Who waits anew after it was woken waits for the next time. */
static void test_waiting_again_waits_for_the_next_time(void **state)
{
    (void)state;
    struct waitlist list;
    struct sleeper sleepers[3];
    waitlist_init(&list);
    for (int i = 0; i < 3; i++) {
        sleeper_init(&sleepers[i]);
        sleepers[i].again = &list;
        waitlist_add(&list, &sleepers[i].waiter);
    }
    for (int times = 1; times <= 3; times++) {
        waitlist_wake(&list);
        for (int i = 0; i < 3; i++)
            assert_int_equal(sleepers[i].woken, times);
    }
    for (int i = 0; i < 3; i++)
        assert_true(waitlist_cancel(&list, &sleepers[i].waiter));
    waitlist_destroy(&list);
}

/* ---- threads that wake and cancel at the same time ---- */

enum { SLEEPERS = 64, ROUNDS = 500 };

struct race {
    struct waitlist list;
    struct sleeper sleepers[SLEEPERS];
    pthread_barrier_t barrier;
    uint64_t random;
};

static void *wake_all(void *argument)
{
    struct race *race = argument;
    for (int round = 0; round < ROUNDS; round++) {
        pthread_barrier_wait(&race->barrier);
        waitlist_wake(&race->list);
        pthread_barrier_wait(&race->barrier);
    }
    return NULL;
}

static void *cancel_some(void *argument)
{
    struct race *race = argument;
    for (int round = 0; round < ROUNDS; round++) {
        pthread_barrier_wait(&race->barrier);
        for (int i = 0; i < SLEEPERS; i++) {
            struct sleeper *sleeper = &race->sleepers[draw_from(&race->random) % SLEEPERS];
            sleeper->cancelled += waitlist_cancel(&race->list, &sleeper->waiter);
        }
        pthread_barrier_wait(&race->barrier);
    }
    return NULL;
}

static void test_wake_and_cancel_race(void **state)
{
    (void)state;
    static struct race race;
    pthread_t wakers[2], canceller;
    int woken = 0, cancelled = 0;
    race = (struct race){.random = draw_from(&random_state)};
    waitlist_init(&race.list);
    pthread_barrier_init(&race.barrier, NULL, 4);
    pthread_create(&wakers[0], NULL, wake_all, &race);
    pthread_create(&wakers[1], NULL, wake_all, &race);
    pthread_create(&canceller, NULL, cancel_some, &race);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < SLEEPERS; i++) {
            sleeper_init(&race.sleepers[i]);
            waitlist_add(&race.list, &race.sleepers[i].waiter);
        }
        pthread_barrier_wait(&race.barrier);
        pthread_barrier_wait(&race.barrier);
        for (int i = 0; i < SLEEPERS; i++) {
            woken += race.sleepers[i].woken;
            cancelled += race.sleepers[i].cancelled;
            assert_int_equal(race.sleepers[i].woken + race.sleepers[i].cancelled, 1);
        }
    }
    pthread_join(wakers[0], NULL);
    pthread_join(wakers[1], NULL);
    pthread_join(canceller, NULL);
    pthread_barrier_destroy(&race.barrier);
    waitlist_destroy(&race.list);
    printf("# %d woken, %d cancelled\n", woken, cancelled);
}

/* Waiters of several threads come while others are woken; none is forgotten, none woken twice. */
struct newcomers {
    struct waitlist *list;
    struct sleeper sleepers[SLEEPERS];
};

static void *add_and_wake(void *argument)
{
    struct newcomers *newcomers = argument;
    for (int i = 0; i < SLEEPERS; i++) {
        waitlist_add(newcomers->list, &newcomers->sleepers[i].waiter);
        waitlist_wake(newcomers->list);
    }
    return NULL;
}

static void test_add_and_wake_race(void **state)
{
    (void)state;
    static struct newcomers newcomers[3];
    struct waitlist list;
    pthread_t threads[3];
    waitlist_init(&list);
    for (int round = 0; round < 100; round++) {
        for (int k = 0; k < 3; k++) {
            newcomers[k].list = &list;
            for (int i = 0; i < SLEEPERS; i++)
                sleeper_init(&newcomers[k].sleepers[i]);
            pthread_create(&threads[k], NULL, add_and_wake, &newcomers[k]);
        }
        for (int k = 0; k < 3; k++)
            pthread_join(threads[k], NULL);
        for (int k = 0; k < 3; k++)
            for (int i = 0; i < SLEEPERS; i++)
                assert_int_equal(newcomers[k].sleepers[i].woken, 1);
    }
    waitlist_destroy(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wake_nobody),
        cmocka_unit_test(test_all_are_woken_once),
        cmocka_unit_test(test_cancelled_are_not_woken),
        cmocka_unit_test(test_woken_cannot_be_cancelled),
        cmocka_unit_test(test_lists_are_apart),
        cmocka_unit_test(test_no_lock_is_held_while_waking),
        cmocka_unit_test(test_cancelled_by_one_that_is_woken),
        cmocka_unit_test(test_waiting_again_waits_for_the_next_time),
        cmocka_unit_test(test_wake_and_cancel_race),
        cmocka_unit_test(test_add_and_wake_race),
    };
    seed_random();
    alarm(60); /* a test that hangs fails */
    return cmocka_run_group_tests_name("waitlist", tests, NULL, NULL);
}
