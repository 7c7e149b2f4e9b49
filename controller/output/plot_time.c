/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plots over time: lines, their distribution where there are many, stacked shares, heat maps. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "output/plot_state.h"

enum {
    PIXELS = 800,    /* columns of a panel, about */
    GRID_BINS = 400, /* steps in time where flows are combined */
    EXTREMES = 2     /* the highest and the lowest flow, beside a band */
};

static void put_point(struct plot *plot, double time, double value)
{
    plot_number(plot, time, " ");
    plot_number(plot, value, "\n");
}

/* Every point: the lines break where a value is absent. */
static void put_points(struct plot *plot, const struct plot_curve *curve, size_t metric,
                       double factor)
{
    const struct plot_series *series = curve->series;
    for (size_t row = 0; row < series->count; row++)
        put_point(plot, plot_time(curve->log, series, row, metric),
                  (double)series->values[metric][row] * factor);
}

/* More points than a screen has columns: of each column the lowest and the highest one, in their
 * order, so that no extreme is lost; a mean would hide it. */
static void put_extremes(struct plot *plot, const struct plot_curve *curve, size_t metric,
                         double factor)
{
    const struct plot_series *series = curve->series;
    size_t per_column = (series->count + PIXELS - 1) / PIXELS;
    for (size_t at = 0; at < series->count; at += per_column) {
        size_t end = at + per_column < series->count ? at + per_column : series->count;
        size_t low = end, high = end;
        for (size_t row = at; row < end; row++) {
            float value = series->values[metric][row];
            if (isfinite(value) && (low == end || value < series->values[metric][low]))
                low = row;
            if (isfinite(value) && (high == end || value > series->values[metric][high]))
                high = row;
        }
        size_t first = low < high ? low : high, second = low < high ? high : low;
        size_t shown = first < end ? first : at; /* a column without a value is a gap */
        put_point(plot, plot_time(curve->log, series, shown, metric),
                  (double)series->values[metric][shown] * factor);
        if (first < end && second != first)
            put_point(plot, plot_time(curve->log, series, second, metric),
                      (double)series->values[metric][second] * factor);
    }
}

static bool has_values(const struct plot_curve *curve, size_t metric)
{
    for (size_t row = 0; row < curve->series->count; row++)
        if (isfinite(curve->series->values[metric][row]))
            return true;
    return false;
}

static void draw_curve(struct plot *plot, struct plot_curve *curve, size_t metric, double factor,
                       struct buffer *items, bool *first)
{
    size_t block = plot_block(plot);
    if (curve->series->count > 4 * PIXELS)
        put_extremes(plot, curve, metric, factor);
    else
        put_points(plot, curve, metric, factor);
    plot_block_end(plot);
    plot_item(items, first);
    bool lonely = curve->series->count < 2;
    buffer_printf(items, "$d%zu using 1:2 with %s ", block, lonely ? "points pt 7" : "lines");
    plot_style(items, curve->style, curve->dimmed);
    plot_title(plot, items, curve);
}

static void draw_lines(struct plot *plot, size_t metric, double factor)
{
    struct buffer items = {0};
    bool first = true, empty = true;
    for (size_t i = 0; i < plot->curve_count; i++) {
        if (!plot_shows(&plot->curves[i], metric) || !has_values(&plot->curves[i], metric))
            continue;
        draw_curve(plot, &plot->curves[i], metric, factor, &items, &first);
        empty = false;
    }
    plot_finish(plot, &items, empty);
}

/* ---- many flows */

static double mean_of(const double *values, size_t count)
{
    double sum = 0;
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        if (isfinite(values[i])) {
            sum += values[i];
            found++;
        }
    return found ? sum / (double)found : (double)NAN;
}

/* The values of a bin, finite ones only, sorted; returns how many there are. */
static size_t column_of(const struct plot_grid *grid, size_t bin, double *sorted)
{
    size_t count = 0;
    for (size_t row = 0; row < grid->rows; row++) {
        double value = grid->values[row * grid->bins + bin];
        if (isfinite(value))
            sorted[count++] = value;
    }
    qsort(sorted, count, sizeof *sorted, plot_compare);
    return count;
}

static double bin_time(const struct plot_grid *grid, size_t bin)
{
    return grid->from + ((double)bin + 0.5) * grid->step;
}

/* Time, 10th, 50th and 90th percentile, and the sum. */
static size_t put_bands(struct plot *plot, const struct plot_grid *grid)
{
    size_t block = plot_block(plot);
    double *sorted = mem_new(grid->rows + 1, sizeof *sorted);
    for (size_t bin = 0; bin < grid->bins; bin++) {
        size_t count = column_of(grid, bin, sorted);
        double sum = count ? 0 : (double)NAN;
        for (size_t i = 0; i < count; i++)
            sum += sorted[i];
        plot_number(plot, bin_time(grid, bin), " ");
        plot_number(plot, plot_quantile(sorted, count, 0.1), " ");
        plot_number(plot, plot_quantile(sorted, count, 0.5), " ");
        plot_number(plot, plot_quantile(sorted, count, 0.9), " ");
        plot_number(plot, sum, "\n");
    }
    free(sorted);
    plot_block_end(plot);
    return block;
}

