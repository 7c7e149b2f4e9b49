/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Time as signed 64-bit nanoseconds, and the estimate of another host's clock. */
#ifndef FLOWRIG_CLOCK_H
#define FLOWRIG_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define NS_PER_US  INT64_C(1000)
#define NS_PER_MS  INT64_C(1000000)
#define NS_PER_SEC INT64_C(1000000000)

/* No deadline: later than every instant. */
#define CLOCK_NEVER INT64_MAX

static inline int64_t clock_earlier(int64_t one, int64_t other)
{
    return one < other ? one : other;
}

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

/* How another clock (the peer's) is seen from one's own. At the peer's time `reference`
 *     own time = peer's time + offset, off by at most `bound`,
 * and `rate_ppb` and `bound_ppb` are what the offset and the bound gain in ns for each second from
 * there. All-zero maps a clock to itself. */
struct clock_map {
    int64_t reference, offset, rate_ppb;
    int64_t bound, bound_ppb;
};

/* The peer's time `peer` as own time, and how far that may be off. Returns false where the result
 * is out of range. */
bool clock_map_apply(const struct clock_map *map, int64_t peer, int64_t *own, int64_t *bound);

#endif
