/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What tests of flowctl's options share: command lines in one string each, and what must come of
 * them. */
#ifndef FLOWRIG_UNIT_OPTIONS_LINE_H
#define FLOWRIG_UNIT_OPTIONS_LINE_H

#include "controller/run/options.h"

#include <string.h>

#include "clock.h"
#include "unit.h"

enum { WORDS_MAX = 80 };

/* Reads a command line in one string, its words parted by spaces; "_" stands for an empty word.
 * The words stay until the next call. */
static inline bool read_line(const char *text, struct run_options *options, struct fail *fail)
{
    static char copy[4096];
    static char *argv[WORDS_MAX + 1];
    char *save = NULL;
    int argc = 0;
    assert_true((size_t)snprintf(copy, sizeof copy, "flowctl %s", text) < sizeof copy);
    for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        assert_true(argc < WORDS_MAX);
        argv[argc++] = word;
        if (!strcmp(word, "_"))
            *word = '\0';
    }
    argv[argc] = NULL;
    memset(options, 0xaa, sizeof *options);
    *fail = (struct fail){0};
    return options_read(argc, argv, clock_wall(), options, fail);
}

/* Options of a good command line; options_free() them. */
static inline struct run_options good(const char *text)
{
    struct run_options options;
    struct fail fail;
    if (!read_line(text, &options, &fail))
        fail_msg("'%s' is refused: %s", text, fail.text);
    return options;
}

/* The flow in words, without its defaults. */
static inline void check_flow(const char *text, size_t flow, const char *expected)
{
    struct run_options options = good(text);
    assert_true(flow < options.plan->count);
    char *line = plan_describe_flow(options.plan, flow, false);
    if (strcmp(line, expected))
        fail_msg("'%s', flow %zu:\n'%s', not\n'%s'", text, flow, line, expected);
    free(line);
    options_free(&options);
}

#endif
