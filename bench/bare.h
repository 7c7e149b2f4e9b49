/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the bare loops that flowrig is compared with have in common. */
#ifndef FLOWRIG_BENCH_BARE_H
#define FLOWRIG_BENCH_BARE_H

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline void die(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

/* CLOCK_MONOTONIC in seconds. */
static inline double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* Binds the calling thread to a CPU. */
static inline void pin(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set))
        die("a thread can't be bound to its CPU");
}

#endif
