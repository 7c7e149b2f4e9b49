/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/compare_text.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "mem.h"
#include "output/json.h"
#include "output/terminal.h"
#include "output/text_table.h"

/* The samples of a figure, finite ones only, in new memory. */
static double *samples_of(const struct run_list *list, bool of_flows, int figure, size_t *count)
{
    double *samples = NULL;
    *count = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct run_entry *entry = &list->entries[i];
        size_t values = of_flows ? entry->direction_count : 1;
        samples = mem_grow(samples, *count + values + 1, sizeof *samples);
        for (size_t k = 0; k < values; k++) {
            double value = (of_flows ? entry->directions[k] : entry->whole).value[figure];
            if (isfinite(value))
                samples[(*count)++] = value;
        }
    }
    return samples;
}

void compare_lists(const struct run_list *a, const struct run_list *b,
                   struct comparison *comparison)
{
    bool single = a->count == 1 && b->count == 1;
    *comparison = (struct comparison){
        .of_flows =
            single && (a->entries[0].direction_count > 1 || b->entries[0].direction_count > 1),
        .runs = {a->count, b->count},
    };
    for (int i = 0; i < RUN_FIGURES; i++) {
        size_t a_count, b_count;
        double *of_a = samples_of(a, comparison->of_flows, i, &a_count);
        double *of_b = samples_of(b, comparison->of_flows, i, &b_count);
        compare(of_a, a_count, of_b, b_count, &comparison->results[i]);
        free(of_a);
        free(of_b);
    }
}

/* In the unit that suits the larger mean. */
static char *figure_text(int figure, const struct compare_result *result, double value)
{
    char text[2 * FIGURE_MAX];
    run_figure_text((enum run_figure)figure, value, fmax(result->a.mean, result->b.mean), text);
    return mem_strdup(text);
}

/* "-6.1 to -4.8 %" of A's mean; where that is 0, in the figure's unit. */
static char *interval_text(int figure, const struct compare_result *result)
{
    if (isnan(result->low))
        return NULL;
    if (!isnan(result->relative))
        return mem_printf("%+.2f to %+.2f %%", 100 * result->low / fabs(result->a.mean),
                          100 * result->high / fabs(result->a.mean));
    char *low = figure_text(figure, result, result->low),
         *high = figure_text(figure, result, result->high);
    char *text = mem_printf("%s to %s", low, high);
    free(low);
    free(high);
    return text;
}

static char *difference_text(int figure, const struct compare_result *result)
{
    if (isnan(result->difference))
        return NULL;
    return isnan(result->relative) ? figure_text(figure, result, result->difference)
                                   : mem_printf("%+.2f %%", 100 * result->relative);
}

static char *rank_text(const struct compare_result *result)
{
    if (isnan(result->p))
        return NULL;
    return result->p < 0.001 ? mem_strdup("p < 0.001") : mem_printf("p = %.3f", result->p);
}

static char *samples_text(const struct compare_result *result)
{
    return result->a.count == result->b.count
               ? mem_printf("%zu", result->a.count)
               : mem_printf("%zu, %zu", result->a.count, result->b.count);
}

void compare_table(const struct comparison *comparison, const char *a, const char *b, FILE *out)
{
    static const struct text_column columns[] = {
        {"", true, 1},
        {"A", false, 1},
        {"B", false, 1},
        {"difference", false, 1},
        {"95 % interval", false, 1},
        {"rank test", true, 2},
        {"samples", false, 3},
    };
    struct text_table table = {.columns = columns, .column_count = COUNT(columns)};
    fprintf(out, "A: %s (%zu %s)\nB: %s (%zu %s)\n", a, comparison->runs[0],
            comparison->runs[0] == 1 ? "run" : "runs", b, comparison->runs[1],
            comparison->runs[1] == 1 ? "run" : "runs");
    fprintf(out, "Means of %s; B less A, relative to A.\n\n",
            comparison->of_flows ? "the flows of one run each" : "the runs");
    for (int i = 0; i < RUN_FIGURES; i++) {
        const struct compare_result *result = &comparison->results[i];
        if (!result->a.count && !result->b.count)
            continue;
        text_table_add(&table, (char *[]){mem_strdup(run_figures_list[i].name),
                                          figure_text(i, result, result->a.mean),
                                          figure_text(i, result, result->b.mean),
                                          difference_text(i, result), interval_text(i, result),
                                          rank_text(result), samples_text(result)});
    }
    text_table_print(&table, out, terminal_look(STDOUT_FILENO).width);
    if (comparison->of_flows)
        fprintf(out, "\nFlows of one run share hosts and paths: they are not independent samples. "
                     "Repeat the runs for\nintervals and tests that hold.\n");
}

static json_t *new_group(const struct compare_group *group)
{
    json_t *record = json_object();
    json_set_integer(record, "samples", (int64_t)group->count);
    json_set_real(record, "mean", group->mean);
    json_set_real(record, "median", group->median);
    json_set_real(record, "standard_deviation", group->deviation);
    return record;
}

void compare_json(const struct comparison *comparison, const char *a, const char *b, FILE *out)
{
    json_t *whole = json_object(), *figures = json_object();
    struct buffer text = {0};
    json_set_text(NULL, whole, "a", a);
    json_set_text(NULL, whole, "b", b);
    json_object_set_new(whole, "sample", json_string(comparison->of_flows ? "flow" : "run"));
    for (int i = 0; i < RUN_FIGURES; i++) {
        const struct compare_result *result = &comparison->results[i];
        json_t *record = json_object();
        if (!result->a.count && !result->b.count) {
            json_decref(record);
            continue;
        }
        json_object_set_new(record, "unit", json_string(run_figures_list[i].unit));
        json_object_set_new(record, "a", new_group(&result->a));
        json_object_set_new(record, "b", new_group(&result->b));
        json_set_real(record, "difference", result->difference);
        json_set_real(record, "relative_difference", result->relative);
        json_set_real(record, "interval_low", result->low);
        json_set_real(record, "interval_high", result->high);
        json_set_real(record, "u", result->u);
        json_set_real(record, "p", result->p);
        json_object_set_new(figures, run_figures_list[i].name, record);
    }
    json_object_set_new(whole, "figures", figures);
    json_put(whole, &text);
    fprintf(out, "%.*s\n", (int)text.length, text.data);
    buffer_free(&text);
}
