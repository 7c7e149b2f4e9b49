/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/session/resolver.c: addresses are known at once, names once they were asked for. */
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

#include "address.h"

static bool test_resolve(const char *host, struct addresses *addresses, struct fail *fail);

#define clock_now              test_clock
#define pthread_cond_timedwait test_wait
#define addresses_resolve      test_resolve
#include "daemon/session/resolver.c"
#undef clock_now
#undef pthread_cond_timedwait
#undef addresses_resolve

#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

/* Names that begin with "slow" are answered when the test says so, as those of a name server that
 * does not answer: each look-up of one waits for a post. */
static sem_t slow_answers;
static atomic_int slow_asked;

static bool test_resolve(const char *host, struct addresses *addresses, struct fail *fail)
{
    if (strncmp(host, "slow", 4))
        return addresses_resolve(host, addresses, fail);
    slow_asked++;
    while (sem_wait(&slow_answers) && errno == EINTR)
        continue;
    fail_set(fail, FAULT_CONNECT, "no answer");
    return false;
}

/* Sessions that ask. */
static const char sessions_of_test[4], user_of_test;

static struct resolver_client client_of(int session)
{
    return (struct resolver_client){.session = &sessions_of_test[session],
                                    .until = test_clock() + 3600 * NS_PER_SEC};
}

