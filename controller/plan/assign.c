/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plan/assign.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "nearest.h"
#include "number.h"
#include "option.h"
#include "address.h"
#include "plan/selection.h"

/* A value for one setting of one or both endpoints of the selected flows. */
struct assignment {
    const struct setting *setting; /* NULL: a host */
    bool for_endpoint[ENDPOINTS];
    size_t selection;
    char given[64]; /* the option as it was typed */
    char *text;     /* the value as it was typed, NULL where there is none */
};

struct assignments {
    struct selection *selections;
    size_t selection_count;
    struct assignment *list;
    size_t count;
    struct plan_tables tables;
};

static void add_selection(struct assignments *all, struct selection selection)
{
    all->selections = mem_grow(all->selections, all->selection_count + 1, sizeof(struct selection));
    all->selections[all->selection_count++] = selection;
}

struct assignments *assignments_new(void)
{
    struct assignments *all = mem_new(1, sizeof *all);
    add_selection(all, (struct selection){0});
    return all;
}

void assignments_free(struct assignments *all)
{
    if (!all)
        return;
    for (size_t i = 0; i < all->selection_count; i++)
        selection_free(&all->selections[i]);
    for (size_t i = 0; i < all->count; i++)
        free(all->list[i].text);
    plan_tables_free(&all->tables);
    free(all->selections);
    free(all->list);
    free(all);
}

/* An option that is being taken. */
struct taking {
    struct assignments *all;
    const char *given;
    const struct setting *setting; /* that it stands for, if it is always the same */
    bool (*take)(const struct taking *taking, char endpoint, const char *value, struct fail *fail);
};

static void add(const struct taking *taking, const struct setting *setting, char endpoint,
                const char *given, const char *text)
{
    struct assignments *all = taking->all;
    all->list = mem_grow(all->list, all->count + 1, sizeof(struct assignment));
    struct assignment *assignment = &all->list[all->count++];
    *assignment = (struct assignment){
        .setting = setting,
        .for_endpoint = {[SOURCE] = endpoint != 'd', [DESTINATION] = endpoint != 's'},
        .selection = setting && setting->run_wide ? 0 : all->selection_count - 1,
        .text = text ? mem_strdup(text) : NULL,
    };
    snprintf(assignment->given, sizeof assignment->given, "%s", given);
}

/* "x=value", or "x" alone. */
static bool take_item(void *context, char *item, struct fail *fail)
{
    const struct taking *taking = context;
    const char *value = item[0] && item[1] == '=' ? item + 2 : NULL;
    if (!strchr("sdb", item[0]) || (!value && item[1]))
        return fail_set(fail, 0,
                        "'%s' does not say which endpoint it is for: write s= for the source, d= "
                        "for the destination, or b= for both",
                        item);
    return taking->take(taking, item[0], value, fail);
}

static bool take_list(struct taking *taking, const char *list, struct fail *fail)
{
    return option_each_item(list, "the value is empty", take_item, taking, fail);
}

static bool take_setting(const struct taking *taking, char endpoint, const char *value,
                         struct fail *fail)
{
    const struct setting *setting = taking->setting;
    bool wants_value = setting->form == SETTING_FORM_VALUE;
    if (wants_value && (!value || !*value))
        return fail_set(fail, 0, "endpoint '%c' has no value: write %c=VALUE", endpoint, endpoint);
    if (!wants_value && value)
        return fail_set(fail, 0, "takes no value, but '%s' was given", value);
    if (setting->type == SETTING_SIZE && value && strchr(value, ':'))
        return fail_set(fail, 0, "'%s' is not a number; write -G %c=q:%s", value, endpoint, value);
    add(taking, setting, endpoint, taking->given, value);
    return true;
}

