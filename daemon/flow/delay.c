/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/delay.h"

void flow_take_delay(struct flow *flow, int64_t sent, int64_t now)
{
    int64_t own, bound, delay;
    if (!peerclock_view(flow->peer_clock, &flow->peer_view) ||
        !clock_map_apply(&flow->peer_view.map, sent, &own, &bound) ||
        __builtin_sub_overflow(now, own, &delay) || !series_add(&flow->delay, delay))
        return;
    flow->delay_negative += delay < 0;
    flow->delay_bound = bound > flow->delay_bound ? bound : flow->delay_bound;
    if (bound > flow->delay_bound_so_far)
        flow->delay_bound_so_far = bound;
}
