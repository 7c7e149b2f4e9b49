/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `flowctl --help` and its topics print. */
#ifndef FLOWRIG_RUN_HELP_H
#define FLOWRIG_RUN_HELP_H

#include "run/options.h"

/* Prints the help on a topic. */
void run_help(enum help_topic topic);

#endif
