/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What limited a flow, in words. */
#ifndef FLOWRIG_SUMMARY_LIMITS_H
#define FLOWRIG_SUMMARY_LIMITS_H

#include "mem.h"
#include "results/summary.h"

/* Writes the largest cause and its share, "network (queue) 93 %"; nothing where none is known. */
void summary_limit(const struct summary_direction *direction, char *text, size_t size);

/* Appends all causes with a share of 5 % or more, the largest first: "network (queue) 93 %,
 * application 5 %". */
void summary_limits(const struct summary_direction *direction, struct buffer *text);

/* Appends a sentence with what to change so that the flow can be faster; nothing where its main
 * cause is not one that a setting changes. */
void summary_remedy(const struct summary_flow *flow, enum endpoint sender, struct buffer *text);

#endif
