/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plan/planfile.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "plan/planfile_state.h"

enum { AXES_MAX = 16, VALUES_MAX = 1000 };

/* ---- hosts and groups */

static bool read_hosts(struct plan_reading *reading, const struct plan_node *hosts)
{
    bool good = plan_demand(reading, hosts, PLAN_NODE_MAP);
    for (size_t i = 0; good && i < hosts->count; i++) {
        const struct plan_node *host = &hosts->children[i];
        good = plan_demand(reading, host, PLAN_NODE_TEXT);
        if (good && (!*host->text || strchr(host->text, ',')))
            good = plan_refuse(reading, host->spot, "'%.64s' is not a host (e.g. 10.0.0.1:5999)",
                               host->text);
    }
    reading->hosts = hosts;
    return good;
}

static bool read_groups(struct plan_reading *reading, const struct plan_node *groups)
{
    bool good = plan_demand(reading, groups, PLAN_NODE_MAP);
    for (size_t i = 0; good && i < groups->count; i++) {
        const struct plan_node *group = &groups->children[i];
        good = plan_demand(reading, group, PLAN_NODE_LIST);
        if (good && reading->hosts && plantree_find(reading->hosts, group->key))
            good = plan_refuse(reading, group->key_spot, "'%.64s' is a host already", group->key);
    }
    reading->groups = groups;
    return good;
}

/* ---- options and sweeps */

static bool read_options(struct plan_reading *reading, const struct plan_node *options)
{
    bool good = plan_demand(reading, options, PLAN_NODE_MAP);
    for (size_t i = 0; good && i < options->count; i++) {
        const struct plan_node *member = &options->children[i];
        const struct option_spec *spec = plan_option(reading->vocabulary, member->key, false);
        good = spec ? plan_add_option(reading, spec, member, &reading->plan->options)
                    : plan_refuse_key(reading, member, NULL, 0, true);
    }
    return good;
}

static bool read_axis(struct plan_reading *reading, const struct plan_node *node, bool zipped)
{
    struct planfile *plan = reading->plan;
    const struct option_spec *spec = plan_option(reading->vocabulary, node->key, false);
    if (!spec)
        return plan_refuse_key(reading, node, NULL, 0, true);
    if (!plan_demand(reading, node, PLAN_NODE_LIST))
        return false;
    if (!node->count || node->count > VALUES_MAX || plan->axis_count == AXES_MAX)
        return plan_refuse(reading, node->spot,
                           "a sweep has 1 to %d values of each of at most %d options", VALUES_MAX,
                           AXES_MAX);
    plan->axes = mem_grow(plan->axes, plan->axis_count + 1, sizeof *plan->axes);
    struct plan_axis *axis = &plan->axes[plan->axis_count++];
    *axis = (struct plan_axis){.option = mem_strdup(node->key), .zipped = zipped};
    axis->labels = mem_new(node->count, sizeof *axis->labels);
    for (size_t i = 0; i < node->count; i++) {
        char *word = plan_option_word(reading, spec, &node->children[i]);
        if (!word)
            return false;
        plan_words_add(&axis->words, word, node->children[i].spot);
        axis->labels[i] = mem_strdup(node->children[i].text);
    }
    return true;
}

/* How many cells there are so far; those of a zip count once. */
static bool multiply(struct plan_reading *reading, const struct plan_node *node, size_t by)
{
    reading->plan->cells *= by;
    return reading->plan->cells <= PLANFILE_RUNS_MAX ||
           plan_refuse(reading, node->spot, "the sweep has more than %d cells", PLANFILE_RUNS_MAX);
}

static bool read_part(struct plan_reading *reading, const struct plan_node *part, bool zipped)
{
    bool good = plan_demand(reading, part, PLAN_NODE_MAP);
    for (size_t i = 0; good && i < part->count; i++) {
        const struct plan_node *axis = &part->children[i];
        good = read_axis(reading, axis, zipped);
        if (good && zipped && axis->count != part->children[0].count)
            good =
                plan_refuse(reading, axis->spot,
                            "'%s' has %zu values, but '%s' has %zu: a zip needs as many of each",
                            axis->key, axis->count, part->children[0].key, part->children[0].count);
        if (good && (!zipped || !i))
            good = multiply(reading, axis, axis->count);
    }
    return good;
}

