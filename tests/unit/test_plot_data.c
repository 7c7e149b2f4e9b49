/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/output/plot_data.c and the reader below it: what is kept of a log, and what is
 * said of a file that is not one. */
#include "controller/output/plot_data.c"

#include <stdio.h>
#include <unistd.h>

#include "unit.h"

static char path[] = "/tmp/flowrig-plot-data-XXXXXX";

static void write_log(const char *text, size_t length)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static struct plot_log *read_text(const char *text, const struct plot_choice *choice,
                                  struct fail *fail)
{
    *fail = (struct fail){0};
    write_log(text, strlen(text));
    return plot_log_read(path, choice, fail);
}

static struct plot_choice all(const char *names)
{
    return (struct plot_choice){.metrics = names, .from = -INFINITY, .to = INFINITY};
}

#define HEAD                                                                              \
    "# flowlog 1\n# columns S|D id begin end through cwnd rx_through tx_bytes rx_bytes\n" \
    "# units - - s s Mbit/s 1 Mbit/s B B\n"

static void rows_are_kept_by_flow_and_end(void **state)
{
    (void)state;
    struct fail fail;
    struct plot_choice choice = all("rx_through,cwnd");
    struct plot_log *log = read_text(HEAD "D 1 0 1 0 10 7 0 875000\n"
                                          "S 0 0 1 8 11 0 1000000 0\n"
                                          "D 1 1 2.5 0 nan 9 0 1125000\n"
                                          "S 1 0 1 8 12 0 1000000 0\n",
                                     &choice, &fail);
    if (!log)
        fail_msg("%s", fail.text);
    assert_int_equal(log->metric_count, 2);
    assert_string_equal(log->names[0], "rx_through");
    assert_string_equal(log->units[0], "Mbit/s");
    assert_int_equal(log->count, 3);
    const struct plot_series *source0 = &log->series[0], *source1 = &log->series[1],
                             *destination1 = &log->series[2];
    assert_int_equal(source0->flow, 0);
    assert_int_equal(source1->flow, 1);
    assert_int_equal(source1->endpoint, SOURCE);
    assert_int_equal(destination1->endpoint, DESTINATION);
    assert_int_equal(destination1->count, 2);
    assert_true(destination1->values[0][1] == 9 && isnan(destination1->values[1][1]));
    assert_true(destination1->begin[1] == 1 && destination1->end[1] == 2.5);
    assert_true(source0->sends && !source0->receives);
    assert_true(destination1->receives && !destination1->sends);
    assert_true(plot_is_drawn(log, destination1, 0) && !plot_is_drawn(log, destination1, 1));
    assert_true(plot_is_drawn(log, source0, 1) && !plot_is_drawn(log, source0, 0));
    plot_log_free(log);
}

/* Where nobody names any: TCP's, but for flows that are all UDP. */
static void metrics_that_nobody_named(void **state)
{
    static const struct {
        const char *second, *metric;
    } cases[] = {{"udp", "udp_jitter"}, {"tcp", "rtt"}};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fail fail;
        struct plot_choice choice = all(NULL);
        char *text = mem_printf(
            "# flowlog 1\n# flow 0 s.host=a transport=udp\n# flow 1 s.host=a transport=%s\n"
            "# columns S|D id begin end rx_through cwnd rtt udp_lost udp_jitter\n"
            "# units - - s s Mbit/s 1 ms 1 ms\n",
            cases[i].second);
        struct plot_log *log = read_text(text, &choice, &fail);
        if (!log)
            fail_msg("%s", fail.text);
        assert_int_equal(log->metric_count, 3);
        assert_string_equal(log->names[2], cases[i].metric);
        plot_log_free(log);
        free(text);
    }
}

