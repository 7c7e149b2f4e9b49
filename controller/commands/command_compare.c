/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/command.h"
#include "log.h"
#include "mem.h"
#include "number.h"
#include "output/compare_text.h"
#include "output/stored_runs.h"
#include "run/run.h"

enum { OPT_FAIL_IF, OPT_JSON, CONDITIONS_MAX = 16 };

static const struct option_spec specs[] = {
    {0, "fail-if", OPTION_REQUIRED, "CONDITION", "Options",
     "exit with status 4 if B differs so from A: a figure, < or >, and a percentage of A, such as "
     "'goodput < -5%' or 'rtt > 10%'; may be repeated",
     OPT_FAIL_IF},
    {0, "json", OPTION_NONE, NULL, "Options", "print a JSON object instead of a table", OPT_JSON},
};

/* --fail-if: "goodput < -5%". */
struct condition {
    const char *text;
    enum run_figure figure;
    bool below;
    double limit; /* relative */
};

struct compare_arguments {
    struct condition conditions[CONDITIONS_MAX];
    size_t condition_count;
    bool json;
};

static bool parse_condition(const char *text, struct condition *condition, struct fail *fail)
{
    size_t name = strcspn(text, " <>"), at = name + strspn(text + name, " ");
    int figure = run_figure_find(text, name);
    char sign = text[at];
    if (figure < 0)
        return fail_set(fail, 0,
                        "'%.*s' is not a figure; expected one of: goodput, retransmitted, rtt, "
                        "min_rtt, lost, jitter, fairness",
                        (int)name, text);
    char *number = mem_strdup(sign ? text + at + 1 + strspn(text + at + 1, " ") : "");
    size_t length = strlen(number);
    bool percent = length && number[length - 1] == '%';
    if (percent)
        number[length - 1] = '\0';
    *condition = (struct condition){text, (enum run_figure)figure, sign == '<', 0};
    bool good = (sign == '<' || sign == '>') && percent &&
                number_parse_real(number, &condition->limit, NULL);
    free(number);
    condition->limit /= 100;
    return good || fail_set(fail, 0, "'%s' is not a condition such as 'goodput < -5%%'", text);
}

static bool handle(void *context, const struct option_spec *spec, const char *given,
                   const char *value, struct fail *fail)
{
    struct compare_arguments *arguments = context;
    if (spec->id == OPT_JSON) {
        arguments->json = true;
        return true;
    }
    if (arguments->condition_count == CONDITIONS_MAX)
        return fail_set(fail, 0, "option %s: at most %d conditions", given, CONDITIONS_MAX);
    return parse_condition(value, &arguments->conditions[arguments->condition_count++], fail) ||
           fail_prefix(fail, "option %s", given);
}

/* The exit status, with a sentence for each condition that holds or can't be judged. */
static int judge(const struct compare_arguments *arguments, const struct comparison *comparison)
{
    int status = EXIT_OK;
    for (size_t i = 0; i < arguments->condition_count; i++) {
        const struct condition *condition = &arguments->conditions[i];
        const struct compare_result *result = &comparison->results[condition->figure];
        double relative = result->difference == 0 ? 0 : result->relative;
        if (isnan(relative)) {
            log_error("compare: '%s' can't be judged: %s", condition->text,
                      isnan(result->difference) ? "the runs lack the figure" : "it is 0 in A");
            status = status == EXIT_REGRESSION ? status : EXIT_PARTIAL;
        } else if (condition->below ? relative < condition->limit : relative > condition->limit) {
            log_error("compare: '%s' holds: the difference is %+.2f %%", condition->text,
                      100 * relative);
            status = EXIT_REGRESSION;
        }
    }
    return status;
}

static int compare_runs(struct command_line *line)
{
    struct compare_arguments arguments = {0};
    struct fail fail;
    int status;
    if (!command_read(line, &arguments, &status))
        return status;
    struct run_list a = {0}, b = {0};
    sqlite3 *database = database_open(line->operands[0], &fail);
    if (database && run_list_read(database, line->operands[1], true, &a, &fail) &&
        run_list_read(database, line->operands[2], true, &b, &fail)) {
        struct comparison comparison;
        compare_lists(&a, &b, &comparison);
        (arguments.json ? compare_json : compare_table)(&comparison, line->operands[1],
                                                        line->operands[2], stdout);
        status = judge(&arguments, &comparison);
    } else {
        log_error("compare: %s", fail.text);
        status = EXIT_USAGE;
    }
    run_list_free(&a);
    run_list_free(&b);
    sqlite3_close(database);
    return status;
}

static void list_figures(FILE *out)
{
    fprintf(out, "\nFigures:\n");
    for (int i = 0; i < RUN_FIGURES; i++)
        fprintf(out, "  %-14s %s\n", run_figures_list[i].name, run_figures_list[i].help);
}

const struct command command_compare = {
    .name = "compare",
    .arguments = "DATABASE A B",
    .least = 3,
    .most = 3,
    .sentence = "Compares two runs or two groups of runs of a database. A and B are numbers and "
                "ranges of runs (3,5-9), prefixes of their identifiers, or title=TEXT.",
    .specs = specs,
    .spec_count = COUNT(specs),
    .take = handle,
    .explain = list_figures,
    .run = compare_runs,
};
