/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When the next block is due at a given rate: a token bucket of absolute deadlines. */
#ifndef FLOWRIG_PACER_H
#define FLOWRIG_PACER_H

#include <stdint.h>

/* How far a sender may fall behind and still catch up; what lies farther back is given up. */
#define PACER_DEPTH (100 * NS_PER_MS)

struct pacer {
    int64_t rate;  /* bit/s, 0: everything is due at once */
    int64_t base;  /* when the first of `bytes` was due, ns */
    int64_t bytes; /* taken since then */
    int64_t lost;  /* ns of credit that were given up */
};

void pacer_start(struct pacer *pacer, int64_t rate, int64_t now);
/* When the next block is due. */
int64_t pacer_due(const struct pacer *pacer);
/* Takes a block of `bytes` that is due at `now`. */
void pacer_take(struct pacer *pacer, int64_t bytes, int64_t now);
/* Gives a block back that was taken last and not sent. */
void pacer_return(struct pacer *pacer, int64_t bytes);

#endif
