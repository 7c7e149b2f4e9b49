/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/resolver.c: addresses are known at once, names once they were asked for. */
#include "clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

/* The resolver's clock can be put forward. */
static _Atomic int64_t put_forward;

static int64_t test_clock(void)
{
    return clock_now() + put_forward;
}

/* Waits without a limit: a thread that is not told to end makes the test hang, and so fail. */
static int test_wait(pthread_cond_t *condition, pthread_mutex_t *lock, const struct timespec *until)
{
    (void)until;
    return pthread_cond_wait(condition, lock);
}

#define clock_now              test_clock
#define pthread_cond_timedwait test_wait
#include "daemon/resolver.c"
#undef clock_now
#undef pthread_cond_timedwait

#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

/* A name that no resolver asks a server for: a label of it is too long (RFC 1035, 2.3.4). */
#define UNKNOWN "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.invalid"

struct sleeper {
    struct waiter waiter; /* first */
    sem_t woken;
};

static void on_wake(struct waiter *waiter)
{
    sem_post(&((struct sleeper *)waiter)->woken);
}

static void sleeper_wait(struct resolver *resolver, struct sleeper *sleeper)
{
    sleeper->waiter.wake = on_wake;
    list_init(&sleeper->waiter.link);
    sem_init(&sleeper->woken, 0, 0);
    waitlist_add(resolver_waitlist(resolver), &sleeper->waiter);
}

static void sleep_until_woken(struct sleeper *sleeper)
{
    while (sem_wait(&sleeper->woken) && errno == EINTR)
        continue;
    sem_destroy(&sleeper->woken);
}

/* Asks until the answer is there. */
static enum resolver_answer look_up(struct resolver *resolver, const char *host,
                                    struct addresses *addresses, struct fail *fail)
{
    for (;;) {
        struct sleeper sleeper;
        sleeper_wait(resolver, &sleeper);
        enum resolver_answer answer = resolver_lookup(resolver, host, addresses, fail);
        if (answer != RESOLVER_PENDING) {
            waitlist_cancel(resolver_waitlist(resolver), &sleeper.waiter);
            return answer;
        }
        sleep_until_woken(&sleeper);
    }
}

static struct resolver *start(void)
{
    struct fail fail;
    struct resolver *resolver = resolver_start(&fail);
    assert_non_null(resolver);
    put_forward = 0;
    return resolver;
}

static void test_addresses_are_known_at_once(void **state)
{
    (void)state;
    static const char *const hosts[][2] = {
        {"127.0.0.1", "127.0.0.1"},       {"10.1.2.3", "10.1.2.3"}, {"::1", "::1"},
        {"[2001:db8::5]", "2001:db8::5"}, {"0.0.0.0", "0.0.0.0"},
    };
    struct resolver *resolver = start();
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        struct addresses addresses;
        struct fail fail;
        char text[ADDRESS_TEXT_MAX];
        assert_int_equal(resolver_lookup(resolver, hosts[i][0], &addresses, &fail), RESOLVER_KNOWN);
        assert_int_equal(addresses.count, 1);
        address_format(&addresses.list[0], text);
        assert_string_equal(text, hosts[i][1]);
        assert_int_equal(address_port(&addresses.list[0]), 0);
    }
    resolver_stop(resolver);
}

static void test_a_name_is_pending_then_known(void **state)
{
    (void)state;
    struct resolver *resolver = start();
    struct sleeper sleeper;
    struct addresses addresses;
    struct fail fail;
    sleeper_wait(resolver, &sleeper);
    assert_int_equal(resolver_lookup(resolver, "localhost", &addresses, &fail), RESOLVER_PENDING);
    sleep_until_woken(&sleeper);
    assert_int_equal(resolver_lookup(resolver, "localhost", &addresses, &fail), RESOLVER_KNOWN);
    assert_true(addresses.count >= 1);
    for (size_t i = 0; i < addresses.count; i++)
        assert_true(address_is_loopback(&addresses.list[i]));
    resolver_stop(resolver);
}

static void test_an_unknown_name_has_a_sentence(void **state)
{
    (void)state;
    struct resolver *resolver = start();
    struct addresses addresses;
    struct fail fail = {0};
    assert_int_equal(look_up(resolver, UNKNOWN, &addresses, &fail), RESOLVER_UNKNOWN);
    assert_int_equal(fail.code, FAULT_CONNECT);
    assert_memory_equal(fail.text, "the host name '" UNKNOWN "' is not known: ",
                        strlen("the host name '" UNKNOWN "' is not known: "));
    /* and it is kept */
    struct fail again = {0};
    assert_int_equal(resolver_lookup(resolver, UNKNOWN, &addresses, &again), RESOLVER_UNKNOWN);
    assert_string_equal(again.text, fail.text);
    assert_int_equal(again.code, fail.code);
    resolver_stop(resolver);
}

static void test_every_waiter_is_woken(void **state)
{
    (void)state;
    struct resolver *resolver = start();
    struct sleeper sleepers[5];
    struct addresses addresses;
    struct fail fail;
    for (int i = 0; i < 5; i++)
        sleeper_wait(resolver, &sleepers[i]);
    assert_int_equal(resolver_lookup(resolver, "localhost", &addresses, &fail), RESOLVER_PENDING);
    for (int i = 0; i < 5; i++)
        sleep_until_woken(&sleepers[i]);
    resolver_stop(resolver);
}

