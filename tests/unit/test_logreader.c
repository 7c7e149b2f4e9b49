/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/logreader.c: good logs to the last value, and a sentence for every bad one. */
#include "controller/logreader.c"

#include <unistd.h>

#include "unit.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define HEAD "# flowlog 1\n# columns S|D id begin end through cwnd\n# units - - s s Mbit/s 1\n"

enum { ROUNDS = 2000 };

static char path[] = "/tmp/flowrig-logreader-XXXXXX";

static struct logreader *read_bytes(const char *bytes, size_t length, struct fail *fail)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
    *fail = (struct fail){0};
    return logreader_open(path, fail);
}

static struct logreader *good(const char *text)
{
    struct fail fail;
    struct logreader *log = read_bytes(text, strlen(text), &fail);
    if (!log)
        fail_msg("%s", fail.text);
    return log;
}

/* The sentence begins with the path, which each test has anew. */
static void check_refused(const char *text, const char *sentence)
{
    struct fail fail;
    struct logreader *log = read_bytes(text, strlen(text), &fail);
    char *expected = mem_printf("%s%s", path, sentence);
    if (log || strcmp(fail.text, expected))
        fail_msg("'%s': %s, not\n%s", text, log ? "is read" : fail.text, expected);
    free(expected);
}

static void logs_are_read(void **state)
{
    (void)state;
    struct logreader *log = good("# flowlog 1\n# run abc flows=2\n# start_ns 1 x\n"
                                 "# columns S|D id begin end through cwnd ca_state\n"
                                 "# units - - s s Mbit/s 1 -\n"
                                 "# begin S 0 0.000000 0.000000 tx_bytes=0\n"
                                 "S 0 0.000000 0.050000 107.674146 10 open\n"
                                 "D 0 0.000000 0.050001 0.000000 nan nan\n"
                                 "\n"
                                 "S 12 1.500000 -2.000000 -3e2 inf loss\n"
                                 "# total: flows = 2\n");
    assert_int_equal(log->column_count, 7);
    assert_string_equal(log->columns[0], "S|D");
    assert_string_equal(log->columns[6], "ca_state");
    assert_string_equal(log->units[2], "s");
    assert_string_equal(log->units[4], "Mbit/s");
    assert_string_equal(log->units[6], "-");
    assert_int_equal(log->row_count, 3);
    const struct logreader_row *rows = log->rows;
    assert_true(rows[0].flow == 0 && rows[0].endpoint == SOURCE);
    assert_true(rows[1].flow == 0 && rows[1].endpoint == DESTINATION);
    assert_true(rows[2].flow == 12 && rows[2].endpoint == SOURCE);
    assert_true(rows[0].values[2] == 0 && rows[0].values[3] == 0.05);
    assert_true(rows[0].values[4] == 107.674146 && rows[0].values[5] == 10);
    assert_true(isnan(rows[0].values[6]));
    assert_true(rows[1].values[3] == 0.050001 && rows[1].values[4] == 0);
    assert_true(isnan(rows[1].values[5]) && isnan(rows[1].values[6]));
    assert_true(rows[2].values[2] == 1.5 && rows[2].values[3] == -2 && rows[2].values[4] == -300);
    assert_true(isnan(rows[2].values[5])); /* infinite is no number to draw */
    logreader_free(log);
    logreader_free(NULL);
}

static void words_are_no_numbers(void **state)
{
    static const char *const words[] = {"nan",  "inf", "-inf", "INT_MAX", "open", "n/o",
                                        "1x",   "1,5", "-",    "1e999",   "0x",   "..",
                                        "1.2.", "--1", "1e",   "5%",      "NaN",  "infinity"};
    static const struct {
        const char *word;
        double value;
    } numbers[] = {
        {"0", 0}, {"-0.5", -0.5}, {"1e3", 1000}, {".25", 0.25}, {"7.", 7}, {"+3", 3},
    };
    char text[256];
    (void)state;
    for (size_t i = 0; i < COUNT(words); i++) {
        snprintf(text, sizeof text, HEAD "S 0 0 1 %s 5\n", words[i]);
        struct logreader *log = good(text);
        if (!isnan(log->rows[0].values[4]))
            fail_msg("'%s' is %g", words[i], log->rows[0].values[4]);
        assert_true(log->rows[0].values[5] == 5);
        logreader_free(log);
    }
    for (size_t i = 0; i < COUNT(numbers); i++) {
        snprintf(text, sizeof text, HEAD "S 0 0 1 %s 5\n", numbers[i].word);
        struct logreader *log = good(text);
        assert_true(log->rows[0].values[4] == numbers[i].value);
        logreader_free(log);
    }
}

