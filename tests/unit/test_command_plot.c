/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/commands/command_plot.c: lists of flows and metrics, and the name of the
 * picture. */
#include "controller/commands/command_plot.c"

#include "unit.h"

static bool take_flows(struct plot_arguments *arguments, const char *list, struct fail *fail)
{
    return option_each_item(list, "no flow is given", take_range, arguments, fail);
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
        struct plot_arguments arguments = {0};
        struct fail fail = {0};
        if (!take_flows(&arguments, cases[i].list, &fail))
            fail_msg("%s: %s", cases[i].list, fail.text);
        assert_int_equal(arguments.choice.flow_count, strlen(cases[i].flows));
        for (size_t k = 0; k < arguments.choice.flow_count; k++)
            assert_int_equal(arguments.flows[k], cases[i].flows[k] == '1');
        free(arguments.flows);
    }
}

static void lists_of_flows_add_up(void **state)
{
    (void)state;
    struct plot_arguments arguments = {0};
    assert_true(take_flows(&arguments, "4", NULL));
    assert_true(take_flows(&arguments, "1", NULL));
    assert_true(take_flows(&arguments, "999999", NULL));
    assert_int_equal(arguments.choice.flow_count, 1000000);
    for (size_t i = 0; i < arguments.choice.flow_count; i++)
        assert_int_equal(arguments.flows[i], i == 1 || i == 4 || i == 999999);
    free(arguments.flows);
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
        {"3-2", "'3-2': the end is below the start"},
        {"1000000", "'1000000' is not within 0 to 999999"},
        {"0-1000000", "'0-1000000' is not within 0 to 999999"},
        {"1-2-3", "'2-3' is not a whole number"},
        {"1 ", "'1 ' is not a whole number"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct plot_arguments arguments = {0};
        struct fail fail = {0};
        assert_false(take_flows(&arguments, cases[i].list, &fail));
        assert_string_equal(fail.text, cases[i].sentence);
        free(arguments.flows);
    }
}

static void sizes_are_read_strictly(void **state)
{
    (void)state;
    struct plot_request request = {0};
    struct fail fail;
    assert_true(take_size(&request, "640x480", &fail));
    assert_true(request.width == 640 && request.height == 480);
    static const char *const wrong[] = {"",     "x",         "640",    "640x",
                                        "x480", "640x480x1", "99x100", "1e3x9e2"};
    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_false(take_size(&request, wrong[i], &fail));
}

static void types_are_found_by_name(void **state)
{
    (void)state;
    struct plot_request request = {0};
    struct fail fail;
    for (size_t i = 0; i < plot_types_count; i++) {
        assert_true(take_type(&request, plot_types[i].name, &fail));
        assert_ptr_equal(request.type, &plot_types[i]);
        assert_non_null(request.type->draw);
    }
    assert_false(take_type(&request, "Time", &fail));
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
        cmocka_unit_test(sizes_are_read_strictly),
        cmocka_unit_test(types_are_found_by_name),
        cmocka_unit_test(pictures_are_named_by_the_log),
    };
    return cmocka_run_group_tests_name("command_plot", tests, NULL, NULL);
}
