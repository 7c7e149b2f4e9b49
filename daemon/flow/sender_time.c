/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/sender_time.h"

static int64_t until(const struct sender_time *time, enum sender_state state, int64_t now)
{
    return time->state == state && now > time->since ? now - time->since : 0;
}

int64_t sender_time_blocked(const struct sender_time *time, int64_t now)
{
    return time->blocked + until(time, SENDER_BLOCKED, now);
}

int64_t sender_time_idle(const struct sender_time *time, int64_t now)
{
    return time->idle + until(time, SENDER_IDLE, now);
}

void sender_time_enter(struct sender_time *time, enum sender_state state, int64_t now)
{
    time->blocked = sender_time_blocked(time, now);
    time->idle = sender_time_idle(time, now);
    time->state = state;
    time->since = now;
}
