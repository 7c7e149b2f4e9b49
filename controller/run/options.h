/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command line of flowctl: settings per flow, and what shall be shown and written. */
#ifndef FLOWRIG_OPTIONS_H
#define FLOWRIG_OPTIONS_H

#include "results/clocksync.h"
#include "fleet/access.h"
#include "output/output_options.h"
#include "plan/plan.h"

struct summary;

enum help_topic { HELP_NONE, HELP_GENERAL, HELP_SOCKET, HELP_TRAFFIC, HELP_OUTPUT };

struct run_options {
    struct plan *plan; /* owned */
    struct output_options output;
    int verbosity; /* how often -d was given */
    bool dry_run, embedded;
    enum clock_mode clock; /* --clock */
    int64_t start_at;      /* --start-at, ns since 1970; 0: as soon as the flows are ready */
    struct access_options access;
    int argc; /* what was read ... */
    char **argv;
    int64_t read_at;     /* ... and when, ns since 1970 */
    const char *operand; /* NULL, or a word that is not an option: there should be none */
    enum help_topic help;
    bool version;
    /* Called with the summary of a run that was measured; NULL: nobody asks. Set after
     * options_read(). */
    void (*summed)(void *context, const struct summary *summary);
    void *summed_context;
};

/* Reads argv[1..]; returns false with a sentence where something is wrong. The plan is there unless
 * help or the version was asked for. `now` is the present, ns since 1970; who reads the options of
 * a run again passes what it was then. */
bool options_read(int argc, char **argv, int64_t now, struct run_options *options,
                  struct fail *fail);
/* Frees what options_read() made, also where it failed. */
void options_free(struct run_options *options);

enum { OPTIONS_SPECS_MAX = 160 };

/* The heading that options about flows stand under. */
extern const char options_flow_group[];

/* Writes the rows of all options to `specs`; returns their number, at most OPTIONS_SPECS_MAX. */
size_t options_specs(struct option_spec *specs);

#endif
