/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Another host's clock, estimated from exchanges of times.
 *
 * Each exchange says two things for certain, whatever the path does: when the call was sent, the
 * remote clock had not reached yet what it showed when the call came; and when the reply was
 * received, it had passed what it showed when the reply went. So every call bounds the remote's
 * offset from above, every reply bounds it from below, and a clock that runs steadily is a line
 * between these bounds. All lines that fit are considered (the idea of Moon, Skelly and Towsley,
 * INFOCOM 1999): the estimate is the middle of what they allow, the bound is half the width. One
 * exchange gives half the round trip as RFC 5905 has it; more exchanges can only narrow it, as the
 * shortest of each direction count, and their distance in time gives the drift.
 *
 * The bound holds as long as the remote clock, seen from here, is off by CLOCKFIT_DRIFT_MAX at most
 * and departs from its line by no more than CLOCKFIT_WANDER for each second of distance. Exchanges
 * that contradict this (a clock that was set, or is being slewed) are noticed, and those before the
 * change are left out. */
#ifndef FLOWRIG_CLOCKFIT_H
#define FLOWRIG_CLOCKFIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The kernel disciplines a clock by 500 ppm at most (MAX_FREQ of timex.h). */
#define CLOCKFIT_DRIFT_MAX 500e-6
/* What temperature and discipline change in a rate while a measurement lasts. */
#define CLOCKFIT_WANDER 1e-6

/* One exchange with another host: sent and received here by the local clock, received and sent
 * there by the remote clock, all in ns. */
struct clock_exchange {
    int64_t sent, remote_received, remote_sent, received;
};

/* At local time `sent` the offset is at most `high`, at `received` it is at least `low`. */
struct clockfit_point {
    int64_t sent, high, received, low;
};

enum { CLOCKFIT_RECENT = 16, CLOCKFIT_KEPT = 48 };

/* All-zero is one without exchanges. The newest exchanges are there as they are; older ones are
 * thinned out evenly over time, those with the shorter round trips stay. */
struct clockfit {
    struct clockfit_point recent[CLOCKFIT_RECENT], kept[CLOCKFIT_KEPT];
    size_t recent_count, kept_count;
    int64_t spacing; /* of the kept ones, ns */
};

/* Takes an exchange. One whose times run backwards or can't be is left out: gives false. */
bool clockfit_add(struct clockfit *fit, const struct clock_exchange *exchange);

/* remote clock = local clock + offset at local time `at`, off by at most `bound`; from there on the
 * offset grows by `drift_ppb` ns in a second, off by at most `drift_bound_ppb`. */
struct clock_estimate {
    int64_t at, offset, bound;
    int64_t drift_ppb, drift_bound_ppb;
    size_t left_out; /* exchanges that contradict the newer ones */
};

/* Estimates for local time `at`; false before the first exchange. */
bool clockfit_estimate(const struct clockfit *fit, int64_t at, struct clock_estimate *estimate);

/* The shortest round trip of those that are kept, without the remote's own time, ns; 0 before the
 * first exchange. */
int64_t clockfit_round_trip(const struct clockfit *fit);

#endif
