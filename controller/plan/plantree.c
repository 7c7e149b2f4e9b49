/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plan/plantree.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "mem.h"

struct reading {
    yaml_parser_t parser;
    const char *name;
    size_t depth, nodes;
    struct fail *fail;
};

static struct plan_spot spot_of(yaml_mark_t mark)
{
    return (struct plan_spot){mark.line + 1, mark.column + 1};
}

static bool refuse(struct reading *reading, struct plan_spot spot, const char *sentence)
{
    return fail_set(reading->fail, 0, "%s:%zu:%zu: %s", reading->name, spot.line, spot.column,
                    sentence);
}

static bool next(struct reading *reading, yaml_event_t *event)
{
    yaml_parser_t *parser = &reading->parser;
    if (yaml_parser_parse(parser, event))
        return true;
    struct plan_spot spot = spot_of(parser->problem_mark);
    if (parser->error == YAML_READER_ERROR)
        return fail_set(reading->fail, 0, "%s: byte %zu is not valid UTF-8 text: %s", reading->name,
                        parser->problem_offset, parser->problem ? parser->problem : "");
    return fail_set(reading->fail, 0, "%s:%zu:%zu: not valid YAML: %s%s%s", reading->name,
                    spot.line, spot.column, parser->problem ? parser->problem : "no memory",
                    parser->context ? ", " : "", parser->context ? parser->context : "");
}

static bool build(struct reading *reading, const yaml_event_t *event, struct plan_node *node);

static struct plan_node *add_child(struct plan_node *node)
{
    if (!(node->count & (node->count - 1))) /* there is room up to the next power of two */
        node->children =
            mem_grow(node->children, node->count ? 2 * node->count : 1, sizeof *node->children);
    node->children[node->count] = (struct plan_node){0};
    return &node->children[node->count++];
}

static bool take_text(struct reading *reading, const yaml_event_t *event, char **text)
{
    const unsigned char *value = event->data.scalar.value;
    for (size_t i = 0; i < event->data.scalar.length; i++)
        if (value[i] < ' ' || value[i] == 0x7f)
            return refuse(reading, spot_of(event->start_mark),
                          "a text has a control character or more than one line");
    *text = mem_strdup((const char *)value);
    return true;
}

static bool build_list(struct reading *reading, struct plan_node *node)
{
    yaml_event_t event;
    for (;;) {
        if (!next(reading, &event))
            return false;
        bool ends = event.type == YAML_SEQUENCE_END_EVENT;
        bool good = ends || build(reading, &event, add_child(node));
        yaml_event_delete(&event);
        if (ends || !good)
            return good;
    }
}

static bool take_key(struct reading *reading, const yaml_event_t *event, struct plan_node *map,
                     struct plan_node *member)
{
    struct plan_spot spot = spot_of(event->start_mark);
    if (event->type != YAML_SCALAR_EVENT || event->data.scalar.anchor || event->data.scalar.tag)
        return refuse(reading, spot, "a key must be a plain text");
    if (!take_text(reading, event, &member->key))
        return false;
    member->key_spot = spot;
    if (!strcmp(member->key, "<<"))
        return refuse(reading, spot, "merge keys are not supported");
    if (map->count > PLANTREE_KEYS_MAX)
        return refuse(reading, spot, "a map has at most 1000 keys");
    const struct plan_node *first = plantree_find(map, member->key);
    return first == member ||
           fail_set(reading->fail, 0, "%s:%zu:%zu: '%.64s' is given twice, first in line %zu",
                    reading->name, spot.line, spot.column, member->key, first->key_spot.line);
}

static bool build_map(struct reading *reading, struct plan_node *node)
{
    yaml_event_t event;
    for (;;) {
        if (!next(reading, &event))
            return false;
        bool ends = event.type == YAML_MAPPING_END_EVENT;
        struct plan_node *member = ends ? NULL : add_child(node);
        bool good = ends || take_key(reading, &event, node, member);
        yaml_event_delete(&event);
        if (ends || !good)
            return good;
        if (!next(reading, &event))
            return false;
        good = build(reading, &event, member);
        yaml_event_delete(&event);
        if (!good)
            return false;
    }
}

