/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/direction.h"

#include "clock.h"

void direction_tick(struct direction *direction, int64_t now)
{
    if (!direction->opened && now >= direction->from) {
        direction->opened = true;
        direction->opened_at = now;
    }
    if (direction->active && !direction->started && now >= direction->start) {
        direction->started = true;
        direction->started_at = now;
    }
    if (direction->started && !direction->stopped && now >= direction->stop) {
        direction->stopped = true;
        direction->stopped_at = now;
    }
    if (direction->opened && !direction->closed && now >= direction->to) {
        direction->closed = true;
        direction->closed_at = now;
    }
}

int64_t direction_next(const struct direction *direction)
{
    int64_t next = CLOCK_NEVER;
    if (direction->active && !direction->started)
        next = direction->start;
    else if (direction->active && !direction->stopped)
        next = direction->stop;
    if (!direction->opened && direction->from < next)
        next = direction->from;
    else if (direction->opened && !direction->closed && direction->to < next)
        next = direction->to;
    return direction->started || direction->opened ? clock_earlier(next, direction->omit) : next;
}

void direction_stop(struct direction *direction, int64_t now, bool responses)
{
    direction->stop = clock_earlier(direction->stop, now);
    if (!responses)
        direction->to = clock_earlier(direction->to, now);
    direction_tick(direction, now);
}

void direction_cut(struct direction *direction, int64_t now)
{
    direction->stop = clock_earlier(direction->stop, now);
    direction->to = clock_earlier(direction->to, now);
}
