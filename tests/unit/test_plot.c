/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/output/plot_time.c and plot_parts.c: axes, quantiles, grids, reduction. */
#include "controller/output/plot_time.c"

#include <string.h>

#include "unit.h"

/* A series of one metric, one row a second from 0 on. */
static struct plot_series series_of(const float *values, size_t count)
{
    struct plot_series series = {.count = count, .sends = true};
    series.begin = mem_new(count, sizeof(double));
    series.end = mem_new(count, sizeof(double));
    series.values[0] = mem_new(count, sizeof(float));
    for (size_t i = 0; i < count; i++) {
        series.begin[i] = (double)i;
        series.end[i] = (double)i + 1;
        series.values[0][i] = values[i];
    }
    return series;
}

static void series_free(struct plot_series *series)
{
    free(series->begin);
    free(series->end);
    free(series->values[0]);
}

static void quantiles_lie_between_neighbours(void **state)
{
    const double values[] = {0, 10, 20, 30, 40};
    (void)state;
    assert_true(plot_quantile(values, 5, 0) == 0 && plot_quantile(values, 5, 1) == 40);
    assert_true(plot_quantile(values, 5, 0.5) == 20);
    assert_true(fabs(plot_quantile(values, 5, 0.1) - 4) < 1e-9);
    assert_true(plot_quantile(values, 1, 0.9) == 0);
    assert_true(isnan(plot_quantile(values, 0, 0.5)));
}

