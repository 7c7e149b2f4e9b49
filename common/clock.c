/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "clock.h"

#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return now.tv_sec * NS_PER_SEC + now.tv_nsec;
}

int64_t clock_now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_wall(void)
{
    return read_clock(CLOCK_REALTIME);
}

void clock_estimate_add(struct clock_estimate *estimate, const struct clock_exchange *exchange)
{
    int64_t out, back, held, round_trip;
    /* The remote's times come from the network: what does not even fit is left out as well. */
    if (__builtin_sub_overflow(exchange->remote_received, exchange->sent, &out) ||
        __builtin_sub_overflow(exchange->remote_sent, exchange->received, &back) ||
        __builtin_sub_overflow(exchange->remote_sent, exchange->remote_received, &held) ||
        __builtin_sub_overflow(out, back, &round_trip) || held < 0 || round_trip < 0)
        return;
    int64_t bound = round_trip / 2 + 1;
    if (bound >= estimate->bound)
        return;
    /* The halves are added, not the sum halved: clocks of different boots may be far apart. */
    estimate->offset = out / 2 + back / 2 + (out % 2 + back % 2) / 2;
    estimate->bound = bound;
    estimate->at = exchange->received;
}
