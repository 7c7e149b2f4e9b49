/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/plot_data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "mem.h"
#include "metrics.h"
#include "option.h"
#include "output/cell.h"

/* While a log is read: where its columns stand, and the series by flow and end. */
struct loading {
    struct plot_log *log;
    const struct plot_choice *choice;
    size_t columns[PLOT_METRICS_MAX];
    size_t activity[2]; /* columns of bytes sent and received, 0 where there is none */
    char **names, **units;
    size_t name_count;
    const struct column *shown[PLOT_METRICS_MAX]; /* for rows of records; NULL: not known there */
    struct plot_series **index;                   /* by 2 * flow + endpoint */
    size_t index_count;
};

static size_t find_name(const struct loading *loading, const char *name)
{
    for (size_t i = FLOWLOG_KEYS; i < loading->name_count; i++)
        if (!strcmp(loading->names[i], name))
            return i;
    return 0;
}

static bool add_metric(struct loading *loading, size_t column, struct fail *fail)
{
    struct plot_log *log = loading->log;
    if (log->metric_count == PLOT_METRICS_MAX)
        return fail_set(fail, 0, "option --metrics: at most %d metrics fit one picture",
                        PLOT_METRICS_MAX);
    loading->columns[log->metric_count] = column;
    loading->shown[log->metric_count] =
        column_find(loading->names[column], strlen(loading->names[column]));
    log->names[log->metric_count] = mem_strdup(loading->names[column]);
    log->units[log->metric_count++] = mem_strdup(loading->units ? loading->units[column] : "1");
    return true;
}

/* A column of the log, or all that the log has of a group of -c. */
static bool choose_metric(void *context, char *item, struct fail *fail)
{
    struct loading *loading = context;
    size_t column = find_name(loading, item), before = loading->log->metric_count;
    if (column)
        return add_metric(loading, column, fail);
    for (size_t i = 0; i < columns_count; i++) {
        if (strcmp(columns[i].group, item) || !strcmp(columns[i].unit, "-"))
            continue;
        column = find_name(loading, columns[i].name);
        if (column && !add_metric(loading, column, fail))
            return false;
    }
    return loading->log->metric_count > before || loading->choice->skip_missing ||
           fail_set(fail, 0, "option --metrics: %s has no column or group '%s'", loading->log->path,
                    item);
}

/* TCP's, unless all flows are UDP. */
static const char *default_metrics(const struct plot_log *log)
{
    bool udp = log->flow_count > 0;
    for (size_t i = 0; i < log->flow_count; i++)
        udp &= log->flows[i].udp;
    return udp ? "rx_through,udp_lost,udp_jitter" : "rx_through,cwnd,rtt";
}

static bool take_columns(void *context, char **names, char **units, size_t count, struct fail *fail)
{
    struct loading *loading = context;
    loading->names = names;
    loading->units = units;
    loading->name_count = count;
    loading->activity[0] = find_name(loading, "tx_bytes");
    loading->activity[1] = find_name(loading, "rx_bytes");
    const char *chosen = loading->choice->metrics;
    return option_each_item(chosen ? chosen : default_metrics(loading->log),
                            "option --metrics: no metric is given", choose_metric, loading, fail);
}

static struct plot_series *series_of(struct loading *loading, int64_t flow, enum endpoint endpoint)
{
    size_t place = 2 * (size_t)flow + endpoint;
    if (place >= loading->index_count) {
        size_t count = 2 * (place + 1);
        loading->index = mem_grow(loading->index, count, sizeof *loading->index);
        memset(loading->index + loading->index_count, 0,
               (count - loading->index_count) * sizeof *loading->index);
        loading->index_count = count;
    }
    if (!loading->index[place]) {
        loading->index[place] = mem_new(1, sizeof(struct plot_series));
        loading->index[place]->flow = flow;
        loading->index[place]->endpoint = endpoint;
    }
    return loading->index[place];
}

static void make_room(struct plot_series *series, size_t metric_count)
{
    if (series->count < series->capacity)
        return;
    series->capacity = series->capacity ? 2 * series->capacity : 16;
    series->begin = mem_grow(series->begin, series->capacity, sizeof(double));
    series->end = mem_grow(series->end, series->capacity, sizeof(double));
    for (size_t i = 0; i < metric_count; i++)
        series->values[i] = mem_grow(series->values[i], series->capacity, sizeof(float));
}

