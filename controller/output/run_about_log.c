/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The comments of a flow log as records. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "output/flowlog_replay.h"
#include "output/json.h"
#include "output/records.h"
#include "output/run_about.h"
#include "output/run_about_state.h"

/* The words after the name of a comment, "name=value" each, one after the other. */
static bool next_word(char **rest, char **name, char **value)
{
    char *word = strtok_r(NULL, " ", rest);
    if (!word)
        return false;
    char *equals = strchr(word, '=');
    *name = word;
    *value = equals ? equals + 1 : word + strlen(word);
    if (equals)
        *equals = '\0';
    return true;
}

static void set(json_t *object, const char *name, const char *text)
{
    if (*text && strcmp(text, "-"))
        json_object_set_new(object, name, about_text(text));
}

/* "run ID version= controller= flows=" */
static void take_run(struct run_about *about, char *words)
{
    char *rest = NULL, *name, *value, *id = strtok_r(words, " ", &rest);
    set(about->run, "run", id ? id : "");
    while (next_word(&rest, &name, &value))
        if (strcmp(name, "flows"))
            set(about->run, name, value);
}

/* "daemon ADDRESS host= os= release= version= id= boot= FACT=..." */
static void take_daemon(struct run_about *about, char *words)
{
    static const char *const names[][2] = {
        {"host", "name"}, {"os", "os"}, {"release", "os_release"}, {"version", "version"}};
    char *rest = NULL, *name, *value, *control = strtok_r(words, " ", &rest);
    json_t *host = json_object(), *said = json_object();
    json_set_integer(host, "host", (int64_t)json_array_size(about->hosts));
    set(host, "control", control ? control : "");
    while (next_word(&rest, &name, &value)) {
        size_t i = 0;
        while (i < COUNT(names) && strcmp(names[i][0], name))
            i++;
        if (i < COUNT(names))
            set(host, names[i][1], value);
        else if (strcmp(name, "id") && strcmp(name, "boot"))
            set(said, name, value);
    }
    json_object_set_new(host, "facts", said);
    json_array_append_new(about->hosts, host);
}

static struct about_flow *flow_of(struct run_about *about, int64_t number)
{
    if (number < 0 || number >= FLOWLOG_FLOWS_MAX)
        return NULL;
    if ((size_t)number >= about->log_flow_count) {
        size_t count = (size_t)number + 1;
        about->log_flows = mem_grow(about->log_flows, count, sizeof *about->log_flows);
        memset(about->log_flows + about->log_flow_count, 0,
               (count - about->log_flow_count) * sizeof *about->log_flows);
        about->log_flow_count = count;
    }
    return &about->log_flows[number];
}

/* "flow 0 s.host=a s.duration=1s ... d.host= ... transport=tcp mode=stream" */
static void take_flow(struct run_about *about, char *words)
{
    char *rest = NULL, *name, *value, *number = strtok_r(words, " ", &rest);
    json_t *record = json_object(), *settings = json_object(), *ends[ENDPOINTS],
           *end_settings[ENDPOINTS];
    int64_t flow = number ? strtoll(number, NULL, 10) : -1;
    for (int end = 0; end < ENDPOINTS; end++) {
        ends[end] = json_object();
        end_settings[end] = json_object();
        json_object_set_new(ends[end], "settings", end_settings[end]);
        json_object_set_new(record, endpoint_name((enum endpoint)end), ends[end]);
    }
    json_set_integer(record, "flow", flow);
    json_object_set_new(record, "settings", settings);
    while (next_word(&rest, &name, &value)) {
        int end = name[0] == 's' && name[1] == '.' ? SOURCE : DESTINATION;
        bool of_end = (name[0] == 's' || name[0] == 'd') && name[1] == '.';
        if (of_end && !strcmp(name + 2, "host"))
            set(ends[end], "address", value);
        else if (of_end && strcmp(name + 2, "daemon"))
            set(end_settings[end], name + 2, value);
        else if (!of_end)
            set(!strcmp(name, "mode") ? record : settings, name, value);
    }
    if (flow_of(about, flow))
        json_array_append(about->flows, record);
    json_decref(record);
}

/* The end that "S 0 ..." names; *rest is what comes behind it. */
static struct about_flow *place(struct run_about *about, char *words, int64_t *flow,
                                enum endpoint *end, char **rest)
{
    if ((words[0] != 'S' && words[0] != 'D') || words[1] != ' ')
        return NULL;
    *end = words[0] == 'S' ? SOURCE : DESTINATION;
    *flow = strtoll(words + 2, rest, 10);
    return *rest == words + 2 || **rest != ' ' ? NULL : flow_of(about, *flow);
}

