/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a summary says of the datagrams of one endpoint. */
#ifndef FLOWRIG_SUMMARY_DATAGRAMS_H
#define FLOWRIG_SUMMARY_DATAGRAMS_H

#include "mem.h"
#include "results/summary.h"

/* Adds it to the line: what `own` sent, and what it received in `received`, its peer's direction.
 * Nothing where the flow has no datagrams. */
void summary_datagrams(const struct summary_endpoint *own, const struct summary_direction *received,
                       struct buffer *line);

#endif
