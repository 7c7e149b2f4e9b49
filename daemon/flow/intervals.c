/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/intervals.h"

#include "clock.h"

/* Rows that are made up for after a standstill, at most; each has its true, short length. */
enum { CATCH_UP_MAX = 1000 };

void intervals_begin(struct intervals *intervals, int64_t from, int64_t length, int64_t end)
{
    *intervals = (struct intervals){
        .length = length,
        .next = length ? from + length : CLOCK_NEVER,
        .end = end,
        .over = !length,
    };
}

int64_t intervals_due(const struct intervals *intervals)
{
    return intervals->over ? CLOCK_NEVER : clock_earlier(intervals->next, intervals->end);
}

void intervals_pass(struct intervals *intervals, int64_t now)
{
    intervals->over = intervals->end <= intervals->next;
    int64_t missed = (now - intervals->next) / intervals->length;
    if (missed > CATCH_UP_MAX) {
        /* The process was stopped for long: rows of no length would tell nobody anything. */
        intervals->skipped += missed;
        intervals->next += missed * intervals->length;
    }
    intervals->next += intervals->length;
}

void intervals_cut(struct intervals *intervals, int64_t now)
{
    intervals->end = now;
}
