/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The records of --output=jsonl, one a line. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "output/metric_form.h"
#include "output/run_reader.h"

/* Metrics by the name that they have in records, sorted. */
struct named {
    const char *name;
    enum metric metric;
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

static const struct named *find_metric(const char *name)
{
    static struct named all[METRICS];
    for (int i = 0; i < METRICS && !all[METRICS - 1].name; i++)
        all[i] = (struct named){metric_form((enum metric)i)->name, (enum metric)i};
    static bool sorted;
    if (!sorted)
        qsort(all, METRICS, sizeof *all, compare_names);
    sorted = true;
    return bsearch(&(struct named){.name = name}, all, METRICS, sizeof *all, compare_names);
}

/* What a report has for the value in a record; METRIC_ABSENT for a word, and what has no room. */
static int64_t raw_value(const struct metric_form *form, const json_t *value)
{
    double number = json_number_value(value);
    if (!json_is_number(value) || form->type == METRIC_TYPE_WORD)
        return METRIC_ABSENT;
    if (json_is_integer(value) && !form->places && form->multiplier == 1)
        return json_integer_value(value);
    number = round(number * pow(10, form->places) / (double)form->multiplier);
    return fabs(number) < 9e18 ? (int64_t)number : METRIC_ABSENT;
}

static bool take_seconds(const json_t *record, const char *name, int64_t *ns)
{
    const json_t *value = json_object_get(record, name);
    double seconds = json_number_value(value);
    if (!json_is_number(value) || !(fabs(seconds) < 9e9))
        return false;
    *ns = (int64_t)round(seconds * NS_PER_SEC);
    return true;
}

static bool take_row(const struct run_visitor *visitor, const json_t *record, struct fail *fail)
{
    struct run_row row;
    const char *end = json_string_value(json_object_get(record, "endpoint"));
    const json_t *flow = json_object_get(record, "flow");
    row.flow = json_integer_value(flow);
    if (!json_is_integer(flow) || row.flow < 0 || row.flow >= FLOWLOG_FLOWS_MAX)
        return fail_set(fail, 0, "the row has no number of a flow");
    if (!end || (strcmp(end, "source") && strcmp(end, "destination")))
        return fail_set(fail, 0, "the row has no endpoint");
    row.endpoint = *end == 's' ? SOURCE : DESTINATION;
    if (!take_seconds(record, "begin_seconds", &row.begin) ||
        !take_seconds(record, "end_seconds", &row.end))
        return fail_set(fail, 0, "the row has no times");
    for (int i = 0; i < METRICS; i++)
        row.values[i] = METRIC_ABSENT;
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)record, name, value)
    {
        const struct named *named = find_metric(name);
        if (named)
            row.values[named->metric] = raw_value(metric_form(named->metric), value);
    }
    visitor->row(visitor->log.context, &row);
    return true;
}

static bool take_line(const struct run_visitor *visitor, const char *line, size_t length,
                      bool first, struct fail *fail)
{
    json_error_t error;
    json_t *record = json_loadb(line, length, 0, &error);
    const char *type = json_string_value(json_object_get(record, "type"));
    bool good = true;
    if (!record)
        good = fail_set(fail, 0, "not JSON: %s", error.text);
    else if (!type)
        good = fail_set(fail, 0, "not a record of flowrig: it has no \"type\"");
    else if (first && strcmp(type, "run"))
        good = fail_set(fail, 0, "expected the record of the run first, got \"%s\"", type);
    else if (!strcmp(type, "row"))
        good = !visitor->row || take_row(visitor, record, fail);
    else
        visitor->record(visitor->log.context, record);
    json_decref(record);
    return good;
}

bool records_read(const char *path, const struct run_visitor *visitor, struct fail *fail)
{
    char *line = NULL;
    size_t capacity = 0, number = 0;
    ssize_t length;
    FILE *file = fopen(path, "re");
    if (!file)
        return fail_set(fail, 0, "%s: %s", path, fail_errno(errno));
    bool good = run_reader_columns(visitor, fail);
    bool refused = !good;
    while (good && (length = getline(&line, &capacity, file)) > 0) {
        if (line[length - 1] != '\n' && number)
            break; /* incomplete: flowctl was killed while it wrote the line */
        if (length > 1)
            good = take_line(visitor, line, (size_t)length, !number++, fail);
    }
    if (!good && !refused)
        fail_prefix(fail, "%s, line %zu", path, number);
    if (good && ferror(file))
        good = fail_set(fail, 0, "%s: %s", path, fail_errno(errno));
    free(line);
    fclose(file);
    return good;
}
