/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What all kinds of plot are put together from: axes, panels, data, legends, distributions. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "output/plot_state.h"
#include "printable.h"

/* gnuplot has no way to quote a backquote in double quotes, and a backquote runs a command: it is
 * left out, as quotes and backslashes are. */
void plot_quoted(struct buffer *script, const char *text)
{
    char *label = mem_strdup(text);
    printable(label);
    buffer_text(script, "\"");
    for (const char *at = label; *at; at++)
        if (!strchr("\"\\`", *at))
            buffer_add(script, at, 1);
    buffer_text(script, "\"");
    free(label);
}

static char *default_title(const struct plot *plot)
{
    struct buffer title = {0};
    for (size_t i = 0; i < plot->log_count && i < 3; i++) {
        const struct plot_log *log = plot->logs[i];
        const char *base = strrchr(log->path, '/');
        buffer_printf(&title, "%s%s", i ? ", " : "",
                      log->title ? log->title
                      : base     ? base + 1
                                 : log->path);
    }
    if (plot->log_count > 3)
        buffer_printf(&title, " and %zu more", plot->log_count - 3);
    if (plot->log_count == 1 && plot->logs[0]->date)
        buffer_printf(&title, ", %s", plot->logs[0]->date);
    buffer_add(&title, "", 1);
    return title.data;
}

/* The part of the width that the legend needs, by its longest line. */
static double legend_width(const struct plot *plot)
{
    size_t longest = 12, width = plot->request->width > 0 ? (size_t)plot->request->width : 1000;
    for (size_t i = 0; i < plot->style_count && plot->style_count <= PLOT_LINES_MAX; i++)
        longest = strlen(plot->labels[i]) > longest ? strlen(plot->labels[i]) : longest;
    double part = (70 + 8.0 * (double)longest) / (double)width;
    return part > 0.45 ? 0.45 : part;
}

void plot_begin(struct plot *plot, size_t panels, bool shared_x)
{
    struct buffer *script = plot->script;
    char *title = plot->request->title ? NULL : default_title(plot);
    double height = plot->request->height > 0 ? plot->request->height : 110 + 240 * (double)panels;
    double bottom = 60 / height, top = 1 - 45 / height;
    double left = 95 / (plot->request->width > 0 ? plot->request->width : 1000);
    plot->panels = panels;
    buffer_printf(script,
                  "set border 3 lw 0.8\nset tics nomirror out\n"
                  "set grid lc rgb '#c8c8c8' lw 0.7\nset key outside right top noenhanced\n"
                  "%s",
                  plot->request->log_scale ? "set logscale y\n" : "");
    if (shared_x)
        buffer_printf(script, "set xrange [%.9g:%.9g]\n", plot->from, plot->to);
    buffer_printf(script,
                  "set multiplot layout %zu,1 margins screen %.4f,%.4f,%.4f,%.4f spacing screen "
                  "0,%.4f title ",
                  panels, left, 1 - legend_width(plot), bottom, top, (shared_x ? 18 : 62) / height);
    plot_quoted(script, plot->request->title ? plot->request->title : title);
    buffer_text(script, " noenhanced\n");
    free(title);
}

void plot_panel(struct plot *plot, const char *x, const char *y)
{
    plot->panel++;
    buffer_printf(plot->script, "set format x '%s'\nset xlabel ", x ? "%g" : "");
    plot_quoted(plot->script, x ? x : "");
    buffer_text(plot->script, " noenhanced\nset ylabel ");
    plot_quoted(plot->script, y);
    buffer_text(plot->script, " noenhanced\n");
}

void plot_range(struct plot *plot, char axis, double largest)
{
    bool log_scale = axis == 'y' && plot->request->log_scale;
    buffer_printf(plot->script, "set %crange [%s:%s]\n", axis, log_scale ? "*" : "0",
                  largest > 0 ? "*" : "1");
}

size_t plot_block(struct plot *plot)
{
    buffer_printf(plot->script, "$d%zu << END\n", plot->blocks);
    return plot->blocks++;
}

void plot_block_end(struct plot *plot)
{
    buffer_text(plot->script, "END\n");
}

void plot_number(struct plot *plot, double value, const char *after)
{
    if (isfinite(value))
        buffer_printf(plot->script, "%.9g%s", value, after);
    else
        buffer_printf(plot->script, "NaN%s", after);
}

/* Okabe and Ito's colours, which colour-blind people tell apart, without yellow, which is
 * unreadable on white; above seven flows the dashes differ, too. */
void plot_style(struct buffer *script, size_t style, bool dimmed)
{
    static const char *const colours[] = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                          "#E69F00", "#56B4E9", "#000000"};
    static const char *const dashes[] = {"solid", "'--'", "'-.'", "'..-'"};
    enum { COLOURS = 7, DASHES = 4 };
    buffer_printf(script, "lw 1.6 lc rgb '%s' dt %s", colours[style % COLOURS],
                  dimmed ? "'.'" : dashes[style / COLOURS % DASHES]);
}

void plot_item(struct buffer *items, bool *first)
{
    buffer_text(items, *first ? "plot " : ", ");
    *first = false;
}

