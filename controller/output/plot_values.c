/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plots without time: how the values of the rows are distributed, and one metric against another.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "output/plot_state.h"
#include "mem.h"

enum { STEPS_MAX = 1000, BINS = 50, ELLIPSE_POINTS = 64 };

/* A panel whose x axis is the metric. */
static void begin_value_panel(struct plot *plot, const struct plot_axis *axis, const char *y)
{
    char *text = plot_axis_text(axis);
    plot_panel(plot, text, y);
    free(text);
}

/* ---- distributions of single curves */

/* Writes the block of a curve; returns false where there is no value. `largest` is that of all
 * curves, in the unit of the axis. */
typedef bool put_curve(struct plot *plot, const struct plot_curve *curve, size_t metric,
                       double factor, double largest);

/* The share of rows whose value is at most x: steps, at most STEPS_MAX of them. */
static bool put_cdf(struct plot *plot, const struct plot_curve *curve, size_t metric, double factor,
                    double largest)
{
    (void)largest;
    size_t count, step;
    double *values = plot_sorted(curve, metric, factor, &count);
    step = count / STEPS_MAX + 1;
    if (count) {
        plot_number(plot, values[0], " 0\n");
        for (size_t i = step - 1; i < count; i += step) {
            plot_number(plot, values[i], " ");
            plot_number(plot, (double)(i + 1) / (double)count, "\n");
        }
        plot_number(plot, values[count - 1], " 1\n");
    }
    free(values);
    return count > 0;
}

/* The share of rows in each of BINS bins between 0 and the largest value of all curves. */
static bool put_bins(struct plot *plot, const struct plot_curve *curve, size_t metric,
                     double factor, double largest)
{
    size_t count, bins[BINS] = {0};
    double width = largest / BINS;
    double *values = plot_sorted(curve, metric, factor, &count);
    for (size_t i = 0; i < count; i++) {
        double bin = width > 0 ? values[i] / width : 0;
        bins[bin >= BINS ? BINS - 1 : bin < 0 ? 0 : (size_t)bin]++;
    }
    for (size_t i = 0; i < BINS && count; i++) {
        plot_number(plot, ((double)i + 0.5) * width, " ");
        plot_number(plot, (double)bins[i] / (double)count, "\n");
    }
    free(values);
    return count > 0;
}

static void draw_distributions(struct plot *plot, put_curve *put, const char *with, const char *y)
{
    plot_begin(plot, plot->metric_count, false);
    for (size_t metric = 0; metric < plot->metric_count; metric++) {
        double largest = plot_largest(plot, metric);
        struct plot_axis axis = plot_axis_of(plot->logs[0], metric, largest);
        struct buffer items = {0};
        bool first = true;
        plot_range(plot, 'x', largest);
        plot_range(plot, 'y', 1);
        begin_value_panel(plot, &axis, y);
        for (size_t i = 0; i < plot->curve_count; i++) {
            struct plot_curve *curve = &plot->curves[i];
            if (!plot_shows(curve, metric))
                continue;
            size_t block = plot_block(plot);
            bool any = put(plot, curve, metric, axis.factor, largest * axis.factor);
            plot_block_end(plot);
            if (!any)
                continue;
            plot_item(&items, &first);
            buffer_printf(&items, "$d%zu using 1:2 with %s ", block, with);
            plot_style(&items, curve->style, curve->dimmed);
            if (plot->style_count > PLOT_LINES_MAX)
                buffer_text(&items, " notitle");
            else
                plot_title(plot, &items, curve);
        }
        plot_finish(plot, &items, first);
    }
}

void plot_draw_cdf(struct plot *plot)
{
    draw_distributions(plot, put_cdf, "steps", "share of rows");
}

void plot_draw_histogram(struct plot *plot)
{
    draw_distributions(plot, put_bins, "histeps", "share of rows");
}

/* ---- boxes */

/* Place, 25th, 5th, 95th, 75th and 50th percentile: the order of gnuplot's candlesticks. */
static bool put_box(struct plot *plot, const struct plot_curve *curve, size_t metric, double factor,
                    size_t place)
{
    static const double parts[] = {0.25, 0.05, 0.95, 0.75, 0.5};
    size_t count;
    double *values = plot_sorted(curve, metric, factor, &count);
    for (size_t i = 0; count && i < COUNT(parts); i++) {
        if (!i)
            plot_number(plot, (double)place, "");
        buffer_text(plot->script, " ");
        plot_number(plot, plot_quantile(values, count, parts[i]), "");
    }
    buffer_text(plot->script, count ? "\n" : "");
    free(values);
    return count > 0;
}

