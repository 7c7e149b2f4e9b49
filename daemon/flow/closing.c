/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/closing.h"

#include "clock.h"

/* A peer that closes before its time may have been stopped, as we shall be in a moment: so long we
 * wait before we call it a failure. */
#define EARLY_GRACE (2 * NS_PER_SEC)

/* How often a draining flow looks whether all is acknowledged, where nothing tells it. */
#define PAUSE_FIRST NS_PER_MS
#define PAUSE_LAST  (16 * NS_PER_MS)

void closing_init(struct closing *closing)
{
    *closing = (struct closing){
        .early = CLOCK_NEVER,
        .deadline = CLOCK_NEVER,
        .pause = PAUSE_FIRST,
    };
}

void closing_peer_left(struct closing *closing, int64_t now)
{
    closing->early = now + EARLY_GRACE;
}

void closing_forgive(struct closing *closing)
{
    closing->early = CLOCK_NEVER;
}

bool closing_is_broken(const struct closing *closing, int64_t now, int64_t end, int64_t *before)
{
    if (now < closing->early)
        return false;
    *before = end - (closing->early - EARLY_GRACE);
    return true;
}

void closing_begin(struct closing *closing, int64_t now, int64_t patience)
{
    closing->early = CLOCK_NEVER;
    closing->deadline = now + patience;
    closing->pause = PAUSE_FIRST;
}

void closing_shorten(struct closing *closing, int64_t now, int64_t patience)
{
    closing->deadline = clock_earlier(closing->deadline, now + patience);
}

int64_t closing_next_look(struct closing *closing, int64_t now, bool told)
{
    if (told)
        return closing->deadline;
    int64_t look = now + closing->pause;
    closing->pause = clock_earlier(2 * closing->pause, PAUSE_LAST);
    return clock_earlier(look, closing->deadline);
}
