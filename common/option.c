/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "option.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

enum {
    LONG_BASE = 1000, /* what getopt_long() gives for row i: LONG_BASE + i */
    HELP_INDENT = 18,
    HELP_WIDTH = 80,
};

/* getopt's two descriptions of a table. */
struct getopt_tables {
    char *letters;
    struct option *names;
};

static struct getopt_tables build_tables(const struct option_spec *specs, size_t count)
{
    struct buffer letters = {0};
    struct getopt_tables tables = {.names = mem_new(count + 1, sizeof *tables.names)};
    size_t names = 0;
    buffer_text(&letters, ":");
    for (size_t i = 0; i < count; i++) {
        static const char *const colons[] = {"", ":", "::", "::"};
        static const int kinds[] = {no_argument, required_argument, optional_argument,
                                    optional_argument};
        if (specs[i].letter)
            buffer_printf(&letters, "%c%s", specs[i].letter, colons[specs[i].argument]);
        if (specs[i].name)
            tables.names[names++] = (struct option){.name = specs[i].name,
                                                    .has_arg = kinds[specs[i].argument],
                                                    .val = LONG_BASE + (int)i};
    }
    buffer_add(&letters, "", 1);
    tables.letters = letters.data;
    return tables;
}

static const struct option_spec *find_spec(const struct option_spec *specs, size_t count, int code)
{
    if (code >= LONG_BASE)
        return &specs[code - LONG_BASE];
    for (size_t i = 0; i < count; i++)
        if (specs[i].letter == code)
            return &specs[i];
    return NULL;
}

/* The option as it was typed: "-x", or the long word before its "=". */
static void name_given(char *given, size_t size, int letter, const char *word)
{
    if (letter)
        snprintf(given, size, "-%c", letter);
    else
        snprintf(given, size, "%.*s", (int)strcspn(word, "="), word);
}

/* What the option is given, NULL for nothing. */
static const char *option_value(const struct option_spec *spec, int code, int argc, char **argv)
{
    bool optional = spec->argument == OPTION_OPTIONAL || spec->argument == OPTION_LOOSE;
    if (optarg)
        return optarg + (code < LONG_BASE && optional && optarg[0] == '=');
    if (spec->argument == OPTION_LOOSE && optind < argc && argv[optind][0] != '-')
        return argv[optind++];
    return NULL;
}

static bool take_option(int code, int argc, char **argv, int before,
                        const struct option_spec *specs, size_t count, option_handler *handler,
                        void *context, struct fail *fail)
{
    char given[64];
    /* getopt does not tell which word it read: a long option is the word at `before` unless it
     * moved operands, and then the last one that begins with two dashes. */
    const char *word = argv[before];
    for (int i = optind - 1; i >= before && strncmp(word, "--", 2); i--)
        if (!strncmp(argv[i], "--", 2))
            word = argv[i];
    if (code == ':' || code == '?') {
        name_given(given, sizeof given, optopt < LONG_BASE ? optopt : 0, word);
        if (code == ':')
            return fail_set(fail, 0, "option %s needs an argument", given);
        if (optopt >= LONG_BASE)
            return fail_set(fail, 0, "option %s takes no argument", given);
        return fail_set(fail, 0, "unknown option %s; --help lists the options", given);
    }
    const struct option_spec *spec = find_spec(specs, count, code);
    if (code >= LONG_BASE)
        snprintf(given, sizeof given, "--%s", spec->name);
    else
        snprintf(given, sizeof given, "-%c", spec->letter);
    return handler(context, spec, given, option_value(spec, code, argc, argv), fail);
}

bool option_parse(int argc, char **argv, const struct option_spec *specs, size_t count,
                  option_handler *handler, void *context, int *operand, struct fail *fail)
{
    struct getopt_tables tables = build_tables(specs, count);
    bool good = true;
    opterr = 0;
    optind = 0; /* GNU: forget an earlier command line */
    while (good) {
        int before = optind ? optind : 1;
        int code = getopt_long(argc, argv, tables.letters, tables.names, NULL);
        if (code == -1)
            break;
        good = take_option(code, argc, argv, before, specs, count, handler, context, fail);
    }
    *operand = optind;
    free(tables.letters);
    free(tables.names);
    return good;
}

void option_wrap(FILE *out, const char *text, int indent, int column)
{
    while (*text) {
        int word = (int)strcspn(text, " ");
        if (column > indent && column + 1 + word > HELP_WIDTH) {
            fputc('\n', out);
            column = 0;
        } else if (column > indent) {
            column += fprintf(out, " ");
        }
        if (column < indent)
            column += fprintf(out, "%*s", indent - column, "");
        column += fprintf(out, "%.*s", word, text);
        text += word;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

static int print_head(FILE *out, const struct option_spec *spec)
{
    int column = fprintf(out, "  ");
    if (spec->letter)
        column += fprintf(out, "-%c%s", spec->letter, spec->name ? ", " : "");
    else
        column += fprintf(out, "    ");
    if (spec->name)
        column += fprintf(out, "--%s", spec->name);
    if (spec->argument == OPTION_OPTIONAL || spec->argument == OPTION_LOOSE)
        column += fprintf(out, "[=%s]", spec->value);
    else if (spec->argument == OPTION_REQUIRED)
        column += fprintf(out, "%s%s", spec->name ? "=" : " ", spec->value);
    return column;
}

void option_help(FILE *out, const struct option_spec *specs, size_t count)
{
    const char *group = NULL;
    for (size_t i = 0; i < count; i++) {
        if (!group || strcmp(group, specs[i].group)) {
            group = specs[i].group;
            fprintf(out, "\n%s:\n", group);
        }
        int column = print_head(out, &specs[i]);
        if (column > HELP_INDENT - 2) {
            fputc('\n', out);
            column = 0;
        }
        option_wrap(out, specs[i].help, HELP_INDENT, column);
    }
}

bool option_each_item(const char *list, const char *none, option_item_handler *take, void *context,
                      struct fail *fail)
{
    if (!list[strspn(list, ",")])
        return fail_set(fail, 0, "%s", none);
    char *copy = mem_strdup(list), *save = NULL;
    bool good = true;
    for (char *item = strtok_r(copy, ",", &save); good && item; item = strtok_r(NULL, ",", &save))
        good = take(context, item, fail);
    free(copy);
    return good;
}