/* "begin S 0 0.1 0.1 metric=value ... congestion_control=cubic"; "final" likewise. */
static void take_event(struct run_about *about, char *words, bool final)
{
    char *save = NULL, *rest, *word;
    int64_t flow;
    enum endpoint end;
    struct about_flow *own = place(about, words, &flow, &end, &rest);
    if (!own)
        return;
    if (final) {
        report_init(&own->ends[end].final);
        own->ends[end].finished = true;
    }
    for (word = strtok_r(rest, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        if (!strncmp(word, "congestion_control=", 19))
            set(about_end(about, flow, end), "algorithm", word + 19);
        else if (final)
            flowlog_take_value(word, &own->ends[end].final);
    }
}

/* "failed S 0 why", "stopped S 0 why" */
static void take_reason(struct run_about *about, char *words, const char *name)
{
    char *rest;
    int64_t flow;
    enum endpoint end;
    if (place(about, words, &flow, &end, &rest))
        set(about_end(about, flow, end), name, rest + 1);
}

/* "ID   0 S: ..., limited by = network (queue) 93 %, application 5 %, ..." */
static void take_limits(struct run_about *about, const char *words)
{
    static const char begin[] = ", limited by = ";
    char end = 0;
    int number = -1;
    const char *from = strstr(words, begin);
    if (!from || sscanf(words, "%d %c:", &number, &end) != 2 || (end != 'S' && end != 'D'))
        return;
    struct about_flow *flow = flow_of(about, number);
    from += sizeof begin - 1;
    const char *to = strstr(from, " = "); /* the next figure's name stands before it */
    size_t length = to ? (size_t)(to - from) : strlen(from);
    while (to && length && from[length] != ',')
        length--;
    if (!flow)
        return;
    char **limits = &flow->limits[end == 'D'];
    free(*limits);
    *limits = mem_printf("%.*s", (int)length, from);
}

static double figure_after(const char *line, const char *name)
{
    const char *at = strstr(line, name);
    char *end;
    double value = at ? strtod(at + strlen(name), &end) : 0;
    return at && end != at + strlen(name) ? value : (double)NAN;
}

/* "total: flows = 3, failed = 0, goodput = 37.1 [Mbit/s] ..." */
static void take_total(struct run_about *about, const char *words)
{
    json_t *total = json_object();
    double unit = strstr(words, "[MiB/s]") ? 8.0 * (1 << 20) : 1e6;
    json_set_real(total, "flows", figure_after(words, "flows = "));
    json_set_real(total, "failed", figure_after(words, "failed = "));
    json_set_real(total, "stopped", figure_after(words, "stopped = "));
    json_set_real(total, "goodput_bits_per_second", unit * figure_after(words, "goodput = "));
    json_set_real(total, "fairness", figure_after(words, "fairness = "));
    json_set_real(total, "retransmitted_bytes", figure_after(words, "retransmitted = "));
    json_decref(about->end);
    about->end = json_object();
    json_object_set_new(about->end, "total", total);
}

/* A comment that says that something went wrong, and is not one of those above. */
static void take_note(struct run_about *about, const char *line)
{
    json_t *event = json_object();
    json_object_set_new(event, "message", about_text(line));
    json_array_append_new(about->events, event);
}

void run_about_comment(void *context, const char *line)
{
    struct run_about *about = context;
    char *copy = mem_strdup(line);
    char *words = copy + (strlen(copy) > 2 ? 2 : strlen(copy)), *rest = words + strcspn(words, " ");
    size_t length = (size_t)(rest - words);
    rest += *rest == ' ';
#define IS(name) (length == sizeof(name) - 1 && !strncmp(words, name, length))
    if (IS("run"))
        take_run(about, rest);
    else if (IS("title") || IS("command"))
        json_object_set_new(about->run, *words == 't' ? "title" : "command", about_text(rest));
    else if (IS("start_ns"))
        set(about->run, "start", strchr(rest, ' ') ? strchr(rest, ' ') + 1 : "");
    else if (IS("daemon"))
        take_daemon(about, rest);
    else if (IS("flow"))
        take_flow(about, rest);
    else if (IS("begin") || IS("final"))
        take_event(about, rest, *words == 'f');
    else if (IS("failed") || IS("stopped"))
        take_reason(about, rest, *words == 'f' ? "error" : "stopped");
    else if (IS("ID"))
        take_limits(about, rest);
    else if (IS("total:"))
        take_total(about, rest);
    else if (IS("error:"))
        take_note(about, rest);
#undef IS
    free(copy);
}

static bool sends(const json_t *flow, int end, const struct about_flow *own)
{
    const json_t *settings =
        json_object_get(json_object_get(flow, endpoint_name((enum endpoint)end)), "settings");
    const char *duration = json_string_value(json_object_get(settings, "duration"));
    return duration ? strtod(duration, NULL) > 0
                    : own->ends[end].finished && own->ends[end].final.value[METRIC_tx_bytes] > 0;
}

void run_about_sum_up(struct run_about *about)
{
    json_t *flow, *flows = json_array();
    size_t i;
    if (!about->log_flow_count || !about->end) {
        json_decref(flows);
        return;
    }
    json_array_foreach(about->flows, i, flow)
    {
        json_t *summary = json_object(), *directions = json_array();
        json_int_t number = json_integer_value(json_object_get(flow, "flow"));
        const struct about_flow *own = &about->log_flows[number];
        for (int end = 0; end < ENDPOINTS; end++) {
            struct summary_direction direction;
            if (!sends(flow, end, own))
                continue;
            summary_of_direction(&own->ends[end], &own->ends[1 - end], &direction);
            json_t *record = record_direction(&direction, (enum endpoint)end);
            if (own->limits[end])
                json_object_set_new(record, "limits_text", about_text(own->limits[end]));
            json_array_append_new(directions, record);
        }
        json_set_integer(summary, "flow", number);
        json_object_set_new(summary, "directions", directions);
        json_array_append_new(flows, summary);
    }
    json_object_set_new(about->end, "flows", flows);
}