/* A number; NAN for a word, and for what has no finite value. */
static double number_of(const char *word)
{
    char *end;
    double value = strtod(word, &end);
    return *end || !isfinite(value) ? (double)NAN : value;
}

static bool is_chosen(const struct plot_choice *choice, int64_t flow)
{
    return !choice->flows || (flow < (int64_t)choice->flow_count && choice->flows[flow]);
}

/* A place for a row of the series; false where its time is not wanted. */
static bool add_row(struct loading *loading, struct plot_series *series, double begin, double end)
{
    if (!(end > loading->choice->from && begin < loading->choice->to))
        return false;
    make_room(series, loading->log->metric_count);
    series->begin[series->count] = begin;
    series->end[series->count++] = end;
    return true;
}

static void take_row(void *context, int64_t flow, enum endpoint endpoint, char **words)
{
    struct loading *loading = context;
    if (!is_chosen(loading->choice, flow))
        return;
    struct plot_series *series = series_of(loading, flow, endpoint);
    for (size_t i = 0; i < 2; i++)
        if (loading->activity[i] && number_of(words[loading->activity[i]]) > 0)
            *(i ? &series->receives : &series->sends) = true;
    if (add_row(loading, series, number_of(words[FLOWLOG_BEGIN]), number_of(words[FLOWLOG_END])))
        for (size_t i = 0; i < loading->log->metric_count; i++)
            series->values[i][series->count - 1] = (float)number_of(words[loading->columns[i]]);
}

/* A row of a record has the values that the log's columns are made from. */
static void take_figures(void *context, const struct run_row *row)
{
    static const struct cell_style style = {0};
    struct loading *loading = context;
    char word[CELL_MAX];
    if (!is_chosen(loading->choice, row->flow))
        return;
    struct plot_series *series = series_of(loading, row->flow, row->endpoint);
    series->sends |= row->values[METRIC_tx_bytes] > 0;
    series->receives |= row->values[METRIC_rx_bytes] > 0;
    if (!add_row(loading, series, (double)row->begin / NS_PER_SEC, (double)row->end / NS_PER_SEC))
        return;
    for (size_t i = 0; i < loading->log->metric_count; i++) {
        cell_format(loading->shown[i], row->values, row->end - row->begin, &style, word);
        series->values[i][series->count - 1] = (float)number_of(word);
    }
}

static struct plot_flow *flow_of(struct plot_log *log, int64_t flow)
{
    if (flow < 0 || flow >= FLOWLOG_FLOWS_MAX)
        return NULL;
    if ((size_t)flow >= log->flow_count) {
        size_t count = (size_t)flow + 1;
        log->flows = mem_grow(log->flows, count, sizeof *log->flows);
        memset(log->flows + log->flow_count, 0, (count - log->flow_count) * sizeof *log->flows);
        log->flow_count = count;
    }
    return &log->flows[flow];
}

/* The value of a word `name=value`, NULL for another word. */
static const char *value_of(const char *word, const char *name)
{
    size_t length = strlen(name);
    return !strncmp(word, name, length) && word[length] == '=' ? word + length + 1 : NULL;
}

static void set_text(char **place, const char *text)
{
    free(*place);
    *place = strcmp(text, "-") ? mem_strdup(text) : NULL;
}

static void take_setting(struct plot_flow *flow, int end, const char *word)
{
    const char *value;
    if ((value = value_of(word, "duration")))
        flow->duration[end] = strtod(value, NULL);
    else if ((value = value_of(word, "delay")))
        flow->delay[end] = strtod(value, NULL);
    else if ((value = value_of(word, "host")))
        set_text(&flow->host[end], value);
    else if ((value = value_of(word, "dscp")))
        set_text(&flow->dscp[end], value);
    else if ((value = value_of(word, "congestion_control")) && strcmp(value, "-"))
        set_text(&flow->congestion_control[end], value);
}

