/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hosts, groups and flows of a plan. */
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "nearest.h"
#include "plan/planfile_state.h"

enum { HOSTS_MAX = 10000 };

/* Hosts of one side of an entry, as -H takes them. */
struct side {
    const char **hosts;
    size_t count;
};

static bool refuse_host(const struct plan_reading *reading, const struct plan_node *node)
{
    struct nearest nearest = nearest_to(node->text);
    for (size_t i = 0; reading->hosts && i < reading->hosts->count; i++)
        nearest_try(&nearest, reading->hosts->children[i].key);
    for (size_t i = 0; reading->groups && i < reading->groups->count; i++)
        nearest_try(&nearest, reading->groups->children[i].key);
    return plan_refuse(reading, node->spot, "'%.64s' is neither in hosts nor in groups%s%s%s",
                       node->text, nearest.name ? "; did you mean '" : "",
                       nearest.name ? nearest.name : "", nearest.name ? "'?" : "");
}

/* Adds a host, a group, or a list of both; groups within groups may not be. */
static bool add_hosts(const struct plan_reading *reading, const struct plan_node *node,
                      struct side *side, bool groups)
{
    bool good = true;
    if (node->kind == PLAN_NODE_LIST) {
        for (size_t i = 0; good && i < node->count; i++)
            good = plan_demand(reading, &node->children[i], PLAN_NODE_TEXT) &&
                   add_hosts(reading, &node->children[i], side, groups);
        return good;
    }
    if (!plan_demand(reading, node, PLAN_NODE_TEXT))
        return false;
    const struct plan_node *host =
        reading->hosts ? plantree_find(reading->hosts, node->text) : NULL;
    const struct plan_node *group =
        groups && reading->groups ? plantree_find(reading->groups, node->text) : NULL;
    if (group)
        return add_hosts(reading, group, side, false);
    if (!host)
        return refuse_host(reading, node);
    if (side->count == HOSTS_MAX)
        return plan_refuse(reading, node->spot, "more than %d hosts", HOSTS_MAX);
    side->hosts = mem_grow(side->hosts, side->count + 1, sizeof *side->hosts);
    side->hosts[side->count++] = host->text;
    return true;
}

static void add_flow(struct planfile *plan, const char *from, const char *to,
                     const struct plan_words *options, struct plan_spot spot)
{
    struct plan_words *words = &plan->flows;
    plan_words_add(words, mem_printf("--flow=%zu", plan->flow_count++), spot);
    if (from)
        plan_words_add(words, mem_printf("--host=s=%s", from), spot);
    if (to)
        plan_words_add(words, mem_printf("--host=d=%s", to), spot);
    for (size_t i = 0; i < options->count; i++)
        plan_words_add(words, mem_strdup(options->list[i].text), options->list[i].spot);
}

struct entry {
    struct side from, to;
    int64_t count;
    bool all; /* every pair */
    struct plan_words options;
};

static bool add_flows(struct plan_reading *reading, const struct plan_node *node,
                      const struct entry *entry)
{
    size_t from = entry->from.count ? entry->from.count : 1;
    size_t to = entry->to.count ? entry->to.count : 1;
    if (!entry->all && from != to && from != 1 && to != 1)
        return plan_refuse(reading, node->spot,
                           "'from' has %zu hosts and 'to' has %zu: make them equal, or write "
                           "pairs: all",
                           from, to);
    size_t pairs = entry->all ? from * to : from > to ? from : to;
    if (pairs * (size_t)entry->count + reading->plan->flow_count > PLANFILE_FLOWS_MAX)
        return plan_refuse(reading, node->spot, "the plan has more than %d flows",
                           PLANFILE_FLOWS_MAX);
    for (size_t i = 0; i < pairs; i++)
        for (int64_t k = 0; k < entry->count; k++) {
            size_t f = entry->all ? i / to : i % from, t = i % to;
            add_flow(reading->plan, entry->from.count ? entry->from.hosts[f] : NULL,
                     entry->to.count ? entry->to.hosts[t] : NULL, &entry->options, node->spot);
        }
    return true;
}

static bool take_member(const struct plan_reading *reading, const struct plan_node *member,
                        struct entry *entry)
{
    static const char *const names[] = {"from", "to", "pairs", "count"};
    const struct option_spec *spec = plan_option(reading->vocabulary, member->key, true);
    if (!strcmp(member->key, "from"))
        return add_hosts(reading, member, &entry->from, true);
    if (!strcmp(member->key, "to"))
        return add_hosts(reading, member, &entry->to, true);
    if (!strcmp(member->key, "count"))
        return plan_number(reading, member, 1, PLANFILE_FLOWS_MAX, &entry->count);
    if (!strcmp(member->key, "pairs")) {
        if (!plan_demand(reading, member, PLAN_NODE_TEXT))
            return false;
        entry->all = !strcmp(member->text, "all");
        return entry->all || !strcmp(member->text, "zip") ||
               plan_refuse(reading, member->spot, "pairs is zip or all, not '%.64s'", member->text);
    }
    return spec ? plan_add_option(reading, spec, member, &entry->options)
                : plan_refuse_key(reading, member, names, COUNT(names), true);
}

static bool read_flow(struct plan_reading *reading, const struct plan_node *node)
{
    struct entry entry = {.count = 1};
    bool good = plan_demand(reading, node, PLAN_NODE_MAP);
    for (size_t i = 0; good && i < node->count; i++)
        good = take_member(reading, &node->children[i], &entry);
    good = good && add_flows(reading, node, &entry);
    for (size_t i = 0; i < entry.options.count; i++)
        free(entry.options.list[i].text);
    free(entry.options.list);
    free(entry.from.hosts);
    free(entry.to.hosts);
    return good;
}

bool plan_read_flows(struct plan_reading *reading, const struct plan_node *flows)
{
    bool good = plan_demand(reading, flows, PLAN_NODE_LIST);
    for (size_t i = 0; good && i < flows->count; i++)
        good = read_flow(reading, &flows->children[i]);
    return good;
}
