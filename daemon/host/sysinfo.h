/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What this machine is and what bounds the daemon on it. */
#ifndef FLOWRIG_SYSINFO_H
#define FLOWRIG_SYSINFO_H

#include <sched.h>

#include "protocol.h"

/* Fills what the system says: host, OS, CPUs, congestion controls, open files, ports. The other
 * members are left alone. */
void sysinfo_describe(struct describe_reply *reply);

/* Whether the system gives out sockets of MPTCP. */
bool sysinfo_has_mptcp(void);

/* The CPUs that this process may use, in order; returns how many, at most `most`. */
int sysinfo_cpus(int *cpus, int most);

/* Fills all but `received`: the clocks as they are now, and what the kernel says of the wall clock
 * (adjtimex(2)). */
void sysinfo_clock(struct clock_reply *reply);

#endif
