/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/run/run_start.c: by when the flows start, and what daemons are told of it. */
#include "controller/run/run_start.c"

#include "played_daemons.h"

static void all_start_at_one_instant(void **state)
{
    (void)state;
    static const int64_t trips[] = {NS_PER_MS, 50 * NS_PER_MS, 600 * NS_PER_MS};
    for (size_t i = 0; i < COUNT(trips); i++) {
        begin(NULL);
        struct run *run = contacted(1);
        daemons[0].takes = daemons[1].takes = trips[i];
        assert_true(run_prepare(run));
        assert_true(run_start(run));
        for (size_t daemon = 0; daemon < DAEMONS; daemon++) {
            const struct called *start = find(METHOD_START, daemon, 0);
            assert_string_equal(start->start.key, "start");
            assert_int_equal(start->start.in_ms, -1);
            /* The played clocks are the controller's own. */
            int64_t off = start->start.at - run->start;
            assert_true(off >= -NS_PER_MS && off <= NS_PER_MS);
            /* The call is there before, by all that such a path takes, and not much earlier. */
            int64_t lead = start->start.at - start->at;
            assert_true(lead >= 100 * NS_PER_MS + trips[i]);
            assert_true(lead <= 102 * NS_PER_MS + 2 * trips[i]);
        }
        free_run(run);
    }
}

static void a_start_at_a_time_of_the_clock(void **state)
{
    (void)state;
    struct run *run = contacted(1);
    run->options->start_at = WALL + 100 * NS_PER_SEC;
    run->options->clock = CLOCK_MODE_NONE;
    assert_true(run_prepare(run));
    assert_true(run_start(run));
    assert_int_equal(run->start, BEGIN + 100 * NS_PER_SEC);
    /* Told about a second before, and no session was forgotten: its lease is 30 s. */
    int64_t heard = BEGIN;
    for (size_t i = 0; i < call_count; i++) {
        if (calls[i].method != METHOD_RENEW || calls[i].daemon != 1)
            continue;
        assert_true(calls[i].at - heard <= 11 * NS_PER_SEC);
        heard = calls[i].at;
    }
    assert_true(run->start - heard <= 12 * NS_PER_SEC);
    int64_t before = run->start - find(METHOD_START, 1, 0)->at;
    assert_true(before >= NS_PER_SEC && before < 1500 * NS_PER_MS);
    free_run(run);

    begin(NULL);
    run = contacted(1);
    run->options->start_at = WALL + 10 * NS_PER_MS;
    assert_true(run_prepare(run));
    assert_false(run_start(run));
    assert_int_equal(run->status, EXIT_PARTIAL);
    assert_non_null(strstr(said(), "option --start-at: the flows were ready 0."));
    assert_null(find(METHOD_START, 0, 0));
    free_run(run);
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(all_start_at_one_instant),
        CASE(a_start_at_a_time_of_the_clock),
    };
    return cmocka_run_group_tests_name("run_start", cases, hear, hear_no_more);
}