static bool read_sweep(struct plan_reading *reading, const struct plan_node *sweep)
{
    static const char *const names[] = {"product", "zip"};
    bool good = plan_demand(reading, sweep, PLAN_NODE_MAP);
    for (size_t i = 0; good && i < sweep->count; i++) {
        const struct plan_node *part = &sweep->children[i];
        bool zipped = !strcmp(part->key, "zip");
        good = zipped || !strcmp(part->key, "product")
                   ? read_part(reading, part, zipped)
                   : plan_refuse_key(reading, part, names, COUNT(names), false);
    }
    return good;
}

/* ---- how often and in which order */

static bool read_repeat(struct plan_reading *reading, const struct plan_node *node)
{
    int64_t repeat;
    bool good = plan_number(reading, node, 1, PLANFILE_RUNS_MAX, &repeat);
    if (good)
        reading->plan->repeat = (size_t)repeat;
    return good;
}

static bool read_order(struct plan_reading *reading, const struct plan_node *node)
{
    static const char *const orders[] = {"interleaved", "listed", "random"};
    if (!plan_demand(reading, node, PLAN_NODE_TEXT))
        return false;
    for (size_t i = 0; i < COUNT(orders); i++)
        if (!strcmp(orders[i], node->text)) {
            reading->plan->order = (enum plan_order)i;
            return true;
        }
    return plan_refuse(reading, node->spot, "order is interleaved, listed or random, not '%.64s'",
                       node->text);
}

static bool read_seed(struct plan_reading *reading, const struct plan_node *node)
{
    return plan_number(reading, node, 0, INT32_MAX, &reading->plan->seed);
}

/* Hosts and groups are read before what names them, wherever they stand. */
static const struct {
    const char *name;
    bool (*read)(struct plan_reading *reading, const struct plan_node *node);
} sections[] = {{"hosts", read_hosts},      {"groups", read_groups}, {"options", read_options},
                {"flows", plan_read_flows}, {"sweep", read_sweep},   {"repeat", read_repeat},
                {"order", read_order},      {"seed", read_seed}};

static bool check_keys(const struct plan_reading *reading, const struct plan_node *root)
{
    const char *names[COUNT(sections)];
    for (size_t i = 0; i < COUNT(sections); i++)
        names[i] = sections[i].name;
    for (size_t i = 0; i < root->count; i++) {
        size_t k = 0;
        while (k < COUNT(names) && strcmp(names[k], root->children[i].key))
            k++;
        if (k == COUNT(names))
            return plan_refuse_key(reading, &root->children[i], names, COUNT(names), false);
    }
    return true;
}

bool planfile_read(const char *name, const char *text, size_t length,
                   const struct plan_vocabulary *vocabulary, struct planfile *plan,
                   struct fail *fail)
{
    struct plan_reading reading = {
        .name = name, .vocabulary = vocabulary, .plan = plan, .fail = fail};
    *plan = (struct planfile){.cells = 1, .repeat = 1, .seed = 1};
    struct plan_node *root = plantree_read(name, text, length, fail);
    if (!root)
        return false;
    bool good = plan_demand(&reading, root, PLAN_NODE_MAP) && check_keys(&reading, root);
    for (size_t i = 0; good && i < COUNT(sections); i++) {
        const struct plan_node *node = plantree_find(root, sections[i].name);
        good = !node || sections[i].read(&reading, node);
    }
    if (good && plan->cells * plan->repeat > PLANFILE_RUNS_MAX)
        good = fail_set(fail, 0, "%s: the plan has %zu runs; at most %d are allowed", name,
                        plan->cells * plan->repeat, PLANFILE_RUNS_MAX);
    plantree_free(root);
    return good;
}

static void free_words(struct plan_words *words)
{
    for (size_t i = 0; i < words->count; i++)
        free(words->list[i].text);
    free(words->list);
}

void planfile_free(struct planfile *plan)
{
    for (size_t i = 0; i < plan->axis_count; i++) {
        for (size_t k = 0; k < plan->axes[i].words.count; k++)
            free(plan->axes[i].labels[k]);
        free(plan->axes[i].labels);
        free(plan->axes[i].option);
        free_words(&plan->axes[i].words);
    }
    free(plan->axes);
    free_words(&plan->options);
    free_words(&plan->flows);
    *plan = (struct planfile){0};
}
