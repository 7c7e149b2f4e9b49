/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A plan file: hosts, groups, flows, options, sweeps and repeats, turned into words of the command
 * line. The names of options are those of their rows; nothing is listed twice. No input, no output.
 */
#ifndef FLOWRIG_PLANFILE_H
#define FLOWRIG_PLANFILE_H

#include <stdint.h>

#include "option.h"
#include "plan/plantree.h"

enum { PLANFILE_RUNS_MAX = 100000, PLANFILE_FLOWS_MAX = 10000 };

/* A word of the command line, and where the plan says so. */
struct plan_word {
    char *text;
    struct plan_spot spot;
};

struct plan_words {
    struct plan_word *list;
    size_t count;
};

/* An option with several values: words, "" where the value is to leave a flag out. */
struct plan_axis {
    char *option;
    bool zipped;
    struct plan_words words;
    char **labels; /* the values as they were written */
};

enum plan_order { PLAN_INTERLEAVED, PLAN_LISTED, PLAN_RANDOM };

struct planfile {
    struct plan_words options, flows; /* for all flows; for each */
    size_t flow_count;
    struct plan_axis *axes;
    size_t axis_count;
    size_t cells;  /* how many combinations the axes have */
    size_t repeat; /* runs of each */
    enum plan_order order;
    int64_t seed; /* of a random order */
};

/* The options that a plan may name, and the heading of those that are about flows. */
struct plan_vocabulary {
    const struct option_spec *specs;
    size_t count;
    const char *flow_group;
};

/* Reads a plan; false with a sentence that begins with name:line:column. planfile_free() it in both
 * cases. */
bool planfile_read(const char *name, const char *text, size_t length,
                   const struct plan_vocabulary *vocabulary, struct planfile *plan,
                   struct fail *fail);
void planfile_free(struct planfile *plan);

/* Which value of an axis a cell has. */
size_t planfile_value(const struct planfile *plan, size_t cell, size_t axis);
/* The cell's values as "rate=s=1M socket-option=b=TCP_CONGESTION=bbr", "all flows" without a sweep;
 * free() it. */
char *planfile_label(const struct planfile *plan, size_t cell);
/* All words of a cell in the order of the command line; they belong to the plan, the list to the
 * caller. */
struct plan_words planfile_words(const struct planfile *plan, size_t cell);
/* The cells in the order in which they are to run, cells * repeat numbers; free() them. */
size_t *planfile_order(const struct planfile *plan);

#endif
