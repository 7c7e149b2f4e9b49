/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/run/run_prepare.c: how the daemons are found and what they are told to prepare.
 * In which order they are called, and what becomes of answers that are wrong or missing. */
#include "controller/run/run_prepare.c"

#include "played_daemons.h"

/* ---- finding the daemons ---- */

static void all_daemons_are_asked_at_once(void **state)
{
    (void)state;
    struct run *run = new_run(1);
    daemons[1].takes = 300 * NS_PER_MS;
    assert_true(run_contact(run));
    assert_int_equal(now, BEGIN + 300 * NS_PER_MS); /* one round trip, not three, nor two after */
    assert_int_equal(call_count, 3 * DAEMONS);
    for (size_t i = 0; i < call_count; i++)
        assert_int_equal(calls[i].at, BEGIN);
    free_run(run);
}

static void one_that_is_missing_is_not_all(void **state)
{
    (void)state;
    struct run *run = new_run(1);
    daemons[1].outcome[METHOD_DESCRIBE] = FLEET_NOT_REACHED;
    assert_false(run_contact(run));
    assert_int_equal(run->status, EXIT_PARTIAL);
    assert_string_equal(said(), "test: daemon 1 is mute\n");
    free_run(run);

    begin(NULL);
    run = new_run(1);
    daemons[0].outcome[METHOD_DESCRIBE] = daemons[1].outcome[METHOD_DESCRIBE] = FLEET_NOT_REACHED;
    assert_false(run_contact(run));
    assert_int_equal(run->status, EXIT_NOT_REACHED);
    free_run(run);
}

static void other_versions_are_refused(void **state)
{
    (void)state;
    struct run *run = new_run(1);
    daemons[1].api = PROTOCOL_API + 1;
    assert_false(run_contact(run));
    assert_int_equal(run->status, EXIT_PARTIAL);
    assert_non_null(strstr(said(), "h2:2 speaks version"));
    /* The session that was being opened is known, so that it can be closed. */
    assert_string_equal(run->daemons[0].session, "session0");
    assert_string_equal(run->daemons[1].session, "session1");
    free_run(run);
}

/* ---- preparing ---- */

static void sources_get_what_destinations_issued(void **state)
{
    (void)state;
    struct run *run = contacted(450);
    assert_true(run_prepare(run));
    assert_true(run->daemons[0].prepared && run->daemons[1].prepared);
    size_t seen[ENDPOINTS] = {0}, chunks[ENDPOINTS] = {0};
    int64_t issued = 0;
    for (size_t i = 0; i < call_count; i++) {
        if (calls[i].method != METHOD_PREPARE)
            continue;
        enum endpoint end = (enum endpoint)calls[i].first.endpoint;
        const struct prepare_endpoint *last = &calls[i].last;
        char wanted[PROTOCOL_ID_MAX];
        assert_int_equal(calls[i].daemon, end); /* h1 has the sources */
        assert_int_equal(calls[i].first.flow, seen[end]);
        assert_true(calls[i].endpoints <= CHUNK);
        seen[end] += calls[i].endpoints;
        chunks[end]++;
        issued = end == DESTINATION ? calls[i].due : issued;
        snprintf(wanted, sizeof wanted, "%c%zu", endpoint_letter(end), chunks[end] - 1);
        assert_string_equal(calls[i].key, wanted);
        assert_string_equal(calls[i].common.secret, "");
        assert_string_equal(calls[i].common.proof, "");
        snprintf(wanted, sizeof wanted, "secret%" PRId64, last->flow);
        assert_string_equal(last->secret, end == SOURCE ? wanted : "");
        snprintf(wanted, sizeof wanted, "proof%" PRId64, last->flow);
        assert_string_equal(last->proof, end == SOURCE ? wanted : "");
        assert_int_equal(last->port, end == SOURCE ? 40000 + last->flow : 0);
        assert_string_equal(last->host, end == SOURCE ? "h1" : "h2");
        assert_string_equal(last->peer_host, end == SOURCE ? "h2" : "h1");
    }
    assert_int_equal(seen[SOURCE], 450);
    assert_int_equal(seen[DESTINATION], 450);
    assert_int_equal(chunks[DESTINATION], 3);
    assert_true(find(METHOD_PREPARED, 0, 0)->at >= issued);
    free_run(run);
}

static void a_destination_that_is_forgotten_fails_the_run(void **state)
{
    (void)state;
    struct run *run = contacted(3);
    daemons[1].forgets = true;
    assert_false(run_prepare(run));
    assert_int_equal(run->status, EXIT_PARTIAL);
    assert_string_equal(said(), "test: the destinations of 1 of 3 flows were not prepared\n");
    assert_null(find(METHOD_PREPARED, 0, 0));
    free_run(run);
}

static void limits_are_checked_before_anything_is_prepared(void **state)
{
    (void)state;
    struct run *run = contacted(100);
    for (size_t i = 0; i < 2; i++) {
        /* 100 endpoints and 64 files to spare */
        run->described[1].limits.open_files = 164 - (int64_t)i;
        run->described[0].limits.ports = 100;
        bool good = run_prepare(run);
        assert_int_equal(good, i == 0);
        if (i == 0)
            call_count = 0;
    }
    assert_non_null(strstr(said(), "flowd at h2:2 may have 163 open files, but 100 flow endpoints "
                                   "need 164: raise its limit (ulimit -n 164)"));
    assert_int_equal(call_count, 0);
    free_run(run);

    begin(NULL);
    run = contacted(101);
    run->described[0].limits.ports = 100;
    assert_false(run_prepare(run));
    assert_non_null(
        strstr(said(), "101 flows go from h1:1 to one host, which has 100 local ports"));
    free_run(run);
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(all_daemons_are_asked_at_once),
        CASE(one_that_is_missing_is_not_all),
        CASE(other_versions_are_refused),
        CASE(sources_get_what_destinations_issued),
        CASE(a_destination_that_is_forgotten_fails_the_run),
        CASE(limits_are_checked_before_anything_is_prepared),
    };
    return cmocka_run_group_tests_name("run_prepare", cases, hear, hear_no_more);
}