/* What every node may not have. */
static bool check(struct reading *reading, const yaml_event_t *event)
{
    struct plan_spot spot = spot_of(event->start_mark);
    const unsigned char *anchor = NULL, *tag = NULL;
    if (event->type == YAML_ALIAS_EVENT)
        return refuse(reading, spot, "aliases are not supported");
    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    }
    if (anchor || tag)
        return refuse(reading, spot,
                      anchor ? "anchors are not supported" : "tags are not supported");
    if (++reading->nodes > PLANTREE_NODES_MAX)
        return refuse(reading, spot, "the text has more than 100000 parts");
    return true;
}

static bool build(struct reading *reading, const yaml_event_t *event, struct plan_node *node)
{
    node->spot = spot_of(event->start_mark);
    if (!check(reading, event))
        return false;
    if (event->type == YAML_SCALAR_EVENT)
        return take_text(reading, event, &node->text);
    if (++reading->depth > PLANTREE_DEPTH_MAX)
        return refuse(reading, node->spot, "lists and maps are nested more than 16 deep");
    bool list = event->type == YAML_SEQUENCE_START_EVENT;
    node->kind = list ? PLAN_NODE_LIST : PLAN_NODE_MAP;
    bool good = list ? build_list(reading, node) : build_map(reading, node);
    reading->depth--;
    return good;
}

/* One event of the frame around the document; `root` is built where it begins there. */
static bool take_frame(struct reading *reading, struct plan_node *root, bool *seen, bool *ended)
{
    yaml_event_t event;
    if (!next(reading, &event))
        return false;
    bool good = true;
    struct plan_spot spot = spot_of(event.start_mark);
    *ended = event.type == YAML_STREAM_END_EVENT;
    if (event.type == YAML_DOCUMENT_START_EVENT) {
        if (*seen)
            good = refuse(reading, spot, "only one document is allowed in a file");
        else if (event.data.document_start.version_directive ||
                 event.data.document_start.tag_directives.start !=
                     event.data.document_start.tag_directives.end)
            good = refuse(reading, spot, "directives (%) are not supported");
        *seen = true;
    } else if (event.type != YAML_STREAM_START_EVENT && event.type != YAML_DOCUMENT_END_EVENT &&
               !*ended) {
        good = build(reading, &event, root);
    }
    yaml_event_delete(&event);
    return good;
}

struct plan_node *plantree_read(const char *name, const char *text, size_t length,
                                struct fail *fail)
{
    struct reading reading = {.name = name, .fail = fail};
    bool seen = false, ended = false, good = true;
    if (length > PLANTREE_SIZE_MAX) {
        fail_set(fail, 0, "%s: the file is larger than 1 MiB", name);
        return NULL;
    }
    if (!yaml_parser_initialize(&reading.parser)) {
        fail_set(fail, 0, "%s: no memory for the YAML parser", name);
        return NULL;
    }
    yaml_parser_set_encoding(&reading.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reading.parser, (const unsigned char *)text, length);
    struct plan_node *root = mem_new(1, sizeof *root);
    while (good && !ended)
        good = take_frame(&reading, root, &seen, &ended);
    yaml_parser_delete(&reading.parser);
    if (good && !seen)
        good = fail_set(fail, 0, "%s: the file is empty", name);
    if (good)
        return root;
    plantree_free(root);
    return NULL;
}

static void free_content(struct plan_node *node)
{
    for (size_t i = 0; i < node->count; i++)
        free_content(&node->children[i]);
    free(node->children);
    free(node->text);
    free(node->key);
}

void plantree_free(struct plan_node *root)
{
    if (root)
        free_content(root);
    free(root);
}

const struct plan_node *plantree_find(const struct plan_node *map, const char *key)
{
    for (size_t i = 0; i < map->count; i++)
        if (map->children[i].key && !strcmp(map->children[i].key, key))
            return &map->children[i];
    return NULL;
}