/* The row with the lowest (sign 1) or highest (sign -1) mean; grid->rows where none has a value. */
static size_t extreme_row(const struct plot_grid *grid, int sign)
{
    size_t found = grid->rows;
    double best = INFINITY;
    for (size_t row = 0; row < grid->rows; row++) {
        double mean = sign * mean_of(grid->values + row * grid->bins, grid->bins);
        if (isfinite(mean) && mean < best) {
            best = mean;
            found = row;
        }
    }
    return found;
}

static void draw_extremes(struct plot *plot, const struct plot_grid *grid, struct buffer *items)
{
    static const char *const names[EXTREMES] = {"highest", "lowest"};
    static const char *const colours[EXTREMES] = {"#009E73", "#D55E00"};
    for (int i = 0; i < EXTREMES; i++) {
        size_t row = extreme_row(grid, i ? 1 : -1), block = plot->blocks;
        if (row == grid->rows)
            continue;
        plot_block(plot);
        for (size_t bin = 0; bin < grid->bins; bin++)
            put_point(plot, bin_time(grid, bin), grid->values[row * grid->bins + bin]);
        plot_block_end(plot);
        char *title = mem_printf("%s: %s", names[i], grid->curves[row]->label);
        buffer_printf(items, ", $d%zu using 1:2 with lines lw 1 lc rgb '%s' dt '--' title ", block,
                      colours[i]);
        plot_quoted(items, title);
        free(title);
    }
}

static void draw_bands(struct plot *plot, size_t metric, double factor)
{
    struct plot_grid grid = plot_grid_of(plot, metric, factor, GRID_BINS);
    struct buffer items = {0};
    size_t block = put_bands(plot, &grid);
    buffer_printf(
        &items,
        "plot $d%zu using 1:2:4 with filledcurves lc rgb '#9fc5e8' title '10-90 %% of %zu',"
        " $d%zu using 1:3 with lines lw 2 lc rgb '#0072B2' title 'median'",
        block, grid.rows, block);
    draw_extremes(plot, &grid, &items);
    plot_finish(plot, &items, extreme_row(&grid, 1) == grid.rows);
    plot_grid_free(&grid);
}

static void draw_sum(struct plot *plot, size_t metric, double factor)
{
    struct plot_grid grid = plot_grid_of(plot, metric, factor, GRID_BINS);
    struct buffer items = {0};
    size_t block = put_bands(plot, &grid);
    buffer_printf(&items,
                  "plot $d%zu using 1:5 with lines lw 2 lc rgb '#000000' title 'sum of %zu'", block,
                  grid.rows);
    plot_finish(plot, &items, extreme_row(&grid, 1) == grid.rows);
    plot_grid_free(&grid);
}

/* ---- the types */

static bool is_crowded(const struct plot *plot, size_t metric)
{
    return !plot->request->all_lines && plot_count(plot, metric) > PLOT_LINES_MAX;
}

static bool has_sum(const struct plot *plot, size_t metric)
{
    return is_crowded(plot, metric) && plot_is_additive(plot->logs[0], metric);
}

/* The highest sum in any bin; the axis of a sum has its own unit. */
static double largest_sum(const struct plot *plot, size_t metric)
{
    struct plot_grid grid = plot_grid_of(plot, metric, 1, GRID_BINS);
    double largest = 0;
    for (size_t bin = 0; bin < grid.bins; bin++) {
        double sum = 0;
        for (size_t row = 0; row < grid.rows; row++) {
            double value = grid.values[row * grid.bins + bin];
            sum += isfinite(value) ? value : 0;
        }
        largest = fmax(largest, sum);
    }
    plot_grid_free(&grid);
    return largest;
}

static void begin_time_panel(struct plot *plot, const struct plot_axis *axis, double largest,
                             const char *before)
{
    plot_range(plot, 'y', largest);
    char *text = plot_axis_text(axis), *whole = mem_printf("%s%s", before, text);
    plot_panel(plot, plot->panel + 1 == plot->panels ? "time [s]" : NULL, whole);
    free(whole);
    free(text);
}

void plot_draw_time(struct plot *plot)
{
    size_t panels = plot->metric_count;
    for (size_t metric = 0; metric < plot->metric_count; metric++)
        panels += has_sum(plot, metric);
    plot_begin(plot, panels, true);
    for (size_t metric = 0; metric < plot->metric_count; metric++) {
        double largest = plot_largest(plot, metric);
        struct plot_axis axis = plot_axis_of(plot->logs[0], metric, largest);
        begin_time_panel(plot, &axis, largest, "");
        if (is_crowded(plot, metric))
            draw_bands(plot, metric, axis.factor);
        else
            draw_lines(plot, metric, axis.factor);
        if (!has_sum(plot, metric))
            continue;
        largest = largest_sum(plot, metric);
        axis = plot_axis_of(plot->logs[0], metric, largest);
        begin_time_panel(plot, &axis, largest, "sum of ");
        draw_sum(plot, metric, axis.factor);
    }
}

