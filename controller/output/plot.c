/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/plot.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "output/plot_state.h"
#include "mem.h"

const struct plot_type plot_types[] = {
    {"time", "each metric over time, one panel each", 1, plot_draw_time},
    {"share", "each metric over time, the flows stacked", 1, plot_draw_share},
    {"heat", "each metric by flow and time, as colours", 1, plot_draw_heat},
    {"cdf", "how the values of the rows are distributed, cumulative", 1, plot_draw_cdf},
    {"histogram", "how the values of the rows are distributed, in 50 bins", 1, plot_draw_histogram},
    {"box", "for each flow the 5th, 25th, 50th, 75th and 95th percentile of its rows", 1,
     plot_draw_box},
    {"scatter", "the second metric against the first, a point for each row", 2, plot_draw_scatter},
    {"ellipse", "the same as one ellipse (1 sigma) for all flows with the same label", 2,
     plot_draw_ellipse},
};
const size_t plot_types_count = COUNT(plot_types);

const struct plot_type *plot_type_find(const char *name)
{
    for (size_t i = 0; i < plot_types_count; i++)
        if (!strcmp(plot_types[i].name, name))
            return &plot_types[i];
    return NULL;
}

/* ---- labels: what a flow differs in from the others */

enum { ATTRIBUTES = 6 };

/* What the head of a log says of the flow at its sending end; NULL where it says nothing. */
static const char *attribute(const struct plot_log *log, int64_t number, int which)
{
    if ((size_t)number >= log->flow_count)
        return which ? NULL : log->path;
    const struct plot_flow *flow = &log->flows[number];
    int sender = flow->duration[SOURCE] > 0 ? SOURCE : DESTINATION;
    const char *const values[ATTRIBUTES] = {log->path,          flow->congestion_control[sender],
                                            flow->host[SOURCE], flow->host[DESTINATION],
                                            flow->dscp[SOURCE], flow->dscp[DESTINATION]};
    return values[which];
}

static bool is_same(const char *a, const char *b)
{
    return a == b || (a && b && !strcmp(a, b));
}

static bool differs(const struct plot *plot, int which)
{
    const struct plot_curve *first = &plot->curves[0];
    for (size_t i = 1; i < plot->curve_count; i++)
        if (!is_same(attribute(first->log, first->series->flow, which),
                     attribute(plot->curves[i].log, plot->curves[i].series->flow, which)))
            return true;
    return false;
}

static void add_words(struct buffer *label, const char *before, const char *text)
{
    if (text)
        buffer_printf(label, "%s%s%s", label->length ? " " : "", before, text);
}

/* "cubic", "a.log 3 host1>host2", "flow 3". */
static char *label_of(const struct plot_curve *curve, const bool *differ, bool number)
{
    struct buffer label = {0};
    const struct plot_log *log = curve->log;
    int64_t flow = curve->series->flow;
    const char *base = strrchr(log->path, '/');
    if (differ[0])
        add_words(&label, "", base ? base + 1 : log->path);
    if (number)
        buffer_printf(&label, label.length ? " %" PRId64 ":" : "%" PRId64 ":", flow);
    add_words(&label, "", differ[1] ? attribute(log, flow, 1) : NULL);
    if (differ[2] || differ[3]) {
        add_words(&label, "", attribute(log, flow, 2));
        add_words(&label, "to ", attribute(log, flow, 3));
    }
    add_words(&label, "", differ[4] ? attribute(log, flow, 4) : NULL);
    add_words(&label, "", differ[5] && !differ[4] ? attribute(log, flow, 5) : NULL);
    if (!label.length || (number && label.data[label.length - 1] == ':')) {
        buffer_free(&label);
        return mem_printf("flow %" PRId64, flow);
    }
    buffer_add(&label, "", 1);
    return label.data;
}

/* Whether two flows of the plot have the same label where flows are not numbered. */
static bool is_ambiguous(const struct plot *plot)
{
    for (size_t i = 1; i < plot->style_count; i++)
        for (size_t j = 0; j < i && j < PLOT_LINES_MAX; j++)
            if (!strcmp(plot->labels[i], plot->labels[j]))
                return true;
    return false;
}

static void label_flows(struct plot *plot, const bool *differ, bool number)
{
    size_t style = 0;
    for (size_t i = 0; i < plot->curve_count; i++) {
        const struct plot_curve *curve = &plot->curves[i];
        if (i && curve->style == plot->curves[i - 1].style)
            continue;
        free(plot->labels[style]);
        plot->labels[style++] = label_of(curve, differ, number);
    }
}

/* An ellipse is drawn for each label, so that these need not be unique there. */
static void make_labels(struct plot *plot)
{
    bool differ[ATTRIBUTES];
    for (int i = 0; i < ATTRIBUTES; i++)
        differ[i] = plot->curve_count && differs(plot, i);
    plot->labels = mem_new(plot->style_count + 1, sizeof *plot->labels);
    label_flows(plot, differ, false);
    if (is_ambiguous(plot) && plot->request->type->draw != plot_draw_ellipse)
        label_flows(plot, differ, true);
    for (size_t i = 0; i < plot->curve_count; i++)
        plot->curves[i].label = plot->labels[plot->curves[i].style];
}