static void draw_boxes(struct plot *plot, size_t metric, double factor)
{
    struct buffer items = {0}, names = {0};
    size_t block = plot_block(plot), place = 0, step = plot_count(plot, metric) / 20 + 1;
    bool any = false;
    for (size_t i = 0; i < plot->curve_count; i++) {
        if (!plot_shows(&plot->curves[i], metric))
            continue;
        any |= put_box(plot, &plot->curves[i], metric, factor, place);
        if (place % step == 0) {
            buffer_text(&names, names.length ? ", " : "set xtics (");
            plot_quoted(&names, plot->curves[i].label);
            buffer_printf(&names, " %zu", place);
        }
        place++;
    }
    plot_block_end(plot);
    buffer_add(plot->script, names.data, names.length);
    buffer_printf(plot->script, "%sset xrange [-0.7:%g]\n", names.length ? ") noenhanced\n" : "",
                  (double)place - 0.3);
    buffer_printf(&items,
                  "plot $d%zu using 1:2:3:4:5 with candlesticks lc rgb '#0072B2' lw 1.4 "
                  "notitle whiskerbars 0.5, $d%zu using 1:6:6:6:6 with candlesticks lc rgb "
                  "'#D55E00' lw 2 notitle",
                  block, block);
    plot_finish(plot, &items, !any);
    buffer_free(&names);
}

void plot_draw_box(struct plot *plot)
{
    plot_begin(plot, plot->metric_count, false);
    buffer_text(plot->script, "set boxwidth 0.5\nset style fill solid 0.2\n");
    for (size_t metric = 0; metric < plot->metric_count; metric++) {
        double largest = plot_largest(plot, metric);
        struct plot_axis axis = plot_axis_of(plot->logs[0], metric, largest);
        char *text = plot_axis_text(&axis);
        plot_range(plot, 'y', largest);
        plot_panel(plot, "flow", text);
        draw_boxes(plot, metric, axis.factor);
        free(text);
    }
}

/* ---- one metric against another */

/* The curve of the same flow that shows the metric; NULL where none does. */
static const struct plot_curve *curve_of(const struct plot *plot, const struct plot_curve *curve,
                                         size_t metric)
{
    const struct plot_curve *other = plot_other_end(plot, curve);
    const struct plot_curve *first = other && other < curve ? other : curve;
    const struct plot_curve *second = first == curve ? other : curve;
    if (plot_shows(first, metric))
        return first;
    return second && plot_shows(second, metric) ? second : NULL;
}

struct pairs {
    double *x, *y;
    size_t count;
};

/* The values of both metrics in rows whose middles are nearest to each other, if these lie within
 * half a row: the two may be counted by different ends. */
static void add_pairs(const struct plot_curve *x_curve, const struct plot_curve *y_curve,
                      const double factor[2], struct pairs *pairs)
{
    const struct plot_series *x = x_curve->series, *y = y_curve->series;
    size_t near = 0;
    pairs->x = mem_grow(pairs->x, pairs->count + x->count + 1, sizeof(double));
    pairs->y = mem_grow(pairs->y, pairs->count + x->count + 1, sizeof(double));
    for (size_t row = 0; y->count && row < x->count; row++) {
        double middle = (x->begin[row] + x->end[row]) / 2;
        while (near + 1 < y->count && fabs((y->begin[near + 1] + y->end[near + 1]) / 2 - middle) <=
                                          fabs((y->begin[near] + y->end[near]) / 2 - middle))
            near++;
        double away = fabs((y->begin[near] + y->end[near]) / 2 - middle);
        if (away > (x->end[row] - x->begin[row]) / 2 || !isfinite(x->values[0][row]) ||
            !isfinite(y->values[1][near]))
            continue;
        pairs->x[pairs->count] = (double)x->values[0][row] * factor[0];
        pairs->y[pairs->count++] = (double)y->values[1][near] * factor[1];
    }
}

static void free_pairs(struct pairs *pairs)
{
    free(pairs->x);
    free(pairs->y);
}

/* The pairs of these curves. */
static struct pairs pairs_of(const struct plot *plot, struct plot_curve *const *curves,
                             size_t count, const double factor[2])
{
    struct pairs pairs = {0};
    for (size_t i = 0; i < count; i++) {
        const struct plot_curve *other = curve_of(plot, curves[i], 1);
        if (other)
            add_pairs(curves[i], other, factor, &pairs);
    }
    return pairs;
}

static void put_pairs(struct plot *plot, const struct pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++) {
        plot_number(plot, pairs->x[i], " ");
        plot_number(plot, pairs->y[i], "\n");
    }
}

/* The ellipse of one standard deviation of the two-dimensional normal distribution that has the
 * points' mean and covariance: half axes are the square roots of the eigenvalues. */
