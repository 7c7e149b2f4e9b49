// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * rng.h - reproducible randomness: xorshift64* (Vigna, "An experimental exploration of Marsaglia's
 * xorshift generators, scrambled", 2016), seeded through splitmix64 so that any two seeds are
 * unrelated.
 */
#ifndef LAB_RNG_H
#define LAB_RNG_H

#include <stdint.h>

struct rng {
    uint64_t state; /* never 0 */
};

static inline void rng_seed(struct rng *rng, uint64_t seed)
{
    uint64_t z = seed + 0x9e3779b97f4a7c15;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    z ^= z >> 31;
    rng->state = z ? z : 1;
}

/* Uniform in [0, 1). */
static inline double rng_next(struct rng *rng)
{
    rng->state ^= rng->state >> 12;
    rng->state ^= rng->state << 25;
    rng->state ^= rng->state >> 27;
    return (double)((rng->state * 0x2545f4914f6cdd1d) >> 11) * 0x1p-53;
}

#endif