static void columns_are_found_by_name(void **state)
{
    (void)state;
    struct logreader *log =
        good("# flowlog 1\n# columns S|D id begin end rtt rttvar min_rtt rtt\n");
    assert_int_equal(logreader_column(log, "rtt"), 4); /* the first of two */
    assert_int_equal(logreader_column(log, "rttvar"), 5);
    assert_int_equal(logreader_column(log, "min_rtt"), 6);
    assert_int_equal(logreader_column(log, "rt"), -1);
    assert_int_equal(logreader_column(log, ""), -1);
    assert_int_equal(logreader_column(log, "RTT"), -1);
    /* The keys are no metrics. */
    assert_int_equal(logreader_column(log, "id"), -1);
    assert_int_equal(logreader_column(log, "begin"), -1);
    assert_int_equal(logreader_column(log, "end"), -1);
    logreader_free(log);
}

static void a_log_may_have_no_rows_or_units(void **state)
{
    (void)state;
    struct logreader *log = good("# flowlog 1\n# columns S|D id begin end x\n");
    assert_int_equal(log->row_count, 0);
    assert_null(log->units);
    logreader_free(log);
    /* Units without columns say nothing; nor does a second head. */
    log = good("# flowlog 1\n# units a b\n# columns a b c d x\n# columns a b c d e f\n"
               "# units 1 2 3 4 5\n# units 6\nS 0 0 1 2\n");
    assert_int_equal(log->column_count, 5);
    assert_string_equal(log->units[4], "5");
    assert_int_equal(log->row_count, 1);
    logreader_free(log);
}

/* The run was ended while its last line was written. */
static void a_cut_off_line_is_left_out(void **state)
{
    static const char row[] = "S 0 0.000000 0.050000 107.674146 10\n";
    char text[512];
    (void)state;
    for (size_t length = 0; length <= strlen(row); length++) {
        snprintf(text, sizeof text, HEAD "D 1 0 1 2 3\n%.*s", (int)length, row);
        struct logreader *log = good(text);
        assert_int_equal(log->row_count, length == strlen(row) ? 2 : 1);
        logreader_free(log);
    }
    /* So it is with the head's last line. */
    struct logreader *log = good("# flowlog 1\n# columns a b c d x\n# units - - s s B more");
    assert_null(log->units);
    logreader_free(log);
    check_refused("# flowlog 1\n# columns a b c d x",
                  ": this is no flow log: it has no line '# columns'");
}

static void long_lines_are_read(void **state)
{
    (void)state;
    enum { COLUMNS_HERE = 5000 };
    struct buffer text = {0};
    buffer_text(&text, "# flowlog 1\n# columns S|D id begin end");
    for (int i = 4; i < COLUMNS_HERE; i++)
        buffer_printf(&text, " column_%d", i);
    buffer_text(&text, "\nS 3 0 1");
    for (int i = 4; i < COLUMNS_HERE; i++)
        buffer_printf(&text, " %d", 7 * i);
    buffer_text(&text, "\n");
    buffer_add(&text, "", 1);
    struct logreader *log = good(text.data);
    assert_int_equal(log->column_count, COLUMNS_HERE);
    assert_int_equal(logreader_column(log, "column_4999"), 4999);
    for (int i = 4; i < COLUMNS_HERE; i++)
        assert_true(log->rows[0].values[i] == 7 * i);
    logreader_free(log);
    buffer_free(&text);
}