/* ---- curves */

bool plot_shows(const struct plot_curve *curve, size_t metric)
{
    return plot_is_drawn(curve->log, curve->series, metric);
}

struct plot_curve *plot_other_end(const struct plot *plot, const struct plot_curve *curve)
{
    size_t place = (size_t)(curve - plot->curves);
    if (place && curve[-1].style == curve->style)
        return &plot->curves[place - 1];
    return place + 1 < plot->curve_count && curve[1].style == curve->style
               ? &plot->curves[place + 1]
               : NULL;
}

size_t plot_count(const struct plot *plot, size_t metric)
{
    size_t count = 0;
    for (size_t i = 0; i < plot->curve_count; i++)
        count += plot_shows(&plot->curves[i], metric);
    return count;
}

double plot_largest(const struct plot *plot, size_t metric)
{
    double largest = 0;
    for (size_t i = 0; i < plot->curve_count; i++) {
        const struct plot_series *series = plot->curves[i].series;
        for (size_t row = 0; plot_shows(&plot->curves[i], metric) && row < series->count; row++)
            if (series->values[metric][row] > largest)
                largest = series->values[metric][row];
    }
    return largest;
}

static void add_curves(struct plot *plot, const struct plot_log *log)
{
    for (size_t i = 0; i < log->count; i++) {
        const struct plot_series *series = &log->series[i];
        bool other_end = i && log->series[i - 1].flow == series->flow;
        size_t style = other_end ? plot->style_count - 1 : plot->style_count++;
        plot->curves[plot->curve_count++] = (struct plot_curve){
            .log = log,
            .series = series,
            .style = style,
            .dimmed = other_end && log->series[i - 1].sends && series->sends,
        };
    }
}

static void find_times(struct plot *plot)
{
    plot->from = plot->request->from;
    plot->to = plot->request->to;
    double first = DBL_MAX, last = -DBL_MAX;
    for (size_t i = 0; i < plot->curve_count; i++) {
        const struct plot_series *series = plot->curves[i].series;
        for (size_t row = 0; row < series->count; row++) {
            first = fmin(first, series->begin[row]);
            last = fmax(last, series->end[row]);
        }
    }
    if (!isfinite(plot->from)) /* the axis of a run that began at once begins at 0 */
        plot->from = first > 0 && first < 0.02 * last ? 0 : first;
    if (!isfinite(plot->to))
        plot->to = last;
}

static bool has_same_metrics(const struct plot_log *a, const struct plot_log *b)
{
    for (size_t i = 0; i < a->metric_count && i < b->metric_count; i++)
        if (strcmp(a->names[i], b->names[i]))
            return false;
    return a->metric_count == b->metric_count;
}

static bool is_drawable(const struct plot *plot, struct fail *fail)
{
    for (size_t i = 1; i < plot->log_count; i++)
        if (!has_same_metrics(plot->logs[0], plot->logs[i]))
            return fail_set(fail, 0, "%s and %s have different columns; select them with --metrics",
                            plot->logs[0]->path, plot->logs[i]->path);
    if (plot->metric_count < plot->request->type->least_metrics)
        return fail_set(fail, 0, "--type=%s needs two metrics: --metrics=X,Y",
                        plot->request->type->name);
    return plot->to > plot->from ||
           fail_set(fail, 0, "nothing to plot: the log has no rows of these flows and times");
}

static void write_script(struct plot *plot, const struct picture_format *format)
{
    struct buffer body = {0}, *whole = plot->script;
    plot->script = &body;
    plot->request->type->draw(plot);
    plot->script = whole;
    double width = plot->request->width, height = plot->request->height;
    if (!(width > 0))
        width = 1000;
    if (!(height > 0))
        height = 110 + 240 * (double)plot->panels;
    buffer_text(whole,
                "# gnuplot script, with its data; gnuplot FILE >PICTURE plots it.\nset terminal ");
    buffer_printf(whole, format->terminal, width / format->unit, height / format->unit);
    buffer_text(whole, "\nset encoding utf8\n");
    buffer_add(whole, body.data, body.length);
    buffer_text(whole, "unset multiplot\n");
    buffer_free(&body);
}

bool plot_script(struct buffer *script, struct plot_log *const *logs, size_t log_count,
                 const struct plot_request *request, const struct picture_format *format,
                 struct fail *fail)
{
    struct plot plot = {.script = script,
                        .request = request,
                        .logs = logs,
                        .log_count = log_count,
                        .metric_count = logs[0]->metric_count};
    size_t total = 0;
    for (size_t i = 0; i < log_count; i++)
        total += logs[i]->count;
    plot.curves = mem_new(total + 1, sizeof *plot.curves);
    for (size_t i = 0; i < log_count; i++)
        add_curves(&plot, logs[i]);
    find_times(&plot);
    make_labels(&plot);
    bool good = is_drawable(&plot, fail);
    if (good)
        write_script(&plot, format);
    if (good && !plot.any)
        good = fail_set(fail, 0,
                        "nothing to plot: the log has no values of these metrics for these flows");
    for (size_t i = 0; i < plot.style_count; i++)
        free(plot.labels[i]);
    free(plot.labels);
    free(plot.curves);
    return good;
}
