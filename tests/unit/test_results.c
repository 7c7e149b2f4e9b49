/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/results/results.c: rows taken in order, and every figure that is computed over
 * flows. */
#include "controller/results/results.c"

#include "mem.h"
#include "unit.h"

enum { ROUNDS = 2000 };

/* A row without values or sections. */
static struct report_row row_of(int64_t flow, int64_t end, enum report_kind kind, int64_t number)
{
    struct report_row row = {0};
    report_init(&row.report);
    row.report.key[REPORT_FLOW] = flow;
    row.report.key[REPORT_ENDPOINT] = end;
    row.report.key[REPORT_KIND] = kind;
    row.report.key[REPORT_NUMBER] = number;
    return row;
}

static void add_section(struct report_row *row, uint32_t type, const char *text)
{
    row->sections[row->section_count++] =
        (struct report_section){type, (uint32_t)strlen(text), text};
}

static struct endpoint_result *take(struct results *results, const struct report_row *row,
                                    int64_t delta[METRICS])
{
    struct fail fail = {0};
    struct endpoint_result *result = results_take(results, row, delta, &fail);
    if (!result)
        fail_msg("%s", fail.text);
    return result;
}

/* The final row of an endpoint that received so much in so long. */
static void finish(struct results *results, int64_t flow, enum endpoint end, int64_t bytes,
                   int64_t time)
{
    int64_t delta[METRICS];
    struct report_row row = row_of(flow, end, REPORT_FINAL, 0);
    row.report.value[METRIC_rx_bytes] = bytes;
    row.report.value[METRIC_rx_time] = time;
    results->flows[flow].ends[end].next_number = 0;
    take(results, &row, delta);
}

static void check_near(double value, double expected)
{
    if (!(fabs(value - expected) <= fabs(expected) * 1e-12))
        fail_msg("%.17g is not %.17g", value, expected);
}

/* A line break in an error would begin a line of the daemon's making in the log. */
static void texts_are_printable(void **state)
{
    (void)state;
    int64_t delta[METRICS];
    char value[32];
    struct results *results = results_new(1);
    struct report_row row = row_of(0, SOURCE, REPORT_FINAL, 0);
    add_section(&row, REPORT_SECTION_INFO,
                "congestion_control=\x1b[31mcubic\r\nlocal=\xc2\x9b"
                "1\n");
    add_section(&row, REPORT_SECTION_ERROR, "boom\nS 0 0.0 1.0 \x1b]0;x\x07");
    struct endpoint_result *result = take(results, &row, delta);
    assert_string_equal(result->error, "boom?S 0 0.0 1.0 ?]0;x?");
    assert_string_equal(result->info, "congestion_control=?[31mcubic?\nlocal=?1\n");
    results_info(result, "local", value, sizeof value);
    assert_string_equal(value, "?1");
    results_free(results);
}

/* ---- rows */

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

/* ---- sections */

static void check_info(const struct endpoint_result *result, const char *name, const char *expected)
{
    char value[64];
    memset(value, '~', sizeof value);
    results_info(result, name, value, sizeof value);
    assert_string_equal(value, expected);
}

static void info_is_found_by_name(void **state)
{
    char small[4], nothing[] = "", odd[] = "\n\n=x\nname\nname=1\nname=2";
    char lines[] = "receive_buffer=131072\nsend_buffer=16384\nx_send_buffer=1\nempty=\nsend=2\n"
                   "note=a=b c\nlast=9";
    (void)state;
    struct endpoint_result result = {0};
    check_info(&result, "send_buffer", "");
    result.info = nothing;
    check_info(&result, "send_buffer", "");
    result.info = lines;
    check_info(&result, "receive_buffer", "131072");
    check_info(&result, "send_buffer", "16384");
    check_info(&result, "x_send_buffer", "1");
    check_info(&result, "send", "2");
    check_info(&result, "empty", "");
    check_info(&result, "note", "a=b c");
    check_info(&result, "last", "9");
    check_info(&result, "buffer", "");
    check_info(&result, "last=", "");
    check_info(&result, "sen", "");
    results_info(&result, "receive_buffer", small, sizeof small);
    assert_string_equal(small, "131");
    result.info = odd;
    check_info(&result, "name", "1");
    check_info(&result, "", "x");
}

