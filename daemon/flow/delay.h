/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One-way delays, corrected by how the clocks of the two ends differ. */
#ifndef FLOWRIG_DELAY_H
#define FLOWRIG_DELAY_H

#include "flow/flow_state.h"

/* Takes the delay of what was sent at `sent` by the peer's clock, and came at `now`. Absent while
 * nothing is known of that; also where the peer says what can't be. A small one may come out below
 * 0, as the clocks are known to a bound only: it is kept, as leaving it out would shift the mean.
 */
void flow_take_delay(struct flow *flow, int64_t sent, int64_t now);

#endif
