/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/experiment.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "file.h"
#include "fleet/interrupt.h"
#include "log.h"
#include "mem.h"
#include "output/formats.h"
#include "run/experiment_table.h"
#include "run/options.h"
#include "run/run.h"

struct experiment {
    const char *path;
    struct planfile plan;
    char **given; /* words of the command line before those of the plan */
    int given_count;
    bool dry_run, takes_stdout;
    struct cell_samples *cells;
    size_t failed;
};

bool experiment_is_plan(const char *word)
{
    static const char *const endings[] = {".yaml", ".yml"};
    for (size_t i = 0; i < COUNT(endings); i++) {
        size_t length = strlen(word), end = strlen(endings[i]);
        if (length > end && !strcmp(word + length - end, endings[i]))
            return true;
    }
    return false;
}

/* ---- a cell as a command line */

struct cell_line {
    char **argv; /* the first `fixed` words are not of the plan, but for -n */
    int argc, fixed;
    struct plan_words words;
    char *flows, *title; /* NULL: there is none */
};

/* Whether the word may be -F, alone or after other letters: what follows is for some flows only. */
static bool may_select(const char *word)
{
    return word[0] == '-' &&
           (word[1] == '-' ? !strncmp(word, "--fl", 4) : strchr(word, 'F') != NULL);
}

/* A title by which a database can tell the cells; one that is asked for comes later, and is taken.
 */
static char *make_title(const struct planfile *plan, size_t cell)
{
    char *label = plan->axis_count ? planfile_label(plan, cell) : NULL;
    char *title =
        label && strlen(label) <= OUTPUT_TITLE_MAX ? mem_printf("--title=%s", label) : NULL;
    free(label);
    return title;
}

static struct cell_line make_line(const struct experiment *experiment, size_t cell)
{
    static char program[] = "flowctl", all[] = "--flow=-1";
    size_t flows = experiment->plan.flow_count;
    struct cell_line line = {.words = planfile_words(&experiment->plan, cell)};
    line.argv = mem_new((size_t)experiment->given_count + line.words.count + 5, sizeof(char *));
    line.argv[line.argc++] = program;
    line.title = make_title(&experiment->plan, cell);
    if (line.title)
        line.argv[line.argc++] = line.title;
    bool selected = false;
    for (int i = 0; i < experiment->given_count; i++) {
        line.argv[line.argc++] = experiment->given[i];
        selected |= may_select(experiment->given[i]);
    }
    if (selected)
        line.argv[line.argc++] = all;
    if (flows) {
        line.flows = mem_printf("--flows=%zu", flows);
        line.argv[line.argc++] = line.flows;
    }
    line.fixed = line.argc;
    for (size_t i = 0; i < line.words.count; i++)
        line.argv[line.argc++] = line.words.list[i].text;
    return line;
}

static void free_line(struct cell_line *line)
{
    free(line->argv);
    free(line->words.list);
    free(line->flows);
    free(line->title);
}

/* Whether the first `count` words alone fail with this sentence. */
static bool fails_so(const struct cell_line *line, int count, const char *text)
{
    struct run_options options;
    struct fail fail = {0};
    bool good = options_read(count, line->argv, clock_wall(), &options, &fail);
    options_free(&options);
    return !good && !strcmp(fail.text, text);
}

/* Puts the place of the first word with which the line fails so before the sentence. */
static void place(const struct experiment *experiment, const struct cell_line *line,
                  struct fail *fail)
{
    int low = line->fixed, high = line->argc;
    if (low == high || fails_so(line, low, fail->text)) {
        fail_prefix(fail, "%s", experiment->path);
        return;
    }
    while (high - low > 1) {
        int middle = (low + high) / 2;
        *(fails_so(line, middle, fail->text) ? &high : &low) = middle;
    }
    struct plan_spot spot = line->words.list[high - 1 - line->fixed].spot;
    fail_prefix(fail, "%s:%zu:%zu", experiment->path, spot.line, spot.column);
}

/* Files that a second run would find there, or overwrite. */
static bool check_files(const struct experiment *experiment, const struct run_options *options,
                        struct fail *fail)
{
    if (experiment->plan.cells * experiment->plan.repeat == 1)
        return true;
    if (options->output.log_file && strcmp(options->output.log_file, "-"))
        return fail_set(fail, 0,
                        "%s: all runs would write the log %s; log-file: true names one for each",
                        experiment->path, options->output.log_file);
    for (size_t i = 0; i < options->output.output_count; i++) {
        const struct output_request *output = &options->output.outputs[i];
        bool shared = output->format->needs_target || !output->target ||
                      !strcmp(output->target, "-") || strstr(output->target, "://");
        if (!shared)
            return fail_set(fail, 0,
                            "%s: all runs would write %s; for several runs use a database, such as "
                            "sqlite:FILE",
                            experiment->path, output->target);
    }
    return true;
}

/* Reads a cell's command line; options_free() and free_line() in both cases. */
static bool read_line(const struct experiment *experiment, struct cell_line *line,
                      struct run_options *options, struct fail *fail)
{
    if (!options_read(line->argc, line->argv, clock_wall(), options, fail)) {
        place(experiment, line, fail);
        return false;
    }
    return !options->plan || check_files(experiment, options, fail);
}

/* ---- before the first run */

