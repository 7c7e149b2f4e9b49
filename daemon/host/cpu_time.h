/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How busy the CPUs are: the thread that asks, and all of the host's together. */
#ifndef FLOWRIG_CPU_TIME_H
#define FLOWRIG_CPU_TIME_H

#include <stdint.h>

#include "clock.h"

/* The host's figure is of the last period of this length or more: reading it is slow where there
 * are many CPUs, so all threads share it. */
#define CPU_TIME_PERIOD (200 * NS_PER_MS)

/* CPU time of the calling thread, in ns, or METRIC_ABSENT. */
int64_t cpu_time_thread(void);

/* Ticks of all CPUs together since the host started: all, and those in which they were not idle. */
struct cpu_ticks {
    int64_t total, busy; /* total is 0 where nothing is known */
};

/* What was read last, at most CPU_TIME_PERIOD before `now`. From any thread. */
struct cpu_ticks cpu_time_ticks(int64_t now);
/* The busy share between two readings in ppm: 1000000 where all CPUs were busy; METRIC_ABSENT where
 * nothing has passed or is known. */
int64_t cpu_time_share(const struct cpu_ticks *from, const struct cpu_ticks *to);

/* The same in the last period that is over at `now`; METRIC_ABSENT where that began well before
 * `since`. From any thread. */
int64_t cpu_time_host(int64_t now, int64_t since);

/* Reads the first line of /proc/stat; false if it is none. */
bool cpu_time_parse(const char *line, struct cpu_ticks *ticks);

#endif
