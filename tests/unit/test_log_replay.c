/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/output/flowlog_replay.c: what a log says of a run is what its rows said. */
#include "controller/output/flowlog_replay.c"

#include <unistd.h>

#include "unit.h"

#define HEAD                                                  \
    "# flowlog 1\n# run abc version=1 controller=x flows=2\n" \
    "# columns S|D id begin end through tx_bytes busy rx_bytes\n# units - - s s Mbit/s B ms B\n"

static char path[] = "/tmp/flowrig-replay-XXXXXX";

static void write_log(const char *text)
{
    FILE *file = fopen(path, "we");
    fputs(text, file);
    fclose(file);
}

static bool replay(const char *text, struct results **results, struct log_replay *log,
                   struct fail *fail)
{
    write_log(text);
    *results = results_new(2);
    return log_replay(path, "abc", *results, log, fail);
}

/* Every counter has a column that says it exactly: else a log would not be enough. */
static void test_counters_are_exact(void **state)
{
    (void)state;
    for (int i = 0; i < METRICS; i++) {
        bool found = metrics[i].kind != METRIC_KIND_COUNTER;
        for (size_t k = 0; k < columns_count; k++)
            found |= (int)columns[k].metric == i && columns[k].form == COLUMN_DELTA &&
                     columns[k].places == columns[k].power;
        if (!found)
            printf("# %s has no exact column\n", metrics[i].field);
        assert_true(found);
    }
}

static void test_rows_are_summed_up(void **state)
{
    (void)state;
    struct results *results;
    struct log_replay log;
    assert_true(replay(HEAD "# begin S 0 0.000001 0.000001 tx_bytes=7 local=1.2.3.4:5 cc=bbr\n"
                            "S 0 0.000001 0.100000 1.5 1000 1.250 0\n"
                            "S 0 0.100000 0.200000 1.5 nan 0.005 3\n"
                            "D 1 0.100000 0.200000 1.5 5 0.005 3\n",
                       &results, &log, NULL));
    struct endpoint_result *source = &results->flows[0].ends[SOURCE];
    assert_true(log.has_head);
    assert_int_equal(log.rows, 3);
    assert_true(source->started && !source->finished);
    assert_int_equal(source->start.value[METRIC_tx_bytes], 7);
    assert_int_equal(source->start.value[METRIC_rx_bytes], METRIC_ABSENT);
    assert_int_equal(source->start.key[REPORT_BEGIN], 1000);
    assert_string_equal(source->info, "local=1.2.3.4:5\ncc=bbr\n");
    assert_int_equal(source->before[METRIC_tx_bytes], 1000);
    assert_int_equal(source->before[METRIC_busy_time], 1255);
    assert_int_equal(source->before[METRIC_rx_bytes], 3);
    /* 1.5 Mbit/s is rounded: nothing can be summed up from it. */
    for (int i = 0; i < METRICS; i++)
        if (i != METRIC_tx_bytes && i != METRIC_busy_time && i != METRIC_rx_bytes)
            assert_int_equal(source->before[i], 0);
    assert_int_equal(source->intervals, 2);
    assert_int_equal(source->next_number, 3);
    assert_int_equal(source->logged_end, 200001000);
    assert_int_equal(results->flows[1].ends[DESTINATION].before[METRIC_tx_bytes], 5);
    results_free(results);
}

static void test_final_rows(void **state)
{
    (void)state;
    struct results *results;
    struct log_replay log;
    assert_true(replay(HEAD "# final D 1 0.0 1.0 tx_bytes=3\n", &results, &log, NULL) == false);
    results_free(results);
    assert_true(replay(HEAD "# final D 1 0.000000 1.000000 tx_bytes=3 ssthresh=inf status=n/c\n"
                            "# failed D 1 the peer is gone\n# ID 1 D: whatever\n# error: x\n",
                       &results, &log, NULL));
    struct endpoint_result *result = &results->flows[1].ends[DESTINATION];
    assert_true(result->finished);
    assert_int_equal(result->final.value[METRIC_ssthresh], METRIC_INFINITE);
    assert_int_equal(result->final.value[METRIC_status], 'n' << 8 | 'c');
    assert_string_equal(result->error, "the peer is gone");
    results_free(results);
}

