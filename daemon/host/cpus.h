/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sets of CPUs as they are given: "0-3,8", or those of a NUMA node, "node:1". */
#ifndef FLOWRIG_CPUS_H
#define FLOWRIG_CPUS_H

#include <sched.h>
#include <stdbool.h>

#include "fail.h"

/* Adds the CPUs of `list` to `set`. */
bool cpus_parse(const char *list, cpu_set_t *set, struct fail *fail);

/* Binds the calling thread, and those that it starts later, to these CPUs; to all of them or none.
 */
bool cpus_bind(const cpu_set_t *set, struct fail *fail);

#endif
