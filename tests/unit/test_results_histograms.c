/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests how the controller takes histograms of final reports, and adds them up over flows. */
#include "result_rows.h"

enum { FLOWS = 5, VALUES = 3000 };

/* A final report of an endpoint with what it measured, as a daemon packs it, taken by `results`. */
static void report_final(struct results *results, int64_t flow, enum endpoint end,
                         const struct series *series, enum series_id id, int64_t count,
                         const char *bytes, size_t length)
{
    int64_t delta[METRICS];
    struct report_row row =
        row_of(flow, end, REPORT_FINAL, results->flows[flow].ends[end].next_number);
    tally_report(&series->total, &row.report.value[series_list[id].count]);
    row.report.value[series_list[id].count] = count;
    row.section_count = 1;
    row.sections[0] = (struct report_section){(uint32_t)(REPORT_SECTION_HISTOGRAM + (int)id),
                                              (uint32_t)length, bytes};
    take(results, &row, delta);
}

static void report_series(struct results *results, int64_t flow, enum endpoint end,
                          struct series *series, enum series_id id)
{
    struct buffer bytes = {0};
    series_turn(series);
    histogram_encode(series->total_spread, &bytes);
    report_final(results, flow, end, series, id, series->total.count, bytes.data, bytes.length);
    buffer_free(&bytes);
}

static void assert_same(const struct histogram *one, const struct histogram *other)
{
    struct buffer a = {0}, b = {0};
    histogram_encode(one, &a);
    histogram_encode(other, &b);
    assert_int_equal(a.length, b.length);
    assert_memory_equal(a.data, b.data, a.length);
    buffer_free(&a);
    buffer_free(&b);
}

static void what_flows_measured_adds_up_exactly(void **state)
{
    struct results *results = results_new(FLOWS);
    struct series all = {0};
    struct results_series merged;
    (void)state;
    for (int flow = 0; flow < FLOWS - 1; flow++) { /* the last one has no report */
        for (int end = 0; end < ENDPOINTS; end++) {
            struct series own = {0};
            for (size_t i = random_below(VALUES) + 1; i; i--) {
                int64_t value = (int64_t)random_bits() >> (10 + random_below(50));
                series_add(&own, value);
                series_add(&all, value);
            }
            report_series(results, flow, (enum endpoint)end, &own, SERIES_delay);
            assert_same(results->flows[flow].ends[end].histograms[SERIES_delay], own.total_spread);
            series_free(&own);
        }
    }
    series_turn(&all);
    results_merge(results, SERIES_delay, &merged);
    assert_same(merged.histogram, all.total_spread);
    assert_memory_equal(&merged.tally, &all.total, sizeof merged.tally);
    histogram_free(merged.histogram);
    results_merge(results, SERIES_rtt, &merged);
    assert_null(merged.histogram);
    assert_int_equal(merged.tally.count, 0);
    series_free(&all);
    results_free(results);
}

/* The log's warnings go to standard error; what counts is that nothing of it is used. */
static void histograms_that_do_not_fit_are_left_out(void **state)
{
    struct results *results = results_new(1);
    struct series series = {0};
    struct buffer bytes = {0};
    struct results_series merged;
    (void)state;
    for (int i = 0; i < VALUES; i++)
        series_add(&series, i);
    report_series(results, 0, SOURCE, &series, SERIES_rtt);
    struct histogram **kept = &results->flows[0].ends[SOURCE].histograms[SERIES_rtt];
    assert_int_equal(histogram_count(*kept), VALUES);
    histogram_encode(series.total_spread, &bytes);
    static const int64_t counts[] = {VALUES - 1, VALUES + 1, 0, -1, METRIC_ABSENT, INT64_MAX};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        report_final(results, 0, SOURCE, &series, SERIES_rtt, counts[i], bytes.data, bytes.length);
        assert_null(*kept);
    }
    report_final(results, 0, SOURCE, &series, SERIES_rtt, VALUES, bytes.data, bytes.length - 1);
    assert_null(*kept);
    results_merge(results, SERIES_rtt, &merged);
    assert_null(merged.histogram);
    assert_int_equal(merged.without, 1);
    buffer_free(&bytes);
    series_free(&series);
    results_free(results);
}

/* A daemon may say what it likes of its sums. */
static void sums_do_not_overflow(void **state)
{
    struct results *results = results_new(2);
    struct series series = {0};
    struct results_series merged;
    (void)state;
    series_add(&series, INT64_MAX);
    report_series(results, 0, SOURCE, &series, SERIES_rtt);
    report_series(results, 1, SOURCE, &series, SERIES_rtt);
    results_merge(results, SERIES_rtt, &merged);
    assert_int_equal(merged.tally.count, 2);
    assert_true(merged.tally.sum == INT64_MAX);
    histogram_free(merged.histogram);
    series_free(&series);
    results_free(results);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_flows_measured_adds_up_exactly),
        cmocka_unit_test(histograms_that_do_not_fit_are_left_out),
        cmocka_unit_test(sums_do_not_overflow),
    };
    seed_random();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