static void test_where_it_ends(void **state)
{
    (void)state;
    struct results *results;
    struct log_replay log;
    assert_true(replay(HEAD "S 0 0.000000 0.100000 1.5 1 0.000 0\nS 0 0.1", &results, &log, NULL));
    assert_int_equal(log.length, strlen(HEAD "S 0 0.000000 0.100000 1.5 1 0.000 0\n"));
    results_free(results);
    /* What comes behind the last row is made again at the end, in part or as a whole. */
    static const char *const ends[] = {"# error: flowd is lost\n", "\n# ID 0 S: x\n# ID 0 D",
                                       "\n# ID 0 S: x\n# total: flows = 1\n"};
    static const char last[] = "# final S 0 0.000000 0.100000\n# failed S 0 so it was\n";
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        char text[1024];
        snprintf(text, sizeof text, "%s%s%s", HEAD, last, ends[i]);
        assert_true(replay(text, &results, &log, NULL));
        assert_int_equal(log.length, strlen(HEAD) + strlen(last));
        results_free(results);
    }
    /* Whoever wrote it, the words are shown again. */
    assert_true(replay(HEAD "# final S 0 0.000000 0.100000 cc=\x1b[31m\n# failed S 0 \xc2\x9b"
                            "2J\n",
                       &results, &log, NULL));
    assert_string_equal(results->flows[0].ends[SOURCE].info, "cc=?[31m\n");
    assert_string_equal(results->flows[0].ends[SOURCE].error, "?2J");
    results_free(results);
    /* A line in between stays. */
    assert_true(replay(HEAD "# error: flowd is lost\n# final S 0 0.000000 0.100000\n", &results,
                       &log, NULL));
    assert_int_equal(log.length,
                     strlen(HEAD "# error: flowd is lost\n# final S 0 0.000000 0.100000\n"));
    results_free(results);
    assert_true(replay("# flowlog 1\n# run abc version=1\n# colu", &results, &log, NULL));
    assert_false(log.has_head);
    assert_int_equal(log.length, 0);
    results_free(results);
    assert_true(replay("# flowlo", &results, &log, NULL));
    assert_int_equal(log.length, 0);
    results_free(results);
    unlink(path);
    results = results_new(1);
    assert_true(log_replay(path, "abc", results, &log, NULL));
    assert_false(log.has_head);
    results_free(results);
}

static void test_what_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"hello\n", "is not a flow log"},
        {"one line without its end: a key", "is not a flow log"},
        {"# flowlog 12", "is not a flow log"},
        {"# flowlog 1\n# run abd x\n", "line 2: it is the log of another run"},
        {HEAD "S 2 0.000000 0.100000 1.5 1 0.000 0\n", "line 5: the line does not fit the run"},
        {HEAD "S 0 0.000000 0.100000 1.5 1 0.000\n", "line 5: the line does not fit the run"},
        {HEAD "X 0 0.000000 0.100000 1.5 1 0.000 0\n", "line 5: the line does not fit the run"},
        {HEAD "S 0 0.000000 nan 1.5 1 0.000 0\n", "line 5: the line does not fit the run"},
        {"# flowlog 1\nS 0 0.000000 0.1\n", "line 2: the line does not fit the run"},
        {HEAD "# failed S\n", "line 5: the line does not fit the run"},
        {HEAD "# begin S 7 0.000000 0.000000\n", "line 5: the line does not fit the run"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct results *results;
        struct log_replay log;
        struct fail fail;
        assert_false(replay(cases[i].text, &results, &log, &fail));
        assert_non_null(strstr(fail.text, cases[i].why));
        results_free(results);
    }
}

static struct report_row row_of(int64_t kind, int64_t number, int64_t end)
{
    struct report_row row = {0};
    report_init(&row.report);
    row.report.key[REPORT_KIND] = kind;
    row.report.key[REPORT_NUMBER] = number;
    row.report.key[REPORT_END] = end;
    row.report.value[METRIC_tx_bytes] = 1500;
    return row;
}

