/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What this process uses of its host. */
#ifndef FLOWRIG_OWN_PROCESS_H
#define FLOWRIG_OWN_PROCESS_H

#include <stdint.h>

/* METRIC_ABSENT where the system does not say. */
struct own_process {
    int64_t cpu;                    /* time of all threads, ns */
    int64_t resident, virtual_size; /* bytes of memory */
    int64_t threads;
    int64_t files, files_max; /* open ones */
};

/* Asks the system. */
void own_process_read(struct own_process *process);

#endif