/* Time, then for each row the sum of it and all rows before it. Rows from `single` on are taken
 * together. */
static size_t put_stack(struct plot *plot, const struct plot_grid *grid, size_t single)
{
    size_t block = plot_block(plot);
    for (size_t bin = 0; bin < grid->bins; bin++) {
        double sum = 0;
        plot_number(plot, bin_time(grid, bin), "");
        for (size_t row = 0; row < grid->rows; row++) {
            double value = grid->values[row * grid->bins + bin];
            sum += isfinite(value) ? value : 0;
            if (row < single || row + 1 == grid->rows)
                buffer_printf(plot->script, " %.9g", sum);
        }
        buffer_text(plot->script, "\n");
    }
    plot_block_end(plot);
    return block;
}

static void draw_stack(struct plot *plot, size_t metric, double factor)
{
    struct plot_grid grid = plot_grid_of(plot, metric, factor, GRID_BINS);
    size_t single = grid.rows <= PLOT_LINES_MAX ? grid.rows : PLOT_LINES_MAX;
    size_t layers = single + (grid.rows > single), block = put_stack(plot, &grid, single);
    struct buffer items = {0};
    bool first = true;
    /* From the top down: each layer covers the lower part of the one before it. */
    for (size_t layer = layers; layer-- > 0;) {
        plot_item(&items, &first);
        buffer_printf(&items, "$d%zu using 1:%zu with filledcurves x1 ", block, layer + 2);
        if (layer < single) {
            plot_style(&items, grid.curves[layer]->style, false);
            plot_title(plot, &items, grid.curves[layer]);
        } else {
            buffer_printf(&items, "lc rgb '#bbbbbb' title '%zu others'", grid.rows - single);
        }
    }
    plot_finish(plot, &items, extreme_row(&grid, 1) == grid.rows);
    plot_grid_free(&grid);
}

void plot_draw_share(struct plot *plot)
{
    plot_begin(plot, plot->metric_count, true);
    buffer_text(plot->script, "set style fill solid 0.75 border lc rgb 'white'\n");
    for (size_t metric = 0; metric < plot->metric_count; metric++) {
        double largest = largest_sum(plot, metric);
        struct plot_axis axis = plot_axis_of(plot->logs[0], metric, largest);
        begin_time_panel(plot, &axis, largest, "");
        draw_stack(plot, metric, axis.factor);
    }
}

static void draw_image(struct plot *plot, size_t metric, double factor)
{
    struct plot_grid grid = plot_grid_of(plot, metric, factor, GRID_BINS / 2);
    struct buffer items = {0};
    size_t block = plot_block(plot);
    for (size_t row = 0; row < grid.rows; row++)
        for (size_t bin = 0; bin < grid.bins; bin++) {
            plot_number(plot, bin_time(&grid, bin), " ");
            plot_number(plot, (double)row, " ");
            plot_number(plot, grid.values[row * grid.bins + bin], "\n");
        }
    plot_block_end(plot);
    buffer_text(plot->script, "set ytics (");
    size_t step = grid.rows / 16 + 1;
    for (size_t row = 0; row < grid.rows; row += step) {
        buffer_text(plot->script, row ? ", " : "");
        plot_quoted(plot->script, grid.curves[row]->label);
        buffer_printf(plot->script, " %zu", row);
    }
    buffer_printf(plot->script, ") noenhanced\nset yrange [-0.5:%g]\n", (double)grid.rows - 0.5);
    buffer_printf(&items, "plot $d%zu using 1:2:3 with image notitle", block);
    plot_finish(plot, &items, extreme_row(&grid, 1) == grid.rows);
    plot_grid_free(&grid);
}

void plot_draw_heat(struct plot *plot)
{
    plot_begin(plot, plot->metric_count, true);
    buffer_text(plot->script, "set palette defined (0 '#440154', 1 '#414487', 2 '#2a788e', "
                              "3 '#22a884', 4 '#7ad151', 5 '#fde725')\n");
    for (size_t metric = 0; metric < plot->metric_count; metric++) {
        struct plot_axis axis = plot_axis_of(plot->logs[0], metric, plot_largest(plot, metric));
        char *text = plot_axis_text(&axis);
        plot_panel(plot, plot->panel + 1 == plot->panels ? "time [s]" : NULL, "");
        buffer_text(plot->script, "set cblabel ");
        plot_quoted(plot->script, text);
        buffer_text(plot->script, " noenhanced\n");
        draw_image(plot, metric, axis.factor);
        free(text);
    }
}
