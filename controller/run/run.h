/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A run, from the plan to the summary. */
#ifndef FLOWRIG_RUN_H
#define FLOWRIG_RUN_H

#include "run/options.h"
#include "run/run_file.h"

/* What flowctl exits with. */
enum {
    EXIT_OK = 0,
    EXIT_USAGE = 1,
    EXIT_PARTIAL = 2,     /* a flow failed, or a result is partial */
    EXIT_NOT_REACHED = 3, /* no daemon was reached */
    EXIT_REGRESSION = 4,  /* a condition of --fail-if holds */
};

/* Carries the plan out; says on standard error what goes wrong. Returns the exit status. */
int run_execute(struct run_options *options);

/* Goes on with a run whose controller died, by its file, which it takes over; `options` are those
 * that the file has. Returns the exit status. */
int run_attach(struct run_options *options, struct run_file *file);

#endif