static void the_newest_info_stays(void **state)
{
    (void)state;
    int64_t delta[METRICS];
    struct results *results = results_new(1);
    struct report_row row = row_of(0, SOURCE, REPORT_START, 0);
    add_section(&row, REPORT_SECTION_INFO, "send_buffer=1\nonly_first=1\n");
    struct endpoint_result *result = take(results, &row, delta);
    check_info(result, "send_buffer", "1");
    row = row_of(0, SOURCE, REPORT_INTERVAL, 1);
    take(results, &row, delta);
    check_info(result, "send_buffer", "1"); /* a row without says nothing */
    row = row_of(0, SOURCE, REPORT_FINAL, 2);
    add_section(&row, 77, "send_buffer=3");
    add_section(&row, REPORT_SECTION_INFO, "send_buffer=2");
    take(results, &row, delta);
    assert_string_equal(result->info, "send_buffer=2");
    assert_null(result->error);
    results_free(results);
}

/* A section is as long as it says: what lies behind it is another's. */
static void sections_end_where_they_end(void **state)
{
    (void)state;
    int64_t delta[METRICS];
    struct results *results = results_new(1);
    struct report_row row = row_of(0, SOURCE, REPORT_FINAL, 0);
    add_section(&row, REPORT_SECTION_ERROR, "the peer has closed the connection");
    row.sections[0].length = 8;
    assert_string_equal(take(results, &row, delta)->error, "the peer");
    results_free(results);
}

static void errors_come_with_the_final_row(void **state)
{
    (void)state;
    int64_t delta[METRICS];
    struct results *results = results_new(1);
    struct report_row row = row_of(0, SOURCE, REPORT_INTERVAL, 0);
    add_section(&row, REPORT_SECTION_ERROR, "not yet");
    struct endpoint_result *result = take(results, &row, delta);
    assert_null(result->error);
    results_set_error(result, "first");
    results_set_error(result, "second");
    assert_string_equal(result->error, "first");
    row = row_of(0, SOURCE, REPORT_FINAL, 1);
    add_section(&row, REPORT_SECTION_ERROR, "connection reset");
    take(results, &row, delta);
    assert_string_equal(result->error, "connection reset"); /* the endpoint knows better */
    results_set_error(result, "third");
    assert_string_equal(result->error, "connection reset");
    results_free(results);
}

/* ---- goodput and fairness */

static void goodput(void **state)
{
    static const struct {
        int64_t bytes, time;
        double goodput;
    } cases[] = {
        {125000, NS_PER_SEC, 1e6},
        {34877976, 3 * NS_PER_SEC, 93007936},
        {1, 8, 1e9},
        {0, NS_PER_SEC, 0},
        {INT64_C(4000000000000000000), NS_PER_SEC, 3.2e19}, /* more than 64 bits */
    };
    static const struct {
        int64_t bytes, time;
    } none[] = {{METRIC_ABSENT, NS_PER_SEC}, {1000, METRIC_ABSENT}, {1000, 0}, {1000, -1}};
    (void)state;
    struct results *results = results_new(1);
    const struct endpoint_result *receiver = &results->flows[0].ends[DESTINATION];
    assert_true(isnan(results_goodput(receiver)));
    for (size_t i = 0; i < COUNT(cases); i++) {
        finish(results, 0, DESTINATION, cases[i].bytes, cases[i].time);
        check_near(results_goodput(receiver), cases[i].goodput);
    }
    for (size_t i = 0; i < COUNT(none); i++) {
        finish(results, 0, DESTINATION, none[i].bytes, none[i].time);
        assert_true(isnan(results_goodput(receiver)));
    }
    finish(results, 0, DESTINATION, 1000, 1000);
    results->flows[0].ends[DESTINATION].finished = false;
    assert_true(isnan(results_goodput(receiver)));
    results_free(results);
}