/* "# flow 0 s.host=a ...": the settings of both ends. */
static void take_flow(struct plot_log *log, char *words)
{
    char *end, *save = NULL;
    struct plot_flow *flow = flow_of(log, strtoll(words, &end, 10));
    if (!flow || end == words)
        return;
    flow->known = true;
    for (char *word = strtok_r(end, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        if ((word[0] == 's' || word[0] == 'd') && word[1] == '.')
            take_setting(flow, word[0] == 'd', word + 2);
        else if (!strcmp(word, "transport=udp"))
            flow->udp = true;
    }
}

/* "# begin S 0 ...": what an end found when it began. */
static void take_begin(struct plot_log *log, char *words)
{
    char *end, *save = NULL;
    if ((words[0] != 'S' && words[0] != 'D') || words[1] != ' ')
        return;
    struct plot_flow *flow = flow_of(log, strtoll(words + 2, &end, 10));
    for (char *word = strtok_r(end, " ", &save); flow && word; word = strtok_r(NULL, " ", &save)) {
        const char *value = value_of(word, "congestion_control");
        if (value)
            set_text(&flow->congestion_control[words[0] == 'D'], value);
    }
}

static void take_comment(void *context, const char *line)
{
    struct loading *loading = context;
    char *copy = mem_strdup(line);
    const char *space;
    if (!strncmp(line, "# flow ", 7))
        take_flow(loading->log, copy + 7);
    else if (!strncmp(line, "# begin ", 8))
        take_begin(loading->log, copy + 8);
    else if (!strncmp(line, "# title ", 8))
        set_text(&loading->log->title, line + 8);
    else if (!strncmp(line, "# start_ns ", 11) && (space = strchr(line + 11, ' ')))
        set_text(&loading->log->date, space + 1);
    free(copy);
    if (loading->choice->listener)
        loading->choice->listener->log.comment(loading->choice->listener->log.context, line);
}

static const char *text_in(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "-";
}

static void take_end_record(struct plot_flow *flow, int end, const json_t *record)
{
    const json_t *settings = json_object_get(record, "settings"),
                 *dscp = json_object_get(settings, "dscp");
    char number[32];
    flow->duration[end] = json_number_value(json_object_get(settings, "duration_seconds"));
    flow->delay[end] = json_number_value(json_object_get(settings, "delay_seconds"));
    set_text(&flow->host[end], text_in(record, "address"));
    snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(dscp));
    set_text(&flow->dscp[end], json_is_integer(dscp) ? number : text_in(settings, "dscp"));
    const char *algorithm = text_in(settings, "congestion_control");
    if (strcmp(algorithm, "-"))
        set_text(&flow->congestion_control[end], algorithm);
}

/* What an end was planned to do, or found when it began. */
static void take_flow_record(struct plot_log *log, const char *type, const json_t *record)
{
    const json_t *number = json_object_get(record, "flow"), *info = json_object_get(record, "info");
    struct plot_flow *flow =
        json_is_integer(number) ? flow_of(log, json_integer_value(number)) : NULL;
    if (flow && !strcmp(type, "flow")) {
        flow->known = true;
        flow->udp = !strcmp(text_in(json_object_get(record, "settings"), "transport"), "udp");
        take_end_record(flow, 0, json_object_get(record, "source"));
        take_end_record(flow, 1, json_object_get(record, "destination"));
    } else if (flow && json_object_get(info, "congestion_control")) {
        set_text(&flow->congestion_control[!strcmp(text_in(record, "endpoint"), "destination")],
                 text_in(info, "congestion_control"));
    }
}

static void take_record(void *context, const json_t *record)
{
    struct loading *loading = context;
    const char *type = text_in(record, "type");
    if (!strcmp(type, "run")) {
        set_text(&loading->log->title, text_in(record, "title"));
        set_text(&loading->log->date, text_in(record, "start"));
        if (loading->log->date && strlen(loading->log->date) > 19)
            memcpy(loading->log->date + 19, "Z", 2); /* to the second, as in a flow log */
    } else {
        take_flow_record(loading->log, type, record);
    }
    if (loading->choice->listener)
        loading->choice->listener->record(loading->choice->listener->log.context, record);
}

/* Until a direction has begun there is nothing to draw of it: a flow that joins later begins then.
 */
static void drop_before_start(struct plot_series *series, const struct plot_flow *flow,
                              size_t metric_count)
{
    double start = INFINITY;
    for (int i = 0; i < 2; i++)
        if (flow->duration[i] > 0 && flow->delay[i] < start)
            start = flow->delay[i];
    size_t skip = 0;
    while (skip < series->count && series->end[skip] <= start)
        skip++;
    if (!skip || skip == series->count || !isfinite(start))
        return;
    series->count -= skip;
    memmove(series->begin, series->begin + skip, series->count * sizeof(double));
    memmove(series->end, series->end + skip, series->count * sizeof(double));
    for (size_t i = 0; i < metric_count; i++)
        memmove(series->values[i], series->values[i] + skip, series->count * sizeof(float));
}

