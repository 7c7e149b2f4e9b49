/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/results/results.c: rows taken in order, and how their counters differ. */
#include "result_rows.h"

enum { ROUNDS = 2000 };

static void rows_go_to_their_endpoint(void **state)
{
    (void)state;
    int64_t delta[METRICS];
    struct results *results = results_new(3);
    assert_int_equal(results->count, 3);
    for (int i = 0; i < 6; i++) {
        struct report_row row = row_of(i / 2, i % 2, REPORT_START, 0);
        row.report.key[REPORT_BEGIN] = row.report.key[REPORT_END] = 100 + i;
        assert_ptr_equal(take(results, &row, delta), &results->flows[i / 2].ends[i % 2]);
        for (int k = 0; k < 6; k++)
            assert_int_equal(results->flows[k / 2].ends[k % 2].started, k <= i);
    }
    for (int i = 0; i < 6; i++) {
        const struct endpoint_result *result = &results->flows[i / 2].ends[i % 2];
        assert_int_equal(result->start.key[REPORT_BEGIN], 100 + i);
        assert_int_equal(result->intervals, 0);
        assert_false(result->finished);
        assert_int_equal(result->missing, 0);
        assert_null(result->info);
        assert_null(result->error);
    }
    results_free(results);
    results_free(NULL);
}

static void rows_of_nobody_are_refused(void **state)
{
    static const struct {
        int64_t flow, end;
    } cases[] = {{2, 0}, {-1, 0}, {0, 2}, {0, -1}, {INT64_MAX, 0}, {INT64_MIN, INT64_MIN}};
    (void)state;
    int64_t delta[METRICS];
    struct results *results = results_new(2);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct report_row row = row_of(cases[i].flow, cases[i].end, REPORT_INTERVAL, 0);
        struct fail fail = {0};
        char expected[FAIL_TEXT_MAX];
        assert_null(results_take(results, &row, delta, &fail));
        snprintf(expected, sizeof expected,
                 "received a report for flow %" PRId64 ", endpoint %" PRId64
                 ", which is not part of this run",
                 cases[i].flow, cases[i].end);
        assert_string_equal(fail.text, expected);
    }
    results_free(results);
}

/* What a broken daemon may send. */
static void rows_that_make_no_sense(void **state)
{
    (void)state;
    static const struct {
        int64_t number, kind;
    } cases[] = {{4, REPORT_INTERVAL},         {-1, REPORT_INTERVAL}, {INT64_MIN, REPORT_INTERVAL},
                 {INT64_MAX, REPORT_INTERVAL}, {5, REPORT_KINDS},     {5, -1}};
    int64_t delta[METRICS];
    struct results *results = results_new(1);
    for (int64_t i = 0; i < 5; i++) {
        struct report_row row = row_of(0, SOURCE, REPORT_INTERVAL, i);
        take(results, &row, delta);
    }
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct report_row row = row_of(0, SOURCE, cases[i].kind, cases[i].number);
        struct fail fail = {0};
        assert_null(results_take(results, &row, delta, &fail));
        assert_non_null(strstr(fail.text, "a report of flow 0 is invalid"));
    }
    assert_int_equal(results->flows[0].ends[SOURCE].missing, 0);
    assert_int_equal(results->flows[0].ends[SOURCE].intervals, 5);
    results_free(results);
}

/* A counter that leaps over all of 64 bits has no difference. */
static void differences_that_do_not_fit(void **state)
{
    (void)state;
    int64_t delta[METRICS];
    struct results *results = results_new(1);
    struct report_row row = row_of(0, SOURCE, REPORT_INTERVAL, 0);
    row.report.value[METRIC_tx_bytes] = INT64_MIN + 1;
    take(results, &row, delta);
    row.report.key[REPORT_NUMBER] = 1;
    row.report.value[METRIC_tx_bytes] = INT64_MAX - 1;
    take(results, &row, delta);
    assert_true(delta[METRIC_tx_bytes] == METRIC_ABSENT);
    results_free(results);
}

static void counters_become_differences(void **state)
{
    (void)state;
    int64_t delta[METRICS];
    struct results *results = results_new(2);
    struct report_row start = row_of(0, SOURCE, REPORT_START, 0);
    start.report.value[METRIC_bytes_sent] = 5000; /* the kernel's own: no baseline of rows */
    take(results, &start, delta);

    struct report_row row = row_of(0, SOURCE, REPORT_INTERVAL, 1);
    row.report.value[METRIC_tx_bytes] = 1000;
    row.report.value[METRIC_bytes_sent] = 700;
    row.report.value[METRIC_cwnd] = 10;
    row.report.value[METRIC_rtt_count] = 4;
    row.report.value[METRIC_rtt_sum] = 400;
    struct endpoint_result *result = take(results, &row, delta);
    assert_int_equal(result->intervals, 1);
    assert_int_equal(delta[METRIC_tx_bytes], 1000);
    assert_int_equal(delta[METRIC_bytes_sent], 700);
    assert_int_equal(delta[METRIC_cwnd], 10);
    assert_int_equal(delta[METRIC_rtt_count], 4);
    assert_true(delta[METRIC_rx_bytes] == METRIC_ABSENT);
    assert_true(delta[METRIC_ssthresh] == METRIC_ABSENT);

    row.report.key[REPORT_NUMBER] = 2;
    row.report.value[METRIC_tx_bytes] = 1500;
    row.report.value[METRIC_rx_bytes] = 64;
    row.report.value[METRIC_bytes_sent] = METRIC_ABSENT; /* unknown for once */
    row.report.value[METRIC_ssthresh] = METRIC_INFINITE;
    row.report.value[METRIC_cwnd] = 8;
    take(results, &row, delta);
    assert_int_equal(delta[METRIC_tx_bytes], 500);
    assert_int_equal(delta[METRIC_rx_bytes], 64);
    assert_true(delta[METRIC_bytes_sent] == METRIC_ABSENT);
    assert_true(delta[METRIC_ssthresh] == METRIC_INFINITE);
    assert_int_equal(delta[METRIC_cwnd], 8);      /* a gauge is as it is */
    assert_int_equal(delta[METRIC_rtt_count], 4); /* and a tally is of its interval */
    assert_int_equal(delta[METRIC_rtt_sum], 400);

    row.report.key[REPORT_NUMBER] = 3;
    row.report.value[METRIC_bytes_sent] = 900;
    take(results, &row, delta);
    assert_int_equal(delta[METRIC_tx_bytes], 0);
    assert_int_equal(delta[METRIC_bytes_sent], 200); /* since the last that was known */
    assert_int_equal(result->intervals, 3);

    /* Every endpoint has its own. */
    row = row_of(0, DESTINATION, REPORT_INTERVAL, 0);
    row.report.value[METRIC_tx_bytes] = 1700;
    take(results, &row, delta);
    assert_int_equal(delta[METRIC_tx_bytes], 1700);
    results_free(results);
}

