/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The flows that options apply to: what a -F says, "0,2-4". */
#ifndef FLOWRIG_SELECTION_H
#define FLOWRIG_SELECTION_H

#include <stddef.h>
#include <stdint.h>

#include "fail.h"

struct selection_range;

/* {0} is all flows. */
struct selection {
    struct selection_range *ranges; /* owned; they do not overlap; NULL: all flows */
    size_t count;
};

/* Reads numbers and ranges of flows with commas between them; -1 among them is all flows. The
 * selection can be freed also where it fails. */
bool selection_parse(const char *list, struct selection *selection, struct fail *fail);
/* Frees what selection_parse() made. */
void selection_free(struct selection *selection);

/* Whether the flow is among them. */
bool selection_has(const struct selection *selection, size_t flow);
/* Moves *flow on to the first one that is among them, unless it is; false where there is none below
 * `count`. */
bool selection_next(const struct selection *selection, size_t count, size_t *flow);
/* The highest number that is named, -1 where none is. */
int64_t selection_last(const struct selection *selection);
/* Whether both are all flows, or name the same flow, which *flow then is. */
bool selection_overlap(const struct selection *one, const struct selection *other, int64_t *flow);

#endif
