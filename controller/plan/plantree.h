/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tree of a YAML text, with the place of each part. A small, safe part of YAML: maps, lists and
 * scalars of one document, without anchors, aliases, tags, merge keys, or directives. */
#ifndef FLOWRIG_PLANTREE_H
#define FLOWRIG_PLANTREE_H

#include <stddef.h>

#include "fail.h"

enum {
    PLANTREE_SIZE_MAX = 1 << 20, /* bytes of text */
    PLANTREE_DEPTH_MAX = 16,
    PLANTREE_NODES_MAX = 100000,
    PLANTREE_KEYS_MAX = 1000, /* of one map */
};

enum plan_node_kind { PLAN_NODE_TEXT, PLAN_NODE_LIST, PLAN_NODE_MAP };

/* Counted from 1. */
struct plan_spot {
    size_t line, column;
};

struct plan_node {
    enum plan_node_kind kind;
    struct plan_spot spot;
    char *text; /* of a scalar */
    char *key;  /* of a member of a map, else NULL */
    struct plan_spot key_spot;
    struct plan_node *children; /* members or items, in order */
    size_t count;
};

/* Reads a text; `name` is the file's, for sentences, which begin with name:line:column. NULL with a
 * sentence where it is no such tree. The tree belongs to the caller. */
struct plan_node *plantree_read(const char *name, const char *text, size_t length,
                                struct fail *fail);
void plantree_free(struct plan_node *root);

/* The member of that key, or NULL. */
const struct plan_node *plantree_find(const struct plan_node *map, const char *key);

#endif
