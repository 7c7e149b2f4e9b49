/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/results/results.c: what the sections of rows tell, information and errors. */
#include "result_rows.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_printable),
        cmocka_unit_test(info_is_found_by_name),
        cmocka_unit_test(the_newest_info_stays),
        cmocka_unit_test(sections_end_where_they_end),
        cmocka_unit_test(errors_come_with_the_final_row),
    };
    return cmocka_run_group_tests_name("results_sections", tests, NULL, NULL);
}
