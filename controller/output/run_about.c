/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/run_about.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "output/json.h"
#include "output/run_about_state.h"

struct run_about *run_about_new(void)
{
    struct run_about *about = mem_new(1, sizeof *about);
    about->run = json_object();
    about->hosts = json_array();
    about->flows = json_array();
    about->events = json_array();
    about->ends = json_object(); /* by flow and end, while it is read */
    return about;
}

void run_about_free(struct run_about *about)
{
    for (size_t i = 0; i < about->log_flow_count; i++)
        for (int end = 0; end < ENDPOINTS; end++)
            free(about->log_flows[i].limits[end]);
    free(about->log_flows);
    json_decref(about->run);
    json_decref(about->hosts);
    json_decref(about->flows);
    json_decref(about->events);
    json_decref(about->ends);
    json_decref(about->end);
    free(about);
}

json_t *about_text(const char *text)
{
    return json_new_text(NULL, text);
}

json_t *about_end(struct run_about *about, int64_t flow, enum endpoint end)
{
    char *key = mem_printf("%" JSON_INTEGER_FORMAT "%c", (json_int_t)flow, endpoint_letter(end));
    json_t *object = json_object_get(about->ends, key);
    if (!object) {
        object = json_object();
        json_set_integer(object, "flow", flow);
        json_object_set_new(object, "endpoint", json_string(endpoint_name(end)));
        json_object_set_new(about->ends, key, object);
    }
    free(key);
    return object;
}

/* What begins and ends an endpoint; of the final report only what is not in the last record. */
static void take_end_record(struct run_about *about, const json_t *record)
{
    const char *name = json_string_value(json_object_get(record, "endpoint"));
    json_t *algorithm = json_object_get(json_object_get(record, "info"), "congestion_control"),
           *error = json_object_get(record, "error");
    if (!name || (!json_is_string(algorithm) && !json_is_string(error)))
        return;
    json_t *end = about_end(about, json_integer_value(json_object_get(record, "flow")),
                            strcmp(name, "source") ? DESTINATION : SOURCE);
    if (json_is_string(algorithm))
        json_object_set(end, "algorithm", algorithm);
    if (json_is_string(error))
        json_object_set(end, "error", error);
}

void run_about_record(void *context, const json_t *record)
{
    struct run_about *about = context;
    const char *type = json_string_value(json_object_get(record, "type"));
    json_t *own = (json_t *)record;
    if (!strcmp(type, "run")) {
        json_object_update(about->run, own);
        json_object_del(about->run, "columns"); /* long, and the same in every run */
    } else if (!strcmp(type, "host")) {
        json_array_append(about->hosts, own);
    } else if (!strcmp(type, "flow")) {
        json_array_append(about->flows, own);
    } else if (!strcmp(type, "event")) {
        json_array_append(about->events, own);
    } else if (!strcmp(type, "end")) {
        json_decref(about->end);
        about->end = json_incref(own);
    } else if (!strcmp(type, "begin") || !strcmp(type, "final")) {
        take_end_record(about, record);
    }
}

json_t *run_about_finish(struct run_about *about)
{
    json_t *whole = json_object(), *ends = json_array(), *end;
    const char *key;
    run_about_sum_up(about);
    json_object_foreach(about->ends, key, end) json_array_append(ends, end);
    json_object_set(whole, "run", about->run);
    json_object_set(whole, "hosts", about->hosts);
    json_object_set(whole, "flows", about->flows);
    json_object_set(whole, "events", about->events);
    json_object_set_new(whole, "ends", ends);
    if (about->end)
        json_object_set(whole, "end", about->end);
    else
        json_object_set_new(whole, "end", json_null());
    run_about_free(about);
    return whole;
}
