/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When a flow's rows are due: at absolute deadlines, and at its end. Pure: no clock. */
#ifndef FLOWRIG_INTERVALS_H
#define FLOWRIG_INTERVALS_H

#include <stdbool.h>
#include <stdint.h>

struct intervals {
    int64_t length;  /* of one, ns; 0: no rows */
    int64_t next;    /* the deadline of the row that comes next */
    int64_t end;     /* of the measured time */
    bool over;       /* the row of the last interval was taken, or there are none */
    int64_t skipped; /* intervals without a row, after a standstill */
};

/* The first one begins at `from`; `length` 0: there are no rows. */
void intervals_begin(struct intervals *intervals, int64_t from, int64_t length, int64_t end);
/* When a row is due, CLOCK_NEVER after the last one. */
int64_t intervals_due(const struct intervals *intervals);
/* A row was taken at `now`, which is not before it was due. The next deadline follows the deadline,
 * not the time: a row that comes late makes the one after it shorter, and none is left out, unless
 * there would be thousands of them. */
void intervals_pass(struct intervals *intervals, int64_t now);
/* The measured time ends at `now`, before its time: the last row is due. */
void intervals_cut(struct intervals *intervals, int64_t now);

#endif
