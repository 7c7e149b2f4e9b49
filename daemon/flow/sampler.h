/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reports of a flow: what it counted and what the kernel says, with their true times. */
#ifndef FLOWRIG_SAMPLER_H
#define FLOWRIG_SAMPLER_H

#include "flow/flow_state.h"

/* The start row; takes the kernel's baseline. The flow is connected. */
void sampler_start(struct flow *flow);
/* Begins the figures of the final report anew in each direction for which that is due (--omit). */
void sampler_omit(struct flow *flow, int64_t now);
/* The row of the interval since the last one. */
void sampler_interval(struct flow *flow, int64_t now);
/* Takes the final row; `error` is NULL where all went well. The flow need not be connected. */
void sampler_final(struct flow *flow, int64_t now, const char *error);
/* Sends it, if there is one, with what became of the flow's dump and trace, as far as known. */
void sampler_send_final(struct flow *flow);

#endif
