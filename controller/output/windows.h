/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a screen shows of a run: rows of both ends of each flow, which come in any order and as
 * often as -i has it, become one row a flow and direction for each window of time. A window is
 * handed over once every end has reported it, or once it has been waited for long enough; windows
 * come in order. Pure: no clock, no output. */
#ifndef FLOWRIG_WINDOWS_H
#define FLOWRIG_WINDOWS_H

#include "plan/plan.h"
#include "report.h"
#include "tally.h"

/* One direction of one flow in one window. METRIC_ABSENT, or NAN, where nothing is known. */
struct window_row {
    size_t flow;
    enum endpoint sender;
    bool two_way;                         /* the flow has the other direction as well */
    double goodput;                       /* at the receiver, bit/s */
    int64_t cwnd, srtt, min_rtt, unacked; /* of the sender at the window's end; us, segments */
    int64_t retransmitted;                /* segments, by the sender, within the window */
    double delivery_rate;                 /* of the sender at the end, bit/s */
    struct tally block_rtt;               /* of the sender's blocks within the window, ns */
    int64_t distinct, lost; /* datagrams, at the receiver within the window; lost may be
                               negative where some came that were given up before */
    int64_t jitter;         /* at the receiver at the window's end, ns */
};

struct windows;

/* `step` is the length of a window, ns. The plan has to outlive the windows. */
struct windows *windows_new(const struct plan *plan, int64_t step);
void windows_free(struct windows *windows);
/* Takes the row of an interval; counters are differences. Returns false, and takes nothing, where
 * windows that were not handed over yet leave no room: then take the next one. */
bool windows_add(struct windows *windows, const struct report *report,
                 const int64_t delta[METRICS]);
/* The end has no further rows. */
void windows_finish(struct windows *windows, const struct report *report);
/* The next window that is complete, or, if `all`, that holds anything: its rows, those of
 * directions that have any figure, in the order of the flows, and its end. The rows stay valid
 * until the next call. Returns false where there is none yet. */
bool windows_next(struct windows *windows, bool all, const struct window_row **rows, size_t *count,
                  int64_t *end);

#endif
