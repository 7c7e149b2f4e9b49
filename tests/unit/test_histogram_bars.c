/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/output/histogram_bars.c: ranges, shares and bars by hand, and of random values.
 */
#include "controller/output/histogram_bars.c"

#include "unit.h"

static char lines[64][512];
static size_t line_count;

static void take(void *context, const char *line)
{
    (void)context;
    assert_true(line_count < 64 && strlen(line) < sizeof lines[0]);
    strcpy(lines[line_count++], line);
}

static void draw(const struct histogram *histogram, int width)
{
    const struct histogram_about about = {.all = true, .series = 0};
    line_count = 0;
    histogram_bars(&about, histogram, width, take, NULL);
}

static void rows_of_known_values(void **state)
{
    (void)state;
    struct histogram *histogram = histogram_new();
    for (int i = 0; i < 30; i++)
        histogram_add(histogram, 10);
    for (int i = 0; i < 60; i++)
        histogram_add(histogram, 12);
    for (int i = 0; i < 9; i++)
        histogram_add(histogram, 13);
    histogram_add(histogram, 15);
    draw(histogram, 80);
    assert_int_equal(line_count, 9);
    assert_string_equal(lines[0], "");
    assert_string_equal(lines[1], "RTT, 100 values");
    assert_string_equal(lines[3], "      10.00 to     11.00   30.0 %  #######################");
    assert_string_equal(lines[4], "      11.00 to     12.00    0.0 %");
    assert_string_equal(
        lines[5],
        "      12.00 to     13.00   60.0 %  #############################################");
    assert_string_equal(lines[6], "      13.00 to     14.00    9.0 %  #######");
    assert_string_equal(lines[8], "      15.00 to     16.00    1.0 %  #");
    histogram_free(histogram);
}

static void one_value_has_one_row(void **state)
{
    (void)state;
    struct histogram *histogram = histogram_new();
    histogram_add(histogram, 0);
    draw(histogram, 60);
    assert_int_equal(line_count, 4);
    assert_string_equal(lines[1], "RTT, 1 value");
    assert_string_equal(lines[2], "  median 0, p90 0, p99 0, p99.9 0 ns");
    assert_string_equal(lines[3], "          0 to     1.000  100.0 %  #########################");
    histogram_free(histogram);
}

static void a_rare_value_is_seen(void **state)
{
    (void)state;
    struct histogram *histogram = histogram_new();
    for (int i = 0; i < 100000; i++)
        histogram_add(histogram, 50 * 1000);
    histogram_add(histogram, INT64_C(7000000000));
    draw(histogram, 80);
    assert_true(line_count <= 3 + ROWS_MOST);
    assert_non_null(strstr(lines[line_count - 1], "  <0.1 %  ."));
    assert_non_null(strstr(lines[2], " us"));
    histogram_free(histogram);
}

/* Rows are neighbours, hold every value once, and fit the width, whatever the values are. */
static void rows_hold_each_value_once(void **state)
{
    (void)state;
    for (int round = 0; round < 300; round++) {
        struct histogram *histogram = histogram_new();
        int count = 1 + (int)random_below(300), width = 60 + (int)random_below(100);
        int64_t reach = INT64_C(1) << random_below(40);
        for (int i = 0; i < count; i++)
            histogram_add(histogram,
                          (int64_t)random_below((uint64_t)reach) - (round % 2 ? reach / 2 : 0));
        struct bars bars = {.histogram = histogram};
        choose_rows(&bars);
        count_rows(&bars);
        assert_int_equal(bars.all, count);
        assert_in_range(bars.last - bars.first, 0, ROWS_MOST - 1);
        assert_true(bars.counts[0] > 0 && bars.counts[bars.last - bars.first] > 0);
        if (bars.step > 1) /* no finer rows would do */
            assert_true(bars.last - bars.first >= ROWS_MOST / 2 - 1);
        draw(histogram, width);
        for (size_t i = 0; i < line_count; i++)
            assert_true(strlen(lines[i]) <= (size_t)width);
        histogram_free(histogram);
    }
}

int main(void)
{
    seed_random();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_known_values),
        cmocka_unit_test(one_value_has_one_row),
        cmocka_unit_test(a_rare_value_is_seen),
        cmocka_unit_test(rows_hold_each_value_once),
    };
    return cmocka_run_group_tests_name("histogram_bars", tests, NULL, NULL);
}