void plot_title(struct plot *plot, struct buffer *items, struct plot_curve *curve)
{
    const struct plot_curve *other = plot_other_end(plot, curve);
    /* Both ends of a flow that sends in one direction only look the same: one line of the legend.
     */
    bool same = other && other->dimmed == curve->dimmed;
    if (curve->titled || (same && other->titled)) {
        buffer_text(items, " notitle");
        return;
    }
    curve->titled = true;
    char *text = other && !same ? mem_printf("%s, end %c", curve->label,
                                             endpoint_capital(curve->series->endpoint))
                                : mem_strdup(curve->label);
    buffer_text(items, " title ");
    plot_quoted(items, text);
    free(text);
}

void plot_finish(struct plot *plot, struct buffer *items, bool empty)
{
    if (items->length && !empty) {
        buffer_add(plot->script, items->data, items->length);
        plot->any = true;
    } else {
        buffer_text(plot->script, "set label 1 'no values' at graph 0.5,0.5 center\n"
                                  "plot [] [0:1] NaN notitle\nunset label 1");
    }
    buffer_text(plot->script, "\n");
    buffer_free(items);
    *items = (struct buffer){0};
}

int plot_compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

double plot_quantile(const double *sorted, size_t count, double part)
{
    if (!count)
        return NAN;
    double place = part * (double)(count - 1), below = floor(place);
    size_t i = (size_t)below;
    return i + 1 < count ? sorted[i] + (place - below) * (sorted[i + 1] - sorted[i])
                         : sorted[count - 1];
}

double *plot_sorted(const struct plot_curve *curve, size_t metric, double factor, size_t *count)
{
    const struct plot_series *series = curve->series;
    double *values = mem_new(series->count + 1, sizeof *values);
    *count = 0;
    for (size_t row = 0; row < series->count; row++)
        if (isfinite(series->values[metric][row]))
            values[(*count)++] = (double)series->values[metric][row] * factor;
    qsort(values, *count, sizeof *values, plot_compare);
    return values;
}

/* The length of a row, as most rows have it. */
static double typical_step(const struct plot *plot)
{
    double *lengths = NULL;
    size_t count = 0;
    for (size_t i = 0; i < plot->curve_count; i++)
        for (size_t row = 0; row < plot->curves[i].series->count && row < 64; row++) {
            if (!(count & (count - 1)))
                lengths = mem_grow(lengths, count ? 2 * count : 1, sizeof *lengths);
            lengths[count++] =
                plot->curves[i].series->end[row] - plot->curves[i].series->begin[row];
        }
    qsort(lengths, count, sizeof *lengths, plot_compare);
    double step = plot_quantile(lengths, count, 0.5);
    free(lengths);
    return step;
}

/* Adds what a row has to the bins that it overlaps, by how long. */
static void spread(const struct plot_grid *grid, double begin, double end, double value,
                   double *sums, double *covered)
{
    double first = (begin - grid->from) / grid->step, last = (end - grid->from) / grid->step;
    double bins = (double)grid->bins;
    if (!(last > 0) || !(first < bins))
        return;
    for (double bin = first > 0 ? floor(first) : 0; bin < bins && bin < last; bin++) {
        double from = first > bin ? first : bin, to = last < bin + 1 ? last : bin + 1;
        sums[(size_t)bin] += (to - from) * value;
        covered[(size_t)bin] += to - from;
    }
}

/* A row seldom ends where a bin does: a bin has a value where rows cover half of it, or, of a curve
 * that covers half of none, the bin that it covers most. */
static void fill_row(struct plot_grid *grid, size_t row, size_t metric, double factor)
{
    const struct plot_series *series = grid->curves[row]->series;
    double *values = grid->values + row * grid->bins, enough = 0;
    double *covered = mem_new(grid->bins, sizeof *covered);
    for (size_t i = 0; i < series->count; i++)
        if (isfinite(series->values[metric][i]))
            spread(grid, series->begin[i], series->end[i],
                   (double)series->values[metric][i] * factor, values, covered);
    for (size_t i = 0; i < grid->bins; i++)
        enough = covered[i] > enough ? covered[i] : enough;
    enough = enough > 0.5 ? 0.5 : enough;
    for (size_t i = 0; i < grid->bins; i++)
        values[i] = covered[i] > 0 && covered[i] >= enough ? values[i] / covered[i] : (double)NAN;
    free(covered);
}

struct plot_grid plot_grid_of(const struct plot *plot, size_t metric, double factor,
                              size_t bins_max)
{
    struct plot_grid grid = {.from = plot->from, .step = typical_step(plot)};
    double least = (plot->to - plot->from) / (double)bins_max;
    if (!(grid.step > least))
        grid.step = least;
    grid.bins = (size_t)ceil((plot->to - plot->from) / grid.step - 1e-6);
    grid.bins = grid.bins ? grid.bins : 1;
    grid.curves = mem_new(plot->curve_count + 1, sizeof *grid.curves);
    for (size_t i = 0; i < plot->curve_count; i++)
        if (plot_shows(&plot->curves[i], metric))
            grid.curves[grid.rows++] = &plot->curves[i];
    grid.values = mem_new(grid.rows * grid.bins + 1, sizeof *grid.values);
    for (size_t row = 0; row < grid.rows; row++)
        fill_row(&grid, row, metric, factor);
    return grid;
}

void plot_grid_free(struct plot_grid *grid)
{
    free(grid->values);
    free(grid->curves);
}