static void what_is_no_log_is_refused(void **state)
{
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"", ": this is no flow log: it has no line '# columns'"},
        {"\n", ", line 1: this is no flow log: it does not begin with '# flowlog '"},
        {"hello\n", ", line 1: this is no flow log: it does not begin with '# flowlog '"},
        {"S 0 0 1\n", ", line 1: this is no flow log: it does not begin with '# flowlog '"},
        {"# flowlog\n", ", line 1: this is no flow log: it does not begin with '# flowlog '"},
        {"# flowlog x\n", ", line 1: this is no flow log: it does not begin with '# flowlog '"},
        {"# Date: 2026\n# flowlog 1\n",
         ", line 1: this is no flow log: it does not begin with '# flowlog '"},
        {"# flowlog 1x\n", ", line 1: this is no flow log: it does not begin with '# flowlog '"},
        {"#flowlog1\n", ", line 1: this is no flow log: it does not begin with '# flowlog '"},
        {"# flowlog 2\n",
         ", line 1: this is a flow log of version 2, but only version 1 is understood"},
        {"# flowlog 0\n",
         ", line 1: this is a flow log of version 0, but only version 1 is understood"},
        {"# flowlog 1\n", ": this is no flow log: it has no line '# columns'"},
        {"# flowlog 1", ": this is no flow log: it has no line '# columns'"},
        {"# flowlog 1\n# columns\n", ": this is no flow log: it has no line '# columns'"},
        {"# flowlog 1\n# columns \n", ", line 2: there are no columns"},
        {"# flowlog 1\n# columns S|D id begin end\n", ", line 2: there are no columns"},
        {"# flowlog 1\nS 0 0 1 2 3\n", ", line 2: a row comes before the line '# columns'"},
        {"# flowlog 1\n# columns a b c d x\n# units - - s s\n",
         ", line 3: 4 units do not fit 5 columns"},
        {"# flowlog 1\n# columns a b c d x\n# units - - s s B B\n",
         ", line 3: 6 units do not fit 5 columns"},
        {HEAD "X 0 0 1 2 3\n", ", line 4: a row begins with S or D"},
        {HEAD "S\n", ", line 4: a row begins with S or D"},
        {HEAD "SD 0 0 1 2 3\n", ", line 4: a row begins with S or D"},
        {HEAD " S 0 0 1 2 3\n", ", line 4: a row begins with S or D"},
        {HEAD "s 0 0 1 2 3\n", ", line 4: a row begins with S or D"},
        {HEAD "S 0 0 1 2 3\nS 0 1 2 3\n", ", line 5: 5 values do not fit 6 columns"},
        {HEAD "S \n", ", line 4: 1 values do not fit 6 columns"},
        {HEAD "\n\nS 0 0 1 2 3 4\n", ", line 6: there are more values than columns"},
        {HEAD "S -1 0 1 2 3\n", ", line 4: '-1' is not the number of a flow"},
        {HEAD "S x 0 1 2 3\n", ", line 4: 'x' is not the number of a flow"},
        {HEAD "S 0.5 0 1 2 3\n", ", line 4: '0.5' is not the number of a flow"},
        {HEAD "S nan 0 1 2 3\n", ", line 4: 'nan' is not the number of a flow"},
        {HEAD "S 1000000 0 1 2 3\n", ", line 4: '1000000' is not the number of a flow"},
        {HEAD "S 4611686018427387904 0 1 2 3\n",
         ", line 4: '4611686018427387904' is not the number of a flow"},
        {HEAD "S 99999999999999999999 0 1 2 3\n",
         ", line 4: '99999999999999999999' is not the number of a flow"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check_refused(cases[i].text, cases[i].sentence);
}

static void files_that_are_not_there(void **state)
{
    (void)state;
    struct fail fail;
    assert_null(logreader_open("/nonexistent/a.log", &fail));
    assert_string_equal(fail.text, "/nonexistent/a.log: No such file or directory");
    assert_null(logreader_open("/", &fail)); /* can be opened, but not read */
    assert_string_equal(fail.text, "/: Is a directory");
}

