/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plan/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "cdf.h"
#include "mem.h"

struct plan *plan_new(size_t count)
{
    struct plan *plan = mem_new(1, sizeof *plan);
    plan->flows = mem_new(count, sizeof *plan->flows);
    plan->count = count;
    for (size_t i = 0; i < count; i++) {
        struct plan_flow *flow = &plan->flows[i];
        for (int end = 0; end < ENDPOINTS; end++) {
            schema_defaults(&endpoint_settings_schema, &flow->ends[end]);
            snprintf(flow->at[end].host, sizeof flow->at[end].host, "localhost");
            snprintf(flow->at[end].control, sizeof flow->at[end].control, "localhost");
            flow->at[end].port = PROTOCOL_PORT;
        }
        schema_defaults(&flow_settings_schema, &flow->settings);
        flow->ends[SOURCE].duration = SETTINGS_SOURCE_DURATION;
    }
    return plan;
}

void plan_free(struct plan *plan)
{
    if (!plan)
        return;
    plan_tables_free(&plan->tables);
    free(plan->binary_rate);
    free(plan->flows);
    free(plan->daemons);
    free(plan);
}

static bool read_file(const char *path, struct buffer *text, struct fail *fail)
{
    char part[4096];
    size_t got;
    FILE *file = fopen(path, "re");
    if (!file)
        return fail_set(fail, 0, "%s can't be read: %s", path, fail_errno(errno));
    while (text->length <= CDF_TEXT_MAX && (got = fread(part, 1, sizeof part, file)) > 0)
        buffer_add(text, part, got);
    bool good = !ferror(file) || fail_set(fail, 0, "%s can't be read: %s", path, fail_errno(errno));
    fclose(file);
    return good;
}

int plan_tables_add(struct plan_tables *tables, const char *path, struct fail *fail)
{
    struct buffer text = {0};
    struct cdf cdf;
    for (size_t i = 0; i < tables->count; i++)
        if (!strcmp(tables->list[i].path, path))
            return (int)i;
    if (tables->count == PROTOCOL_TABLES_MAX) {
        fail_set(fail, 0, "more than %d tables", PROTOCOL_TABLES_MAX);
        return -1;
    }
    if (!read_file(path, &text, fail) || !cdf_parse(text.data, text.length, path, &cdf, fail)) {
        buffer_free(&text);
        return -1;
    }
    tables->list[tables->count] = (struct plan_table){
        .path = mem_strdup(path), .text = text.data, .length = text.length, .points = cdf.count};
    cdf_free(&cdf);
    return (int)tables->count++;
}

void plan_tables_free(struct plan_tables *tables)
{
    for (size_t i = 0; i < tables->count; i++) {
        free(tables->list[i].path);
        free(tables->list[i].text);
    }
    *tables = (struct plan_tables){0};
}

void plan_set_seed(struct plan *plan, int64_t seed)
{
    for (size_t i = 0; i < plan->count; i++) {
        struct plan_flow *flow = &plan->flows[i];
        bool random = settings_are_random(&flow->ends[SOURCE]) ||
                      settings_are_random(&flow->ends[DESTINATION]);
        if (random && !flow->settings.seed)
            flow->settings.seed = seed;
    }
}

bool plan_place_equal(const struct plan_place *one, const struct plan_place *other)
{
    return !strcmp(one->host, other->host) && !strcmp(one->control, other->control) &&
           one->port == other->port;
}

static size_t find_daemon(struct plan *plan, const struct plan_place *place)
{
    for (size_t i = 0; i < plan->daemon_count; i++)
        if (plan->daemons[i].port == place->port &&
            !strcasecmp(plan->daemons[i].host, place->control))
            return i;
    plan->daemons = mem_grow(plan->daemons, plan->daemon_count + 1, sizeof *plan->daemons);
    struct plan_daemon *daemon = &plan->daemons[plan->daemon_count];
    *daemon = (struct plan_daemon){.port = place->port};
    memcpy(daemon->host, place->control, sizeof daemon->host);
    return plan->daemon_count++;
}

void plan_group(struct plan *plan)
{
    plan->daemon_count = 0;
    for (size_t i = 0; i < plan->count; i++) {
        for (int end = 0; end < ENDPOINTS; end++) {
            struct plan_place *place = &plan->flows[i].at[end];
            place->daemon = find_daemon(plan, place);
            plan->daemons[place->daemon].endpoints++;
        }
    }
}

/* Numeric addresses have to be of one family, and of the one that was asked for. */
static bool check_families(const struct plan_flow *flow, struct fail *fail)
{
    int wanted = flow->settings.ipv4 ? AF_INET : flow->settings.ipv6 ? AF_INET6 : AF_UNSPEC;
    int families[ENDPOINTS];
    for (int end = 0; end < ENDPOINTS; end++) {
        const char *host = flow->at[end].host;
        families[end] = address_family_of(host);
        if (wanted != AF_UNSPEC && families[end] != AF_UNSPEC && families[end] != wanted)
            return fail_set(fail, 0, "the %s's address %s is %s, but only %s is allowed (-%c)",
                            endpoint_name((enum endpoint)end), host,
                            address_family_name(families[end]), address_family_name(wanted),
                            wanted == AF_INET ? '4' : '6');
    }
    return families[SOURCE] == AF_UNSPEC || families[DESTINATION] == AF_UNSPEC ||
           families[SOURCE] == families[DESTINATION] ||
           fail_set(fail, 0,
                    "the source's address %s is %s and the destination's address %s is %s: both "
                    "ends of a flow need the same",
                    flow->at[SOURCE].host, address_family_name(families[SOURCE]),
                    flow->at[DESTINATION].host, address_family_name(families[DESTINATION]));
}

