/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When the next block is due, at a given rate or after a given gap: a token bucket of absolute
 * deadlines. */
#ifndef FLOWRIG_PACER_H
#define FLOWRIG_PACER_H

#include <stdint.h>

/* How far a sender may fall behind and still catch up; what lies farther back is given up. */
#define PACER_DEPTH (100 * NS_PER_MS)

struct pacer {
    int64_t rate;  /* bit/s, 0: everything is due at once, or when gaps say */
    int64_t base;  /* when the first of `bytes` was due, ns */
    int64_t bytes; /* taken since then */
    int64_t lost;  /* ns of credit that were given up when blocks were taken */
};

/* Starts at `rate` (bit/s, 0: none); the first block is due at `now`. */
void pacer_start(struct pacer *pacer, int64_t rate, int64_t now);
/* From `now` on the rate is another: what was still to be waited for shrinks or grows with it. */
void pacer_change(struct pacer *pacer, int64_t rate, int64_t now);
/* When the next block is due. */
int64_t pacer_due(const struct pacer *pacer);
/* What was given up until `now`, in ns, of a sender that has a rate or gaps: also while it can't
 * send. */
int64_t pacer_lost(const struct pacer *pacer, int64_t now);
/* Takes a block of `bytes` that is due at `now`; besides what the rate says, the next one comes
 * `gap` ns later. */
void pacer_take(struct pacer *pacer, int64_t bytes, int64_t gap, int64_t now);
/* Passes over `time` ns: what would have been due in them never is. */
void pacer_skip(struct pacer *pacer, int64_t time);
/* Gives a block back that was taken last and not sent. */
void pacer_return(struct pacer *pacer, int64_t bytes, int64_t gap);

#endif