/* A row is kept under its own numbers, whatever the columns are called. */
static void random_logs_are_read_as_written(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS / 10; round++) {
        enum { MOST = 40 };
        size_t columns = 5 + random_below(10), count = random_below(MOST);
        double values[MOST][16];
        int64_t flows[MOST];
        bool from_source[MOST];
        struct buffer text = {0};
        buffer_text(&text, "# flowlog 1\n# columns");
        for (size_t i = 0; i < columns; i++)
            buffer_printf(&text, " c%zu", i);
        buffer_text(&text, "\n");
        for (size_t i = 0; i < count; i++) {
            flows[i] = (int64_t)random_below(UINT64_C(1) << random_below(20));
            from_source[i] = random_below(2);
            if (random_below(8) == 0)
                buffer_text(&text, random_below(2) ? "# a comment S 1 2\n" : "\n");
            buffer_printf(&text, "%c %" PRId64, from_source[i] ? 'S' : 'D', flows[i]);
            for (size_t k = 2; k < columns; k++) {
                values[i][k] = (double)random_bits() / (double)(1 + random_below(1000000));
                buffer_printf(&text, " %.17g", values[i][k]);
            }
            buffer_text(&text, "\n");
        }
        buffer_add(&text, "", 1);
        struct logreader *log = good(text.data);
        assert_int_equal(log->column_count, columns);
        assert_int_equal(log->row_count, count);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(log->rows[i].flow, flows[i]);
            assert_int_equal(log->rows[i].endpoint, from_source[i] ? SOURCE : DESTINATION);
            for (size_t k = 2; k < columns; k++)
                assert_true(log->rows[i].values[k] == values[i][k]);
        }
        logreader_free(log);
        buffer_free(&text);
    }
}

/* Damaged logs are read or refused with a sentence that names the file, and never more. */
static void random_damage_is_survived(void **state)
{
    static const char sound[] = HEAD "S 0 0.0 0.5 107.6 10\nD 0 0.0 0.5 0.0 nan\n# end\n"
                                     "S 1 0.0 0.5 1.25 inf\n";
    static const char pieces[] = "#SD\n \0019-.xn\xff";
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        char bytes[2 * sizeof sound];
        size_t length = sizeof sound - 1;
        struct fail fail;
        memcpy(bytes, sound, length);
        for (uint64_t k = 1 + random_below(4); k > 0; k--) {
            size_t at = random_below(length);
            if (random_below(3) == 0) {
                memmove(bytes + at, bytes + at + 1, --length - at);
            } else if (random_below(2)) {
                memmove(bytes + at + 1, bytes + at, length++ - at);
                bytes[at] = pieces[random_below(sizeof pieces)];
            } else {
                bytes[at] = pieces[random_below(sizeof pieces)];
            }
        }
        struct logreader *log = read_bytes(bytes, length, &fail);
        if (!log)
            assert_ptr_equal(strstr(fail.text, path), fail.text);
        else
            assert_true(log->column_count > KEY_COLUMNS);
        for (size_t i = 0; log && i < log->row_count; i++)
            assert_true(log->rows[i].flow >= 0 && !isinf(log->rows[i].values[4]));
        logreader_free(log);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logs_are_read),
        cmocka_unit_test(words_are_no_numbers),
        cmocka_unit_test(columns_are_found_by_name),
        cmocka_unit_test(a_log_may_have_no_rows_or_units),
        cmocka_unit_test(a_cut_off_line_is_left_out),
        cmocka_unit_test(long_lines_are_read),
        cmocka_unit_test(what_is_no_log_is_refused),
        cmocka_unit_test(files_that_are_not_there),
        cmocka_unit_test(random_logs_are_read_as_written),
        cmocka_unit_test(random_damage_is_survived),
    };
    seed_random();
    int file = mkstemp(path);
    if (file < 0 || close(file))
        return 1;
    int failed = cmocka_run_group_tests_name("logreader", tests, NULL, NULL);
    unlink(path);
    return failed;
}
