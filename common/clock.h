/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Time as signed 64-bit nanoseconds, and the estimate of another host's clock. */
#ifndef FLOWRIG_CLOCK_H
#define FLOWRIG_CLOCK_H

#include <stdint.h>

#define NS_PER_US  INT64_C(1000)
#define NS_PER_MS  INT64_C(1000000)
#define NS_PER_SEC INT64_C(1000000000)

/* No deadline: later than every instant. */
#define CLOCK_NEVER INT64_MAX

/* CLOCK_MONOTONIC in ns: intervals, rates, deadlines. */
int64_t clock_now(void);
/* For tests: from now on clock_now() is ahead of the system's CLOCK_MONOTONIC by `offset` ns, and
 * gains `skew_ppb` ns in each second. To be called before there are threads. The skew is within
 * CLOCK_SKEW_MAX_PPB. */
void clock_shift(int64_t offset, int64_t skew_ppb);
#define CLOCK_SKEW_MAX_PPB INT64_C(100000000)
/* The first instant of the system's CLOCK_MONOTONIC at which clock_now() has reached `at`: for
 * timers of the kernel with absolute deadlines, which know nothing of clock_shift(). */
int64_t clock_system(int64_t at);
/* CLOCK_REALTIME in ns since 1970: only to tell people when something was. */
int64_t clock_wall(void);

/* One exchange with another host: sent and received here by the local clock, received and sent
 * there by the remote clock, all in ns. */
struct clock_exchange {
    int64_t sent, remote_received, remote_sent, received;
};

/* remote clock = local clock + offset, off by at most `bound` while the two do not drift (the
 * path may be as asymmetric as it likes). Both in ns; bound is CLOCK_NEVER before an exchange. */
struct clock_estimate {
    int64_t offset, bound;
    int64_t at; /* local time of the exchange that it rests on */
};

#define CLOCK_ESTIMATE_NONE ((struct clock_estimate){.bound = CLOCK_NEVER})

/* Keeps the exchange with the smallest round trip: offset = ((t2-t1)+(t3-t4))/2 and the error is
 * at most half the round trip without the remote's own time (RFC 5905, section 8). An exchange
 * whose times run backwards is left out. */
void clock_estimate_add(struct clock_estimate *estimate, const struct clock_exchange *exchange);

#endif
