/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/command_plot.c: lists of flows and metrics, and the name of the picture. */
#include "controller/command_plot.c"

#include "unit.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool take_flows(struct plot_request *request, const char *list, struct fail *fail)
{
    return option_each_item(list, "no flow is given", take_range, request, fail);
}

static void flows_are_listed(void **state)
{
    static const struct {
        const char *list, *flows; /* a 1 for each that is drawn */
    } cases[] = {
        {"0", "1"},         {"3", "0001"},        {"0,3", "1001"},
        {"3,0", "1001"},    {"1-3", "0111"},      {"2-2", "001"},
        {"4,0-1", "11001"}, {"0-2,1-4", "11111"}, {"5,5", "000001"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct plot_request request = {0};
        struct fail fail = {0};
        if (!take_flows(&request, cases[i].list, &fail))
            fail_msg("%s: %s", cases[i].list, fail.text);
        assert_int_equal(request.flow_count, strlen(cases[i].flows));
        for (size_t k = 0; k < request.flow_count; k++)
            assert_int_equal(request.flows[k], cases[i].flows[k] == '1');
        free(request.flows);
    }
}

static void lists_of_flows_add_up(void **state)
{
    (void)state;
    struct plot_request request = {0};
    assert_true(take_flows(&request, "4", NULL));
    assert_true(take_flows(&request, "1", NULL));
    assert_true(take_flows(&request, "999999", NULL));
    assert_int_equal(request.flow_count, 1000000);
    for (size_t i = 0; i < request.flow_count; i++)
        assert_int_equal(request.flows[i], i == 1 || i == 4 || i == 999999);
    free(request.flows);
}

static void lists_of_flows_that_are_refused(void **state)
{
    static const struct {
        const char *list, *sentence;
    } cases[] = {
        {"", "no flow is given"},
        {",", "no flow is given"},
        {"x", "'x' is not a whole number"},
        {"1,x", "'x' is not a whole number"},
        {"1-", "'' is not a whole number"},
        {"-1", "'' is not a whole number"},
        {"3-2", "'3-2' ends before it begins"},
        {"1000000", "'1000000' is not within 0 to 999999"},
        {"0-1000000", "'0-1000000' is not within 0 to 999999"},
        {"1-2-3", "'2-3' is not a whole number"},
        {"1 ", "'1 ' is not a whole number"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct plot_request request = {0};
        struct fail fail = {0};
        assert_false(take_flows(&request, cases[i].list, &fail));
        assert_string_equal(fail.text, cases[i].sentence);
        free(request.flows);
    }
}

static void metrics_are_columns_of_the_log(void **state)
{
    (void)state;
    char words[] = "S|D\0id\0begin\0end\0through\0cwnd\0rtt", *names[7];
    for (size_t i = 0, at = 0; i < COUNT(names); i++, at += strlen(words + at) + 1)
        names[i] = words + at;
    struct logreader log = {.columns = names, .column_count = COUNT(names)};
    struct plot_request request = {0};
    struct fail fail = {0};
    assert_true(choose_metrics(&log, "rtt,through,rtt", &request, &fail));
    assert_int_equal(request.metric_count, 3); /* in this order, as often as it is said */
    assert_int_equal(request.metrics[0], 6);
    assert_int_equal(request.metrics[1], 4);
    assert_int_equal(request.metrics[2], 6);

    request.metric_count = 0;
    assert_false(choose_metrics(&log, "rtt,begin", &request, &fail));
    assert_string_equal(fail.text, "option --metrics: the log has no column 'begin'");
    request.metric_count = 0;
    assert_false(choose_metrics(&log, "", &request, &fail));
    assert_string_equal(fail.text, "no metric is given");
    assert_false(choose_metrics(&log, ",", &request, &fail));
    assert_string_equal(fail.text, "no metric is given");

    static const char sixteen[] = "rtt,rtt,rtt,rtt,rtt,rtt,rtt,rtt,rtt,rtt,rtt,rtt,rtt,rtt,rtt,rtt";
    char more[sizeof sixteen + 5];
    snprintf(more, sizeof more, "%s,cwnd", sixteen);
    request.metric_count = 0;
    assert_true(choose_metrics(&log, sixteen, &request, &fail));
    assert_int_equal(request.metric_count, 16);
    request.metric_count = 0;
    assert_false(choose_metrics(&log, more, &request, &fail));
    assert_string_equal(fail.text, "option --metrics: more than 16 metrics can't be drawn at once");
}

static void pictures_are_named_by_the_log(void **state)
{
    static const struct {
        const char *log, *picture;
    } cases[] = {
        {"run.log", "run.svg"},
        {"run", "run.svg"},
        {"a.b.log", "a.b.svg"},
        {"dir/run.log", "dir/run.svg"},
        {"dir.d/run", "dir.d/run.svg"}, /* a point of a folder is none of the file */
        {"../run", "../run.svg"},
        {"flowctl-2026-01-02-03:04:05.log", "flowctl-2026-01-02-03:04:05.svg"},
        {".log", ".log.svg"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *picture = default_output(cases[i].log);
        assert_string_equal(picture, cases[i].picture);
        free(picture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flows_are_listed),
        cmocka_unit_test(lists_of_flows_add_up),
        cmocka_unit_test(lists_of_flows_that_are_refused),
        cmocka_unit_test(metrics_are_columns_of_the_log),
        cmocka_unit_test(pictures_are_named_by_the_log),
    };
    return cmocka_run_group_tests_name("command_plot", tests, NULL, NULL);
}