static void put_ellipse(struct plot *plot, const struct pairs *pairs)
{
    double n = (double)pairs->count, mean_x = 0, mean_y = 0, xx = 0, xy = 0, yy = 0;
    for (size_t i = 0; i < pairs->count; i++) {
        mean_x += pairs->x[i] / n;
        mean_y += pairs->y[i] / n;
    }
    for (size_t i = 0; i < pairs->count; i++) {
        double dx = pairs->x[i] - mean_x, dy = pairs->y[i] - mean_y;
        xx += dx * dx / n;
        xy += dx * dy / n;
        yy += dy * dy / n;
    }
    double root = sqrt((xx - yy) * (xx - yy) / 4 + xy * xy), half = (xx + yy) / 2;
    double a = sqrt(half + root), b = sqrt(fmax(half - root, 0)),
           angle = atan2(2 * xy, xx - yy) / 2;
    for (int i = 0; pairs->count && i <= ELLIPSE_POINTS; i++) {
        double t = 2 * M_PI * i / ELLIPSE_POINTS;
        plot_number(plot, mean_x + a * cos(t) * cos(angle) - b * sin(t) * sin(angle), " ");
        plot_number(plot, mean_y + a * cos(t) * sin(angle) + b * sin(t) * cos(angle), "\n");
    }
}

static int compare_places(const void *a, const void *b)
{
    const struct plot_curve *left = *(struct plot_curve *const *)a,
                            *right = *(struct plot_curve *const *)b;
    return (left > right) - (left < right);
}

static int compare_labels(const void *a, const void *b)
{
    int order =
        strcmp((*(struct plot_curve *const *)a)->label, (*(struct plot_curve *const *)b)->label);
    return order ? order : compare_places(a, b);
}

/* The curves that show the first metric, in new memory: as they stand, or by label. */
static struct plot_curve **curves_shown(const struct plot *plot, bool by_label, size_t *count)
{
    struct plot_curve **curves = mem_new(plot->curve_count + 1, sizeof *curves);
    *count = 0;
    for (size_t i = 0; i < plot->curve_count; i++)
        if (plot_shows(&plot->curves[i], 0))
            curves[(*count)++] = &plot->curves[i];
    if (by_label)
        qsort(curves, *count, sizeof *curves, compare_labels);
    return curves;
}

/* How many of the sorted curves have the label of the first of them. */
static size_t same_label(struct plot_curve *const *curves, size_t count)
{
    size_t same = 1;
    while (same < count && !strcmp(curves[same]->label, curves[0]->label))
        same++;
    return same;
}

static void put_against(struct plot *plot, const struct pairs *pairs, bool ellipse,
                        struct plot_curve *curve, struct buffer *items)
{
    size_t block = plot_block(plot);
    (ellipse ? put_ellipse : put_pairs)(plot, pairs);
    plot_block_end(plot);
    bool first = !items->length;
    plot_item(items, &first);
    buffer_printf(items, "$d%zu using 1:2 with %s ", block,
                  ellipse ? "lines" : "points pt 7 ps 0.4");
    plot_style(items, curve->style, false);
    plot_title(plot, items, curve);
}

static void draw_against(struct plot *plot, bool ellipses)
{
    const double largest[2] = {plot_largest(plot, 0), plot_largest(plot, 1)};
    struct plot_axis axes[2] = {plot_axis_of(plot->logs[0], 0, largest[0]),
                                plot_axis_of(plot->logs[0], 1, largest[1])};
    const double factor[2] = {axes[0].factor, axes[1].factor};
    struct buffer items = {0};
    size_t count, same;
    struct plot_curve **curves = curves_shown(plot, ellipses, &count);
    char *y = plot_axis_text(&axes[1]);
    plot_begin(plot, 1, false);
    plot_range(plot, 'y', largest[1]);
    plot_range(plot, 'x', largest[0]);
    if (ellipses && !strcmp(plot->logs[0]->units[0], "ms"))
        buffer_text(plot->script, "set xrange reverse\n"); /* better is up and right */
    begin_value_panel(plot, &axes[0], y);
    for (size_t i = 0; i < count; i += same) {
        same = ellipses ? same_label(curves + i, count - i) : 1;
        struct pairs pairs = pairs_of(plot, curves + i, same, factor);
        if (pairs.count)
            put_against(plot, &pairs, ellipses, curves[i], &items);
        free_pairs(&pairs);
    }
    plot_finish(plot, &items, !items.length);
    free(curves);
    free(y);
}

void plot_draw_scatter(struct plot *plot)
{
    draw_against(plot, false);
}

void plot_draw_ellipse(struct plot *plot)
{
    draw_against(plot, true);
}
