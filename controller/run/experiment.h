/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An experiment: every run of a plan file, one after another, and what they have in common. */
#ifndef FLOWRIG_EXPERIMENT_H
#define FLOWRIG_EXPERIMENT_H

#include <stdbool.h>

/* Whether a word is the name of a plan file: it ends in .yaml or .yml. */
bool experiment_is_plan(const char *word);

/* Carries out the plan file at argv[index]; the other words of argv[1..] are options for each run.
 * Says on standard error what goes wrong; returns the exit status. */
int experiment_run(int argc, char **argv, int index);

#endif