static bool refuse_sockopt(const char *name, size_t length, struct fail *fail)
{
    char word[NEAREST_WORD_MAX + 1];
    snprintf(word, sizeof word, "%.*s", (int)length, name);
    struct nearest nearest = nearest_to(word);
    for (size_t i = 0; i < settings_count; i++)
        if (settings_list[i].form == SETTING_FORM_SOCKOPT)
            nearest_try(&nearest, settings_list[i].name);
    if (nearest.name)
        return fail_set(fail, 0, "unknown socket option '%s'; did you mean %s?", word,
                        nearest.name);
    return fail_set(fail, 0, "unknown socket option '%.*s'; --help=socket lists them", (int)length,
                    name);
}

static bool take_sockopt(const struct taking *taking, char endpoint, const char *value,
                         struct fail *fail)
{
    if (!value || !*value)
        return fail_set(fail, 0, "the socket option is missing: write %c=NAME", endpoint);
    size_t length = strcspn(value, "=");
    const struct setting *setting = settings_find_sockopt(value, length);
    const char *argument = value[length] ? value + length + 1 : NULL;
    const char *refused = settings_refused_sockopt(value, length);
    if (refused)
        return fail_set(fail, 0, "%.*s can't be set: %s", (int)length, value, refused);
    if (!setting)
        return refuse_sockopt(value, length, fail);
    if (setting->argument && (!argument || !*argument))
        return fail_set(fail, 0, "%s needs a value: write %s=%s", setting->name, setting->name,
                        setting->argument);
    if (!setting->argument && argument)
        return fail_set(fail, 0, "%s takes no value", setting->name);
    char name[64];
    snprintf(name, sizeof name, "%s %s", taking->given, setting->name);
    add(taking, setting, endpoint, name, argument);
    return true;
}

static bool take_traffic(const struct taking *taking, char endpoint, const char *value,
                         struct fail *fail)
{
    char name[32], table[32];
    const struct setting *setting = value ? settings_find_traffic(value[0]) : NULL;
    if (!setting || value[1] != ':')
        return fail_set(fail, 0,
                        "'%s' does not begin with q:, p: or g: (request size, response size, gap)",
                        value ? value : "");
    const char *dist = value + 2;
    if (!strchr(dist, ':'))
        return fail_set(fail, 0, "'%s' is not a distribution (e.g. C:400)", dist);
    if (dist[0] == 'F' && dist[1] == ':') {
        int number = plan_tables_add(&taking->all->tables, dist + 2, fail);
        if (number < 0)
            return false;
        snprintf(table, sizeof table, "F:%d", number);
        dist = table;
    }
    snprintf(name, sizeof name, "%s %c", taking->given, value[0]);
    add(taking, setting, endpoint, name, dist);
    return true;
}

static bool take_host(const struct taking *taking, char endpoint, const char *value,
                      struct fail *fail)
{
    if (!value || !*value)
        return fail_set(fail, 0, "endpoint '%c' has no host: write %c=HOST", endpoint, endpoint);
    add(taking, NULL, endpoint, taking->given, value);
    return true;
}

bool assignments_give_setting(struct assignments *all, const struct setting *setting,
                              const char *given, const char *value, struct fail *fail)
{
    struct taking taking = {all, given, setting, take_setting};
    /* flowgrind's examples give one cap for both endpoints. */
    bool is_plain =
        value && !strcmp(setting->field, "block_cap") && value[0] >= '0' && value[0] <= '9';
    if (setting->scope == SCOPE_ENDPOINT && !is_plain && value)
        return take_list(&taking, value, fail);
    add(&taking, setting, setting->scope == SCOPE_FLOW ? 's' : 'b', given, value);
    return true;
}

bool assignments_give_host(struct assignments *all, const char *given, const char *list,
                           struct fail *fail)
{
    return take_list(&(struct taking){all, given, NULL, take_host}, list, fail);
}

bool assignments_give_sockopt(struct assignments *all, const char *given, const char *list,
                              struct fail *fail)
{
    return take_list(&(struct taking){all, given, NULL, take_sockopt}, list, fail);
}

bool assignments_give_traffic(struct assignments *all, const char *given, const char *list,
                              struct fail *fail)
{
    return take_list(&(struct taking){all, given, NULL, take_traffic}, list, fail);
}

