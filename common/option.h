/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Table-driven command lines: one row gives an option's parsing and its lines in --help. */
#ifndef FLOWRIG_OPTION_H
#define FLOWRIG_OPTION_H

#include <stdio.h>

#include "fail.h"

enum option_argument {
    OPTION_NONE,
    OPTION_REQUIRED,
    OPTION_OPTIONAL, /* only joined to the option: -hWHAT, --help=WHAT */
    OPTION_LOOSE,    /* the same, or the next word unless that begins with a dash */
    OPTION_FOREIGN,  /* one that other tools have: refused as unknown with `help`, and not listed;
                      * with a letter that stands for something else here: added to what refuses that
                      * option without an argument or, where `value` is "#", with a number */
};

struct option_spec {
    char letter;      /* 0 where there is only the long name */
    const char *name; /* NULL where there is only the letter */
    enum option_argument argument;
    const char *value; /* how --help writes the argument: "x=#.#" */
    const char *group; /* the heading in --help that it stands under */
    const char *help;  /* a sentence or two; of OPTION_FOREIGN what to use instead */
    int id;            /* the caller's own */
};

/* Called for each option in the order of the command line. `given` is the option as a sentence
 * names it ("-T" or "--duration"), `value` is NULL where there is none. */
typedef bool option_handler(void *context, const struct option_spec *spec, const char *given,
                            const char *value, struct fail *fail);

/* Reads argv[1..]; operands are moved after the options and *operand is the index of the first.
 * Returns false and a sentence at the first option that is unknown or lacks its argument, or that
 * the handler refused. Not for threads (getopt). */
bool option_parse(int argc, char **argv, const struct option_spec *specs, size_t count,
                  option_handler *handler, void *context, int *operand, struct fail *fail);

/* The index of the first operand, or 0 where there is none or something is wrong with an option
 * before it. Nothing is taken or moved. Not for threads (getopt). */
int option_first_operand(int argc, char **argv, const struct option_spec *specs, size_t count);

/* Whether the word is an option that takes its argument joined to it only, and so has none. */
bool option_joins(const char *given, const struct option_spec *specs, size_t count);

/* The part of --help that lists the options, in the order of the table, under their groups. */
void option_help(FILE *out, const struct option_spec *specs, size_t count);

/* Prints `text` wrapped at 80 columns, each line after `indent` spaces; the cursor stands at
 * column `column` when it is called. */
void option_wrap(FILE *out, const char *text, int indent, int column);

/* The index of `value` among choices that --help writes "one|two|three"; -1 with a sentence. */
int option_choice(const char *choices, const char *value, struct fail *fail);

/* Takes one item, which it may change. */
typedef bool option_item_handler(void *context, char *item, struct fail *fail);

/* Hands the items of a list with commas over, in order, until one is refused. `none` is the
 * sentence where there is none. */
bool option_each_item(const char *list, const char *none, option_item_handler *take, void *context,
                      struct fail *fail);

#endif