bool plan_check(const struct plan *plan, struct fail *fail)
{
    for (size_t i = 0; i < plan->count; i++)
        if (!settings_check(plan->flows[i].ends, &plan->flows[i].settings, fail) ||
            !check_families(&plan->flows[i], fail))
            return fail_prefix(fail, "flow %zu", i);
    return true;
}

int64_t plan_end(const struct plan *plan)
{
    int64_t end = 0;
    for (size_t i = 0; i < plan->count; i++) {
        struct flow_schedule schedule = settings_schedule(plan->flows[i].ends);
        end = schedule.end > end ? schedule.end : end;
    }
    return end;
}

bool plan_dumps(const struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->flows[i].ends[SOURCE].dump || plan->flows[i].ends[DESTINATION].dump)
            return true;
    return false;
}

bool plan_traces(const struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->flows[i].ends[SOURCE].trace || plan->flows[i].ends[DESTINATION].trace)
            return true;
    return false;
}

void plan_daemon_text(const struct plan_daemon *daemon, char text[PROTOCOL_HOST_MAX + 16])
{
    bool v6 = strchr(daemon->host, ':') != NULL;
    snprintf(text, PROTOCOL_HOST_MAX + 16, "%s%s%s:%u", v6 ? "[" : "", daemon->host, v6 ? "]" : "",
             daemon->port);
}

static void describe_scope(struct buffer *line, enum setting_scope scope, const char *prefix,
                           const void *object, bool all)
{
    for (size_t i = 0; i < settings_count; i++) {
        char value[SETTING_TEXT_MAX];
        const struct setting *setting = &settings_list[i];
        if (setting->scope != scope || (!all && setting_is_default(setting, object)))
            continue;
        setting_format(setting, object, value);
        buffer_printf(line, " %s%s=%s", prefix, setting->field, *value ? value : "-");
    }
}

char *plan_describe_flow(const struct plan *plan, size_t index, bool all)
{
    const struct plan_flow *flow = &plan->flows[index];
    struct buffer line = {0};
    for (int end = 0; end < ENDPOINTS; end++) {
        char daemon[PROTOCOL_HOST_MAX + 16];
        plan_daemon_text(&plan->daemons[flow->at[end].daemon], daemon);
        char prefix[3] = {endpoint_letter(end), '.', '\0'};
        buffer_printf(&line, "%s%shost=%s %sdaemon=%s", end ? " " : "", prefix, flow->at[end].host,
                      prefix, daemon);
        describe_scope(&line, SCOPE_ENDPOINT, prefix, &flow->ends[end], all);
    }
    describe_scope(&line, SCOPE_FLOW, "", &flow->settings, all);
    bool stream = transport_traits[flow->settings.transport].capabilities & TRANSPORT_STREAM;
    buffer_printf(&line, " mode=%s",
                  !stream                                               ? "datagram"
                  : settings_need_messages(flow->ends, &flow->settings) ? "message"
                                                                        : "stream");
    buffer_add(&line, "", 1);
    return line.data;
}

void plan_print(const struct plan *plan, FILE *out)
{
    fprintf(out, "flows: %zu\n", plan->count);
    for (size_t i = 0; i < plan->daemon_count; i++) {
        char text[PROTOCOL_HOST_MAX + 16];
        plan_daemon_text(&plan->daemons[i], text);
        fprintf(out, "daemon %s: %zu endpoints\n", text, plan->daemons[i].endpoints);
    }
    for (size_t i = 0; i < plan->tables.count; i++)
        fprintf(out, "table F:%zu: %s, %zu points\n", i, plan->tables.list[i].path,
                plan->tables.list[i].points);
    for (size_t i = 0; i < plan->count; i++) {
        char *line = plan_describe_flow(plan, i, true);
        fprintf(out, "flow %zu: %s\n", i, line);
        free(line);
    }
}

enum { DURATION_OPEN = -1 }; /* no -T was given */

void plan_open_durations(struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        for (int end = 0; end < ENDPOINTS; end++)
            plan->flows[i].ends[end].duration = DURATION_OPEN;
}

void plan_settle_durations(struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        struct endpoint_settings *ends = plan->flows[i].ends;
        bool volume = false;
        for (int end = 0; end < ENDPOINTS; end++)
            volume |= ends[end].volume || ends[end].volume_blocks;
        for (int end = 0; end < ENDPOINTS; end++)
            if (ends[end].duration == DURATION_OPEN)
                ends[end].duration = ends[end].volume || ends[end].volume_blocks
                                         ? SETTINGS_VOLUME_DURATION
                                     : end == SOURCE && !volume ? SETTINGS_SOURCE_DURATION
                                                                : 0;
    }
}