static void axes_have_words_and_fitting_units(void **state)
{
    static const struct {
        const char *name, *unit;
        double largest;
        const char *text;
        double factor;
    } cases[] = {
        {"rx_through", "Mbit/s", 93, "goodput [Mbit/s]", 1},
        {"rx_through", "Mbit/s", 93000, "goodput [Gbit/s]", 1e-3},
        {"rx_through", "Mbit/s", 0.16, "goodput [kbit/s]", 1e3},
        {"rx_through", "Mbit/s", 0, "goodput [Mbit/s]", 1},
        {"rtt", "ms", 0.02, "smoothed RTT [\302\265s]", 1e3},
        {"rtt", "ms", 12000, "smoothed RTT [s]", 1e-3},
        {"cwnd", "1", 12, "congestion window [segments]", 1},
        {"snd_wnd", "B", 6e6, "peer's receive window [MB]", 1e-6},
        {"unheard_of", "1", 12, "unheard_of", 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *name = mem_strdup(cases[i].name), *unit = mem_strdup(cases[i].unit);
        struct plot_log log = {.names = {name}, .units = {unit}, .metric_count = 1};
        struct plot_axis axis = plot_axis_of(&log, 0, cases[i].largest);
        char *text = plot_axis_text(&axis);
        assert_string_equal(text, cases[i].text);
        assert_true(axis.factor == cases[i].factor);
        free(text);
        free(name);
        free(unit);
    }
}

static void text_in_a_script_is_no_command(void **state)
{
    static const struct {
        const char *text, *quoted;
    } cases[] = {{"a b", "\"a b\""},
                 {"`rm`", "\"rm\""},
                 {"\";system('x')#", "\";system('x')#\""},
                 {"a\\\"b", "\"ab\""},
                 {"a\nb", "\"a?b\""}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer script = {0};
        plot_quoted(&script, cases[i].text);
        assert_int_equal(script.length, strlen(cases[i].quoted));
        assert_memory_equal(script.data, cases[i].quoted, script.length);
        buffer_free(&script);
    }
}

/* However many rows there are, the lowest and the highest value are drawn, and gaps stay. */
static void reduction_keeps_extremes_and_gaps(void **state)
{
    enum { ROWS = 100000 };
    float *values = mem_new(ROWS, sizeof *values);
    (void)state;
    for (size_t i = 0; i < ROWS; i++)
        values[i] = 50;
    values[34567] = 99;
    values[77777] = 1;
    for (size_t i = 50000; i < 50500; i++)
        values[i] = NAN;
    struct plot_series series = series_of(values, ROWS);
    char name[] = "unheard_of", unit[] = "1";
    struct plot_log log = {.names = {name}, .units = {unit}, .metric_count = 1};
    struct plot_curve curve = {.log = &log, .series = &series};
    struct buffer script = {0};
    struct plot plot = {.script = &script};
    put_extremes(&plot, &curve, 0, 1);
    buffer_add(&script, "", 1);
    assert_non_null(strstr(script.data, "34567.5 99\n"));
    assert_non_null(strstr(script.data, "77777.5 1\n"));
    assert_non_null(strstr(script.data, " NaN\n"));
    size_t lines = 0;
    for (const char *at = script.data; *at; at++)
        lines += *at == '\n';
    assert_true(lines <= 2 * PIXELS);
    buffer_free(&script);
    series_free(&series);
    free(values);
}

static void grids_have_means_and_gaps(void **state)
{
    const float values[] = {1, 3, NAN, NAN, 5, 7};
    (void)state;
    struct plot_series series = series_of(values, 6);
    char name[] = "cwnd", unit[] = "1";
    struct plot_log log = {.names = {name}, .units = {unit}, .metric_count = 1};
    struct plot_curve curve = {.log = &log, .series = &series};
    struct plot plot = {.curves = &curve, .curve_count = 1, .from = 0, .to = 6};
    struct plot_grid grid = plot_grid_of(&plot, 0, 10, 3);
    assert_int_equal(grid.bins, 3);
    assert_int_equal(grid.rows, 1);
    assert_true(grid.values[0] == 20 && isnan(grid.values[1]) && grid.values[2] == 60);
    assert_true(largest_sum(&plot, 0) == 7);
    plot_grid_free(&grid);
    series_free(&series);
}

/* One row of 2.5 s and then three of about 0.5 s: each counts in the bins of 1 s that it overlaps,
 * by how long. A bin of which less than half is covered has no value. */
static void grids_weigh_rows_by_their_length(void **state)
{
    static const float values[] = {10, 20, 40, 60};
    static const double ends[] = {2.5, 3, 3.5, 4.2}, wanted[] = {10, 10, 15, 50};
    (void)state;
    struct plot_series series = series_of(values, 4);
    for (size_t i = 0; i < 4; i++) {
        series.begin[i] = i ? ends[i - 1] : 0;
        series.end[i] = ends[i];
    }
    char name[] = "cwnd", unit[] = "1";
    struct plot_log log = {.names = {name}, .units = {unit}, .metric_count = 1};
    struct plot_curve curve = {.log = &log, .series = &series};
    struct plot plot = {.curves = &curve, .curve_count = 1, .from = 0, .to = 5};
    struct plot_grid grid = plot_grid_of(&plot, 0, 1, 5);
    assert_int_equal(grid.bins, 5);
    for (size_t i = 0; i < 4; i++)
        assert_true(fabs(grid.values[i] - wanted[i]) < 1e-9);
    assert_true(isnan(grid.values[4]));
    plot_grid_free(&grid);
    series_free(&series);
}

/* A curve that is shorter than half a bin is there all the same. */
static void grids_keep_short_curves(void **state)
{
    const float values[] = {7};
    (void)state;
    struct plot_series series = series_of(values, 1);
    series.begin[0] = 5.2;
    series.end[0] = 5.3;
    char name[] = "cwnd", unit[] = "1";
    struct plot_log log = {.names = {name}, .units = {unit}, .metric_count = 1};
    struct plot_curve curve = {.log = &log, .series = &series};
    struct plot plot = {.curves = &curve, .curve_count = 1, .from = 0, .to = 7.5};
    struct plot_grid grid = plot_grid_of(&plot, 0, 1, 3);
    assert_int_equal(grid.bins, 3);
    assert_true(isnan(grid.values[0]) && isnan(grid.values[1]) && fabs(grid.values[2] - 7) < 1e-6);
    plot_grid_free(&grid);
    series_free(&series);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_lie_between_neighbours),
        cmocka_unit_test(axes_have_words_and_fitting_units),
        cmocka_unit_test(text_in_a_script_is_no_command),
        cmocka_unit_test(reduction_keeps_extremes_and_gaps),
        cmocka_unit_test(grids_have_means_and_gaps),
        cmocka_unit_test(grids_weigh_rows_by_their_length),
        cmocka_unit_test(grids_keep_short_curves),
    };
    return cmocka_run_group_tests_name("plot", tests, NULL, NULL);
}