static void every_metric_is_taken_by_its_kind(void **state)
{
    (void)state;
    int64_t delta[METRICS];
    struct results *results = results_new(1);
    struct report_row row = row_of(0, SOURCE, REPORT_INTERVAL, 0);
    for (int i = 0; i < METRICS; i++)
        row.report.value[i] = 1000 + i;
    take(results, &row, delta);
    row.report.key[REPORT_NUMBER] = 1;
    for (int i = 0; i < METRICS; i++)
        row.report.value[i] += 7;
    take(results, &row, delta);
    for (int i = 0; i < METRICS; i++)
        assert_int_equal(delta[i], metrics[i].kind == METRIC_KIND_COUNTER ? 7 : 1007 + i);
    results_free(results);
}

static void final_rows_are_kept_as_they_are(void **state)
{
    (void)state;
    int64_t delta[METRICS];
    struct results *results = results_new(1);
    struct report_row row = row_of(0, DESTINATION, REPORT_INTERVAL, 0);
    row.report.value[METRIC_rx_bytes] = 300;
    take(results, &row, delta);
    row = row_of(0, DESTINATION, REPORT_FINAL, 1);
    row.report.value[METRIC_rx_bytes] = 500;
    struct endpoint_result *result = take(results, &row, delta);
    assert_true(result->finished);
    assert_int_equal(result->intervals, 1);
    assert_int_equal(result->final.value[METRIC_rx_bytes], 500);
    assert_false(results->flows[0].ends[SOURCE].finished);
    results_free(results);
}

static void gaps_in_the_numbers_are_counted(void **state)
{
    static const struct {
        int64_t number, missing;
    } rows[] = {{0, 0}, {1, 0}, {3, 1}, {4, 1}, {10, 6}, {11, 6}};
    (void)state;
    int64_t delta[METRICS];
    struct results *results = results_new(1);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct report_row row = row_of(0, SOURCE, REPORT_INTERVAL, rows[i].number);
        assert_int_equal(take(results, &row, delta)->missing, rows[i].missing);
    }
    /* The first one may be missing, too. */
    struct report_row row = row_of(0, DESTINATION, REPORT_FINAL, 2);
    assert_int_equal(take(results, &row, delta)->missing, 2);
    results_free(results);
}

/* The sum of all differences is what the last row says, whatever is absent on the way. */
static void random_differences_add_up(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct results *results = results_new(1);
        int64_t delta[METRICS], sum[METRICS] = {0}, now[METRICS] = {0};
        for (int64_t number = 0, rows = 1 + (int64_t)random_below(12); number < rows; number++) {
            struct report_row row = row_of(0, SOURCE, REPORT_INTERVAL, number);
            for (int i = 0; i < METRICS; i++) {
                now[i] += (int64_t)random_below(UINT64_C(1) << random_below(50));
                bool is_there = random_below(4) || number == rows - 1;
                row.report.value[i] = is_there ? now[i] : METRIC_ABSENT;
            }
            take(results, &row, delta);
            for (int i = 0; i < METRICS; i++) {
                assert_true((delta[i] == METRIC_ABSENT) == (row.report.value[i] == METRIC_ABSENT));
                if (delta[i] != METRIC_ABSENT)
                    sum[i] += delta[i];
            }
        }
        for (int i = 0; i < METRICS; i++)
            if (metrics[i].kind == METRIC_KIND_COUNTER)
                assert_int_equal(sum[i], now[i]);
        results_free(results);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_go_to_their_endpoint),
        cmocka_unit_test(rows_of_nobody_are_refused),
        cmocka_unit_test(rows_that_make_no_sense),
        cmocka_unit_test(differences_that_do_not_fit),
        cmocka_unit_test(counters_become_differences),
        cmocka_unit_test(every_metric_is_taken_by_its_kind),
        cmocka_unit_test(final_rows_are_kept_as_they_are),
        cmocka_unit_test(gaps_in_the_numbers_are_counted),
        cmocka_unit_test(random_differences_add_up),
    };
    seed_random();
    return cmocka_run_group_tests_name("results", tests, NULL, NULL);
}