/* Delays are known to the receiver of requests, windows to their sender, states to both. */
static void metrics_are_drawn_of_their_side(void **state)
{
    static const struct {
        const char *column;
        bool sender, receiver;
    } cases[] = {
        {"cwnd", true, false},     {"avgRTT", true, false},         {"avgDLY", false, true},
        {"p99IAT", false, true},   {"bytes_received", false, true}, {"rcv_space", false, true},
        {"tcp_state", true, true}, {"segs_in", true, true},         {"unheard_of", true, true},
    };
    (void)state;
    struct plot_series sender = {.sends = true}, receiver = {.receives = true}, idle = {0};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct plot_log log = {.names = {(char *)cases[i].column}, .metric_count = 1};
        assert_int_equal(plot_is_drawn(&log, &sender, 0), cases[i].sender);
        assert_int_equal(plot_is_drawn(&log, &receiver, 0), cases[i].receiver);
        assert_false(plot_is_drawn(&log, &idle, 0));
    }
}

static void places_in_time_depend_on_the_column(void **state)
{
    static const struct {
        const char *column;
        double place;
    } cases[] = {{"through", 3}, {"cwnd", 4},   {"rtt", 4},    {"delivery_rate", 4},
                 {"requ", 3},    {"avgRTT", 3}, {"p99RTT", 3}, {"not_of_ours", 3}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fail fail;
        struct plot_choice choice = all(cases[i].column);
        char *text =
            mem_printf("# flowlog 1\n# columns S|D id begin end %s\nS 0 2 4 1\n", cases[i].column);
        struct plot_log *log = read_text(text, &choice, &fail);
        assert_non_null(log);
        assert_true(plot_time(log, &log->series[0], 0, 0) == cases[i].place);
        plot_log_free(log);
        free(text);
    }
}

static void what_was_planned_counts(void **state)
{
    (void)state;
    struct fail fail;
    struct plot_choice choice = all("rx_through");
    struct plot_log *log =
        read_text("# flowlog 1\n# flow 0 s.host=a s.duration=5s s.delay=1s d.host=b d.dscp=- "
                  "d.duration=0s d.delay=0s\n# start_ns 1 2026-01-02T03:04:05Z\n" HEAD
                  "# begin S 0 0.1 0.1 x=1 congestion_control=bbr\n"
                  "D 0 0 1 0 10 0 0 0\nD 0 1 2 0 10 0 0 0\n",
                  &choice, &fail);
    /* The first line stands twice: the second is a remark like others. */
    assert_non_null(log);
    assert_true(log->series[0].receives);
    assert_int_equal(log->series[0].count, 1); /* nothing of it before it began */
    assert_true(log->series[0].begin[0] == 1);
    assert_string_equal(log->flows[0].host[SOURCE], "a");
    assert_string_equal(log->flows[0].congestion_control[SOURCE], "bbr");
    assert_null(log->flows[0].dscp[DESTINATION]);
    assert_string_equal(log->date, "2026-01-02T03:04:05Z");
    plot_log_free(log);
}

static void flows_and_times_are_chosen(void **state)
{
    (void)state;
    struct fail fail;
    const bool flows[] = {false, true};
    struct plot_choice choice = all("cwnd");
    choice.flows = flows;
    choice.flow_count = 2;
    choice.from = 1;
    choice.to = 3;
    struct plot_log *log =
        read_text(HEAD "S 0 1 2 1 1 1 1 1\nS 1 0 1 1 1 1 1 1\nS 1 1 2 1 1 1 1 1\n"
                       "S 1 2 3 1 1 1 1 1\nS 1 3 4 1 1 1 1 1\n",
                  &choice, &fail);
    assert_non_null(log);
    assert_int_equal(log->count, 1);
    assert_int_equal(log->series[0].count, 2);
    plot_log_free(log);
    assert_null(read_text(HEAD "S 0 1 2 1 1 1 1 1\n", &choice, &fail));
    assert_non_null(strstr(fail.text, "has no flow 1"));
}

static void groups_are_columns(void **state)
{
    (void)state;
    struct fail fail;
    struct plot_choice choice = all("goodput");
    struct plot_log *log = read_text(HEAD "S 0 1 2 1 1 1 1 1\n", &choice, &fail);
    assert_non_null(log);
    assert_int_equal(log->metric_count, 3);
    assert_string_equal(log->names[2], "rx_bytes");
    plot_log_free(log);
    choice = all("cwnd,nonsense");
    assert_null(read_text(HEAD, &choice, &fail));
    assert_non_null(strstr(fail.text, "has no column or group 'nonsense'"));
}

