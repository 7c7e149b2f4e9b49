/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The kernel's own view of a TCP connection, as metrics. */
#ifndef FLOWRIG_TCPINFO_H
#define FLOWRIG_TCPINFO_H

#include <stdbool.h>
#include <stdint.h>

#include "net/ccinfo.h"
#include "metrics.h"

/* The metrics that the kernel gives lie together, from the first KERNEL line of metrics.def on. */
enum {
    TCPINFO_FIRST = METRIC_tcp_state,
    TCPINFO_COUNT = METRICS - TCPINFO_FIRST,
};

/* The 64-bit running totals of the kernel's counters, most of which have 32 bits and wrap. */
struct tcpinfo {
    int64_t raw[TCPINFO_COUNT];   /* counters as read last */
    int64_t total[TCPINFO_COUNT]; /* counted since the baseline */
    enum ccinfo_kind cc_kind;     /* of the algorithm that ran at the baseline */
};

/* Reads the connection and makes it the baseline: counters count from here. `values` (indexed by
 * enum metric) gets gauges, and counters as the kernel has them. Returns false, and leaves the
 * values absent, where the socket is no TCP connection. */
bool tcpinfo_baseline(int fd, struct tcpinfo *info, int64_t values[METRICS]);
/* The same, but counters since the baseline. Called at least once in 2^32 counts. */
bool tcpinfo_read(int fd, struct tcpinfo *info, int64_t values[METRICS]);

/* tcpi_state of the connection, 0 where there is none (enum of netinet/tcp.h). */
int tcpinfo_state(int fd);

#endif
