/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "clock.h"

#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return now.tv_sec * NS_PER_SEC + now.tv_nsec;
}

/* What this process makes of the system's clock; set before there are threads. */
static struct {
    int64_t origin; /* instant of the system's clock at which the skew begins */
    int64_t offset, skew_ppb;
} shift;

static int64_t shifted(int64_t system)
{
    return system + shift.offset +
           (int64_t)((__int128)(system - shift.origin) * shift.skew_ppb / NS_PER_SEC);
}

void clock_shift(int64_t offset, int64_t skew_ppb)
{
    shift.origin = read_clock(CLOCK_MONOTONIC);
    shift.offset = offset;
    shift.skew_ppb = skew_ppb;
}

int64_t clock_now(void)
{
    int64_t system = read_clock(CLOCK_MONOTONIC);
    return shift.offset || shift.skew_ppb ? shifted(system) : system;
}

int64_t clock_system(int64_t at)
{
    if (!shift.offset && !shift.skew_ppb)
        return at;
    __int128 elapsed = at - shift.offset - shift.origin;
    int64_t system = shift.origin + (int64_t)(elapsed * NS_PER_SEC / (NS_PER_SEC + shift.skew_ppb));
    /* The division rounds: a timer that fired 1 ns early would find nothing due. */
    while (shifted(system) < at)
        system++;
    while (shifted(system - 1) >= at)
        system--;
    return system;
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