static void test_known_rows(void **state)
{
    (void)state;
    struct results *results;
    struct log_replay log;
    int64_t delta[METRICS];
    const struct endpoint_result *failed;
    assert_true(replay(HEAD "# begin S 0 0.000000 0.000000\n"
                            "S 0 0.000000 0.100000 1.5 1000 0.000 0\n",
                       &results, &log, NULL));
    struct report_row start = row_of(REPORT_START, 0, 0),
                      old = row_of(REPORT_INTERVAL, 1, 99999999),
                      next = row_of(REPORT_INTERVAL, 2, 200000000);
    assert_true(results_know(results, &start, &failed));
    assert_true(results_know(results, &old, &failed));
    assert_false(results_know(results, &next, &failed));
    assert_non_null(results_take(results, &next, delta, NULL));
    assert_int_equal(delta[METRIC_tx_bytes], 500);
    assert_int_equal(results->flows[0].ends[SOURCE].missing, 0);
    start.report.key[REPORT_FLOW] = 9;
    assert_false(results_know(results, &start, &failed));
    results_free(results);
}

/* The line about a failure may be missing behind the row that it came with. */
static void test_failure_that_was_cut_off(void **state)
{
    (void)state;
    static const char why[] = "the peer is gone";
    struct results *results;
    struct log_replay log;
    const struct endpoint_result *failed;
    struct report_row final = row_of(REPORT_FINAL, 1, 100000000);
    for (int told = 0; told < 2; told++) {
        assert_true(replay(told ? HEAD "# final S 0 0.000000 0.100000\n# failed S 0 it was so\n"
                                : HEAD "# final S 0 0.000000 0.100000\n",
                           &results, &log, NULL));
        final.section_count = 0;
        assert_true(results_know(results, &final, &failed));
        assert_null(failed);
        final.sections[final.section_count++] = (struct report_section){
            .type = REPORT_SECTION_ERROR, .length = sizeof why - 1, .data = (const void *)why};
        assert_true(results_know(results, &final, &failed));
        if (told)
            assert_null(failed);
        else
            assert_string_equal(failed->error, why);
        assert_true(results_know(results, &final, &failed));
        assert_null(failed);
        results_free(results);
    }
}

/* The next number of each host, so that no row about it is there twice; such lines are kept. */
static void test_rows_about_hosts(void **state)
{
    (void)state;
    static const char lines[] = HEAD "# hoststat 2 0 host - 0.000000 0.100000 cpu_idle=5\n"
                                     "# hoststat 0 0 host - 0.000000 0.100000\n"
                                     "# hoststat 2 1 interface eth0 0.000000 0.100000 rx_bytes=1\n";
    static const char *const refused[] = {HEAD "# hoststat -1 0 host\n",
                                          HEAD "# hoststat 0 x host\n",
                                          HEAD "# hoststat 99999999 0 host\n"};
    struct results *results;
    struct log_replay log;
    struct fail fail;
    assert_true(replay(lines, &results, &log, NULL));
    assert_int_equal(log.host_count, 3);
    assert_int_equal(log.host_next[0], 1);
    assert_int_equal(log.host_next[1], 0);
    assert_int_equal(log.host_next[2], 2);
    assert_int_equal(log.length, sizeof lines - 1);
    free(log.host_next);
    results_free(results);
    for (size_t i = 0; i < COUNT(refused); i++) {
        assert_false(replay(refused[i], &results, &log, &fail));
        free(log.host_next);
        results_free(results);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counters_are_exact),
        cmocka_unit_test(test_rows_are_summed_up),
        cmocka_unit_test(test_final_rows),
        cmocka_unit_test(test_where_it_ends),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_known_rows),
        cmocka_unit_test(test_failure_that_was_cut_off),
        cmocka_unit_test(test_rows_about_hosts),
    };
    seed_random();
    close(mkstemp(path));
    int failed = cmocka_run_group_tests_name("log_replay", tests, NULL, NULL);
    unlink(path);
    return failed;
}
