/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files that read a plan share. */
#ifndef FLOWRIG_PLANFILE_STATE_H
#define FLOWRIG_PLANFILE_STATE_H

#include "plan/planfile.h"

struct plan_reading {
    const char *name;
    const struct plan_vocabulary *vocabulary;
    const struct plan_node *hosts, *groups; /* NULL: the plan has none */
    struct planfile *plan;
    struct fail *fail;
};

/* Says what is wrong at a place; returns false. */
bool plan_refuse(const struct plan_reading *reading, struct plan_spot spot, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Says that a key is none of these names, what is allowed, and what may be meant; returns false. */
bool plan_refuse_key(const struct plan_reading *reading, const struct plan_node *node,
                     const char *const names[], size_t count, bool options);
/* Checks what a node is, with a sentence. */
bool plan_demand(const struct plan_reading *reading, const struct plan_node *node,
                 enum plan_node_kind kind);
/* Reads a whole number within these limits. */
bool plan_number(const struct plan_reading *reading, const struct plan_node *node, int64_t least,
                 int64_t most, int64_t *number);

/* The row of an option that a plan may name, or NULL; `flows`: only those about flows. */
const struct option_spec *plan_option(const struct plan_vocabulary *vocabulary, const char *name,
                                      bool flows);
/* The word of an option with a value; "" for a flag that is false. NULL with a sentence. */
char *plan_option_word(const struct plan_reading *reading, const struct option_spec *spec,
                       const struct plan_node *value);
void plan_words_add(struct plan_words *words, char *text, struct plan_spot spot);
/* Adds the words of an option: one, or one for each item of a list. */
bool plan_add_option(const struct plan_reading *reading, const struct option_spec *spec,
                     const struct plan_node *value, struct plan_words *words);

/* Reads the list of flows. */
bool plan_read_flows(struct plan_reading *reading, const struct plan_node *flows);

#endif
