/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "option.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "nearest.h"

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

/* `order` is ":", or "+:" to stop at the first operand. */
static struct getopt_tables build_tables(const struct option_spec *specs, size_t count,
                                         const char *order)
{
    struct buffer letters = {0};
    struct getopt_tables tables = {.names = mem_new(count + 1, sizeof *tables.names)};
    size_t names = 0;
    buffer_text(&letters, order);
    for (size_t i = 0; i < count; i++) {
        static const char *const colons[] = {"", ":", "::", "::"};
        static const int kinds[] = {no_argument, required_argument, optional_argument,
                                    optional_argument};
        if (specs[i].argument == OPTION_FOREIGN)
            continue;
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
        if (specs[i].letter == code && specs[i].argument != OPTION_FOREIGN)
            return &specs[i];
    return NULL;
}

/* What to say of an option that is not in the table: where it is another tool's, what to use here;
 * else the long name that was probably meant. */
static bool refuse_unknown(const char *given, const struct option_spec *specs, size_t count,
                           struct fail *fail)
{
    bool is_word = given[1] == '-';
    struct nearest nearest = nearest_to(is_word ? given + 2 : "");
    for (size_t i = 0; i < count; i++) {
        bool same = is_word ? specs[i].name && !strcmp(specs[i].name, given + 2)
                            : specs[i].letter && specs[i].letter == given[1];
        if (same && specs[i].argument == OPTION_FOREIGN)
            return fail_set(fail, 0, "unknown option %s; %s", given, specs[i].help);
        if (is_word && specs[i].name && specs[i].argument != OPTION_FOREIGN)
            nearest_try(&nearest, specs[i].name);
    }
    if (nearest.name)
        return fail_set(fail, 0, "unknown option %s; did you mean --%s?", given, nearest.name);
    return fail_set(fail, 0, "unknown option %s; --help lists the options", given);
}

/* Adds what to say of an option that another tool has, too, with another meaning, where it lacks
 * its argument or has that tool's. Returns false. */
static bool add_hint(const struct option_spec *specs, size_t count, int letter, const char *value,
                     struct fail *fail)
{
    char said[FAIL_TEXT_MAX];
    for (size_t i = 0; i < count; i++) {
        bool same = letter && specs[i].argument == OPTION_FOREIGN && specs[i].letter == letter;
        bool theirs = !value || (specs[i].value && value[0] >= '0' && value[0] <= '9');
        if (!same || !theirs)
            continue;
        snprintf(said, sizeof said, "%s", fail->text);
        return fail_set(fail, fail->code, "%s; %s", said, specs[i].help);
    }
    return false;
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
        if (code == ':') {
            fail_set(fail, 0, "option %s needs an argument", given);
            return add_hint(specs, count, optopt < LONG_BASE ? optopt : 0, NULL, fail);
        }
        if (optopt >= LONG_BASE)
            return fail_set(fail, 0, "option %s takes no argument", given);
        return refuse_unknown(given, specs, count, fail);
    }
    const struct option_spec *spec = find_spec(specs, count, code);
    if (code >= LONG_BASE)
        snprintf(given, sizeof given, "--%s", spec->name);
    else
        snprintf(given, sizeof given, "-%c", spec->letter);
    const char *value = option_value(spec, code, argc, argv);
    return handler(context, spec, given, value, fail) ||
           add_hint(specs, count, code < LONG_BASE ? code : 0, value, fail);
}

bool option_parse(int argc, char **argv, const struct option_spec *specs, size_t count,
                  option_handler *handler, void *context, int *operand, struct fail *fail)
{
    struct getopt_tables tables = build_tables(specs, count, ":");
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

int option_first_operand(int argc, char **argv, const struct option_spec *specs, size_t count)
{
    struct getopt_tables tables = build_tables(specs, count, "+:");
    int code;
    opterr = 0;
    optind = 0; /* GNU: forget an earlier command line */
    while ((code = getopt_long(argc, argv, tables.letters, tables.names, NULL)) != -1) {
        if (code == ':' || code == '?')
            break;
        option_value(find_spec(specs, count, code), code, argc, argv);
    }
    free(tables.letters);
    free(tables.names);
    return code == -1 && optind < argc ? optind : 0;
}

bool option_joins(const char *given, const struct option_spec *specs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool letter =
            given[0] == '-' && given[1] == specs[i].letter && specs[i].letter && !given[2];
        bool name = !strncmp(given, "--", 2) && specs[i].name && !strcmp(given + 2, specs[i].name);
        if (specs[i].argument == OPTION_OPTIONAL && (letter || name))
            return true;
    }
    return false;
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
        if (specs[i].argument == OPTION_FOREIGN)
            continue;
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
    size_t length = strlen(list);
    if (list[0] == ',' || list[length - 1] == ',' || strstr(list, ",,"))
        return fail_set(fail, 0, "'%s' has a comma with nothing before or after it", list);
    char *copy = mem_strdup(list), *save = NULL;
    bool good = true;
    for (char *item = strtok_r(copy, ",", &save); good && item; item = strtok_r(NULL, ",", &save))
        good = take(context, item, fail);
    free(copy);
    return good;
}

int option_choice(const char *choices, const char *value, struct fail *fail)
{
    struct buffer list = {0};
    int index = 0;
    for (const char *at = choices; at; index++) {
        size_t length = strcspn(at, "|");
        if (strlen(value) == length && !memcmp(at, value, length)) {
            buffer_free(&list);
            return index;
        }
        buffer_printf(&list, "%s%.*s", index ? ", " : "", (int)length, at);
        at = at[length] ? at + length + 1 : NULL;
    }
    buffer_add(&list, "", 1);
    fail_set(fail, 0, "'%s' is not one of %s", value, list.data);
    buffer_free(&list);
    return -1;
}