/* Nothing starts unless every cell can. */
static bool check_cells(struct experiment *experiment, struct fail *fail)
{
    bool good = true;
    for (size_t i = 0; good && i < experiment->plan.cells; i++) {
        struct run_options options;
        struct cell_line line = make_line(experiment, i);
        good = read_line(experiment, &line, &options, fail);
        experiment->dry_run |= options.dry_run;
        experiment->takes_stdout |= options.output.takes_stdout;
        if (good && !options.plan)
            good = fail_set(fail, 0, "%s: --help and --version take no plan", experiment->path);
        options_free(&options);
        free_line(&line);
    }
    return good;
}

/* A word that a shell reads as it is written here. */
static void print_word(const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-_=.,:/@%+[]";
    if (*word && strspn(word, plain) == strlen(word)) {
        printf(" %s", word);
        return;
    }
    printf(" '");
    for (; *word; word++)
        *word == '\'' ? (void)printf("'\\''") : (void)putchar(*word);
    printf("'");
}

static int print_cells(const struct experiment *experiment)
{
    static const char *const orders[] = {"interleaved", "listed", "random"};
    const struct planfile *plan = &experiment->plan;
    printf("cells: %zu\nrepeats: %zu\nruns: %zu\norder: %s", plan->cells, plan->repeat,
           plan->cells * plan->repeat, orders[plan->order]);
    if (plan->order == PLAN_RANDOM)
        printf(", seed %lld", (long long)plan->seed);
    printf("\n");
    for (size_t i = 0; i < plan->cells; i++) {
        struct cell_line line = make_line(experiment, i);
        char *label = planfile_label(plan, i);
        printf("cell %zu, %s: flowctl", i + 1, label);
        for (int k = 1; k < line.argc; k++)
            if (strcmp(line.argv[k], "--dry-run"))
                print_word(line.argv[k]);
        printf("\n");
        free(label);
        free_line(&line);
    }
    size_t *order = planfile_order(plan);
    printf("sequence:");
    for (size_t i = 0; i < plan->cells * plan->repeat; i++)
        printf(" %zu", order[i] + 1);
    printf("\n");
    free(order);
    return EXIT_OK;
}

/* ---- the runs */

static void take_summary(void *context, const struct summary *summary)
{
    experiment_figures(summary, context);
}

static int run_cell(struct experiment *experiment, size_t cell)
{
    struct run_options options;
    struct run_figures figures;
    struct fail fail;
    struct cell_line line = make_line(experiment, cell);
    int status = EXIT_USAGE;
    if (read_line(experiment, &line, &options, &fail)) {
        options.summed = take_summary;
        options.summed_context = &figures;
        log_set_level(LOG_LEVEL_WARNING + options.verbosity);
        status = run_execute(&options);
    } else {
        log_error("%s", fail.text);
    }
    if (status == EXIT_OK) {
        experiment->cells[cell].runs++;
        experiment_add(&experiment->cells[cell], &figures);
    } else if (status != EXIT_INTERRUPTED) {
        experiment->cells[cell].runs++;
        experiment->cells[cell].failed++;
        experiment->failed++;
    }
    options_free(&options);
    free_line(&line);
    return status;
}

static int run_cells(struct experiment *experiment)
{
    const struct planfile *plan = &experiment->plan;
    size_t runs = plan->cells * plan->repeat, *order = planfile_order(plan), done = 0;
    experiment->cells = mem_new(plan->cells, sizeof *experiment->cells);
    interrupt_catch();
    for (; done < runs && !interrupt_asked(); done++) {
        char *label = planfile_label(plan, order[done]);
        fprintf(stderr, "flowctl: run %zu of %zu: %s\n", done + 1, runs, label);
        int status = run_cell(experiment, order[done]);
        if (status != EXIT_OK && status != EXIT_INTERRUPTED)
            log_warning("run %zu of %zu failed (status %d): %s", done + 1, runs, status, label);
        free(label);
        if (status == EXIT_INTERRUPTED)
            break;
    }
    free(order);
    if (done < runs)
        log_warning("the plan was interrupted after %zu of %zu runs", done, runs);
    FILE *out = experiment->takes_stdout ? stderr : stdout;
    fprintf(out, "\n");
    experiment_print(plan, experiment->cells, out);
    experiment_free(experiment->cells, plan->cells);
    return done < runs ? EXIT_INTERRUPTED : experiment->failed ? EXIT_PARTIAL : EXIT_OK;
}

static bool read_plan(struct experiment *experiment, struct fail *fail)
{
    struct option_spec specs[OPTIONS_SPECS_MAX];
    struct plan_vocabulary vocabulary = {specs, options_specs(specs), options_flow_group};
    int fd = file_open(NULL, experiment->path, O_RDONLY | O_CLOEXEC, 0, fail);
    char *text = fd < 0 ? NULL : file_read_text(experiment->path, fd, PLANTREE_SIZE_MAX, fail);
    bool good = text && planfile_read(experiment->path, text, strlen(text), &vocabulary,
                                      &experiment->plan, fail);
    if (fd >= 0)
        close(fd);
    free(text);
    return good;
}

int experiment_run(int argc, char **argv, int index)
{
    struct experiment experiment = {.path = argv[index]};
    struct fail fail;
    int status;
    experiment.given = mem_new((size_t)argc, sizeof *experiment.given);
    for (int i = 1; i < argc; i++)
        if (i != index)
            experiment.given[experiment.given_count++] = argv[i];
    if (!read_plan(&experiment, &fail) || !check_cells(&experiment, &fail)) {
        log_error("%s", fail.text);
        status = EXIT_USAGE;
    } else {
        status = experiment.dry_run ? print_cells(&experiment) : run_cells(&experiment);
    }
    planfile_free(&experiment.plan);
    free(experiment.given);
    return status;
}
