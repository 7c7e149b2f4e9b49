/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/pacer.h"

#include "clock.h"
#include "number.h"

void pacer_start(struct pacer *pacer, int64_t rate, int64_t now)
{
    *pacer = (struct pacer){.rate = rate, .base = now};
}

int64_t pacer_due(const struct pacer *pacer)
{
    if (!pacer->rate)
        return pacer->base;
    return pacer->base + number_scale(pacer->bytes, 8 * NS_PER_SEC, pacer->rate);
}

void pacer_change(struct pacer *pacer, int64_t rate, int64_t now)
{
    int64_t due = pacer_due(pacer), wait = due - now;
    if (wait > 0 && pacer->rate)
        due = now + number_scale(wait, pacer->rate, rate);
    pacer->base = due;
    pacer->bytes = 0;
    pacer->rate = rate;
}

/* What a block that is taken at `now` would lose. */
static int64_t beyond_depth(const struct pacer *pacer, int64_t now)
{
    int64_t late = now - pacer_due(pacer) - PACER_DEPTH;
    return late > 0 ? late : 0;
}

int64_t pacer_lost(const struct pacer *pacer, int64_t now)
{
    return pacer->lost + beyond_depth(pacer, now);
}

void pacer_take(struct pacer *pacer, int64_t bytes, int64_t gap, int64_t now)
{
    int64_t lost = pacer->rate || gap ? beyond_depth(pacer, now) : 0;
    pacer->lost += lost;
    pacer->base += lost;
    pacer->bytes += bytes;
    pacer->base += gap;
}

void pacer_skip(struct pacer *pacer, int64_t time)
{
    pacer->base += time;
}

void pacer_return(struct pacer *pacer, int64_t bytes, int64_t gap)
{
    pacer->bytes -= bytes;
    pacer->base -= gap;
}