static void a_cut_off_line_is_left_out(void **state)
{
    (void)state;
    struct fail fail;
    struct plot_choice choice = all("cwnd");
    struct plot_log *log = read_text(HEAD "S 0 1 2 1 1 1 1 1\nS 0 2 3 1 1 1 1 1", &choice, &fail);
    assert_non_null(log);
    assert_int_equal(log->series[0].count, 1);
    plot_log_free(log);
}

static void what_is_not_a_log_is_refused(void **state)
{
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"", ": not a flow log: the file is empty"},
        {"hello\n", ", line 1: not a flow log: it does not begin with '# flowlog '"},
        {"# flowlog 2\n", ", line 1: flow log of version 2; this flowctl reads version 1"},
        {"# flowlog 1\n", ": not a complete flow log: the line '# columns' is missing"},
        {"# flowlog 1\n# columns a b c d\n", ", line 2: the log has no columns of figures"},
        {"# flowlog 1\n# columns a b c d e\n# units a b\n",
         ", line 3: there are 2 units for 5 columns"},
        {"# flowlog 1\n# columns a b c d e\n# columns a b c d e\n",
         ", line 3: duplicate line '# columns'"},
        {"# flowlog 1\n# units a\n", ", line 2: expected the units once, after the columns"},
        {"# flowlog 1\nS 0 1\n", ", line 2: a row comes before the line '# columns'"},
        {HEAD "X 0 1\n", ", line 4: a row must begin with S or D"},
        {HEAD "S 0 1\n", ", line 4: the row has 3 values, the log 9 columns"},
        {HEAD "S -1 1 1 1 1 1 1 1\n", ", line 4: '-1' is not the number of a flow"},
        {HEAD "S 1000000 1 1 1 1 1 1 1\n", ", line 4: '1000000' is not the number of a flow"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fail fail;
        struct plot_choice choice = all("cwnd");
        assert_null(read_text(cases[i].text, &choice, &fail));
        assert_int_equal(strncmp(fail.text, path, strlen(path)), 0);
        assert_string_equal(fail.text + strlen(path), cases[i].sentence);
    }
    assert_null(plot_log_read("/missing", &(struct plot_choice){.metrics = "cwnd"}, NULL));
}

/* Leans on the sanitizers: whatever a damaged log holds, the reader ends with a log or a sentence.
 */
static void damage_ends_in_a_sentence(void **state)
{
    static const char text[] = HEAD "# flow 0 s.host=a s.duration=5s d.duration=0s\n"
                                    "S 0 0 1 8 11 0 1000000 0\nD 0 0 1 0 10 7 0 875000\n";
    (void)state;
    seed_random();
    for (int i = 0; i < 2000; i++) {
        char damaged[sizeof text];
        memcpy(damaged, text, sizeof text);
        for (size_t k = random_bits() % 8 + 1; k > 0; k--)
            damaged[random_bits() % sizeof text] = (char)random_bits();
        struct fail fail = {0};
        struct plot_choice choice = all("cwnd,rx_through");
        write_log(damaged, random_bits() % sizeof text);
        struct plot_log *log = plot_log_read(path, &choice, &fail);
        assert_true(log || fail.text[0]);
        plot_log_free(log);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_kept_by_flow_and_end),
        cmocka_unit_test(metrics_that_nobody_named),
        cmocka_unit_test(metrics_are_drawn_of_their_side),
        cmocka_unit_test(places_in_time_depend_on_the_column),
        cmocka_unit_test(what_was_planned_counts),
        cmocka_unit_test(flows_and_times_are_chosen),
        cmocka_unit_test(groups_are_columns),
        cmocka_unit_test(a_cut_off_line_is_left_out),
        cmocka_unit_test(what_is_not_a_log_is_refused),
        cmocka_unit_test(damage_ends_in_a_sentence),
    };
    int fd = mkstemp(path);
    if (fd < 0)
        return 99;
    close(fd);
    int status = cmocka_run_group_tests_name("plot_data", tests, NULL, NULL);
    unlink(path);
    return status;
}