static void use_plan(struct plot_log *log, struct plot_series *series)
{
    if ((size_t)series->flow >= log->flow_count || !log->flows[series->flow].known)
        return;
    const struct plot_flow *flow = &log->flows[series->flow];
    series->sends |= flow->duration[series->endpoint] > 0;
    series->receives |= flow->duration[!series->endpoint] > 0;
    drop_before_start(series, flow, log->metric_count);
}

static void collect(struct loading *loading)
{
    struct plot_log *log = loading->log;
    size_t count = 0;
    for (size_t i = 0; i < loading->index_count; i++)
        count += loading->index[i] != NULL;
    log->series = mem_new(count ? count : 1, sizeof *log->series);
    for (size_t i = 0; i < loading->index_count; i++) {
        if (!loading->index[i])
            continue;
        log->series[log->count++] = *loading->index[i];
        free(loading->index[i]);
    }
    free(loading->index);
    for (size_t i = 0; i < log->count; i++)
        use_plan(log, &log->series[i]);
}

/* Each flow that was named has to be there: a missing curve would be taken for an empty one. */
static bool has_flows(const struct plot_log *log, const struct plot_choice *choice,
                      struct fail *fail)
{
    size_t i = 0;
    for (size_t flow = 0; choice->flows && flow < choice->flow_count; flow++) {
        while (i < log->count && log->series[i].flow < (int64_t)flow)
            i++;
        if (choice->flows[flow] && (i == log->count || log->series[i].flow != (int64_t)flow))
            return fail_set(fail, 0, "option --flows: %s has no flow %zu", log->path, flow);
    }
    return true;
}

struct plot_log *plot_log_read(const char *path, const struct plot_choice *choice,
                               struct fail *fail)
{
    struct plot_log *log = mem_new(1, sizeof *log);
    struct loading loading = {.log = log, .choice = choice};
    const struct run_visitor visitor = {
        {&loading, take_columns, take_row, take_comment}, take_figures, take_record};
    log->path = path;
    bool good = run_read(path, &visitor, fail);
    collect(&loading);
    if (good && has_flows(log, choice, fail))
        return log;
    plot_log_free(log);
    return NULL;
}

void plot_log_free(struct plot_log *log)
{
    for (size_t i = 0; log && i < log->count; i++) {
        free(log->series[i].begin);
        free(log->series[i].end);
        for (size_t m = 0; m < PLOT_METRICS_MAX; m++)
            free(log->series[i].values[m]);
    }
    for (size_t i = 0; log && i < log->flow_count; i++)
        for (int end = 0; end < 2; end++) {
            free(log->flows[i].host[end]);
            free(log->flows[i].dscp[end]);
            free(log->flows[i].congestion_control[end]);
        }
    for (size_t i = 0; log && i < log->metric_count; i++) {
        free(log->names[i]);
        free(log->units[i]);
    }
    if (log) {
        free(log->series);
        free(log->flows);
        free(log->date);
        free(log->title);
    }
    free(log);
}

bool plot_is_read_at_end(const struct plot_log *log, size_t metric)
{
    const struct column *column = column_find(log->names[metric], strlen(log->names[metric]));
    return column && (column->form == COLUMN_VALUE || column->form == COLUMN_BITS) &&
           metrics[column->metric].kind != METRIC_KIND_PERCENTILE;
}

double plot_time(const struct plot_log *log, const struct plot_series *series, size_t row,
                 size_t metric)
{
    double end = series->end[row];
    return plot_is_read_at_end(log, metric) ? end : (series->begin[row] + end) / 2;
}

bool plot_is_drawn(const struct plot_log *log, const struct plot_series *series, size_t metric)
{
    const struct column *column = column_find(log->names[metric], strlen(log->names[metric]));
    enum column_side side = column ? column->side : COLUMN_SIDE_BOTH;
    return (side != COLUMN_SIDE_RX && series->sends) ||
           (side != COLUMN_SIDE_TX && series->receives);
}