/* ---- -F ---- */

bool assignments_select(struct assignments *all, const char *list, struct fail *fail)
{
    struct selection selection;
    bool good = selection_parse(list, &selection, fail);
    add_selection(all, selection);
    return good;
}

/* ---- applied to the flows ---- */

static bool parse_host(const char *text, struct plan_place *place, struct fail *fail)
{
    struct plan_place parsed = {.port = PROTOCOL_PORT, .named = true};
    uint16_t port = PROTOCOL_PORT;
    const char *slash = strchr(text, '/');
    if (strstr(text, "://"))
        return fail_set(fail, 0,
                        "'%s' is a URL: write the host only, with :PORT after it if needed", text);
    char *host = slash ? mem_printf("%.*s", (int)(slash - text), text) : mem_strdup(text);
    bool good = address_split_host_port(host, parsed.host, sizeof parsed.host, &port, fail);
    if (good && slash && port != PROTOCOL_PORT)
        good = fail_set(fail, 0, "'%s': the port belongs to the control address, after the slash",
                        text);
    if (good && slash)
        good =
            address_split_host_port(slash + 1, parsed.control, sizeof parsed.control, &port, fail);
    else
        memcpy(parsed.control, parsed.host, sizeof parsed.control);
    free(host);
    parsed.port = port;
    if (good)
        *place = parsed;
    return good;
}

static bool assign_to(struct plan_flow *flow, const struct assignment *assignment,
                      enum endpoint endpoint, struct fail *fail)
{
    if (!assignment->setting)
        return parse_host(assignment->text, &flow->at[endpoint], fail);
    void *object = assignment->setting->scope == SCOPE_FLOW ? (void *)&flow->settings
                                                            : (void *)&flow->ends[endpoint];
    return setting_parse(assignment->setting, assignment->text, object, fail);
}

static bool assign(const struct assignments *all, const struct assignment *assignment,
                   struct plan *plan, struct fail *fail)
{
    const struct selection *selection = &all->selections[assignment->selection];
    for (size_t i = 0; selection_next(selection, plan->count, &i); i++)
        for (int end = 0; end < ENDPOINTS; end++)
            if (assignment->for_endpoint[end] && !assign_to(&plan->flows[i], assignment, end, fail))
                return fail_prefix(fail, "option %s", assignment->given);
    return true;
}

/* Whether both say the same; texts that differ may still. */
static bool same_value(const struct assignment *one, const struct assignment *other)
{
    struct plan_flow a = {0}, b = {0};
    if (!assign_to(&a, one, SOURCE, NULL) || !assign_to(&b, other, SOURCE, NULL))
        return false;
    if (!one->setting)
        return plan_place_equal(&a.at[SOURCE], &b.at[SOURCE]);
    bool of_flow = one->setting->scope == SCOPE_FLOW;
    return setting_equal(one->setting, of_flow ? (void *)&a.settings : &a.ends[SOURCE],
                         of_flow ? (void *)&b.settings : &b.ends[SOURCE]);
}

/* Two values for one thing are refused: else the order of options would matter. What is said of
 * single flows goes before what is said of all. */
static bool check_twice(const struct assignments *all, const struct assignment *one,
                        const struct assignment *other, struct fail *fail)
{
    int64_t flow;
    if (one->setting != other->setting ||
        !selection_overlap(&all->selections[one->selection], &all->selections[other->selection],
                           &flow) ||
        same_value(one, other))
        return true;
    for (int end = 0; end < ENDPOINTS; end++) {
        if (!one->for_endpoint[end] || !other->for_endpoint[end])
            continue;
        bool of_flow = one->setting && one->setting->scope == SCOPE_FLOW;
        if (one->setting && one->setting->run_wide)
            return fail_set(fail, 0,
                            "option %s: two values for all flows, which it sets also after -F: "
                            "'%s' and '%s'",
                            one->given, one->text, other->text);
        return fail_set(fail, 0, "option %s: two values for %s%sflow %" PRId64 ": '%s' and '%s'",
                        one->given, of_flow ? "" : endpoint_name(end), of_flow ? "" : " of ", flow,
                        one->text ? one->text : "", other->text ? other->text : "");
    }
    return true;
}

