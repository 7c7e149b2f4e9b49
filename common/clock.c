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

bool clock_map_apply(const struct clock_map *map, int64_t peer, int64_t *own, int64_t *bound)
{
    /* Nothing of this overflows 128 bits, whatever came from the network. */
    __int128 since = (__int128)peer - map->reference;
    __int128 time = (__int128)peer + map->offset + since * map->rate_ppb / NS_PER_SEC;
    __int128 error = map->bound + (since < 0 ? -since : since) * map->bound_ppb / NS_PER_SEC;
    if (time < INT64_MIN || time > INT64_MAX || error > INT64_MAX)
        return false;
    *own = (int64_t)time;
    *bound = (int64_t)error;
    return true;
}
