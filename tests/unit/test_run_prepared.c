/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/run/run_prepared.c: failures of the preparation, which of them are said, and
 * when. */
#include "controller/run/run_prepared.c"

#include "played_daemons.h"

static const struct prepared_failure consequence = {
    .endpoint = SOURCE, .code = FAULT_PEER, .reason = "the peer went"};
static const struct prepared_failure cause = {
    .endpoint = DESTINATION, .code = FAULT_SYSTEM, .reason = "no room"};

static void fail_at(size_t daemon, const struct prepared_failure *failure)
{
    daemons[daemon].failures[daemons[daemon].failed++] = *failure;
}

static void the_cause_is_waited_for(void **state)
{
    (void)state;
    struct run *run = contacted(1);
    fail_at(0, &consequence);
    fail_at(1, &cause);
    daemons[1].prepared_takes = 900 * NS_PER_MS;
    assert_false(run_prepare(run));
    assert_string_equal(said(), "test: flow 0, destination h2 (flowd at h2:2): no room\n");
    free_run(run);
}

static void a_consequence_without_a_cause_is_said_in_the_end(void **state)
{
    (void)state;
    struct run *run = contacted(1);
    int64_t began = now;
    fail_at(0, &consequence);
    daemons[1].prepared_takes = 5 * NS_PER_SEC;
    assert_false(run_prepare(run));
    assert_string_equal(said(), "test: flow 0, source h1 (flowd at h1:1): the peer went\n");
    assert_int_equal(run->status, EXIT_PARTIAL);
    assert_true(now - began > NS_PER_SEC && now - began < 1200 * NS_PER_MS);
    free_run(run);
}

static void other_failures_are_said_at_once(void **state)
{
    (void)state;
    struct run *run = contacted(1);
    int64_t began = now;
    struct prepared_failure own = consequence;
    own.code = FAULT_CONNECT;
    fail_at(0, &own);
    daemons[1].prepared_takes = 5 * NS_PER_SEC;
    assert_false(run_prepare(run));
    assert_string_equal(said(), "test: flow 0, source h1 (flowd at h1:1): the peer went\n");
    assert_true(now - began < 10 * NS_PER_MS);
    free_run(run);
}

/* Both ends at one daemon: it is asked again, but does not have to answer all the time. */
static void one_daemon_is_asked_again(void **state)
{
    (void)state;
    struct run *run = contacted(1);
    run->plan->flows[0].at[DESTINATION].daemon = 0;
    fail_at(0, &consequence);
    daemons[0].failures[1] = cause;
    daemons[0].second_at = now + 500 * NS_PER_MS;
    daemons[1].prepared_takes = 5 * NS_PER_SEC;
    run->links[0].port = 1;
    run_ask_prepared(run);
    size_t from = call_count;
    assert_false(run_await_prepared(run));
    assert_non_null(strstr(said(), ", destination h2 (flowd at h1:1): no room\n"));
    assert_true(call_count - from >= 5 && call_count - from <= 12);
    free_run(run);
}

static void failures_of_others_are_not_believed(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        begin(NULL);
        struct run *run = contacted(1);
        struct prepared_failure strange = i ? consequence : cause;
        strange.flow = 7;
        strange.endpoint = SOURCE;
        fail_at(1, &strange);
        assert_false(run_prepare(run));
        assert_non_null(strstr(said(), "flowd at h2:2: an endpoint that is not its own failed: "));
        free_run(run);
    }
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(the_cause_is_waited_for),
        CASE(a_consequence_without_a_cause_is_said_in_the_end),
        CASE(other_failures_are_said_at_once),
        CASE(one_daemon_is_asked_again),
        CASE(failures_of_others_are_not_believed),
    };
    return cmocka_run_group_tests_name("run_prepared", cases, hear, hear_no_more);
}