/* A waiter that asks again as soon as it is woken. */
struct asker {
    struct sleeper sleeper; /* first */
    struct resolver *resolver;
    enum resolver_answer answer;
};

static void on_wake_ask(struct waiter *waiter)
{
    struct asker *asker = (struct asker *)waiter;
    struct addresses addresses;
    struct fail fail;
    asker->answer = resolver_lookup(asker->resolver, "localhost", &addresses, &fail);
    sem_post(&asker->sleeper.woken);
}

static void test_asked_by_one_that_is_woken(void **state)
{
    (void)state;
    struct asker asker = {.resolver = start()};
    struct addresses addresses;
    struct fail fail;
    sleeper_wait(asker.resolver, &asker.sleeper);
    asker.sleeper.waiter.wake = on_wake_ask;
    assert_int_equal(resolver_lookup(asker.resolver, "localhost", &addresses, &fail),
                     RESOLVER_PENDING);
    sleep_until_woken(&asker.sleeper);
    assert_int_equal(asker.answer, RESOLVER_KNOWN);
    resolver_stop(asker.resolver);
}

static void test_several_names(void **state)
{
    (void)state;
    struct resolver *resolver = start();
    for (int i = 0; i < 50; i++) {
        struct addresses addresses;
        struct fail fail;
        char host[200];
        snprintf(host, sizeof host, "n%d." UNKNOWN, i);
        assert_int_equal(look_up(resolver, host, &addresses, &fail), RESOLVER_UNKNOWN);
        assert_non_null(strstr(fail.text, host));
        assert_int_equal(look_up(resolver, "localhost", &addresses, &fail), RESOLVER_KNOWN);
    }
    resolver_stop(resolver);
}

static void test_an_answer_is_kept_for_a_while(void **state)
{
    (void)state;
    struct resolver *resolver = start();
    struct addresses addresses;
    struct fail fail;
    assert_int_equal(look_up(resolver, "localhost", &addresses, &fail), RESOLVER_KNOWN);
    put_forward = 5 * NS_PER_SEC;
    assert_int_equal(resolver_lookup(resolver, "localhost", &addresses, &fail), RESOLVER_KNOWN);
    put_forward = 60 * NS_PER_SEC;
    assert_int_equal(resolver_lookup(resolver, "localhost", &addresses, &fail), RESOLVER_PENDING);
    assert_int_equal(look_up(resolver, "localhost", &addresses, &fail), RESOLVER_KNOWN);
    resolver_stop(resolver);
}

static void test_a_name_that_is_too_long(void **state)
{
    (void)state;
    struct resolver *resolver = start();
    struct addresses addresses;
    struct fail fail = {0};
    char host[PROTOCOL_HOST_MAX + 1];
    memset(host, 'a', sizeof host);
    host[PROTOCOL_HOST_MAX] = '\0';
    assert_int_equal(resolver_lookup(resolver, host, &addresses, &fail), RESOLVER_UNKNOWN);
    assert_string_equal(fail.text, "a host name is too long");
    assert_int_equal(fail.code, FAULT_BAD_CALL);
    resolver_stop(resolver);
}

/* What is asked for takes so much memory and no more; room comes back with time. */
static void test_too_many_names(void **state)
{
    (void)state;
    struct resolver *resolver = start();
    struct addresses addresses;
    struct fail fail = {0};
    char host[200];
    int taken = 0;
    enum resolver_answer answer;
    do {
        snprintf(host, sizeof host, "n%d." UNKNOWN, taken);
        answer = resolver_lookup(resolver, host, &addresses, &fail);
    } while (answer == RESOLVER_PENDING && taken++ < 100000);
    assert_in_range(taken, 100, 10000);
    assert_int_equal(answer, RESOLVER_UNKNOWN);
    assert_string_equal(fail.text, "too many host names are being looked up; use addresses");
    assert_int_equal(fail.code, FAULT_TOO_MANY);
    assert_int_equal(resolver_lookup(resolver, "::1", &addresses, &fail), RESOLVER_KNOWN);
    snprintf(host, sizeof host, "n%d." UNKNOWN, taken - 1);
    look_up(resolver, host, &addresses, &fail); /* the last of them */
    put_forward = 60 * NS_PER_SEC;
    assert_int_equal(look_up(resolver, "localhost", &addresses, &fail), RESOLVER_KNOWN);
    resolver_stop(resolver);
}

static void test_stop_while_names_are_pending(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct resolver *resolver = start();
        struct addresses addresses;
        struct fail fail;
        for (int k = 0; k < i; k++) {
            char host[200];
            snprintf(host, sizeof host, "n%d." UNKNOWN, k);
            resolver_lookup(resolver, host, &addresses, &fail);
        }
        resolver_stop(resolver);
    }
    resolver_stop(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses_are_known_at_once),
        cmocka_unit_test(test_a_name_is_pending_then_known),
        cmocka_unit_test(test_an_unknown_name_has_a_sentence),
        cmocka_unit_test(test_every_waiter_is_woken),
        cmocka_unit_test(test_asked_by_one_that_is_woken),
        cmocka_unit_test(test_several_names),
        cmocka_unit_test(test_an_answer_is_kept_for_a_while),
        cmocka_unit_test(test_a_name_that_is_too_long),
        cmocka_unit_test(test_too_many_names),
        cmocka_unit_test(test_stop_while_names_are_pending),
    };
    alarm(60); /* a test that hangs fails */
    return cmocka_run_group_tests_name("resolver", tests, NULL, NULL);
}