static void fairness(void **state)
{
    static const struct {
        double values[4];
        size_t count;
        double index;
    } cases[] = {
        {{5}, 1, 1},
        {{3, 3, 3, 3}, 4, 1},
        {{1, 0}, 2, 0.5},
        {{0, 0, 0, 9}, 4, 0.25},
        {{1, 2, 3}, 3, 36.0 / 42},
        {{1e9, 2e9, 3e9}, 3, 36.0 / 42}, /* the unit does not matter */
        {{10, 20}, 2, 0.9},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check_near(results_fairness(cases[i].values, cases[i].count), cases[i].index);
    assert_true(isnan(results_fairness(NULL, 0)));
    double of_zeros = results_fairness((double[]){0, 0}, 2);
    assert_true(isnan(of_zeros) && !signbit(of_zeros)); /* 0 / 0 would be shown as "-nan" */
}

/* ---- over all flows */

static void of_nothing_there_is_nothing(void **state)
{
    (void)state;
    struct results_total total;
    struct plan *plan = plan_new(2);
    struct results *results = results_new(2);
    memset(&total, 0xaa, sizeof total);
    results_sum_up(results, plan, &total);
    assert_int_equal(total.directions, 0);
    assert_int_equal(total.bytes, 0);
    assert_true(isnan(total.goodput));
    assert_true(total.until == METRIC_ABSENT);
    assert_int_equal(total.unknown, 2);
    assert_true(isnan(total.minimum) && isnan(total.median) && isnan(total.maximum));
    assert_true(isnan(total.fairness));
    assert_true(total.retransmitted == METRIC_ABSENT);
    assert_int_equal(total.started, 0);
    assert_true(total.first_start == 0 && total.last_start == 0);
    assert_int_equal(total.failed, 2);
    results_free(results);
    plan_free(plan);
}

static void flows_are_summed_up(void **state)
{
    (void)state;
    struct results_total total;
    struct plan *plan = plan_new(3);
    struct results *results = results_new(3);
    for (int i = 0; i < 3; i++)
        finish(results, i, SOURCE, METRIC_ABSENT, METRIC_ABSENT);
    finish(results, 0, DESTINATION, 3000000, 2 * NS_PER_SEC); /* 12 Mbit/s */
    finish(results, 1, DESTINATION, 500000, 1 * NS_PER_SEC);  /* 4 Mbit/s */
    finish(results, 2, DESTINATION, 4000000, 4 * NS_PER_SEC); /* 8 Mbit/s */
    plan->flows[1].ends[SOURCE].delay = 500 * NS_PER_MS;
    plan->flows[2].ends[SOURCE].delay = 1 * NS_PER_SEC; /* until 5 s */
    plan->flows[0].ends[SOURCE].delay = 250 * NS_PER_MS;
    results_sum_up(results, plan, &total);
    assert_int_equal(total.directions, 3);
    assert_int_equal(total.bytes, 7500000);
    assert_int_equal(total.first_opened, 250000000);
    assert_int_equal(total.last_closed, INT64_C(5000000000));
    check_near(total.goodput, 7500000 * 8 / 4.75);
    check_near(total.minimum, 4e6);
    check_near(total.median, 8e6);
    check_near(total.maximum, 12e6);
    check_near(total.fairness, 24.0 * 24 / (3 * (144 + 16 + 64)));
    assert_int_equal(total.failed, 0);
    results_free(results);
    plan_free(plan);
}

/* An even number of flows: the median is between the middle two. */
static void medians_of_even_numbers(void **state)
{
    (void)state;
    struct results_total total;
    struct plan *plan = plan_new(4);
    struct results *results = results_new(4);
    static const int64_t bytes[] = {9000, 1000, 4000, 2000};
    for (int i = 0; i < 4; i++)
        finish(results, i, DESTINATION, bytes[i], NS_PER_SEC);
    results_sum_up(results, plan, &total);
    check_near(total.minimum, 8000);
    check_near(total.median, 24000);
    check_near(total.maximum, 72000);
    results_free(results);
    plan_free(plan);
}

static void both_directions_of_a_flow_count(void **state)
{
    (void)state;
    struct results_total total;
    struct plan *plan = plan_new(1);
    struct results *results = results_new(1);
    plan->flows[0].ends[DESTINATION].duration = 3 * NS_PER_SEC;
    plan->flows[0].ends[DESTINATION].delay = 2 * NS_PER_SEC;
    finish(results, 0, DESTINATION, 1000000, 4 * NS_PER_SEC); /* 2 Mbit/s, from 0 to 4 s */
    finish(results, 0, SOURCE, 2250000, 3 * NS_PER_SEC);      /* 6 Mbit/s, from 2 to 5 s */
    results_sum_up(results, plan, &total);
    assert_int_equal(total.directions, 2);
    assert_int_equal(total.bytes, 3250000);
    check_near(total.goodput, 3250000 * 8 / 5.0);
    check_near(total.minimum, 8e6); /* a flow's is the sum of its directions' */
    check_near(total.maximum, 8e6);
    check_near(total.fairness, 64.0 / (2 * (4 + 36))); /* of directions */
    results_free(results);
    plan_free(plan);
}

static void only_planned_directions_count(void **state)
{
    (void)state;
    struct results_total total;
    struct plan *plan = plan_new(2);
    struct results *results = results_new(2);
    finish(results, 0, DESTINATION, 125000, NS_PER_SEC);
    finish(results, 0, SOURCE, 999, NS_PER_SEC);              /* its peer has no duration */
    finish(results, 1, SOURCE, METRIC_ABSENT, METRIC_ABSENT); /* its receiver is not heard of */
    results_sum_up(results, plan, &total);
    assert_int_equal(total.directions, 1);
    assert_int_equal(total.bytes, 125000);
    check_near(total.goodput, 1e6);
    check_near(total.minimum, 1e6); /* a flow without figures is none of the slowest */
    check_near(total.median, 1e6);
    check_near(total.fairness, 1);
    assert_int_equal(total.failed, 1);
    results_free(results);
    plan_free(plan);
}

/* A late connection opens when it is there, which its receiver's start row tells; the delay is
 * within that time already. */
static void late_connections_count_from_when_they_are_there(void **state)
{
    (void)state;
    int64_t delta[METRICS];
    struct results_total total;
    struct plan *plan = plan_new(1);
    struct results *results = results_new(1);
    struct report_row row = row_of(0, DESTINATION, REPORT_START, 0);
    row.report.key[REPORT_BEGIN] = row.report.key[REPORT_END] = 2300 * NS_PER_MS;
    plan->flows[0].ends[SOURCE].delay = 2 * NS_PER_SEC;
    plan->flows[0].settings.late_connect = 1;
    take(results, &row, delta);
    finish(results, 0, DESTINATION, 1000000, NS_PER_SEC);
    results_sum_up(results, plan, &total);
    assert_int_equal(total.first_opened, 2300 * NS_PER_MS);
    assert_int_equal(total.last_closed, 3300 * NS_PER_MS);
    check_near(total.goodput, 8e6);
    assert_int_equal(total.started, 0); /* it says nothing of the common start */
    results_free(results);
    plan_free(plan);
}

static void starts_are_compared(void **state)
{
    static const int64_t begin[] = {700, -300, 200, 900}; /* ns, of four endpoints */
    (void)state;
    int64_t delta[METRICS];
    struct results_total total;
    struct plan *plan = plan_new(3);
    struct results *results = results_new(3);
    for (int i = 0; i < 4; i++) {
        struct report_row row = row_of(i / 2, i % 2, REPORT_START, 0);
        row.report.key[REPORT_BEGIN] = row.report.key[REPORT_END] = begin[i];
        take(results, &row, delta);
        results_sum_up(results, plan, &total);
        assert_int_equal(total.started, i + 1);
        assert_int_equal(total.first_start, i < 1 ? 700 : -300);
        assert_int_equal(total.last_start, i < 3 ? 700 : 900);
    }
    /* All may be early. */
    for (int i = 0; i < 4; i++)
        results->flows[i / 2].ends[i % 2].start_late -= 1000;
    results_sum_up(results, plan, &total);
    assert_int_equal(total.first_start, -1300);
    assert_int_equal(total.last_start, -100);
    results_free(results);
    plan_free(plan);
}

static void retransmissions_are_added(void **state)
{
    (void)state;
    int64_t delta[METRICS];
    struct results_total total;
    struct plan *plan = plan_new(2);
    struct results *results = results_new(2);
    struct report_row row = row_of(0, SOURCE, REPORT_FINAL, 0);
    take(results, &row, delta);
    results_sum_up(results, plan, &total);
    assert_true(total.retransmitted == METRIC_ABSENT);
    row.report.value[METRIC_bytes_retrans] = 0;
    row.report.key[REPORT_NUMBER]++;
    take(results, &row, delta);
    results_sum_up(results, plan, &total);
    assert_int_equal(total.retransmitted, 0); /* known, and none */
    row.report.value[METRIC_bytes_retrans] = 1448;
    for (int i = 0; i < 2; i++) {
        row.report.key[REPORT_FLOW] = i;
        row.report.key[REPORT_ENDPOINT] = 1 - i;
        row.report.key[REPORT_NUMBER]++;
        take(results, &row, delta);
    }
    results_sum_up(results, plan, &total);
    assert_int_equal(total.retransmitted, 2896);
    results->flows[1].ends[SOURCE].finished = false;
    results_sum_up(results, plan, &total);
    assert_int_equal(total.retransmitted, 1448);
    results_free(results);
    plan_free(plan);
}

static void failures_are_counted_by_flow(void **state)
{
    (void)state;
    struct results_total total;
    struct plan *plan = plan_new(5);
    struct results *results = results_new(5);
    for (int i = 0; i < 10; i++)
        finish(results, i / 2, i % 2, 1000, 1000);
    results_sum_up(results, plan, &total);
    assert_int_equal(total.failed, 0);
    results_set_error(&results->flows[0].ends[SOURCE], "broken");
    results_set_error(&results->flows[0].ends[DESTINATION], "broken");
    results_sum_up(results, plan, &total);
    assert_int_equal(total.failed, 1);
    results->flows[1].ends[DESTINATION].finished = false;
    results->flows[3].ends[SOURCE].missing = 1;
    results_sum_up(results, plan, &total);
    assert_int_equal(total.failed, 3);
    results_free(results);
    plan_free(plan);
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

/* The median by its definition: no more than half are below it, no more than half above. */
static void random_medians(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        size_t count = 1 + random_below(9), below = 0, above = 0;
        struct results_total total;
        struct plan *plan = plan_new(count);
        struct results *results = results_new(count);
        int64_t bytes = 0;
        for (size_t i = 0; i < count; i++) {
            int64_t one = 1 + (int64_t)random_below(20);
            finish(results, (int64_t)i, DESTINATION, one, 8 * NS_PER_SEC); /* bit/s as bytes */
            bytes += one;
        }
        results_sum_up(results, plan, &total);
        for (size_t i = 0; i < count; i++) {
            double rate = results_goodput(&results->flows[i].ends[DESTINATION]);
            assert_true(rate >= total.minimum && rate <= total.maximum);
            below += rate < total.median;
            above += rate > total.median;
        }
        assert_true(2 * below <= count && 2 * above <= count);
        assert_true(count % 2 || below + above < count || below == above);
        assert_true(total.fairness > 0 && total.fairness < 1 + 1e-12);
        assert_int_equal(total.bytes, bytes);
        check_near(total.goodput, (double)bytes);
        results_free(results);
        plan_free(plan);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_go_to_their_endpoint),
        cmocka_unit_test(texts_are_printable),
        cmocka_unit_test(rows_of_nobody_are_refused),
        cmocka_unit_test(counters_become_differences),
        cmocka_unit_test(every_metric_is_taken_by_its_kind),
        cmocka_unit_test(final_rows_are_kept_as_they_are),
        cmocka_unit_test(gaps_in_the_numbers_are_counted),
        cmocka_unit_test(info_is_found_by_name),
        cmocka_unit_test(the_newest_info_stays),
        cmocka_unit_test(sections_end_where_they_end),
        cmocka_unit_test(errors_come_with_the_final_row),
        cmocka_unit_test(goodput),
        cmocka_unit_test(fairness),
        cmocka_unit_test(of_nothing_there_is_nothing),
        cmocka_unit_test(flows_are_summed_up),
        cmocka_unit_test(medians_of_even_numbers),
        cmocka_unit_test(both_directions_of_a_flow_count),
        cmocka_unit_test(only_planned_directions_count),
        cmocka_unit_test(late_connections_count_from_when_they_are_there),
        cmocka_unit_test(starts_are_compared),
        cmocka_unit_test(retransmissions_are_added),
        cmocka_unit_test(rows_that_make_no_sense),
        cmocka_unit_test(differences_that_do_not_fit),
        cmocka_unit_test(failures_are_counted_by_flow),
        cmocka_unit_test(random_differences_add_up),
        cmocka_unit_test(random_medians),
    };
    seed_random();
    return cmocka_run_group_tests_name("results", tests, NULL, NULL);
}
