/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What tests of common/option.c share: a table of options, command lines, and what came of one. */
#ifndef FLOWRIG_UNIT_OPTION_LINE_H
#define FLOWRIG_UNIT_OPTION_LINE_H

#include "option.h"

#include <stdint.h>
#include <string.h>

#include "mem.h"
#include "unit.h"

enum { ROUNDS = 20000, WORDS_MAX = 16 };

static const struct option_spec specs[] = {
    {'n', "flows", OPTION_REQUIRED, "#", "Flows", "number of flows", 1},
    {'F', NULL, OPTION_REQUIRED, "#", "Flows", "flows that the options behind it are for", 2},
    {'Q', "quiet", OPTION_NONE, NULL, "Flows", "say less", 3},
    {'L', "late-connect", OPTION_NONE, NULL, "Flows", "connect late", 4},
    {0, "drain", OPTION_REQUIRED, "#.#", "Other", "read on for so long", 5},
    {0, "dry-run", OPTION_NONE, NULL, "Other", "print the plan", 6},
    {'h', "help", OPTION_OPTIONAL, "TOPIC", "Other", "print this help", 7},
    {'v', NULL, OPTION_OPTIONAL, "LEVEL", "Other", "say more", 8},
};

/* A command line cut at spaces; the word '' is an empty one. */
struct line {
    char copy[256];
    char *argv[WORDS_MAX + 1];
    int argc;
};

static inline void split(const char *text, struct line *line)
{
    char *save = NULL;
    *line = (struct line){.argc = 1};
    line->argv[0] = strcpy(line->copy, "flowctl");
    char *rest = strcpy(line->copy + sizeof "flowctl", text);
    for (char *word = strtok_r(rest, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        if (!strcmp(word, "''"))
            *word = '\0';
        assert_true(line->argc < WORDS_MAX);
        line->argv[line->argc++] = word;
    }
}

static inline void record(struct buffer *seen, const char *name, const char *value)
{
    buffer_printf(seen, "%s%s%s%s", seen->length ? " " : "", name, value ? "=" : "",
                  value ? value : "");
}

/* Writes what it is called with; refuses the option whose id is 6. */
static inline bool take(void *context, const struct option_spec *spec, const char *given,
                        const char *value, struct fail *fail)
{
    if (spec->id == 6)
        return fail_set(fail, 7, "refused by the handler");
    record(context, given, value);
    return true;
}

struct outcome {
    bool good;
    char *options;  /* "-n=5 --quiet" */
    char *operands; /* "one two" */
    struct fail fail;
};

static inline void run_with(const struct option_spec *table, size_t count, const char *text,
                            struct outcome *outcome)
{
    struct line line;
    struct buffer options = {0}, operands = {0};
    int operand = -1;
    *outcome = (struct outcome){0};
    split(text, &line);
    outcome->good =
        option_parse(line.argc, line.argv, table, count, take, &options, &operand, &outcome->fail);
    for (int i = operand; outcome->good && i < line.argc; i++)
        record(&operands, line.argv[i], NULL);
    buffer_add(&options, "", 1);
    buffer_add(&operands, "", 1);
    outcome->options = options.data;
    outcome->operands = operands.data;
}

static inline void run(const char *text, struct outcome *outcome)
{
    run_with(specs, COUNT(specs), text, outcome);
}

static inline void outcome_free(struct outcome *outcome)
{
    free(outcome->options);
    free(outcome->operands);
}

#endif
