/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What one worker sends: zeros, as memory to copy from and as pages to lend to sockets. Each worker
 * has pages of its own: every skb takes and drops a reference to each page that it carries, and the
 * counts of pages that two workers share travel between their CPUs' caches, which halved the rate
 * of two flows. */
#ifndef FLOWRIG_PAYLOAD_H
#define FLOWRIG_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PAYLOAD_SIZE = 1024 * 1024, /* bytes of zeros */
    PAYLOAD_NUMBERS_PERIOD = 256,
};

struct payload {
    const uint8_t *zeros; /* PAYLOAD_SIZE */
    int reservoir[2];     /* a pipe that stays full of their pages, to be copied by tee() */
};

/* An empty one, for payload_close(). */
void payload_init(struct payload *payload);
/* Makes the pages, on the memory node of the thread that calls; false with errno if that fails.
 * payload_close() afterwards in either case. */
bool payload_open(struct payload *payload);
void payload_close(struct payload *payload);

/* PAYLOAD_SIZE + PAYLOAD_NUMBERS_PERIOD bytes, each one above the one before, for all workers: they
 * are only ever copied. NULL if there is no memory for them. */
const uint8_t *payload_numbers(void);

#endif
