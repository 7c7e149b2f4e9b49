/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sentences, numbers and options of a plan. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "nearest.h"
#include "number.h"
#include "plan/planfile_state.h"

bool plan_refuse(const struct plan_reading *reading, struct plan_spot spot, const char *format, ...)
{
    char sentence[FAIL_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    return fail_set(reading->fail, 0, "%s:%zu:%zu: %s", reading->name, spot.line, spot.column,
                    sentence);
}

/* What the plan itself decides, or what makes no sense for several runs. */
static bool is_reserved(const char *name)
{
    static const char *const reserved[] = {"help",  "version", "flow",     "host",
                                           "flows", "dry-run", "start-at", "resume"};
    for (size_t i = 0; i < COUNT(reserved); i++)
        if (!strcmp(reserved[i], name))
            return true;
    return false;
}

static const char *name_of(const struct option_spec *spec, char letter[2])
{
    letter[0] = spec->letter;
    letter[1] = '\0';
    return spec->name ? spec->name : letter;
}

static bool may_name(const struct plan_vocabulary *vocabulary, const struct option_spec *spec,
                     bool flows)
{
    char letter[2];
    return spec->argument != OPTION_FOREIGN && !is_reserved(name_of(spec, letter)) &&
           (!flows || !strcmp(spec->group, vocabulary->flow_group));
}

const struct option_spec *plan_option(const struct plan_vocabulary *vocabulary, const char *name,
                                      bool flows)
{
    char letter[2];
    for (size_t i = 0; i < vocabulary->count; i++)
        if (may_name(vocabulary, &vocabulary->specs[i], flows) &&
            !strcmp(name_of(&vocabulary->specs[i], letter), name))
            return &vocabulary->specs[i];
    return NULL;
}

bool plan_refuse_key(const struct plan_reading *reading, const struct plan_node *node,
                     const char *const names[], size_t count, bool options)
{
    struct buffer allowed = {0};
    const struct plan_vocabulary *vocabulary = reading->vocabulary;
    struct nearest nearest = nearest_to(node->key);
    for (size_t i = 0; i < count; i++) {
        nearest_try(&nearest, names[i]);
        buffer_printf(&allowed, "%s%s", i ? ", " : "", names[i]);
    }
    for (size_t i = 0; options && i < vocabulary->count; i++)
        if (vocabulary->specs[i].name && may_name(vocabulary, &vocabulary->specs[i], count > 0))
            nearest_try(&nearest, vocabulary->specs[i].name);
    if (options)
        buffer_printf(&allowed, "%sthe names of long options%s", count ? ", and " : "",
                      count ? " about flows" : "");
    buffer_add(&allowed, "", 1);
    if (nearest.name)
        plan_refuse(reading, node->key_spot, "'%.64s' is not known here; did you mean '%s'?",
                    node->key, nearest.name);
    else
        plan_refuse(reading, node->key_spot, "'%.64s' is not known here; allowed: %s", node->key,
                    allowed.data);
    buffer_free(&allowed);
    return false;
}

bool plan_demand(const struct plan_reading *reading, const struct plan_node *node,
                 enum plan_node_kind kind)
{
    static const char *const kinds[] = {"a text or number", "a list", "a map of keys and values"};
    return node->kind == kind ||
           plan_refuse(reading, node->spot, "%s%s%s is %s, but %s is expected",
                       node->key ? "'" : "", node->key ? node->key : "this item",
                       node->key ? "'" : "", kinds[node->kind], kinds[kind]);
}

bool plan_number(const struct plan_reading *reading, const struct plan_node *node, int64_t least,
                 int64_t most, int64_t *number)
{
    return plan_demand(reading, node, PLAN_NODE_TEXT) &&
           ((number_parse_int(node->text, number, NULL) && *number >= least && *number <= most) ||
            plan_refuse(reading, node->spot,
                        "'%.64s' is not a whole number within %" PRId64 " to %" PRId64, node->text,
                        least, most));
}

void plan_words_add(struct plan_words *words, char *text, struct plan_spot spot)
{
    words->list = mem_grow(words->list, words->count + 1, sizeof *words->list);
    words->list[words->count++] = (struct plan_word){text, spot};
}

char *plan_option_word(const struct plan_reading *reading, const struct option_spec *spec,
                       const struct plan_node *value)
{
    char letter[2];
    if (!plan_demand(reading, value, PLAN_NODE_TEXT))
        return NULL;
    const char *name = name_of(spec, letter), *text = value->text;
    bool yes = !strcmp(text, "true"), no = !strcmp(text, "false");
    bool flag = spec->argument == OPTION_NONE;
    if (flag && !yes && !no) {
        plan_refuse(reading, value->spot, "'%s' is on or off: write true or false", name);
        return NULL;
    }
    if (flag && no)
        return mem_strdup("");
    bool alone = flag || (yes && spec->argument != OPTION_REQUIRED);
    return mem_printf("-%s%s%s%s", spec->name ? "-" : "", name, alone || !spec->name ? "" : "=",
                      alone ? "" : text);
}

bool plan_add_option(const struct plan_reading *reading, const struct option_spec *spec,
                     const struct plan_node *value, struct plan_words *words)
{
    bool list = value->kind == PLAN_NODE_LIST;
    for (size_t i = 0; i < (list ? value->count : 1); i++) {
        const struct plan_node *item = list ? &value->children[i] : value;
        char *word = plan_option_word(reading, spec, item);
        if (!word)
            return false;
        if (*word)
            plan_words_add(words, word, item->spot);
        else
            free(word);
    }
    return true;
}
