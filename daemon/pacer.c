/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pacer.h"

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

void pacer_take(struct pacer *pacer, int64_t bytes, int64_t now)
{
    int64_t late = now - pacer_due(pacer) - PACER_DEPTH;
    if (pacer->rate && late > 0) {
        pacer->lost += late;
        pacer->base += late;
    }
    pacer->bytes += bytes;
}

void pacer_return(struct pacer *pacer, int64_t bytes)
{
    pacer->bytes -= bytes;
}