static enum resolver_answer look_up_once(struct resolver *resolver, const char *host,
                                         struct addresses *addresses, struct fail *fail)
{
    struct resolver_client client = client_of(0);
    return resolver_lookup(resolver, host, &client, addresses, fail);
}

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
static enum resolver_answer look_up_name(struct resolver *resolver, const char *host,
                                         struct addresses *addresses, struct fail *fail)
{
    for (;;) {
        struct sleeper sleeper;
        sleeper_wait(resolver, &sleeper);
        enum resolver_answer answer = look_up_once(resolver, host, addresses, fail);
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
        assert_int_equal(look_up_once(resolver, hosts[i][0], &addresses, &fail), RESOLVER_KNOWN);
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
    assert_int_equal(look_up_once(resolver, "localhost", &addresses, &fail), RESOLVER_PENDING);
    sleep_until_woken(&sleeper);
    assert_int_equal(look_up_once(resolver, "localhost", &addresses, &fail), RESOLVER_KNOWN);
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
    assert_int_equal(look_up_name(resolver, UNKNOWN, &addresses, &fail), RESOLVER_UNKNOWN);
    assert_int_equal(fail.code, FAULT_CONNECT);
    assert_memory_equal(fail.text, "the host name '" UNKNOWN "' is not known: ",
                        strlen("the host name '" UNKNOWN "' is not known: "));
    /* and it is kept */
    struct fail again = {0};
    assert_int_equal(look_up_once(resolver, UNKNOWN, &addresses, &again), RESOLVER_UNKNOWN);
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
    assert_int_equal(look_up_once(resolver, "localhost", &addresses, &fail), RESOLVER_PENDING);
    for (int i = 0; i < 5; i++)
        sleep_until_woken(&sleepers[i]);
    resolver_stop(resolver);
}

/* A waiter that asks again as soon as it is woken. */
struct woken_asker {
    struct sleeper sleeper; /* first */
    struct resolver *resolver;
    enum resolver_answer answer;
};

static void on_wake_ask(struct waiter *waiter)
{
    struct woken_asker *asker = (struct woken_asker *)waiter;
    struct addresses addresses;
    struct fail fail;
    asker->answer = look_up_once(asker->resolver, "localhost", &addresses, &fail);
    sem_post(&asker->sleeper.woken);
}

static void test_asked_by_one_that_is_woken(void **state)
{
    (void)state;
    struct woken_asker asker = {.resolver = start()};
    struct addresses addresses;
    struct fail fail;
    sleeper_wait(asker.resolver, &asker.sleeper);
    asker.sleeper.waiter.wake = on_wake_ask;
    assert_int_equal(look_up_once(asker.resolver, "localhost", &addresses, &fail),
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
        assert_int_equal(look_up_name(resolver, host, &addresses, &fail), RESOLVER_UNKNOWN);
        assert_non_null(strstr(fail.text, host));
        assert_int_equal(look_up_name(resolver, "localhost", &addresses, &fail), RESOLVER_KNOWN);
    }
    resolver_stop(resolver);
}

static void test_an_answer_is_kept_for_a_while(void **state)
{
    (void)state;
    struct resolver *resolver = start();
    struct addresses addresses;
    struct fail fail;
    assert_int_equal(look_up_name(resolver, "localhost", &addresses, &fail), RESOLVER_KNOWN);
    put_forward = 5 * NS_PER_SEC;
    assert_int_equal(look_up_once(resolver, "localhost", &addresses, &fail), RESOLVER_KNOWN);
    put_forward = 60 * NS_PER_SEC;
    assert_int_equal(look_up_once(resolver, "localhost", &addresses, &fail), RESOLVER_PENDING);
    assert_int_equal(look_up_name(resolver, "localhost", &addresses, &fail), RESOLVER_KNOWN);
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
    assert_int_equal(look_up_once(resolver, host, &addresses, &fail), RESOLVER_UNKNOWN);
    assert_string_equal(fail.text, "a host name is too long");
    assert_int_equal(fail.code, FAULT_BAD_CALL);
    resolver_stop(resolver);
}

static void ask_slowly(struct resolver *resolver, int session, int first, int count)
{
    struct addresses addresses;
    struct resolver_client client = client_of(session);
    for (int i = first; i < first + count; i++) {
        char host[32];
        snprintf(host, sizeof host, "slow%d.%d", session, i);
        assert_int_equal(resolver_lookup(resolver, host, &client, &addresses, NULL),
                         RESOLVER_PENDING);
    }
}

static void wait_for_asked(int count)
{
    while (slow_asked < count)
        usleep(1000);
}

static void answer_slowly(int count)
{
    for (int i = 0; i < count; i++)
        sem_post(&slow_answers);
}

static void start_slow(void)
{
    sem_init(&slow_answers, 0, 0);
    slow_asked = 0;
}

/* Sessions that ask for names that no server answers for keep others waiting for one turn only. */
static void test_sessions_take_turns(void **state)
{
    (void)state;
    start_slow();
    struct resolver *resolver = start();
    struct addresses addresses;
    struct fail fail;
    ask_slowly(resolver, 1, 0, 30);
    wait_for_asked(LOOKUPS_PER_SESSION);
    ask_slowly(resolver, 2, 0, 30);
    ask_slowly(resolver, 3, 0, 30);
    wait_for_asked(3 * LOOKUPS_PER_SESSION);
    assert_int_equal(look_up_name(resolver, "localhost", &addresses, &fail), RESOLVER_KNOWN);
    assert_int_equal(slow_asked, 3 * LOOKUPS_PER_SESSION);
    answer_slowly(1000);
    resolver_stop(resolver);
}

static void test_a_user_has_some_of_the_threads(void **state)
{
    (void)state;
    start_slow();
    struct resolver *resolver = start();
    struct addresses addresses;
    struct fail fail;
    for (int session = 1; session < 4; session++) {
        struct resolver_client client = client_of(session);
        client.user = &user_of_test;
        for (int i = 0; i < 10; i++) {
            char host[32];
            snprintf(host, sizeof host, "slow%d.%d", session, i);
            resolver_lookup(resolver, host, &client, &addresses, NULL);
        }
    }
    wait_for_asked(LOOKUPS_PER_USER);
    assert_int_equal(look_up_name(resolver, "localhost", &addresses, &fail), RESOLVER_KNOWN);
    assert_int_equal(slow_asked, LOOKUPS_PER_USER);
    answer_slowly(1000);
    resolver_stop(resolver);
}

/* What a session has asked for goes with it, but for what is looked up just now. */
static void test_names_go_with_their_session(void **state)
{
    (void)state;
    start_slow();
    struct resolver *resolver = start();
    ask_slowly(resolver, 1, 0, 30);
    wait_for_asked(LOOKUPS_PER_SESSION);
    resolver_forget(resolver, &sessions_of_test[1]);
    assert_int_equal(resolver->count, LOOKUPS_PER_SESSION);
    answer_slowly(1000);
    while (look_up_once(resolver, "slow1.0", &(struct addresses){0}, NULL) == RESOLVER_PENDING)
        usleep(1000);
    assert_in_range(slow_asked, LOOKUPS_PER_SESSION, LOOKUPS_PER_SESSION + 1);
    resolver_stop(resolver);
}

/* A call waits for so long and no longer. */
static void test_nobody_waits_any_more(void **state)
{
    (void)state;
    start_slow();
    struct resolver *resolver = start();
    struct addresses addresses;
    struct fail fail;
    ask_slowly(resolver, 1, 0, 30);
    wait_for_asked(LOOKUPS_PER_SESSION);
    put_forward = 7200 * NS_PER_SEC;
    answer_slowly(1000);
    assert_int_equal(look_up_name(resolver, "localhost", &addresses, &fail), RESOLVER_KNOWN);
    while (resolver_lookup(resolver, "slow1.1", &(struct resolver_client){0}, &addresses, NULL) ==
           RESOLVER_PENDING)
        usleep(1000);
    assert_int_equal(slow_asked, LOOKUPS_PER_SESSION);
    resolver_stop(resolver);
}

/* A session has so many names pending and no more; the rest follows as these are answered. */
static void test_many_names_of_a_session(void **state)
{
    (void)state;
    start_slow();
    struct resolver *resolver = start();
    ask_slowly(resolver, 1, 0, 1000);
    assert_int_equal(resolver->count, PENDING_PER_SESSION);
    answer_slowly(2000);
    for (int i = 0; i < 1000; i++) {
        char host[32];
        struct addresses addresses;
        struct fail fail;
        snprintf(host, sizeof host, "slow1.%d", i);
        assert_int_equal(look_up_name(resolver, host, &addresses, &fail), RESOLVER_UNKNOWN);
        assert_string_equal(fail.text, "no answer");
    }
    assert_in_range(resolver->count, 1, NAMES_MAX);
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
            look_up_once(resolver, host, &addresses, &fail);
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
        cmocka_unit_test(test_sessions_take_turns),
        cmocka_unit_test(test_a_user_has_some_of_the_threads),
        cmocka_unit_test(test_names_go_with_their_session),
        cmocka_unit_test(test_nobody_waits_any_more),
        cmocka_unit_test(test_many_names_of_a_session),
        cmocka_unit_test(test_stop_while_names_are_pending),
    };
    alarm(60); /* a test that hangs fails */
    return cmocka_run_group_tests_name("resolver", tests, NULL, NULL);
}
