/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What unit tests share: cmocka, and random numbers whose seed is printed and can be given again
 * in FLOWRIG_SEED. */
#ifndef FLOWRIG_UNIT_H
#define FLOWRIG_UNIT_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

static uint64_t random_state;

/* splitmix64 (Steele, Lea, Flood 2014): any seed will do. */
static inline uint64_t random_bits(void)
{
    uint64_t bits = random_state += UINT64_C(0x9e3779b97f4a7c15);
    bits = (bits ^ bits >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    bits = (bits ^ bits >> 27) * UINT64_C(0x94d049bb133111eb);
    return bits ^ bits >> 31;
}

static inline uint64_t random_below(uint64_t limit)
{
    return random_bits() % limit;
}

static inline void seed_random(void)
{
    const char *given = getenv("FLOWRIG_SEED");
    random_state = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    printf("# seed %" PRIu64 "\n", random_state);
}

#endif