static bool check_all_twice(const struct assignments *all, struct fail *fail)
{
    for (size_t i = 0; i < all->count; i++)
        for (size_t k = 0; k < i; k++)
            if (!check_twice(all, &all->list[k], &all->list[i], fail))
                return false;
    return true;
}

static bool check_flow_numbers(const struct assignments *all, size_t count, struct fail *fail)
{
    for (size_t i = 0; i < all->selection_count; i++) {
        int64_t last = selection_last(&all->selections[i]);
        if (last >= (int64_t)count)
            return fail_set(fail, 0,
                            "option -F: there is no flow %" PRId64 ": with -n %zu the last one is "
                            "%zu",
                            last, count, count - 1);
    }
    return true;
}

/* Whether the setting was given for that end of the flow. */
static bool is_given(const struct assignments *all, size_t flow, enum endpoint end,
                     const char *field)
{
    const struct setting *setting = settings_find(field);
    for (size_t i = 0; i < all->count; i++) {
        const struct assignment *assignment = &all->list[i];
        const struct selection *selection = &all->selections[assignment->selection];
        if (assignment->setting == setting && assignment->for_endpoint[end] &&
            selection_has(selection, flow))
            return true;
    }
    return false;
}

/* What flows of datagrams do where nothing is said: no network is flooded by default. */
static bool set_datagram_defaults(const struct assignments *all, struct plan *plan,
                                  struct fail *fail)
{
    for (size_t i = 0; i < ENDPOINTS * plan->count; i++) {
        struct plan_flow *flow = &plan->flows[i / ENDPOINTS];
        enum endpoint which = (enum endpoint)(i % ENDPOINTS);
        struct endpoint_settings *end = &flow->ends[which];
        bool stream = transport_traits[flow->settings.transport].capabilities & TRANSPORT_STREAM;
        if (stream || end->duration <= 0)
            continue;
        bool sized = is_given(all, i / ENDPOINTS, which, "request_size");
        if (sized && end->fit_mtu)
            return fail_set(fail, 0,
                            "flow %zu: the %s has both a size (-S) and --fit-mtu: give one",
                            i / ENDPOINTS, endpoint_name(which));
        end->fit_mtu |= !sized;
        if (!is_given(all, i / ENDPOINTS, which, "rate") &&
            !is_given(all, i / ENDPOINTS, which, "gap"))
            end->rate = SETTINGS_UDP_RATE;
    }
    return true;
}

/* Keeps the first rate whose letter may be taken for a power of 1000. */
static void note_rate(struct plan *plan, const struct assignment *assignment)
{
    bool is_rate = assignment->setting && assignment->setting->type == SETTING_RATE;
    if (is_rate && !plan->binary_rate && number_rate_is_binary(assignment->text))
        plan->binary_rate = mem_strdup(assignment->text);
}

bool assignments_apply(struct assignments *all, struct plan *plan, struct fail *fail)
{
    if (!check_flow_numbers(all, plan->count, fail))
        return false;
    plan_open_durations(plan);
    plan->tables = all->tables;
    all->tables = (struct plan_tables){0};
    for (int specific = 0; specific < 2; specific++) {
        for (size_t i = 0; i < all->count; i++) {
            const struct assignment *assignment = &all->list[i];
            plan->hosts_named |= !assignment->setting;
            note_rate(plan, assignment);
            if ((all->selections[assignment->selection].ranges != NULL) == specific &&
                !assign(all, assignment, plan, fail))
                return false;
        }
    }
    plan_settle_durations(plan);
    /* Only now: a value that is not one is the better complaint than two of them. */
    return check_all_twice(all, fail) && set_datagram_defaults(all, plan, fail);
}
