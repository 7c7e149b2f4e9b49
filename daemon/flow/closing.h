/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How long a flow is waited for at its end. Pure: no clock. */
#ifndef FLOWRIG_CLOSING_H
#define FLOWRIG_CLOSING_H

#include <stdbool.h>
#include <stdint.h>

/* A flow ends in two steps. While it runs, its peer may close too early: by the error of the
 * clocks, which its own end shows a moment later, or because the controller has stopped both and
 * this end has not heard of it yet. So an early end is an error only once it has stood for some
 * time. Then the flow drains: what is on its way may come, and what was sent may be acknowledged,
 * but not for longer than --drain. */
struct closing {
    int64_t early;    /* when the peer's early end is an error, CLOCK_NEVER: it is not one */
    int64_t deadline; /* of draining; CLOCK_NEVER: it has not begun */
    int64_t pause;    /* until it is looked again whether all is acknowledged */
};

/* A flow that has not begun to end. */
void closing_init(struct closing *closing);

/* The peer has closed at `now`, before its time. */
void closing_peer_left(struct closing *closing, int64_t now);
/* It was early by the clocks' error, or was stopped. */
void closing_forgive(struct closing *closing);
/* Whether its early end is an error by now; `before` is then how long before `end` it came. */
bool closing_is_broken(const struct closing *closing, int64_t now, int64_t end, int64_t *before);

/* Draining begins, for at most `patience` ns. */
void closing_begin(struct closing *closing, int64_t now, int64_t patience);
/* It takes no longer than that from now on. */
void closing_shorten(struct closing *closing, int64_t now, int64_t patience);
/* When to look next whether all is acknowledged. Where nothing is left but to wait for that, and no
 * event tells of it, one has to look, ever more rarely: thousands of flows that did it all the time
 * would keep others from draining. */
int64_t closing_next_look(struct closing *closing, int64_t now, bool told);

#endif
